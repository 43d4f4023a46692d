//! A policy ↔ a directory: `config.json`, `model.safetensors` and `tokenizer.json`, named as in a Hugging Face
//! Llama checkpoint. Writes to temporary names and renames, so that a directory is whole or absent.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::model::{Decoder, Head, ModelConfig, Weights};
use super::tokenizer::{Tokenizer, TokenizerError};
use crate::journal::write_atomically;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes, exact: what training resumes from.
    F32,
    /// Two bytes, eight bits of mantissa: what ships.
    Bf16,
}

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file is missing or unreadable.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("failed to write {path}: {source}; the checkpoint before it is untouched")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// `config.json` isn't the shape of a Llama decoder.
    #[error("failed to read {path}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What was expected.
        reason: String,
    },
    /// The safetensors file is damaged.
    #[error("failed to read {path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
    },
    /// A tensor is missing.
    #[error("failed to read {path}: no tensor named {name}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape or type.
    #[error("failed to read tensor {name} of {path}: expected {expected}, found {found}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What the configuration asks for.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// `config.json`: the decoder's shape and what other tools need beside it.
#[derive(Serialize, Deserialize)]
struct ConfigFile {
    architectures: Vec<String>,
    model_type: String,
    hidden_act: String,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default)]
    eos_token_id: Option<u32>,
    #[serde(default)]
    pad_token_id: Option<u32>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    rope_scaling: Option<serde_json::Value>,
    #[serde(default)]
    torch_dtype: Option<String>,
    #[serde(flatten)]
    shape: ModelConfig,
}

/// Writes a language model to `directory`.
pub fn save(
    directory: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    precision: Precision,
) -> Result<(), CheckpointError> {
    std::fs::create_dir_all(directory).map_err(|source| CheckpointError::Write {
        path: directory.to_owned(),
        source,
    })?;
    let file = ConfigFile {
        architectures: vec!["LlamaForCausalLM".to_owned()],
        model_type: "llama".to_owned(),
        hidden_act: "silu".to_owned(),
        bos_token_id: None,
        eos_token_id: Some(tokenizer.end),
        pad_token_id: Some(tokenizer.pad),
        attention_bias: false,
        mlp_bias: false,
        rope_scaling: None,
        torch_dtype: Some(match precision {
            Precision::F32 => "float32".to_owned(),
            Precision::Bf16 => "bfloat16".to_owned(),
        }),
        shape: decoder.config.clone(),
    };
    let path = directory.join("config.json");
    let text = serde_json::to_string_pretty(&file).map_err(|error| CheckpointError::Config {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    write(&path, text.as_bytes())?;
    tokenizer.save(&directory.join("tokenizer.json"))?;
    let named = decoder
        .weights
        .names
        .iter()
        .cloned()
        .zip(decoder.weights.tensors.iter().cloned());
    save_tensors(&directory.join("model.safetensors"), named, precision)
}

/// Reads a language model and its tokenizer from `directory`.
pub fn load(directory: &Path, device: &Device) -> Result<(Decoder, Tokenizer), CheckpointError> {
    let path = directory.join("config.json");
    let bytes = std::fs::read(&path).map_err(|source| CheckpointError::Read {
        path: path.clone(),
        source,
    })?;
    let bad = |reason: String| CheckpointError::Config {
        path: path.clone(),
        reason,
    };
    let file: ConfigFile =
        serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if file.model_type != "llama" || file.hidden_act != "silu" {
        return Err(bad(format!(
            "expected model_type \"llama\" with hidden_act \"silu\", found {:?} with {:?}",
            file.model_type, file.hidden_act
        )));
    }
    if file.attention_bias || file.mlp_bias || file.rope_scaling.is_some() {
        return Err(bad(
            "expected no biases and no rope_scaling, which this decoder does not have".to_owned(),
        ));
    }
    let config = file.shape;
    if config.num_key_value_heads == 0
        || !config
            .num_attention_heads
            .is_multiple_of(config.num_key_value_heads)
        || !config.head_dim.is_multiple_of(2)
    {
        return Err(bad(
            "expected num_key_value_heads to divide num_attention_heads and head_dim to be even"
                .to_owned(),
        ));
    }
    let tokenizer = Tokenizer::load(&directory.join("tokenizer.json"))?;
    if tokenizer.vocab_size() > config.vocab_size {
        return Err(bad(format!(
            "expected vocab_size of at least {} (the tokenizer's), found {}",
            tokenizer.vocab_size(),
            config.vocab_size
        )));
    }
    let tensors = load_tensors(
        &directory.join("model.safetensors"),
        &config.parameters(Head::Language),
        device,
    )?;
    let names = config
        .parameters(Head::Language)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    Ok((
        Decoder {
            config,
            weights: Weights { names, tensors },
        },
        tokenizer,
    ))
}

/// Writes named matrices as safetensors; a `[1, d]` norm becomes a vector, as other tools expect.
pub fn save_tensors(
    path: &Path,
    named: impl Iterator<Item = (String, Tensor<2>)>,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let format = |reason: String| CheckpointError::Format {
        path: path.to_owned(),
        reason,
    };
    let mut data = Vec::new();
    for (name, tensor) in named {
        let dims = tensor.dims();
        let values = tensor
            .into_data()
            .try_to_vec::<f32>()
            .map_err(|error| format(format!("{name}: {error:?}")))?;
        let bytes: Vec<u8> = match precision {
            Precision::F32 => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            Precision::Bf16 => values
                .iter()
                .flat_map(|&value| to_bf16(value).to_le_bytes())
                .collect(),
        };
        let shape = if name.ends_with("norm.weight") {
            vec![dims[1]]
        } else {
            dims.to_vec()
        };
        data.push((name, shape, bytes));
    }
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::Bf16 => Dtype::BF16,
    };
    let views = data
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format(error.to_string()))?;
    // transformers refuses a file without this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes =
        safetensors::serialize(views, Some(metadata)).map_err(|error| format(error.to_string()))?;
    write(path, &bytes)
}

