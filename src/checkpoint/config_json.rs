//! `config.json` of a Hugging Face checkpoint ↔ a decoder's shape: the Llama, Qwen2 and Qwen3 families. A field that
//! would change the computation and isn't known here is refused by name, never ignored.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::model::rope::RopeScaling;
use crate::model::shape::{Extras, ModelConfig};

/// A model family, in the words of `model_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Llama 2 and 3, and what has their shape.
    #[default]
    Llama,
    /// Qwen2 and Qwen2.5.
    Qwen2,
    /// Qwen3.
    Qwen3,
}

impl Family {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "llama" => Self::Llama,
            "qwen2" => Self::Qwen2,
            "qwen3" => Self::Qwen3,
            _ => return None,
        })
    }

    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Llama => ("llama", "LlamaForCausalLM"),
            Self::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
            Self::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
        }
    }
}

/// What `config.json` says besides the shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenIds {
    /// Starts a text.
    pub begin: Option<u32>,
    /// Each ends a text.
    pub ends: Vec<u32>,
    /// Fills rows.
    pub pad: Option<u32>,
}

/// Fields that say nothing about the computation done here.
const INERT: [&str; 25] = [
    "_name_or_path",
    "architectures",
    "attention_dropout",
    "auto_map",
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "id2label",
    "initializer_range",
    "label2id",
    "max_window_layers",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "pretraining_tp",
    "return_dict",
    "sliding_window",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "unsloth_version",
    "use_cache",
    "use_mrope",
    "chunk_size_feed_forward",
];

/// Reads the text of a `config.json`; an error names the field, what was expected and what was found.
pub fn parse(text: &[u8]) -> Result<(Family, ModelConfig, TokenIds), String> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let name = fields
        .get("model_type")
        .and_then(Value::as_str)
        .ok_or("field model_type: expected a string, found none")?;
    let family = Family::parse(name).ok_or_else(|| {
        format!("field model_type: expected \"llama\", \"qwen2\" or \"qwen3\", found {name:?}")
    })?;
    let mut fields = Fields {
        left: std::mem::take(&mut fields),
    };
    let tokens = TokenIds {
        begin: fields.ids("bos_token_id")?.first().copied(),
        ends: fields.ids("eos_token_id")?,
        pad: fields.ids("pad_token_id")?.first().copied(),
    };
    fields.fixed("hidden_act", &json!("silu"))?;
    fields.fixed("use_sliding_window", &json!(false))?;
    fields.full_attention()?;
    let hidden_size = fields.need("hidden_size")?;
    let num_attention_heads = fields.need("num_attention_heads")?;
    let num_key_value_heads = fields
        .count("num_key_value_heads")?
        .unwrap_or(num_attention_heads);
    let head_dim = match fields.count("head_dim")? {
        Some(width) => width,
        None if num_attention_heads > 0 => hidden_size / num_attention_heads,
        None => 0,
    };
    let max_position_embeddings = fields.need("max_position_embeddings")?;
    let (rope_theta, rope_scaling) = fields.rope(max_position_embeddings)?;
    let attention_bias = fields.flag("attention_bias")?;
    let shape = ModelConfig {
        hidden_size,
        intermediate_size: fields.need("intermediate_size")?,
        num_hidden_layers: fields.need("num_hidden_layers")?,
        num_attention_heads,
        num_key_value_heads,
        head_dim,
        vocab_size: fields.need("vocab_size")?,
        max_position_embeddings,
        rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
        rope_theta,
        rope_scaling,
        tie_word_embeddings: fields.flag("tie_word_embeddings")?,
        extras: Extras {
            query_key_value_bias: attention_bias || family == Family::Qwen2,
            output_bias: attention_bias && family != Family::Qwen2,
            mlp_bias: fields.flag("mlp_bias")?,
            query_key_norm: family == Family::Qwen3,
        },
    };
    let known = |name: &String| INERT.contains(&name.as_str());
    if let Some((name, value)) = fields.left.iter().find(|(name, _)| !known(name)) {
        return Err(format!(
            "field {name}: expected none of that name, found {value}; a field this reader doesn't know may change what the model computes"
        ));
    }
    check(&shape)?;
    Ok((family, shape, tokens))
}

