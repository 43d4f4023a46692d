//! Hidden states and a language head → log-probabilities of given tokens and entropies, and the gradients of
//! the former. Logits exist only for one chunk of rows at a time and are computed again for the backward pass.
//! It doesn't know which tokens of an episode the rows are.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Int, Shape, Tensor, TensorData, activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::extension::{Targets, pack};
use super::vector::{exponential, exponentiate, largest};

/// Rows of hidden states whose logits exist at the same time, at most.
const ROWS_PER_CHUNK: usize = 512;

/// Logits that exist at the same time, at most, where that is more than sixteen rows.
const LOGITS_PER_CHUNK: usize = 1 << 24;

/// Rows of hidden states whose logits exist at the same time, of so many tokens.
pub fn rows_at_once(vocabulary: usize) -> usize {
    (LOGITS_PER_CHUNK / vocabulary).clamp(16, ROWS_PER_CHUNK)
}

/// Rows of logits per parallel task.
const ROWS_PER_TASK: usize = 16;

/// The same function as a composition of stock operations, all logits at once: for other numbers than f32.
pub(super) fn composed(
    hidden_nd: Tensor<2>,
    head_vd: Tensor<2>,
    targets: &[u32],
    temperature: f64,
) -> (Tensor<1>, Tensor<1>) {
    let n = targets.len();
    let device = hidden_nd.device();
    let log_probs_nv =
        activation::log_softmax(hidden_nd.matmul(head_vd.transpose()) / temperature, 1);
    let tokens: Vec<i32> = targets.iter().map(|&token| token as i32).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [n, 1]), &device);
    let log_probs_n = log_probs_nv.clone().gather(1, tokens).reshape([n]);
    let plain = log_probs_nv.inner();
    let entropies_n = (plain.clone().exp() * plain).sum_dim(1).reshape([n]).neg();
    (log_probs_n, entropies_n)
}

/// Log-probability of each row's target, and the entropy (nats) of each row's distribution.
pub(super) fn forward(
    hidden_nd: &FlexTensor,
    head_vd: &FlexTensor,
    targets: &Targets,
) -> (Vec<f32>, Vec<f32>) {
    let sizes = Sizes::of(hidden_nd, head_vd);
    let (mut log_probs, mut entropies) = (vec![0.0; sizes.rows], vec![0.0; sizes.rows]);
    let outputs = log_probs
        .chunks_mut(sizes.chunk())
        .zip(entropies.chunks_mut(sizes.chunk()));
    for (chunk, (log_probs, entropies)) in outputs.enumerate() {
        let start = chunk * sizes.chunk();
        let tokens = &targets.tokens[start..start + log_probs.len()];
        let logits = sizes.logits(hidden_nd, head_vd, start, log_probs.len());
        log_probs
            .par_chunks_mut(ROWS_PER_TASK)
            .zip(entropies.par_chunks_mut(ROWS_PER_TASK))
            .zip(tokens.par_chunks(ROWS_PER_TASK))
            .zip(
                logits
                    .storage::<f32>()
                    .par_chunks(ROWS_PER_TASK * sizes.vocabulary),
            )
            .for_each(|(((log_probs, entropies), tokens), logits)| {
                let scale = 1.0 / targets.temperature;
                Arch::new().dispatch(Forward {
                    logits,
                    tokens,
                    scale,
                    log_probs,
                    entropies,
                });
            });
    }
    (log_probs, entropies)
}

