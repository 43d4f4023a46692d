//! A LoRA adapter ↔ a folder in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`. What PEFT can
//! and this crate can't is refused by the name of its field.

use std::path::Path;

use burn::tensor::Device;
use serde_json::{Map, Value, json};

use crate::checkpoint::tensor_file::{load_all, save_tensors};
use crate::checkpoint::{CheckpointError, Precision};
use crate::journal::write_atomically;
use crate::model::decoder::{Decoder, Weights};
use crate::model::lora::{Adapter, LoraConfig};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// What PEFT puts before the name of every parameter.
const PREFIX: &str = "base_model.model.";

/// Fields of PEFT that change what an adapter computes, with the one value that is done here.
const FIXED: [(&str, Value); 10] = [
    ("bias", Value::Null),
    ("fan_in_fan_out", Value::Bool(false)),
    ("lora_bias", Value::Bool(false)),
    ("use_dora", Value::Bool(false)),
    ("use_qalora", Value::Bool(false)),
    ("layers_to_transform", Value::Null),
    ("modules_to_save", Value::Null),
    ("target_parameters", Value::Null),
    ("trainable_token_indices", Value::Null),
    ("layer_replication", Value::Null),
];

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
    let prefixed: Vec<_> = expected
        .iter()
        .map(|(name, shape)| (format!("{PREFIX}{name}"), *shape))
        .collect();
    let tensors = load_all(&directory.join(TENSORS), &prefixed, device)?;
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
    for (name, only) in &FIXED {
        let value = field(name);
        let neutral = value.is_null() || value == only || (*name == "bias" && value == "none");
        if !neutral {
            return Err(format!(
                "field {name}: expected {only} or none, found {value}"
            ));
        }
    }
    for name in ["rank_pattern", "alpha_pattern"] {
        if field(name).as_object().is_some_and(|map| !map.is_empty()) {
            return Err(format!(
                "field {name}: expected no entry, found {}",
                field(name)
            ));
        }
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
        ];
        for (name, value) in cases {
            let mut file = plain.clone();
            file[name] = value;
            let reason = parse(file.to_string().as_bytes()).unwrap_err();
            assert!(reason.starts_with(&format!("field {name}:")), "{reason}");
        }
    }
}
