//! Gate and up projections → `silu(gate) · up` or `gelu(gate) · up` (SwiGLU and GeGLU, Shazeer 2020, arXiv 2002.05202) and
//! their gradients, element by element. Both are `gate · σ(u) · up` with a `u` of their own. It doesn't know of rows, layers or
//! threads' number.
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

/// Which function of the gate multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `g · σ(g)`.
    Silu,
    /// GELU by its approximation with tanh, `g / 2 · (1 + tanh(√(2/π) (g + 0.044715 g³)))` (Hendrycks and Gimpel 2016, arXiv
    /// 1606.08415, section 2), which is `g · σ(2 √(2/π) (g + 0.044715 g³))`.
    GeluTanh,
}

/// `2 √(2/π)`.
const TWICE: f32 = 1.595_769;
/// The factor of the cube.
const CUBIC: f32 = 0.044_715;

/// The same function as a composition of stock operations: for other numbers than f32, and what cards compute.
pub(super) fn composed(gate_btf: Tensor<3>, up_btf: Tensor<3>, curve: Curve) -> Tensor<3> {
    match curve {
        Curve::Silu => activation::silu(gate_btf) * up_btf,
        Curve::GeluTanh => {
            let (argument, _) = gelu_argument(&gate_btf);
            gate_btf * activation::sigmoid(argument) * up_btf
        }
    }
}

/// What σ is of in GELU, and its slope.
pub(super) fn gelu_argument(gate_btf: &Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let square = gate_btf.clone() * gate_btf.clone();
    let argument = gate_btf.clone() * (square.clone() * CUBIC + 1.0) * TWICE;
    (argument, (square * (3.0 * CUBIC) + 1.0) * TWICE)
}

/// The curve of the gate, times up.
pub(super) fn forward(gate: &[f32], up: &[f32], curve: Curve) -> Vec<f32> {
    let mut result = vec![0.0; gate.len()];
    result
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gate.par_chunks(ELEMENTS_PER_TASK))
        .zip(up.par_chunks(ELEMENTS_PER_TASK))
        .for_each(|((result, gate), up)| {
            Arch::new().dispatch(Forward {
                gate,
                up,
                curve,
                result,
            });
        });
    result
}

/// Gradients of the gate (returned) and of up (in the place of `gradient`).
pub(super) fn backward(gate: &[f32], up: &[f32], curve: Curve, gradient: &mut [f32]) -> Vec<f32> {
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
                curve,
                gradient,
                gate_gradient,
            });
        });
    gate_gradient
}

struct Forward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    curve: Curve,
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
            *result = gated(simd, self.curve, *gate, *up);
        }
        let last = gated(
            simd,
            self.curve,
            simd.partial_load_f32s(gate_rest),
            simd.partial_load_f32s(up_rest),
        );
        simd.partial_store_f32s(result_rest, last);
    }
}

struct Backward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    curve: Curve,
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
            (*gate_gradient, *gradient) = gradients_of(simd, self.curve, *gate, *up, *gradient);
        }
        let (last_gate, last_up) = gradients_of(
            simd,
            self.curve,
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

/// What σ is of, and its slope.
#[inline(always)]
fn argument<S: Simd>(simd: S, curve: Curve, gate: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    match curve {
        Curve::Silu => (gate, one),
        Curve::GeluTanh => {
            let twice = simd.splat_f32s(TWICE);
            let square = simd.mul_f32s(gate, gate);
            let bend = simd.mul_add_e_f32s(square, simd.splat_f32s(CUBIC), one);
            let slope = simd.mul_add_e_f32s(square, simd.splat_f32s(3.0 * CUBIC), one);
            (
                simd.mul_f32s(simd.mul_f32s(gate, bend), twice),
                simd.mul_f32s(slope, twice),
            )
        }
    }
}

#[inline(always)]
fn gated<S: Simd>(simd: S, curve: Curve, gate: S::f32s, up: S::f32s) -> S::f32s {
    let (argument, _) = argument(simd, curve, gate);
    simd.mul_f32s(simd.mul_f32s(gate, sigmoid(simd, argument)), up)
}

/// (g · σ(u))′ = σ(u) + g · σ(u) · (1 − σ(u)) · u′.
#[inline(always)]
fn gradients_of<S: Simd>(
    simd: S,
    curve: Curve,
    gate: S::f32s,
    up: S::f32s,
    gradient: S::f32s,
) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let (argument, argument_slope) = argument(simd, curve, gate);
    let sigmoid = sigmoid(simd, argument);
    let value = simd.mul_f32s(gate, sigmoid);
    let rest = simd.sub_f32s(one, sigmoid);
    let rest = match curve {
        Curve::Silu => rest,
        Curve::GeluTanh => simd.mul_f32s(rest, argument_slope),
    };
    let slope = simd.mul_add_e_f32s(value, rest, sigmoid);
    (
        simd.mul_f32s(simd.mul_f32s(gradient, up), slope),
        simd.mul_f32s(gradient, value),
    )
}

#[cfg(test)]
mod tests {
    use super::super::gated_by;
    use super::super::testing::assert_agree;
    use super::*;

    #[test]
    fn agrees_with_stock_operations_and_slopes() {
        let sizes = [[1, 1, 1], [2, 3, 5], [3, 100, 96]];
        for ([b, t, f], curve) in sizes
            .into_iter()
            .flat_map(|size| [Curve::Silu, Curve::GeluTanh].map(|curve| (size, curve)))
        {
            let shape = [b, t, f];
            let size = b * t * f;
            assert_agree(
                &[size, size],
                &|x| {
                    let (gate, up) = (x[0].clone().reshape(shape) * 6, x[1].clone().reshape(shape));
                    gated_by(gate, up, curve).reshape([size])
                },
                &|x| {
                    let (gate, up) = (x[0].clone().reshape(shape) * 6, x[1].clone().reshape(shape));
                    composed(gate, up, curve).reshape([size])
                },
            );
        }
    }

    #[test]
    fn saturates_without_overflow() {
        let (gate, up) = ([-1e4, -100.0, 0.0, 100.0, 1e4], [1.0; 5]);
        for curve in [Curve::Silu, Curve::GeluTanh] {
            let result = forward(&gate, &up, curve);
            assert!(result[0].abs() < 1e-30 && result[1].abs() < 1e-30);
            assert_eq!(result[2..], [0.0, 100.0, 1e4]);
            let mut gradient = [1.0; 5];
            let slopes = backward(&gate, &up, curve, &mut gradient);
            assert!(slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
            assert_eq!((slopes[2], slopes[4]), (0.5, 1.0));
        }
    }

    #[test]
    fn gelu_is_that_of_pytorch() {
        // torch.nn.functional.gelu(x, approximate="tanh"), in six digits.
        let gates = [-3.0, -1.0, -0.5, 0.5, 1.0, 3.0];
        let expected = [
            -0.003_637, -0.158_808, -0.154_286, 0.345_714, 0.841_192, 2.996_363,
        ];
        let found = forward(&gates, &[1.0; 6], Curve::GeluTanh);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-6, "{found} {expected}");
        }
    }
}
