//! `config.json` of a Hugging Face checkpoint ↔ a decoder's shape: the Llama, Mistral, Qwen2, Qwen3 and Gemma 3 (text)
//! families. A field that would change the computation and isn't known here is refused by name, never ignored.

mod fields;
mod gemma;
mod inert;
mod limits;

use serde_json::{Value, json};

use crate::model::shape::{Extras, ModelConfig};
use fields::Fields;

/// A model family, in the words of `model_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Llama 2 and 3, and what has their shape.
    #[default]
    Llama,
    /// Mistral without a window of attention: Llama by another name.
    Mistral,
    /// Qwen2 and Qwen2.5.
    Qwen2,
    /// Qwen3.
    Qwen3,
    /// Gemma 3 that reads texts alone.
    Gemma3,
}

impl Family {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "llama" => Self::Llama,
            "mistral" => Self::Mistral,
            "qwen2" => Self::Qwen2,
            "qwen3" => Self::Qwen3,
            "gemma3_text" => Self::Gemma3,
            _ => return None,
        })
    }

    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Llama => ("llama", "LlamaForCausalLM"),
            Self::Mistral => ("mistral", "MistralForCausalLM"),
            Self::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
            Self::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
            Self::Gemma3 => ("gemma3_text", "Gemma3ForCausalLM"),
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

/// Reads the text of a `config.json`; an error names the field, what was expected and what was found.
pub fn parse(text: &[u8]) -> Result<(Family, ModelConfig, TokenIds), String> {
    let left = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut fields = Fields { left };
    let name: String = fields
        .read("model_type", "a string")?
        .ok_or("field model_type: expected a string, found none")?;
    let family = Family::parse(&name).ok_or_else(|| {
        let more = match name.as_str() {
            "gemma3" => "; that model sees pictures, too: save its text model by itself",
            _ => "",
        };
        format!(
            "field model_type: expected \"llama\", \"mistral\", \"qwen2\", \"qwen3\" or \"gemma3_text\", found {name:?}{more}"
        )
    })?;
    let tokens = TokenIds {
        begin: fields.ids("bos_token_id")?.first().copied(),
        ends: fields.ids("eos_token_id")?,
        pad: fields.ids("pad_token_id")?.first().copied(),
    };
    if family == Family::Gemma3 {
        gemma::activation(&mut fields)?;
    }
    inert::drop_neutral(&mut fields)?;
    if family != Family::Gemma3 {
        fields.full_attention()?;
    }
    let hidden_size = fields.need("hidden_size")?;
    let num_attention_heads = fields.need("num_attention_heads")?;
    let num_key_value_heads = fields
        .count("num_key_value_heads")?
        .unwrap_or(num_attention_heads);
    let head_dim = match fields.count("head_dim")? {
        Some(width) => width,
        // Its default is a number, whatever the other widths are.
        None if family == Family::Gemma3 => {
            return Err("field head_dim: expected a whole number, found none".to_owned());
        }
        None if num_attention_heads > 0 => hidden_size / num_attention_heads,
        None => 0,
    };
    let max_position_embeddings = fields.need("max_position_embeddings")?;
    let num_hidden_layers = fields.need("num_hidden_layers")?;
    let (rope_theta, rope_scaling, gemma) = if family == Family::Gemma3 {
        let layers = num_hidden_layers.min(limits::MOST_BLOCKS);
        let (theta, scaling, gemma) = gemma::read(&mut fields, max_position_embeddings, layers)?;
        (theta, scaling, Some(gemma))
    } else {
        let (theta, scaling) = fields.rope(max_position_embeddings)?;
        (theta, scaling, None)
    };
    let window = fields.count("sliding_window")?;
    // The others have a switch for it, which is off.
    if let Some(window) =
        window.filter(|&window| family == Family::Mistral && window < max_position_embeddings)
    {
        return Err(format!(
            "field sliding_window: expected none, or at least max_position_embeddings ({max_position_embeddings}), found {window}"
        ));
    }
    let tied: Option<bool> = fields.read("tie_word_embeddings", "true or false")?;
    let attention_bias = fields.flag("attention_bias")?;
    let shape = ModelConfig {
        hidden_size,
        intermediate_size: fields.need("intermediate_size")?,
        num_hidden_layers,
        num_attention_heads,
        num_key_value_heads,
        head_dim,
        vocab_size: fields.need("vocab_size")?,
        max_position_embeddings,
        rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
        rope_theta,
        rope_scaling,
        tie_word_embeddings: tied.unwrap_or(family == Family::Gemma3),
        extras: Extras {
            query_key_value_bias: attention_bias || family == Family::Qwen2,
            output_bias: attention_bias && family != Family::Qwen2,
            mlp_bias: fields.flag("mlp_bias")?,
            query_key_norm: matches!(family, Family::Qwen3 | Family::Gemma3),
            gemma,
        },
    };
    if let Some((name, value)) = fields.left.iter().next() {
        return Err(format!(
            "field {name}: expected none of that name, found {value}; a field this reader doesn't know may change what the model computes"
        ));
    }
    limits::check(&shape)?;
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
        Family::Mistral => file["sliding_window"] = Value::Null,
        Family::Qwen2 => file["use_sliding_window"] = json!(false),
        Family::Qwen3 => {
            file["attention_bias"] = json!(shape.extras.query_key_value_bias);
            file["use_sliding_window"] = json!(false);
        }
        Family::Gemma3 => {
            if let Some(gemma) = &shape.extras.gemma {
                gemma::render(&mut file, shape, gemma);
            }
        }
    }
    file
}

#[cfg(test)]
mod tests;