/// The text of a `config.json`; `dtype` in PyTorch's words.
pub fn render(family: Family, shape: &ModelConfig, tokens: &TokenIds, dtype: &str) -> Value {
    let (model_type, architecture) = family.names();
    let ends = match tokens.ends.as_slice() {
        [] => Value::Null,
        [one] => json!(one),
        several => json!(several),
    };
    let mut file = json!({
        "architectures": [architecture],
        "model_type": model_type,
        "hidden_act": "silu",
        "bos_token_id": tokens.begin,
        "eos_token_id": ends,
        "pad_token_id": tokens.pad,
        "torch_dtype": dtype,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_attention_heads": shape.num_attention_heads,
        "num_key_value_heads": shape.num_key_value_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.max_position_embeddings,
        "rms_norm_eps": shape.rms_norm_eps,
        "rope_theta": shape.rope_theta,
        "rope_scaling": shape.rope_scaling,
        "tie_word_embeddings": shape.tie_word_embeddings,
    });
    match family {
        Family::Llama => {
            file["attention_bias"] = json!(shape.extras.query_key_value_bias);
            file["mlp_bias"] = json!(shape.extras.mlp_bias);
        }
        Family::Qwen2 => file["use_sliding_window"] = json!(false),
        Family::Qwen3 => {
            file["attention_bias"] = json!(shape.extras.query_key_value_bias);
            file["use_sliding_window"] = json!(false);
        }
    }
    file
}

/// Blocks of the deepest model that is read; those that people use have some hundred.
const MOST_BLOCKS: usize = 4096;
/// The largest width, vocabulary or context that is read: products of two of them and the blocks still are numbers.
const LARGEST: usize = 1 << 24;

/// Parameters of the largest model that is read, some ten times as many as any has: sums of their bytes are numbers.
const MOST_PARAMETERS: u128 = 1 << 44;

/// Holds a shape against what anything real has, before a byte is made room for.
fn check(shape: &ModelConfig) -> Result<(), String> {
    let sizes = [
        ("hidden_size", shape.hidden_size, LARGEST),
        ("intermediate_size", shape.intermediate_size, LARGEST),
        ("num_hidden_layers", shape.num_hidden_layers, MOST_BLOCKS),
        ("num_attention_heads", shape.num_attention_heads, LARGEST),
        ("head_dim", shape.head_dim, LARGEST),
        ("vocab_size", shape.vocab_size, LARGEST),
        (
            "max_position_embeddings",
            shape.max_position_embeddings,
            LARGEST,
        ),
    ];
    if let Some((name, found, most)) = sizes
        .into_iter()
        .find(|(name, found, most)| found > most || (*found == 0 && *name != "head_dim"))
    {
        return Err(format!(
            "field {name}: expected a number from 1 to {most}, found {found}"
        ));
    }
    if shape.num_attention_heads * shape.head_dim > LARGEST {
        return Err(format!(
            "fields num_attention_heads and head_dim: expected a product of at most {LARGEST}, found {}",
            shape.num_attention_heads * shape.head_dim
        ));
    }
    let numbers = [
        (
            "rms_norm_eps",
            shape.rms_norm_eps,
            shape.rms_norm_eps >= 0.0,
        ),
        ("rope_theta", shape.rope_theta, shape.rope_theta > 0.0),
    ];
    if let Some((name, found, _)) = numbers
        .into_iter()
        .find(|(_, found, good)| !(*good && found.is_finite()))
    {
        return Err(format!(
            "field {name}: expected a finite number above 0, found {found}"
        ));
    }
    let (heads, groups) = (shape.num_attention_heads, shape.num_key_value_heads);
    if heads == 0 || groups == 0 || !heads.is_multiple_of(groups) {
        return Err(format!(
            "field num_key_value_heads: expected a divisor of num_attention_heads ({heads}), found {groups}"
        ));
    }
    if shape.head_dim == 0 || !shape.head_dim.is_multiple_of(2) {
        return Err(format!(
            "field head_dim: expected an even number, found {}",
            shape.head_dim
        ));
    }
    let rotary = shape.rotary();
    let mut numbers = rotary.frequencies.iter().chain([&rotary.factor]);
    if let Some(found) = numbers.find(|number| !number.is_finite()) {
        return Err(format!(
            "fields rope_theta and rope_scaling: expected finite frequencies, found {found}"
        ));
    }
    let size = |[rows, columns]: [usize; 2]| rows as u128 * columns as u128;
    let block = shape.block_parameters().into_iter();
    let block: u128 = block.map(|(_, shape)| size(shape)).sum();
    let all =
        block * shape.num_hidden_layers as u128 + 2 * size([shape.vocab_size, shape.hidden_size]);
    if all > MOST_PARAMETERS {
        return Err(format!(
            "expected a model of at most {MOST_PARAMETERS} parameters, found one of {all}"
        ));
    }
    Ok(())
}

