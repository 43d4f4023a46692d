//! A residual stream and a weight → the stream scaled to unit mean square (RMSNorm, Zhang and Sennrich 2019,
//! arXiv 1910.07467, equation 4), and its gradients. One pass over each row; nothing but the inputs is kept
//! for the backward pass. It doesn't know where in the decoder it stands.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use burn::tensor::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::vector::dot;

/// Rows whose weight gradients are summed together. Fixed, so that the sum doesn't depend on the threads.
const ROWS_PER_TASK: usize = 64;

/// The same function as a composition of stock operations: for other numbers than f32, and what cards compute.
pub(super) fn composed(x_btd: Tensor<3>, weight_d: Tensor<1>, epsilon: f64) -> Tensor<3> {
    let mean_square = x_btd.clone().square().mean_dim(2);
    x_btd * (mean_square + epsilon).sqrt().recip() * weight_d.unsqueeze::<3>()
}

/// `weight · x / sqrt(mean(x²) + epsilon)` for every row of `weight.len()` elements.
pub(super) fn forward(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut result = vec![0.0; x.len()];
    let task = ROWS_PER_TASK * weight.len();
    result
        .par_chunks_mut(task)
        .zip(x.par_chunks(task))
        .for_each(|(result, x)| {
            Arch::new().dispatch(Forward {
                x,
                weight,
                epsilon,
                result,
            });
        });
    result
}

/// Gradients of `x` (in the place of `gradient`) and of the weight.
pub(super) fn backward(x: &[f32], weight: &[f32], epsilon: f32, gradient: &mut [f32]) -> Vec<f32> {
    let task = ROWS_PER_TASK * weight.len();
    let partial_sums: Vec<Vec<f32>> = gradient
        .par_chunks_mut(task)
        .zip(x.par_chunks(task))
        .map(|(gradient, x)| {
            Arch::new().dispatch(Backward {
                x,
                weight,
                epsilon,
                gradient,
            })
        })
        .collect();
    let mut weight_gradient = vec![0.0; weight.len()];
    for partial in &partial_sums {
        for (sum, value) in weight_gradient.iter_mut().zip(partial) {
            *sum += value;
        }
    }
    weight_gradient
}

struct Forward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    result: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        let rows = self
            .x
            .chunks_exact(width)
            .zip(self.result.chunks_exact_mut(width));
        for (x, result) in rows {
            let scale = inverse_root_mean_square(simd, x, self.epsilon);
            for ((result, x), weight) in result.iter_mut().zip(x).zip(self.weight) {
                *result = x * scale * weight;
            }
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    gradient: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let width = self.weight.len();
        let mut weight_gradient = vec![0.0; width];
        let rows = self
            .x
            .chunks_exact(width)
            .zip(self.gradient.chunks_exact_mut(width));
        for (x, gradient) in rows {
            let scale = inverse_root_mean_square(simd, x, self.epsilon);
            let sums = weight_gradient.iter_mut().zip(self.weight);
            for (((sum, weight), gradient), x) in sums.zip(gradient.iter_mut()).zip(x) {
                *sum += *gradient * x * scale;
                *gradient *= weight;
            }
            // d scale / d x = −x · scale³ / width
            let pull = dot(simd, gradient, x) * scale * scale * scale / width as f32;
            for (gradient, x) in gradient.iter_mut().zip(x) {
                *gradient = *gradient * scale - x * pull;
            }
        }
        weight_gradient
    }
}

#[inline(always)]
fn inverse_root_mean_square<S: Simd>(simd: S, x: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(simd, x, x) / x.len() as f32 + epsilon).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_agree, elements, random, with_threads};
    use super::super::{rms_norm, testing};
    use super::*;

    const EPSILON: f64 = 1e-5;

    #[test]
    fn agrees_with_stock_operations_and_slopes() {
        for [b, t, d] in [[1, 1, 3], [2, 3, 5], [3, 7, 64], [2, 50, 37]] {
            let shaped =
                |leaves: &[Tensor<1>]| (leaves[0].clone().reshape([b, t, d]), leaves[1].clone());
            assert_agree(
                &[b * t * d, d],
                &|leaves| {
                    let (x, weight) = shaped(leaves);
                    rms_norm(x, weight, EPSILON).reshape([b * t * d])
                },
                &|leaves| {
                    let (x, weight) = shaped(leaves);
                    composed(x, weight, EPSILON).reshape([b * t * d])
                },
            );
        }
    }

    #[test]
    fn rows_and_threads_do_not_change_a_bit() {
        let (x, weight) = (random(1, [5, 40, 96]), random(2, [96]));
        let whole = elements(rms_norm(x.clone(), weight.clone(), EPSILON));
        let alone = elements(rms_norm(x.clone().narrow(0, 3, 1), weight.clone(), EPSILON));
        assert_eq!(alone, whole[3 * 40 * 96..4 * 40 * 96]);
        let gradients = |threads| {
            let (x, weight) = (elements(x.clone()), elements(weight.clone()));
            let mut gradient = testing::numbers(3, x.len());
            let sums = with_threads(threads, || backward(&x, &weight, 1e-5, &mut gradient));
            (gradient, sums)
        };
        assert_eq!(gradients(1), gradients(3));
    }
}
