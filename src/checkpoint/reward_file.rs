//! A reward model ↔ a directory in the layout of transformers' `AutoModelForSequenceClassification` with one label: the body's
//! weights and `score.weight`, which is read at a text's last token.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde_json::json;

use super::config_json::{self, TokenIds};
use super::tensor_file::{load_model, save_tensors};
use super::tokenizer::Tokenizer;
use super::{CheckpointError, Precision};
use crate::journal::write_atomically;
use crate::model::decoder::{Arithmetic, Decoder, Head, ModelConfig, Weights};
use crate::model::shape::VALUE_HEAD;

/// What transformers calls the head.
const SCORE: &str = "score.weight";

/// Writes a decoder whose head gives values.
pub fn save(
    directory: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let head = decoder
        .value_head()
        .map(|head| (SCORE.to_owned(), head.clone().inner()));
    let kind = Kind {
        class: CLASSIFIER,
        head: head.into_iter().collect(),
        labels: &["reward"],
    };
    save_as(directory, decoder, tokenizer, precision, kind)
}

/// What is written of a classifier besides its body.
pub(super) struct Kind<'a> {
    /// The end of its class's name in transformers.
    pub(super) class: &'a str,
    /// The matrices of its head, by their names there.
    pub(super) head: Vec<(String, Tensor<2>)>,
    /// What its labels are called.
    pub(super) labels: &'a [&'a str],
}

/// Writes a decoder whose head gives values as a classifier with a head of its own.
pub(super) fn save_as(
    directory: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    precision: Precision,
    kind: Kind<'_>,
) -> Result<(), CheckpointError> {
    let dtype = match precision {
        Precision::F32 => "float32",
        Precision::Bf16 => "bfloat16",
        Precision::F16 => "float16",
    };
    std::fs::create_dir_all(directory).map_err(|source| CheckpointError::Write {
        path: directory.to_owned(),
        source,
    })?;
    let weights = decoder.weights.clone();
    let named = weights.names.into_iter().zip(weights.tensors);
    let body = named.filter(|(name, _)| name != VALUE_HEAD);
    let named = body.chain(kind.head);
    save_tensors(&directory.join("model.safetensors"), named, precision)?;
    let tokens = TokenIds {
        begin: tokenizer.begin,
        ends: tokenizer.ends.clone(),
        // transformers reads the score before the padding: were that the end of an answer, it would look one token too early.
        pad: Some(tokenizer.pad).filter(|pad| !tokenizer.ends.contains(pad)),
    };
    let mut file = config_json::render(tokenizer.family, &decoder.config, &tokens, dtype);
    let (_, language) = tokenizer.family.names();
    file["architectures"] = json!([language.replace(LANGUAGE, kind.class)]);
    let (mut names, mut places) = (json!({}), json!({}));
    for (place, label) in kind.labels.iter().enumerate() {
        names[place.to_string()] = json!(label);
        places[*label] = json!(place);
    }
    file["id2label"] = names;
    file["label2id"] = places;
    let path = directory.join("config.json");
    let text = format!("{file:#}\n");
    write_atomically(&path, text.as_bytes())
        .map_err(|source| CheckpointError::Write { path, source })?;
    tokenizer.save(directory)?;
    Ok(())
}

const LANGUAGE: &str = "ForCausalLM";
const CLASSIFIER: &str = "ForSequenceClassification";

/// Reads a decoder whose head gives values, and its tokenizer. A model with another number of labels, a bias beside the head,
/// or none at all is refused by name.
pub fn load(directory: &Path, device: &Device) -> Result<(Decoder, Tokenizer), CheckpointError> {
    let (config, tokenizer) = super::describe(directory)?;
    Ok((decoder(directory, config, device)?, tokenizer))
}

/// The decoder alone, in a shape that is known.
pub fn decoder(
    directory: &Path,
    config: ModelConfig,
    device: &Device,
) -> Result<Decoder, CheckpointError> {
    let mut expected = config.parameters(Head::Value);
    let head = expected.len() - 1;
    SCORE.clone_into(&mut expected[head].0);
    let tensors = load_model(directory, &expected, &["rotary_emb.inv_freq"], device)?;
    VALUE_HEAD.clone_into(&mut expected[head].0);
    let names = expected.into_iter().map(|(name, _)| name).collect();
    Ok(Decoder {
        config,
        weights: Weights { names, tensors },
        adapter: None,
        arithmetic: Arithmetic::F32,
    })
}
