//! A LoRA adapter ↔ a folder in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`. What PEFT can
//! and this crate can't is refused by the name of its field.

use std::path::Path;

use burn::tensor::Device;
use serde_json::{Map, Value, json};

use crate::checkpoint::tensor_file::{load_all, names, save_tensors};
use crate::checkpoint::{CheckpointError, Precision};
use crate::journal::write_atomically;
use crate::model::decoder::{Decoder, Weights};
use crate::model::lora::{Adapter, LoraConfig};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// What PEFT puts before the name of every parameter.
const PREFIX: &str = "base_model.model.";

/// Fields of PEFT that change what an adapter computes, with the one value that is done here; null is as good.
fn fixed() -> [(&'static str, Value); 20] {
    [
        ("bias", json!("none")),
        ("task_type", json!("CAUSAL_LM")),
        ("fan_in_fan_out", json!(false)),
        ("lora_bias", json!(false)),
        ("use_dora", json!(false)),
        ("use_qalora", json!(false)),
        ("ensure_weight_tying", json!(false)),
        ("exclude_modules", json!([])),
        ("layers_to_transform", Value::Null),
        ("layers_pattern", Value::Null),
        ("modules_to_save", json!([])),
        ("target_parameters", json!([])),
        ("trainable_token_indices", Value::Null),
        ("layer_replication", Value::Null),
        ("alora_invocation_tokens", Value::Null),
        ("arrow_config", Value::Null),
        ("velora_config", Value::Null),
        ("use_bdlora", Value::Null),
        ("rank_pattern", json!({})),
        ("alpha_pattern", json!({})),
    ]
}

/// Fields that change nothing once an adapter is made, or are read below.
const KNOWN: [&str; 20] = [
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "inference_mode",
    "init_lora_weights",
    "loftq_config",
    "lora_alpha",
    "lora_dropout",
    "megatron_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "revision",
    "runtime_config",
    "target_modules",
    "unsloth_version",
    "use_rslora",
];

/// How an adapter may have been begun. The other ways of PEFT take a part of the base's own weights away.
const BEGUN: [&str; 3] = ["gaussian", "orthogonal", "eva"];

/// Writes the adapter of `decoder`; a decoder without one is a bug of the caller.
///
/// # Panics
/// When `decoder` has no adapter.
pub fn save(directory: &Path, decoder: &Decoder, base: &str) -> Result<(), CheckpointError> {
    let adapter = decoder
        .adapter
        .as_ref()
        .expect("only a decoder with an adapter is saved as one");
    let config = &adapter.config;
    let file = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "target_modules": config.targets,
        "use_rslora": config.rank_stabilised,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "modules_to_save": null,
    });
    let write = |path: &Path, source| CheckpointError::Write {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(|error| write(directory, error))?;
    let path = directory.join(CONFIG);
    let text = format!("{file:#}\n");
    write_atomically(&path, text.as_bytes()).map_err(|error| write(&path, error))?;
    let named = adapter
        .weights
        .names
        .iter()
        .zip(&adapter.weights.tensors)
        .filter(|(name, _)| name.contains(".lora_"))
        .map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor.clone().inner()));
    save_tensors(&directory.join(TENSORS), named, Precision::F32)
}

/// Reads what an adapter changes, and no weight.
pub fn settings(directory: &Path) -> Result<LoraConfig, CheckpointError> {
    let path = directory.join(CONFIG);
    let bytes = crate::files::read(&path).map_err(|source| CheckpointError::Read {
        path: path.clone(),
        source,
    })?;
    parse(&bytes).map_err(|reason| CheckpointError::Config { path, reason })
}

/// Reads an adapter for `base`.
pub fn load(directory: &Path, base: &Decoder, device: &Device) -> Result<Adapter, CheckpointError> {
    let config = settings(directory)?;
    let expected = config
        .parameters(&base.config)
        .map_err(|error| CheckpointError::Config {
            path: directory.join(CONFIG),
            reason: error.to_string(),
        })?;
    let path = directory.join(TENSORS);
    let called = adapter_name(&path)?;
    let prefixed: Vec<_> = expected
        .iter()
        .map(|(name, shape)| {
            let name = match &called {
                // `q_proj.lora_A.weight` is `q_proj.lora_A.default.weight` there.
                Some(called) => name.replace(".weight", &format!(".{called}.weight")),
                None => name.clone(),
            };
            (format!("{PREFIX}{name}"), *shape)
        })
        .collect();
    let tensors = load_all(&path, &prefixed, device)?;
    let names = expected.into_iter().map(|(name, _)| name).collect();
    Ok(Adapter {
        config,
        weights: Weights { names, tensors },
    })
}

