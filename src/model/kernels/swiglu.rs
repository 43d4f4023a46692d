//! Gate and up projections → `silu(gate) · up` (SwiGLU, Shazeer 2020, arXiv 2002.05202) and its gradients,
//! element by element. It doesn't know of rows, layers or threads' number.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use burn::tensor::{Tensor, activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::vector::exponential;

/// Elements per task: big enough to hide what a task costs, small enough to stay in the second-level cache.
const ELEMENTS_PER_TASK: usize = 1 << 14;

/// The same function as a composition of stock operations: for other numbers than f32, and what cards compute.
pub(super) fn composed(gate_btf: Tensor<3>, up_btf: Tensor<3>) -> Tensor<3> {
    activation::silu(gate_btf) * up_btf
}

/// `silu(gate) · up`.
pub(super) fn forward(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut result = vec![0.0; gate.len()];
    result
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gate.par_chunks(ELEMENTS_PER_TASK))
        .zip(up.par_chunks(ELEMENTS_PER_TASK))
        .for_each(|((result, gate), up)| Arch::new().dispatch(Forward { gate, up, result }));
    result
}

/// Gradients of the gate (returned) and of up (in the place of `gradient`).
pub(super) fn backward(gate: &[f32], up: &[f32], gradient: &mut [f32]) -> Vec<f32> {
    let mut gate_gradient = vec![0.0; gate.len()];
    gate_gradient
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gradient.par_chunks_mut(ELEMENTS_PER_TASK))
        .zip(gate.par_chunks(ELEMENTS_PER_TASK))
        .zip(up.par_chunks(ELEMENTS_PER_TASK))
        .for_each(|(((gate_gradient, gradient), gate), up)| {
            Arch::new().dispatch(Backward {
                gate,
                up,
                gradient,
                gate_gradient,
            });
        });
    gate_gradient
}

struct Forward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    result: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (gates, gate_rest) = S::as_simd_f32s(self.gate);
        let (ups, up_rest) = S::as_simd_f32s(self.up);
        let (results, result_rest) = S::as_mut_simd_f32s(self.result);
        for ((result, gate), up) in results.iter_mut().zip(gates).zip(ups) {
            *result = swiglu(simd, *gate, *up);
        }
        let last = swiglu(
            simd,
            simd.partial_load_f32s(gate_rest),
            simd.partial_load_f32s(up_rest),
        );
        simd.partial_store_f32s(result_rest, last);
    }
}

struct Backward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    gradient: &'a mut [f32],
    gate_gradient: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (gates, gate_rest) = S::as_simd_f32s(self.gate);
        let (ups, up_rest) = S::as_simd_f32s(self.up);
        let (gradients, gradient_rest) = S::as_mut_simd_f32s(self.gradient);
        let (gate_gradients, gate_gradient_rest) = S::as_mut_simd_f32s(self.gate_gradient);
        let outputs = gradients.iter_mut().zip(gate_gradients);
        for ((gate, up), (gradient, gate_gradient)) in gates.iter().zip(ups).zip(outputs) {
            (*gate_gradient, *gradient) = swiglu_gradients(simd, *gate, *up, *gradient);
        }
        let (last_gate, last_up) = swiglu_gradients(
            simd,
            simd.partial_load_f32s(gate_rest),
            simd.partial_load_f32s(up_rest),
            simd.partial_load_f32s(gradient_rest),
        );
        simd.partial_store_f32s(gate_gradient_rest, last_gate);
        simd.partial_store_f32s(gradient_rest, last_up);
    }
}

#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let decay = exponential(simd, simd.neg_f32s(x));
    simd.div_f32s(one, simd.add_f32s(one, decay))
}

#[inline(always)]
fn swiglu<S: Simd>(simd: S, gate: S::f32s, up: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.mul_f32s(gate, sigmoid(simd, gate)), up)
}

/// silu′(g) = σ(g) · (1 + g · (1 − σ(g))).
#[inline(always)]
fn swiglu_gradients<S: Simd>(
    simd: S,
    gate: S::f32s,
    up: S::f32s,
    gradient: S::f32s,
) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let sigmoid = sigmoid(simd, gate);
    let silu = simd.mul_f32s(gate, sigmoid);
    let slope = simd.mul_add_e_f32s(silu, simd.sub_f32s(one, sigmoid), sigmoid);
    (
        simd.mul_f32s(simd.mul_f32s(gradient, up), slope),
        simd.mul_f32s(gradient, silu),
    )
}

#[cfg(test)]
mod tests {
    use super::super::swiglu;
    use super::super::testing::assert_agree;
    use super::*;

    #[test]
    fn agrees_with_stock_operations_and_slopes() {
        for [b, t, f] in [[1, 1, 1], [2, 3, 5], [3, 100, 96]] {
            let shape = [b, t, f];
            let size = b * t * f;
            assert_agree(
                &[size, size],
                &|x| {
                    swiglu(x[0].clone().reshape(shape) * 6, x[1].clone().reshape(shape))
                        .reshape([size])
                },
                &|x| {
                    composed(x[0].clone().reshape(shape) * 6, x[1].clone().reshape(shape))
                        .reshape([size])
                },
            );
        }
    }

    #[test]
    fn saturates_without_overflow() {
        let (gate, up) = ([-1e4, -100.0, 0.0, 100.0, 1e4], [1.0; 5]);
        let result = forward(&gate, &up);
        assert!(result[0].abs() < 1e-30 && result[1].abs() < 1e-30);
        assert_eq!(result[2..], [0.0, 100.0, 1e4]);
        let mut gradient = [1.0; 5];
        let slopes = backward(&gate, &up, &mut gradient);
        assert!(slopes.iter().all(|slope| slope.is_finite()));
        assert_eq!((slopes[2], slopes[4]), (0.5, 1.0));
    }
}