/// Fields not read yet.
struct Fields {
    left: Map<String, Value>,
}

impl Fields {
    /// A field's value; null counts as absent, as in `transformers`.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn read<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, String> {
        self.take(name)
            .map(|value| {
                T::deserialize(&value)
                    .map_err(|_| format!("field {name}: expected {expected}, found {value}"))
            })
            .transpose()
    }

    fn count(&mut self, name: &str) -> Result<Option<usize>, String> {
        self.read(name, "a whole number")
    }

    fn need(&mut self, name: &str) -> Result<usize, String> {
        self.count(name)?
            .ok_or_else(|| format!("field {name}: expected a whole number, found none"))
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.read(name, "a number")
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        Ok(self.read(name, "true or false")?.unwrap_or(false))
    }

    fn fixed(&mut self, name: &str, only: &Value) -> Result<(), String> {
        match self.take(name) {
            Some(value) if value != *only => {
                Err(format!("field {name}: expected {only}, found {value}"))
            }
            _ => Ok(()),
        }
    }

    /// One id, several, or none.
    fn ids(&mut self, name: &str) -> Result<Vec<u32>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(value) => u32::deserialize(&value)
                .map(|id| vec![id])
                .or_else(|_| Vec::deserialize(&value))
                .map_err(|_| format!("field {name}: expected token ids, found {value}")),
        }
    }

    fn full_attention(&mut self) -> Result<(), String> {
        let kinds: Vec<String> = self
            .read("layer_types", "a list of strings")?
            .unwrap_or_default();
        match kinds.iter().find(|kind| *kind != "full_attention") {
            Some(other) => Err(format!(
                "field layer_types: expected \"full_attention\" only, found {other:?}"
            )),
            None => Ok(()),
        }
    }

    /// Base and stretch: `rope_theta` and `rope_scaling`, or both within `rope_parameters` (transformers 5).
    fn rope(&mut self, positions: usize) -> Result<(f64, Option<RopeScaling>), String> {
        let base = self.number("rope_theta")?;
        let field = if self
            .left
            .get("rope_parameters")
            .is_some_and(Value::is_object)
        {
            "rope_parameters"
        } else {
            "rope_scaling"
        };
        let Some(value) = self.take(field) else {
            return Ok((base.unwrap_or(10_000.0), None));
        };
        let Value::Object(entries) = value else {
            return Err(format!("field {field}: expected an object, found {value}"));
        };
        let mut inner = Self { left: entries };
        let base = base.or(inner.number("rope_theta")?).unwrap_or(10_000.0);
        let scaling = inner
            .scaling(positions)
            .map_err(|reason| format!("field {field}: {reason}"))?;
        if let Some((name, value)) = inner.left.iter().find(|(_, value)| !value.is_null()) {
            return Err(format!(
                "field {field}: expected no entry {name}, found {value}"
            ));
        }
        Ok((base, scaling))
    }

    fn scaling(&mut self, positions: usize) -> Result<Option<RopeScaling>, String> {
        let kind: Option<String> = self.read("rope_type", "a string")?;
        let old: Option<String> = self.read("type", "a string")?;
        let kind = kind.or(old).unwrap_or_else(|| "default".to_owned());
        if kind == "default" {
            return Ok(None);
        }
        let factor = self
            .number("factor")?
            .ok_or("entry factor: expected a number, found none")?;
        let original = self.count("original_max_position_embeddings")?;
        let scaling = match kind.as_str() {
            "linear" => RopeScaling::Linear { factor },
            "llama3" => {
                let mut entry = |name: &str| {
                    self.number(name)?
                        .ok_or_else(|| format!("entry {name}: expected a number, found none"))
                };
                RopeScaling::Llama3 {
                    factor,
                    low_freq_factor: entry("low_freq_factor")?,
                    high_freq_factor: entry("high_freq_factor")?,
                    original_max_position_embeddings: original.ok_or(
                        "entry original_max_position_embeddings: expected a number, found none",
                    )?,
                }
            }
            "yarn" => RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: original.unwrap_or(positions),
                beta_fast: self.number("beta_fast")?.unwrap_or(32.0),
                beta_slow: self.number("beta_slow")?.unwrap_or(1.0),
                attention_factor: self
                    .number("attention_factor")?
                    .unwrap_or_else(|| 0.1 * factor.max(1.0).ln() + 1.0),
            },
            other => {
                return Err(format!(
                    "entry rope_type: expected default, linear, llama3 or yarn, found {other:?}"
                ));
            }
        };
        match scaling.fault() {
            None => Ok(Some(scaling)),
            Some((name, found, expected)) => {
                Err(format!("entry {name}: expected {expected}, found {found}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut file = json!({
            "model_type": "qwen2", "hidden_act": "silu", "hidden_size": 8, "intermediate_size": 16,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 32,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": true,
            "eos_token_id": [3, 4], "use_sliding_window": false, "sliding_window": 32, "max_window_layers": 2
        });
        change(&mut file);
        file.to_string().into_bytes()
    }

    #[test]
    fn shapes_and_frequencies_that_compute_nothing_are_refused() {
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 8] = [
            (
                |file| file["rope_scaling"] = json!({"rope_type": "linear", "factor": 0}),
                "entry factor",
            ),
            (
                |file| file["rope_scaling"] = json!({"rope_type": "linear", "factor": -2}),
                "entry factor",
            ),
            (
                |file| file["rope_scaling"] = json!({"rope_type": "yarn", "factor": 0}),
                "entry factor",
            ),
            (
                |file| {
                    file["rope_scaling"] =
                        json!({"rope_type": "yarn", "factor": 4, "beta_slow": 0});
                },
                "entry beta_slow",
            ),
            (
                |file| {
                    file["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                        "high_freq_factor": 1, "original_max_position_embeddings": 16});
                },
                "entry high_freq_factor",
            ),
            (
                |file| {
                    file["rope_theta"] = json!(1);
                    file["rope_scaling"] = json!({"rope_type": "yarn", "factor": 4,
                        "original_max_position_embeddings": 1024});
                },
                "finite frequencies",
            ),
            (
                |file| {
                    for name in ["hidden_size", "intermediate_size", "vocab_size"] {
                        file[name] = json!(LARGEST);
                    }
                    file["num_hidden_layers"] = json!(MOST_BLOCKS);
                    file["head_dim"] = json!(2);
                },
                "parameters, found one of",
            ),
            (
                |file| {
                    file["hidden_size"] = json!(1 << 16);
                    file["intermediate_size"] = json!(LARGEST);
                    file["num_hidden_layers"] = json!(MOST_BLOCKS);
                    file["head_dim"] = json!(2);
                },
                "parameters, found one of",
            ),
        ];
        parse(&file(|_| ())).unwrap();
        for (change, words) in cases {
            let reason = parse(&file(change)).unwrap_err();
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 16,
        };
        let (_, shape, tokens) = parse(&file(|_| ())).unwrap();
        assert_eq!(
            (shape.head_dim, tokens.ends.as_slice()),
            (2, [3, 4].as_slice())
        );
        for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
            for rope_scaling in [None, Some(scaling)] {
                let extras = Extras {
                    query_key_value_bias: family == Family::Qwen2,
                    query_key_norm: family == Family::Qwen3,
                    ..Extras::default()
                };
                let shape = ModelConfig {
                    rope_scaling,
                    extras,
                    ..shape.clone()
                };
                let text = render(family, &shape, &tokens, "float32").to_string();
                assert_eq!(
                    parse(text.as_bytes()).unwrap(),
                    (family, shape, tokens.clone())
                );
            }
        }
    }

    #[test]
    fn rotary_entries_of_transformers_5_are_read() {
        let text = file(|file| {
            file.as_object_mut().unwrap().remove("rope_theta");
            file["rope_parameters"] = json!({"rope_type": "yarn", "rope_theta": 5e5, "factor": 4.0,
                "original_max_position_embeddings": 16});
        });
        let (_, shape, _) = parse(&text).unwrap();
        assert_eq!(shape.rope_theta, 5e5);
        assert!(matches!(
            shape.rope_scaling,
            Some(RopeScaling::Yarn {
                beta_fast: 32.0,
                ..
            })
        ));
    }

    #[test]
    fn sizes_that_no_model_has_are_refused_before_anything_is_made() {
        let cases = [
            ("num_hidden_layers", json!(10_000_000), "num_hidden_layers"),
            ("num_hidden_layers", json!(1_u64 << 40), "num_hidden_layers"),
            ("num_hidden_layers", json!(0), "num_hidden_layers"),
            ("hidden_size", json!(1_u64 << 63), "hidden_size"),
            ("hidden_size", json!(0), "hidden_size"),
            ("vocab_size", json!(1_u64 << 40), "vocab_size"),
            ("intermediate_size", json!(u64::MAX), "intermediate_size"),
            ("head_dim", json!(1_u64 << 50), "head_dim"),
            (
                "head_dim",
                json!(1_u64 << 23),
                "num_attention_heads and head_dim",
            ),
            (
                "max_position_embeddings",
                json!(1_u64 << 50),
                "max_position_embeddings",
            ),
            ("rms_norm_eps", json!(-1.0), "rms_norm_eps"),
            ("rope_theta", json!(0.0), "rope_theta"),
        ];
        for (name, value, expected) in cases {
            let reason = parse(&file(|file| file[name] = value)).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
        // Deep, wide and long, and still a shape that can be spoken of.
        let large = file(|file| {
            file["num_hidden_layers"] = json!(500);
            file["hidden_size"] = json!(65_536);
            file["max_position_embeddings"] = json!(10_485_760);
        });
        parse(&large).unwrap();
    }

    #[test]
    fn what_would_compute_something_else_is_refused_by_name() {
        let cases: [(&str, Value, &str); 8] = [
            (
                "model_type",
                json!("mixtral"),
                "field model_type: expected \"llama\"",
            ),
            (
                "hidden_act",
                json!("gelu"),
                "field hidden_act: expected \"silu\", found \"gelu\"",
            ),
            (
                "use_sliding_window",
                json!(true),
                "field use_sliding_window: expected false",
            ),
            (
                "quantization_config",
                json!({}),
                "field quantization_config: expected none",
            ),
            (
                "hidden_size",
                Value::Null,
                "field hidden_size: expected a whole number, found none",
            ),
            (
                "hidden_size",
                json!("8"),
                "field hidden_size: expected a whole number, found \"8\"",
            ),
            (
                "num_key_value_heads",
                json!(3),
                "field num_key_value_heads: expected a divisor",
            ),
            (
                "rope_scaling",
                json!({"type": "dynamic", "factor": 2.0}),
                "entry rope_type: expected default",
            ),
        ];
        for (name, value, expected) in cases {
            let reason = parse(&file(|file| file[name] = value)).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
