//! A policy ↔ a directory in the layout of a Hugging Face checkpoint: `config.json`, `model.safetensors` (or
//! shards), `tokenizer.json` and what belongs to them. Every file is whole or absent.

pub mod adapter_file;
mod chat_settings;
pub mod chat_template;
pub mod config_json;
pub mod folder;
pub mod generation;
pub mod gguf;
pub mod process_file;
pub mod reward_file;
pub mod stop_text;
pub mod template_file;
pub mod tensor_file;
pub mod tokenizer;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use safetensors::tensor::Dtype;

use crate::journal::write_atomically;
use crate::model::decoder::{Arithmetic, Decoder, Head, Held, ModelConfig, Weights};
use crate::model::shape::{LANGUAGE_HEAD, VALUE_HEAD, is_frozen_matrix};
use config_json::TokenIds;
use template_file::TemplateFile;
use tensor_file::load_model_held;
pub use tensor_file::{load_tensors, save_tensors};
use tokenizer::{Tokenizer, TokenizerError};

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes, exact: what training resumes from.
    F32,
    /// Two bytes, eight bits of mantissa: what ships.
    Bf16,
    /// Two bytes, eleven bits of mantissa.
    F16,
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
    #[error("failed to write {path}: {source}; what was saved before is untouched")]
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
    /// A tensor that the architecture doesn't have.
    #[error(
        "failed to read {path}: tensor {name} is not part of the architecture that config.json describes"
    )]
    Unexpected {
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
    /// A number that is to be saved is none, or not in the type it is saved in.
    #[error(
        "failed to write {path}: tensor {name} holds {value}, which is no finite number in {dtype:?}; nothing was saved, and what was saved before is untouched"
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The number.
        value: f32,
        /// How it was to be stored.
        dtype: Dtype,
    },
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Writes a language model to `directory`, with the files other tools need beside it.
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
    let dtype = match precision {
        Precision::F32 => "float32",
        Precision::Bf16 => "bfloat16",
        Precision::F16 => "float16",
    };
    // The weights first: where they can't be saved, what a folder held before stays as it was.
    let whole = decoder.merged();
    let named = whole.weights.names.into_iter().zip(whole.weights.tensors);
    // No other tool knows what it is.
    let named = named.filter(|(name, _)| name != VALUE_HEAD);
    save_tensors(&directory.join("model.safetensors"), named, precision)?;
    let tokens = TokenIds {
        begin: tokenizer.begin,
        ends: tokenizer.ends.clone(),
        pad: Some(tokenizer.pad),
    };
    let file = config_json::render(tokenizer.family, &decoder.config, &tokens, dtype);
    let path = directory.join("config.json");
    let text = serde_json::to_string_pretty(&file).map_err(|error| CheckpointError::Config {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    write(&path, text.as_bytes())?;
    tokenizer.save(directory)?;
    Ok(())
}

/// Reads the shape and the tokenizer of a language model from `directory`, and no weight.
pub fn describe(directory: &Path) -> Result<(ModelConfig, Tokenizer), CheckpointError> {
    describe_with(directory, None)
}

/// The same with a chat template in place of the checkpoint's own.
pub fn describe_with(
    directory: &Path,
    template: Option<&TemplateFile>,
) -> Result<(ModelConfig, Tokenizer), CheckpointError> {
    if directory.is_file() {
        return Err(CheckpointError::Config {
            path: directory.to_owned(),
            reason: "it is a file; expected a checkpoint's folder, as `rlef import FILE --out FOLDER` makes one of a model in GGUF".to_owned(),
        });
    }
    let path = directory.join("config.json");
    let bytes = crate::files::read(&path).map_err(|source| CheckpointError::Read {
        path: path.clone(),
        source,
    })?;
    let bad = |reason: String| CheckpointError::Config {
        path: path.clone(),
        reason,
    };
    let (family, config, tokens) = config_json::parse(&bytes).map_err(bad)?;
    let tokenizer = Tokenizer::load(directory, family, &tokens, template)?;
    if tokenizer.vocab_size() > config.vocab_size {
        return Err(bad(format!(
            "field vocab_size: expected at least {} (the tokenizer's), found {}",
            tokenizer.vocab_size(),
            config.vocab_size
        )));
    }
    Ok((config, tokenizer))
}

/// Reads a language model and its tokenizer from `directory`.
pub fn load(directory: &Path, device: &Device) -> Result<(Decoder, Tokenizer), CheckpointError> {
    load_with(directory, None, device, Held::F32)
}

/// Whether a folder's matrices of the blocks' linear maps are stored in bf16, all of them.
pub fn stores_bf16(directory: &Path) -> Result<bool, CheckpointError> {
    tensor_file::stores_bf16(directory, is_frozen_matrix)
}

/// As [`load`], with a chat template in place of the checkpoint's own, where one is given, and with the matrices of the blocks'
/// linear maps in these numbers; where that is bf16, each is in f32 only while it is read.
pub fn load_with(
    directory: &Path,
    template: Option<&TemplateFile>,
    device: &Device,
    held: Held,
) -> Result<(Decoder, Tokenizer), CheckpointError> {
    let (config, tokenizer) = describe_with(directory, template)?;
    let narrow = |name: &str| held == Held::Bf16 && is_frozen_matrix(name);
    let weights = weights(directory, &config, device, &narrow)?;
    let decoder = Decoder {
        config,
        weights,
        adapter: None,
        arithmetic: Arithmetic::F32,
    };
    Ok((decoder, tokenizer))
}

/// Reads the matrices of a language model of this shape. Where the embedding is the head, too, the file may hold it twice,
/// but no other matrix in the head's place.
pub fn load_weights(
    directory: &Path,
    config: &ModelConfig,
    device: &Device,
) -> Result<Weights, CheckpointError> {
    weights(directory, config, device, &|_| false)
}

fn weights(
    directory: &Path,
    config: &ModelConfig,
    device: &Device,
    narrow: &dyn Fn(&str) -> bool,
) -> Result<Weights, CheckpointError> {
    let mut expected = config.parameters(Head::Language);
    let own_head = config.tie_word_embeddings && tensor_file::holds(directory, LANGUAGE_HEAD)?;
    if own_head {
        expected.push((
            LANGUAGE_HEAD.to_owned(),
            [config.vocab_size, config.hidden_size],
        ));
    }
    let mut tensors = load_model_held(
        directory,
        &expected,
        &["rotary_emb.inv_freq"],
        device,
        narrow,
    )?;
    if own_head && let Some(head) = tensors.pop() {
        expected.pop();
        let numbers = |tensor: Tensor<2>| tensor.into_data().try_to_vec::<f32>().ok();
        if numbers(tensors[0].clone()) != numbers(head) {
            return Err(CheckpointError::Config {
                path: directory.join("config.json"),
                reason: format!(
                    "field tie_word_embeddings: expected false, found true, though {LANGUAGE_HEAD} is another matrix than that of the embedding; set it to false where the model was trained with its own head, or remove {LANGUAGE_HEAD}"
                ),
            });
        }
    }
    let names = expected.into_iter().map(|(name, _)| name).collect();
    Ok(Weights { names, tensors })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    write_atomically(path, bytes).map_err(|source| CheckpointError::Write {
        path: path.to_owned(),
        source,
    })
}
