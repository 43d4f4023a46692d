//! Tensors → tensors: the decoder's hot parts as fused, differentiable operations. On Burn's Flex (CPU)
//! backend they run hand-written kernels with hand-written gradients; on every other backend they are stock operations
//! with ways back of their own, which keep no more than the kernels' do; and for other element types than f32 compositions
//! of stock operations. So a model need not know where it is.
//!
//! Promises on Flex: a row's result depends on that row alone, bit for bit, whatever the other rows and the
//! number of threads (gradients of weights, and of what rows share, sum over rows in a fixed order).

mod adamw;
mod attention;
mod cached_attention;
mod extension;
mod projection;
mod rms_norm;
mod rope;
#[cfg(any(test, feature = "wgpu", feature = "cuda"))]
mod stock;
mod swiglu;
mod target_log_probs;
mod vector;

use std::sync::Arc;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Device, FloatDType, Tensor};

use crate::packing::Packing;
use crate::weights::Arithmetic;
pub use adamw::AdamwStep;
pub(super) use cached_attention::{CachedShape, attend as attend_cached};
use extension::{AttentionRows, DecoderOps, KernelOps, Targets};
use projection::Panels;
pub use rope::RopeTable;
pub use swiglu::Curve;
pub use target_log_probs::rows_at_once;

/// Attention's scores that exist at the same time where there are no kernels, at most, if one query has no more.
pub const SCORES: usize = 1 << 24;

/// `weight · x / sqrt(mean(x²) + epsilon)` over the last dimension (RMSNorm, arXiv 1910.07467).
pub fn rms_norm(x_btd: Tensor<3>, weight_d: Tensor<1>, epsilon: f64) -> Tensor<3> {
    if x_btd.dtype() != DType::F32 {
        return rms_norm::composed(x_btd, weight_d, epsilon);
    }
    let output = Dispatch::fused_rms_norm(
        x_btd.into_dispatch(),
        weight_d.into_dispatch(),
        epsilon as f32,
    );
    Tensor::from_dispatch(output)
}

/// `silu(gate) · up`, element by element (SwiGLU, arXiv 2002.05202).
pub fn swiglu(gate_btf: Tensor<3>, up_btf: Tensor<3>) -> Tensor<3> {
    gated_by(gate_btf, up_btf, Curve::Silu)
}

/// The curve of the gate, times up, element by element.
pub fn gated_by(gate_btf: Tensor<3>, up_btf: Tensor<3>, curve: Curve) -> Tensor<3> {
    if gate_btf.dtype() != DType::F32 {
        return swiglu::composed(gate_btf, up_btf, curve);
    }
    let output = Dispatch::fused_swiglu(gate_btf.into_dispatch(), up_btf.into_dispatch(), curve);
    Tensor::from_dispatch(output)
}

/// A weight matrix `[out, in]`, ready for products with few rows at a time, as in sampling.
#[derive(Debug)]
pub struct Projection(Form);

#[derive(Debug)]
enum Form {
    Panels(Arc<Panels>),
    Stock(Box<Tensor<2>>, Arithmetic),
}

impl Projection {
    /// Lays out the matrix, which takes as much memory again on Flex, half of that in bf16.
    pub fn new(weight_oi: Tensor<2>, arithmetic: Arithmetic) -> Self {
        if arithmetic == Arithmetic::Bf16 {
            let weight_oi = weight_oi.cast(FloatDType::BF16);
            return Self(Form::Stock(Box::new(weight_oi), arithmetic));
        }
        let (device, dtype) = (weight_oi.device(), weight_oi.dtype());
        if !matches!(dtype, DType::F32 | DType::BF16) || !has_kernels(&device, DType::F32) {
            return Self(Form::Stock(Box::new(weight_oi), arithmetic));
        }
        let weight_oi = weight_oi.cast(FloatDType::F32);
        let [_, inner] = weight_oi.dims();
        let weights = weight_oi
            .into_data()
            .try_into_vec::<f32>()
            .expect("kernels are asked for f32 alone");
        Self(Form::Panels(Arc::new(Panels::new(&weights, inner))))
    }

    /// `x [n, in]` times the matrix transposed. On Flex each row's bits do not depend on how many rows there are, which
    /// a blocked matrix product does not promise.
    pub fn of(&self, x_ni: Tensor<2>) -> Tensor<2> {
        match &self.0 {
            Form::Stock(weight_oi, arithmetic) => {
                arithmetic.product(x_ni, weight_oi.as_ref().clone())
            }
            Form::Panels(panels) => {
                let product = Dispatch::fused_projection(x_ni.into_dispatch(), panels.clone());
                Tensor::from_dispatch(product)
            }
        }
    }
}

