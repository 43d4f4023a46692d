//! Supervised fine-tuning: the mean negative log-probability of the demonstrated tokens.

use burn::tensor::Tensor;

/// `-sum(log π) / tokens` of target log-probabilities `[n]`.
///
/// `tokens` counts all targets of the update, so that micro-batches add up to one mean.
pub fn loss(logprobs_n: Tensor<1>, tokens: usize) -> Tensor<1> {
    logprobs_n.sum().neg() / tokens as f64
}
