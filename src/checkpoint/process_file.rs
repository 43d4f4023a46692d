//! A process reward model ↔ a directory in the layout of transformers' `AutoModelForTokenClassification` with two labels, as TRL's
//! trainer of such models writes it: the body's weights, `score.weight` of two rows and `score.bias`. What decides is how far the
//! second label, "right", is above the first.

use std::path::Path;

use burn::tensor::{Device, Tensor};

use super::reward_file::{Kind, save_as};
use super::tensor_file::load_model;
use super::tokenizer::Tokenizer;
use super::{CheckpointError, Precision};
use crate::model::decoder::{Arithmetic, Decoder, Head, Weights};
use crate::model::shape::VALUE_HEAD;

/// What transformers calls the head.
const SCORE: &str = "score.weight";
const BIAS: &str = "score.bias";

const CLASSIFIER: &str = "ForTokenClassification";

/// Writes a decoder whose head gives how far "right" is above "wrong", but for `offset`.
pub fn save(
    directory: &Path,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    offset: f64,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let head = decoder.value_head().map_or_else(Vec::new, |head| {
        let head = head.clone().inner();
        // The first label is at 0 everywhere.
        let none = head.zeros_like();
        let bias = Tensor::from_data([[0.0, offset as f32]], &head.device());
        vec![
            (SCORE.to_owned(), Tensor::cat(vec![none, head], 0)),
            (BIAS.to_owned(), bias),
        ]
    });
    let kind = Kind {
        class: CLASSIFIER,
        head,
        labels: &["wrong", "right"],
    };
    save_as(directory, decoder, tokenizer, precision, kind)
}

/// Reads a decoder whose head gives how far "right" is above "wrong", its tokenizer, and what is added to that. A model with another
/// number of labels, or none, is refused by name.
pub fn load(
    directory: &Path,
    device: &Device,
) -> Result<(Decoder, Tokenizer, f64), CheckpointError> {
    let (config, tokenizer) = super::describe(directory)?;
    let mut expected = config.parameters(Head::Value);
    let width = config.hidden_size;
    let head = expected.len() - 1;
    expected[head] = (SCORE.to_owned(), [2, width]);
    expected.push((BIAS.to_owned(), [1, 2]));
    let mut tensors = load_model(directory, &expected, &["rotary_emb.inv_freq"], device)?;
    let bias = tensors
        .pop()
        .map(|bias| bias.into_data().try_to_vec::<f32>());
    let bias = bias.and_then(Result::ok).unwrap_or_default();
    let offset = match bias[..] {
        [wrong, right] => f64::from(right) - f64::from(wrong),
        _ => 0.0,
    };
    if let Some(both) = tensors.pop() {
        let row = |place: usize| both.clone().slice([place..place + 1, 0..width]);
        tensors.push(row(1) - row(0));
    }
    VALUE_HEAD.clone_into(&mut expected[head].0);
    expected.truncate(head + 1);
    let names = expected.into_iter().map(|(name, _)| name).collect();
    let decoder = Decoder {
        config,
        weights: Weights { names, tensors },
        adapter: None,
        arithmetic: Arithmetic::F32,
    };
    Ok((decoder, tokenizer, offset))
}
