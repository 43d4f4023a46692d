//! The kernels as operations of Burn's runtime backend: Flex runs them on slices, Autodiff adds their
//! backward passes. Only plumbing: it unpacks tensors into slices, packs results, and registers gradients.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape};

use super::adamw::{self, AdamwStep};
use super::attention::{self, AttentionShape};
use super::projection::Panels;
use super::rope::RopeTable;
use super::swiglu::Curve;
use super::{rms_norm, swiglu, target_log_probs};
use crate::model::packing::Packing;

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

/// Fused operations of a decoder; the free functions of this module are their front.
#[backend_extension(Autodiff, Flex)]
pub(super) trait KernelOps: Backend {
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

    /// See [`super::Projection::of`]; carries no gradient.
    fn fused_projection(x_ni: FloatTensor<Self>, panels: Arc<Panels>) -> FloatTensor<Self>;

    /// See [`super::adamw`]; carries no gradient.
    fn fused_adamw(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`super::square_sum`]; carries no gradient.
    fn fused_square_sum(values: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl KernelOps for Flex {
    fn fused_rms_norm(x_btd: FlexTensor, weight_d: FlexTensor, epsilon: f32) -> FlexTensor {
        let (x, weight) = (x_btd.to_contiguous(), weight_d.to_contiguous());
        pack(
            rms_norm::forward(x.storage(), weight.storage(), epsilon),
            shape(&x),
        )
    }

    fn fused_swiglu(gate: FlexTensor, up: FlexTensor, curve: Curve) -> FlexTensor {
        let (gate, up) = (gate.to_contiguous(), up.to_contiguous());
        let product = swiglu::forward(gate.storage(), up.storage(), curve);
        pack(product, shape(&gate))
    }

    fn fused_attention(
        q_1nhd: FlexTensor,
        k_1ngd: FlexTensor,
        v_1ngd: FlexTensor,
        rows: AttentionRows,
    ) -> FlexTensor {
        let (q, k, v) = (
            q_1nhd.to_contiguous(),
            k_1ngd.to_contiguous(),
            v_1ngd.to_contiguous(),
        );
        let sizes = AttentionShape::of(shape(&q), shape(&k));
        let inputs = [q.storage(), k.storage(), v.storage()];
        pack(
            attention::forward(sizes, inputs, &rows.packing, &rows.rope),
            shape(&q),
        )
    }

    fn fused_target_log_probs(
        hidden_nd: FlexTensor,
        head_vd: FlexTensor,
        targets: Targets,
    ) -> (FlexTensor, FlexTensor) {
        let n = Shape::from(vec![targets.tokens.len()]);
        let (log_probs, entropies) = target_log_probs::forward(&hidden_nd, &head_vd, &targets);
        (pack(log_probs, n.clone()), pack(entropies, n))
    }

    fn fused_projection(x_ni: FlexTensor, panels: Arc<Panels>) -> FlexTensor {
        let x = x_ni.to_contiguous();
        let product = panels.product(x.storage());
        let (n, count) = (shape(&x)[0], product.len());
        pack(product, Shape::from(vec![n, count / n]))
    }

    fn fused_adamw(
        weight: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        step: AdamwStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [mut weight, mut first, mut second] = [weight, first, second].map(into_contiguous);
        let gradient = gradient.to_contiguous();
        let moments = [first.storage_mut(), second.storage_mut()];
        adamw::step(weight.storage_mut(), gradient.storage(), moments, step);
        (weight, first, second)
    }

    fn fused_square_sum(values: FlexTensor) -> FlexTensor {
        let sum = adamw::square_sum(values.to_contiguous().storage());
        pack(vec![sum as f32], Shape::from(vec![1]))
    }
}

impl<C: CheckpointStrategy> KernelOps for Autodiff<Flex, C> {
    fn fused_rms_norm(
        x_btd: FloatTensor<Self>,
        weight_d: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x_btd.node(), weight_d.node()];
        let (x, weight) = (x_btd.into_primitive(), weight_d.into_primitive());
        let output = Flex::fused_rms_norm(x.clone(), weight.clone(), epsilon);
        match RmsNormBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish((x, weight, epsilon), output),
            OpsKind::UnTracked(step) => step.finish(output),
        }
    }