/// Reads the matrices `expected` names, checking every shape.
pub fn load_tensors(
    path: &Path,
    expected: &[(String, [usize; 2])],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Read {
        path: path.to_owned(),
        source,
    })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| CheckpointError::Format {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    expected
        .iter()
        .map(|(name, [rows, columns])| {
            let view = file.tensor(name).map_err(|_| CheckpointError::Missing {
                path: path.to_owned(),
                name: name.clone(),
            })?;
            let count: usize = view.shape().iter().product();
            let same =
                view.shape() == [*rows, *columns] || (*rows == 1 && view.shape() == [*columns]);
            let values: Option<Vec<f32>> = match view.dtype() {
                Dtype::F32 => Some(
                    view.data()
                        .chunks_exact(4)
                        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                        .collect(),
                ),
                Dtype::BF16 => Some(
                    view.data()
                        .chunks_exact(2)
                        .map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16))
                        .collect(),
                ),
                _ => None,
            };
            match values {
                Some(values) if same && values.len() == count => Ok(Tensor::from_data(
                    TensorData::new(values, [*rows, *columns]),
                    device,
                )),
                _ => Err(CheckpointError::Shape {
                    path: path.to_owned(),
                    name: name.clone(),
                    expected: format!("f32 or bf16 of [{rows}, {columns}]"),
                    found: format!("{:?} of {:?}", view.dtype(), view.shape()),
                }),
            }
        })
        .collect()
}

/// Rounds to the nearest bfloat16, ties to even; NaN stays NaN.
fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return ((bits >> 16) | 0x40) as u16;
    }
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    write_atomically(path, bytes).map_err(|source| CheckpointError::Write {
        path: path.to_owned(),
        source,
    })
}