/// Gradients of the hidden states and, where `of_head` asks for it, of the head.
pub(super) fn backward(
    hidden_nd: &FlexTensor,
    head_vd: &FlexTensor,
    targets: &Targets,
    gradient_n: &[f32],
    of_head: bool,
) -> (FlexTensor, Option<FlexTensor>) {
    let sizes = Sizes::of(hidden_nd, head_vd);
    let mut hidden_gradient = Vec::with_capacity(sizes.rows * sizes.width);
    let mut head_gradient: Option<FlexTensor> = None;
    let chunks = targets
        .tokens
        .chunks(sizes.chunk())
        .zip(gradient_n.chunks(sizes.chunk()));
    for (chunk, (tokens, gradient)) in chunks.enumerate() {
        let start = chunk * sizes.chunk();
        let mut logits = sizes.logits(hidden_nd, head_vd, start, tokens.len());
        logits
            .storage_mut::<f32>()
            .par_chunks_mut(ROWS_PER_TASK * sizes.vocabulary)
            .zip(tokens.par_chunks(ROWS_PER_TASK))
            .zip(gradient.par_chunks(ROWS_PER_TASK))
            .for_each(|((logits, tokens), gradient)| {
                let scale = 1.0 / targets.temperature;
                Arch::new().dispatch(Backward {
                    logits,
                    tokens,
                    scale,
                    gradient,
                });
            });
        let rows = Flex::float_matmul(logits.clone(), head_vd.clone());
        hidden_gradient.extend_from_slice(rows.storage());
        if !of_head {
            continue;
        }
        let hidden = hidden_nd.narrow(0, start, tokens.len());
        let more = Flex::float_matmul(logits.transpose(0, 1), hidden);
        head_gradient = Some(match head_gradient {
            Some(sum) => Flex::float_add(sum, more),
            None => more,
        });
    }
    let shape = Shape::from(vec![sizes.rows, sizes.width]);
    (pack(hidden_gradient, shape), head_gradient)
}

#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    width: usize,
    vocabulary: usize,
}

impl Sizes {
    fn of(hidden_nd: &FlexTensor, head_vd: &FlexTensor) -> Self {
        let (hidden, head) = (hidden_nd.layout().shape(), head_vd.layout().shape());
        Self {
            rows: hidden[0],
            width: hidden[1],
            vocabulary: head[0],
        }
    }

    /// Rows whose logits exist at the same time.
    fn chunk(self) -> usize {
        rows_at_once(self.vocabulary)
    }

    /// Logits `[rows, vocabulary]` of `rows` rows from `start`.
    ///
    /// A single row is computed together with a copy of itself: a product with one row takes another path
    /// with another order of summation, and a row's bits must not depend on how many there are.
    fn logits(
        self,
        hidden_nd: &FlexTensor,
        head_vd: &FlexTensor,
        start: usize,
        rows: usize,
    ) -> FlexTensor {
        let hidden = hidden_nd.narrow(0, start, rows);
        let head = head_vd.transpose(0, 1);
        if rows > 1 {
            return Flex::float_matmul(hidden, head);
        }
        let twice = Flex::float_expand(hidden, Shape::from(vec![2, self.width]));
        Flex::float_matmul(twice, head)
            .narrow(0, 0, 1)
            .to_contiguous()
    }
}

struct Forward<'a> {
    logits: &'a [f32],
    tokens: &'a [u32],
    scale: f32,
    log_probs: &'a mut [f32],
    entropies: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vocabulary = self.logits.len() / self.tokens.len();
        let outputs = self.log_probs.iter_mut().zip(self.entropies);
        let rows = self.logits.chunks_exact(vocabulary).zip(self.tokens);
        for ((logits, token), (log_prob, entropy)) in rows.zip(outputs) {
            let top = largest(simd, logits);
            let (sum, weighted) = sums(simd, logits, top, self.scale);
            *log_prob = (logits[*token as usize] - top) * self.scale - sum.ln();
            *entropy = sum.ln() - weighted / sum;
        }
    }
}

/// `Σ eʸ` and `Σ y·eʸ` for `y = (logit − top) · scale`.
#[inline(always)]
fn sums<S: Simd>(simd: S, logits: &[f32], top: f32, scale: f32) -> (f32, f32) {
    let (vectors, rest) = S::as_simd_f32s(logits);
    let (top_vector, scale_vector) = (simd.splat_f32s(top), simd.splat_f32s(scale));
    let mut sum = simd.splat_f32s(0.0);
    let mut weighted = sum;
    for logit in vectors {
        let y = simd.mul_f32s(simd.sub_f32s(*logit, top_vector), scale_vector);
        let power = exponential(simd, y);
        sum = simd.add_f32s(sum, power);
        weighted = simd.mul_add_e_f32s(power, y, weighted);
    }
    let (mut sum, mut weighted) = (simd.reduce_sum_f32s(sum), simd.reduce_sum_f32s(weighted));
    for logit in rest {
        let y = (logit - top) * scale;
        sum += y.exp();
        weighted += y * y.exp();
    }
    (sum, weighted)
}