    fn fused_swiglu(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        curve: Curve,
    ) -> FloatTensor<Self> {
        let nodes = [gate.node(), up.node()];
        let (gate, up) = (gate.into_primitive(), up.into_primitive());
        let output = Flex::fused_swiglu(gate.clone(), up.clone(), curve);
        match SwigluBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish((gate, up, curve), output),
            OpsKind::UnTracked(step) => step.finish(output),
        }
    }

    fn fused_attention(
        q_1nhd: FloatTensor<Self>,
        k_1ngd: FloatTensor<Self>,
        v_1ngd: FloatTensor<Self>,
        rows: AttentionRows,
    ) -> FloatTensor<Self> {
        let nodes = [q_1nhd.node(), k_1ngd.node(), v_1ngd.node()];
        let inputs = [
            q_1nhd.into_primitive(),
            k_1ngd.into_primitive(),
            v_1ngd.into_primitive(),
        ];
        let [q, k, v] = inputs.clone();
        let output = Flex::fused_attention(q, k, v, rows.clone());
        match AttentionBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish((inputs, rows), output),
            OpsKind::UnTracked(step) => step.finish(output),
        }
    }

    fn fused_target_log_probs(
        hidden_nd: FloatTensor<Self>,
        head_vd: FloatTensor<Self>,
        targets: Targets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [hidden_nd.node(), head_vd.node()];
        let (hidden, head) = (hidden_nd.into_primitive(), head_vd.into_primitive());
        let (log_probs, entropies) =
            Flex::fused_target_log_probs(hidden.clone(), head.clone(), targets.clone());
        let log_probs = match TargetLogProbsBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish((hidden, head, targets), log_probs),
            OpsKind::UnTracked(step) => step.finish(log_probs),
        };
        (log_probs, FloatTensor::<Self>::new(entropies))
    }

    fn fused_projection(x_ni: FloatTensor<Self>, panels: Arc<Panels>) -> FloatTensor<Self> {
        FloatTensor::<Self>::new(Flex::fused_projection(x_ni.into_primitive(), panels))
    }

    fn fused_adamw(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [weight, gradient, first, second] =
            [weight, gradient, first, second].map(FloatTensor::<Self>::into_primitive);
        let (weight, first, second) = Flex::fused_adamw(weight, gradient, first, second, step);
        let untracked = FloatTensor::<Self>::new;
        (untracked(weight), untracked(first), untracked(second))
    }

    fn fused_square_sum(values: FloatTensor<Self>) -> FloatTensor<Self> {
        FloatTensor::<Self>::new(Flex::fused_square_sum(values.into_primitive()))
    }
}

#[derive(Debug)]
struct RmsNormBackward;

impl Backward<Flex, 2> for RmsNormBackward {
    type State = (FlexTensor, FlexTensor, f32);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let (x, weight, epsilon) = ops.state;
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let mut x_gradient = into_contiguous(gradient);
        let weight_gradient = rms_norm::backward(
            x.storage(),
            weight.storage(),
            epsilon,
            x_gradient.storage_mut(),
        );
        let [x_node, weight_node] = ops.parents;
        if let Some(node) = x_node {
            gradients.register::<Flex>(node.id, x_gradient);
        }
        if let Some(node) = weight_node {
            gradients.register::<Flex>(node.id, pack(weight_gradient, shape(&weight)));
        }
    }
}

#[derive(Debug)]
struct SwigluBackward;

impl Backward<Flex, 2> for SwigluBackward {
    type State = (FlexTensor, FlexTensor, Curve);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let (gate, up) = (ops.state.0.to_contiguous(), ops.state.1.to_contiguous());
        let mut up_gradient = into_contiguous(gradient);
        let curve = ops.state.2;
        let gate_gradient = swiglu::backward(
            gate.storage(),
            up.storage(),
            curve,
            up_gradient.storage_mut(),
        );
        let [gate_node, up_node] = ops.parents;
        if let Some(node) = gate_node {
            gradients.register::<Flex>(node.id, pack(gate_gradient, shape(&gate)));
        }
        if let Some(node) = up_node {
            gradients.register::<Flex>(node.id, up_gradient);
        }
    }
}

#[derive(Debug)]
struct AttentionBackward;

impl Backward<Flex, 3> for AttentionBackward {
    type State = ([FlexTensor; 3], AttentionRows);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (inputs, rows) = ops.state;
        let [q, k, v] = inputs.map(|input| input.to_contiguous());
        let sizes = AttentionShape::of(shape(&q), shape(&k));
        let slices = [q.storage(), k.storage(), v.storage()];
        let results =
            attention::backward(sizes, slices, gradient.storage(), &rows.packing, &rows.rope);
        for ((node, result), input) in ops.parents.into_iter().zip(results).zip([&q, &k, &v]) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, pack(result, shape(input)));
            }
        }
    }
}

#[derive(Debug)]
struct TargetLogProbsBackward;

impl Backward<Flex, 2> for TargetLogProbsBackward {
    type State = (FlexTensor, FlexTensor, Targets);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let (hidden, head, targets) = ops.state;
        let [hidden_node, head_node] = ops.parents;
        let (hidden_gradient, head_gradient) = target_log_probs::backward(
            &hidden,
            &head,
            &targets,
            gradient.storage(),
            head_node.is_some(),
        );
        if let Some(node) = hidden_node {
            gradients.register::<Flex>(node.id, hidden_gradient);
        }
        if let (Some(node), Some(head_gradient)) = (head_node, head_gradient) {
            gradients.register::<Flex>(node.id, head_gradient);
        }
    }
}

/// Numbers and their shape → a tensor.
pub(super) fn pack(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape),
        DType::F32,
    )
}

fn shape(tensor: &FlexTensor) -> Shape {
    tensor.layout().shape().clone()
}

/// The same tensor in row-major order, still the only owner of its memory if it was before.
fn into_contiguous(tensor: FlexTensor) -> FlexTensor {
    let dense = tensor.is_contiguous()
        && tensor.layout().start_offset() == 0
        && tensor.bytes().len() == tensor.layout().num_elements() * size_of::<f32>();
    if dense {
        tensor
    } else {
        tensor.to_contiguous()
    }
}