/// Causal attention `[1, n, h, d]` of packed rows, whose n tokens have queries `[1, n, h, d]`, keys and values
/// `[1, n, g, d]`; the token at place i of a row has position i.
///
/// Query head `i` reads key head `i / (h / g)`; queries and keys are rotated inside.
///
/// # Panics
/// When the shapes, the packing and the table don't fit each other.
pub fn attention(
    q_1nhd: Tensor<4>,
    k_1ngd: Tensor<4>,
    v_1ngd: Tensor<4>,
    packing: &Arc<Packing>,
    rope: &RopeTable,
) -> Tensor<4> {
    let [_, _, h, d] = q_1nhd.dims();
    let [_, _, g, _] = k_1ngd.dims();
    let n = packing.tokens().len();
    assert!(
        q_1nhd.dims() == [1, n, h, d]
            && k_1ngd.dims() == [1, n, g, d]
            && v_1ngd.dims() == [1, n, g, d]
            && g > 0
            && h.is_multiple_of(g),
        "queries {:?}, keys {:?} and values {:?} of {n} tokens don't fit each other",
        q_1nhd.dims(),
        k_1ngd.dims(),
        v_1ngd.dims(),
    );
    assert!(
        rope.width() == d && rope.positions() >= packing.longest(),
        "a table of {} positions for heads of {} doesn't fit {} tokens with heads of {d}",
        rope.positions(),
        rope.width(),
        packing.longest(),
    );
    if q_1nhd.dtype() != DType::F32 {
        return attention::composed(q_1nhd, k_1ngd, v_1ngd, packing, rope);
    }
    let rows = AttentionRows {
        packing: packing.clone(),
        rope: rope.clone(),
    };
    let output = Dispatch::fused_attention(
        q_1nhd.into_dispatch(),
        k_1ngd.into_dispatch(),
        v_1ngd.into_dispatch(),
        rows,
    );
    Tensor::from_dispatch(output)
}

/// Log-probabilities `[n]` of `targets` under `softmax(hidden · headᵀ / temperature)`, and the entropies `[n]`
/// in nats of those distributions, which carry no gradient.
///
/// # Panics
/// When the number of targets isn't n, or a target is outside the vocabulary.
pub fn target_log_probs(
    hidden_nd: Tensor<2>,
    head_vd: Tensor<2>,
    targets: &[u32],
    temperature: f64,
) -> (Tensor<1>, Tensor<1>) {
    let [n, _] = hidden_nd.dims();
    let [vocabulary, _] = head_vd.dims();
    assert!(
        targets.len() == n && targets.iter().all(|&token| (token as usize) < vocabulary),
        "{} targets don't fit {n} hidden states and a vocabulary of {vocabulary}",
        targets.len(),
    );
    if hidden_nd.dtype() != DType::F32 {
        return target_log_probs::composed(hidden_nd, head_vd, targets, temperature);
    }
    let targets = Targets {
        tokens: targets.into(),
        temperature: temperature as f32,
    };
    let (log_probs, entropies) = Dispatch::fused_target_log_probs(
        hidden_nd.into_dispatch(),
        head_vd.into_dispatch(),
        targets,
    );
    (
        Tensor::from_dispatch(log_probs),
        Tensor::from_dispatch(entropies).inner(),
    )
}

/// `x [n, in]` times a matrix `[out, in]` transposed that never learns and is held in fewer bits: it is f32 only while the
/// product is computed, there and back.
pub fn frozen_product(x_ni: Tensor<2>, weight_oi: Tensor<2>) -> Tensor<2> {
    let product = Dispatch::frozen_product(x_ni.into_dispatch(), weight_oi.into_dispatch());
    Tensor::from_dispatch(product)
}

impl Arithmetic {
    /// `x [n, in]` times `weight [out, in]` transposed.
    pub(super) fn product(self, x_ni: Tensor<2>, weight_oi: Tensor<2>) -> Tensor<2> {
        match self {
            Self::F32 if weight_oi.dtype() == DType::BF16 => frozen_product(x_ni, weight_oi),
            Self::F32 => x_ni.matmul(weight_oi.transpose()),
            Self::Bf16 => {
                let (x, weight) = (
                    x_ni.cast(FloatDType::BF16),
                    weight_oi.cast(FloatDType::BF16),
                );
                x.matmul(weight.transpose()).cast(FloatDType::F32)
            }
        }
    }
}

/// One step of AdamW: `weight` and its moments after it. Where they are nobody else's they change in their places.
pub fn adamw(
    weight: Tensor<2>,
    gradient: Tensor<2>,
    [first, second]: [Tensor<2>; 2],
    step: AdamwStep,
) -> (Tensor<2>, [Tensor<2>; 2]) {
    if !has_kernels(&weight.device(), weight.dtype()) {
        return adamw::composed(weight, gradient, [first, second], step);
    }
    let (weight, first, second) = Dispatch::fused_adamw(
        weight.into_dispatch(),
        gradient.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        step,
    );
    let moments = [first, second].map(Tensor::from_dispatch);
    (Tensor::from_dispatch(weight), moments)
}

/// Σ x² over all of a tensor.
pub fn square_sum(values: Tensor<2>) -> f64 {
    let sum = if has_kernels(&values.device(), values.dtype()) {
        Tensor::<1>::from_dispatch(Dispatch::fused_square_sum(values.into_dispatch()))
    } else {
        values.square().sum()
    };
    f64::from(sum.into_scalar::<f32>())
}

fn has_kernels(device: &Device, dtype: DType) -> bool {
    let device = device.as_dispatch();
    let on_flex = if let DispatchDevice::Autodiff(device) = device {
        matches!(device.clone().inner(), DispatchDevice::Flex(_))
    } else {
        matches!(device, DispatchDevice::Flex(_))
    };
    on_flex && dtype == DType::F32
}

#[cfg(test)]
mod testing;