struct Backward<'a> {
    logits: &'a mut [f32],
    tokens: &'a [u32],
    scale: f32,
    gradient: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    /// Logits become their gradients, `(1[token] − p) · gradient · scale`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vocabulary = self.logits.len() / self.tokens.len();
        let rows = self.logits.chunks_exact_mut(vocabulary).zip(self.tokens);
        for ((logits, token), gradient) in rows.zip(self.gradient) {
            let top = largest(simd, logits);
            let (sum, _) = sums(simd, logits, top, self.scale);
            let pull = gradient * self.scale;
            exponentiate(simd, logits, [top, self.scale, -pull / sum]);
            logits[*token as usize] += pull;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::target_log_probs;
    use super::super::testing::{
        assert_agree, assert_close, elements, numbers, random, with_threads,
    };
    use super::*;

    fn tokens(n: usize, vocabulary: usize) -> Vec<u32> {
        (0..n)
            .map(|row| ((row * 7 + 3) % vocabulary) as u32)
            .collect()
    }

    #[test]
    fn agrees_with_stock_operations_and_slopes() {
        for ([n, d, v], temperature) in [([1, 3, 2], 1.0), ([5, 8, 11], 0.7), ([530, 6, 37], 1.3)] {
            let tokens = tokens(n, v);
            let shaped =
                |x: &[Tensor<1>]| (x[0].clone().reshape([n, d]), x[1].clone().reshape([v, d]));
            assert_agree(
                &[n * d, v * d],
                &|x| {
                    let (hidden, head) = shaped(x);
                    target_log_probs(hidden, head, &tokens, temperature).0
                },
                &|x| {
                    let (hidden, head) = shaped(x);
                    composed(hidden, head, &tokens, temperature).0
                },
            );
            let (hidden, head) = (random(1, [n, d]), random(2, [v, d]));
            let fused = target_log_probs(hidden.clone(), head.clone(), &tokens, temperature).1;
            let expected = composed(hidden, head, &tokens, temperature).1;
            assert_close(&elements(fused), &elements(expected), 1e-5);
        }
    }

    #[test]
    fn entropy_of_equal_logits_is_the_logarithm_of_their_number() {
        let (hidden, head) = (random(1, [3, 4]).zeros_like(), random(2, [32, 4]));
        let (log_probs, entropies) = target_log_probs(hidden, head, &[0, 5, 31], 1.0);
        for (log_prob, entropy) in elements(log_probs).iter().zip(elements(entropies)) {
            assert!(
                (log_prob + 32.0_f32.ln()).abs() < 1e-6 && (entropy - 32.0_f32.ln()).abs() < 1e-6
            );
        }
    }

    #[test]
    fn rows_and_threads_do_not_change_a_bit() {
        for [n, d, v] in [[700, 128, 512], [700, 96, 500]] {
            let (hidden, head, tokens) = (random(1, [n, d]), random(2, [v, d]), tokens(n, v));
            let log_probs = |first: usize, count: usize| {
                let rows = hidden.clone().narrow(0, first, count);
                elements(target_log_probs(rows, head.clone(), &tokens[first..first + count], 1.0).0)
            };
            let whole = log_probs(0, n);
            for (first, count) in [
                (0, 1),
                (3, 1),
                (511, 1),
                (512, 1),
                (699, 1),
                (5, 2),
                (100, 37),
                (300, 400),
            ] {
                assert_eq!(
                    log_probs(first, count),
                    whole[first..first + count],
                    "{count} rows from {first}"
                );
            }
            assert_eq!(
                with_threads(1, || log_probs(0, n)),
                with_threads(3, || log_probs(0, n))
            );
        }
    }

    #[test]
    fn gradients_do_not_depend_on_the_threads() {
        let [n, d, v] = [1100, 128, 512];
        let (hidden, head) = (
            pack(numbers(1, n * d), [n, d].into()),
            pack(numbers(2, v * d), [v, d].into()),
        );
        let targets = Targets {
            tokens: tokens(n, v).into(),
            temperature: 1.0,
        };
        let gradients = |threads| {
            let (a, b) = with_threads(threads, || {
                backward(&hidden, &head, &targets, &numbers(3, n), true)
            });
            let b = b.expect("it was asked for");
            (a.storage::<f32>().to_vec(), b.storage::<f32>().to_vec())
        };
        assert_eq!(gradients(1), gradients(3));
    }
}