fn parse(text: &[u8]) -> Result<LoraConfig, String> {
    let fields: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    if field("peft_type") != "LORA" {
        return Err(format!(
            "field peft_type: expected \"LORA\", found {}",
            field("peft_type")
        ));
    }
    let fixed = fixed();
    for (name, only) in &fixed {
        let value = field(name);
        if !(value.is_null() || value == only || (only.is_null() && is_empty(value))) {
            return Err(format!(
                "field {name}: expected {only}, found {value}; only plain LoRA is read"
            ));
        }
    }
    let begun = field("init_lora_weights");
    if begun.as_str().is_some_and(|way| !BEGUN.contains(&way)) {
        return Err(format!(
            "field init_lora_weights: expected true, false or one of {BEGUN:?}, found {begun}, which changes the base's weights too; have PEFT convert the adapter (path_initial_model_for_weight_conversion)"
        ));
    }
    let known = |name: &str| KNOWN.contains(&name) || fixed.iter().any(|(fixed, _)| *fixed == name);
    if let Some((name, value)) = fields
        .iter()
        .find(|(name, value)| !known(name) && !value.is_null() && !is_empty(value))
    {
        return Err(format!(
            "field {name}: expected none of that name, found {value}; a field this reader doesn't know may change what the adapter computes"
        ));
    }
    let Value::Array(targets) = field("target_modules") else {
        return Err(format!(
            "field target_modules: expected a list of names, found {}",
            field("target_modules")
        ));
    };
    let targets: Option<Vec<String>> = targets
        .iter()
        .map(|target| target.as_str().map(str::to_owned))
        .collect();
    let rank = field("r").as_u64().filter(|&rank| rank > 0);
    Ok(LoraConfig {
        rank: rank.ok_or_else(|| format!("field r: expected a rank, found {}", field("r")))?
            as usize,
        alpha: field("lora_alpha").as_f64().ok_or_else(|| {
            format!(
                "field lora_alpha: expected a number, found {}",
                field("lora_alpha")
            )
        })?,
        targets: targets.ok_or("field target_modules: expected names only")?,
        rank_stabilised: field("use_rslora").as_bool().unwrap_or(false),
        seed: 0,
    })
}

/// Whether a list or an object holds nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// The adapter's own name, where the keys of its file hold one: PEFT leaves it out when it saves, others don't.
fn adapter_name(path: &Path) -> Result<Option<String>, CheckpointError> {
    let keys = names(path)?;
    let mut called = keys.iter().map(|key| {
        let (_, rest) = key
            .split_once(".lora_A.")
            .or_else(|| key.split_once(".lora_B."))?;
        rest.strip_suffix(".weight").map(str::to_owned)
    });
    // Where keys differ in this, those that don't fit are refused as foreign.
    Ok(called.next().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_lora_is_refused_by_name() {
        let plain = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "bias": "none"});
        assert_eq!(parse(plain.to_string().as_bytes()).unwrap().scale(), 2.0);
        let cases = [
            ("use_dora", json!(true)),
            ("bias", json!("all")),
            ("modules_to_save", json!(["lm_head"])),
            ("rank_pattern", json!({"q_proj": 2})),
            ("peft_type", json!("IA3")),
            ("r", json!(0)),
            ("target_modules", json!("all-linear")),
            ("alora_invocation_tokens", json!([1, 2])),
            ("arrow_config", json!({"top_k": 3})),
            ("use_bdlora", json!({"row": []})),
            ("exclude_modules", json!(["k_proj"])),
            ("task_type", json!("SEQ_CLS")),
            ("init_lora_weights", json!("pissa")),
            ("init_lora_weights", json!("corda")),
            ("use_something_new", json!(true)),
            ("something_new", json!({"a": 1})),
        ];
        for (name, value) in cases {
            let mut file = plain.clone();
            file[name] = value;
            let reason = parse(file.to_string().as_bytes()).unwrap_err();
            assert!(reason.starts_with(&format!("field {name}:")), "{reason}");
        }
        // As PEFT writes what is not used.
        for (name, value) in [
            ("alora_invocation_tokens", Value::Null),
            ("rank_pattern", json!({})),
            ("loftq_config", json!({})),
            ("something_new", Value::Null),
            ("something_new", json!({})),
            ("init_lora_weights", json!("gaussian")),
            ("peft_version", json!("0.18.0")),
        ] {
            let mut file = plain.clone();
            file[name] = value;
            parse(file.to_string().as_bytes()).unwrap();
        }
    }
}
