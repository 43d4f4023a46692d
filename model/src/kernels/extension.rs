//! The kernels as operations of Burn's runtime backend. [`DecoderOps`] exist on every backend, each with a way back of its
//! own that keeps little ([`Gradients`]); [`KernelOps`] on Flex alone. Only plumbing: the arithmetic is elsewhere.

mod autodiff;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod cube;
mod flex;

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::adamw::AdamwStep;
use super::projection::Panels;
use super::rope::RopeTable;
use super::swiglu::Curve;
use crate::packing::Packing;
pub(super) use flex::pack;

/// What attention needs besides its tensors.
#[derive(Clone, Debug)]
pub(super) struct AttentionRows {
    /// Where each row finds its tokens.
    pub(super) packing: Arc<Packing>,
    /// Rotations by position.
    pub(super) rope: RopeTable,
}

/// Which logits of a language head are asked for.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    /// One token per row of hidden states.
    pub(super) tokens: Arc<[u32]>,
    /// Divides the logits.
    pub(super) temperature: f32,
}

/// Differentiable operations of a decoder on f32; the free functions of the module above are their front.
#[backend_extension(Autodiff, Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")))]
pub(super) trait DecoderOps: Backend {
    /// See [`super::rms_norm`].
    fn fused_rms_norm(
        x_btd: FloatTensor<Self>,
        weight_d: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// See [`super::gated_by`].
    fn fused_swiglu(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        curve: Curve,
    ) -> FloatTensor<Self>;

    /// See [`super::attention`].
    fn fused_attention(
        q_1nhd: FloatTensor<Self>,
        k_1ngd: FloatTensor<Self>,
        v_1ngd: FloatTensor<Self>,
        rows: AttentionRows,
    ) -> FloatTensor<Self>;

    /// See [`super::target_log_probs`].
    fn fused_target_log_probs(
        hidden_nd: FloatTensor<Self>,
        head_vd: FloatTensor<Self>,
        targets: Targets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`super::frozen_product`]; no gradient of the weight.
    fn frozen_product(x_ni: FloatTensor<Self>, weight_oi: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The ways back of [`DecoderOps`], from what went in and the gradient of what came out; what is not kept is computed again.
pub(super) trait Gradients: DecoderOps {
    /// Of the stream and of the weight.
    fn rms_norm_gradients(
        inputs: [FloatTensor<Self>; 2],
        epsilon: f32,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 2];

    /// Of gate and up.
    fn swiglu_gradients(
        inputs: [FloatTensor<Self>; 2],
        curve: Curve,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 2];

    /// Of queries, keys and values.
    fn attention_gradients(
        inputs: [FloatTensor<Self>; 3],
        rows: &AttentionRows,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3];

    /// Of the hidden states and, where it is asked for, of the head.
    fn target_log_probs_gradients(
        inputs: [FloatTensor<Self>; 2],
        targets: &Targets,
        gradient: FloatTensor<Self>,
        of_head: bool,
    ) -> (FloatTensor<Self>, Option<FloatTensor<Self>>);

    /// The same numbers in f32, row by row.
    fn widened(weight_oi: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Operations without a gradient that only Flex has.
#[backend_extension(Autodiff, Flex)]
pub(super) trait KernelOps: Backend {
    /// See [`super::Projection::of`].
    fn fused_projection(x_ni: FloatTensor<Self>, panels: Arc<Panels>) -> FloatTensor<Self>;

    /// See [`super::adamw`].
    fn fused_adamw(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`super::square_sum`].
    fn fused_square_sum(values: FloatTensor<Self>) -> FloatTensor<Self>;
}
