//! The operations in an autodiff graph, whatever backend computes them: what each keeps for its way back is what went in.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients as Found;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};

use super::super::adamw::AdamwStep;
use super::super::projection::Panels;
use super::super::swiglu::Curve;
use super::{AttentionRows, DecoderOps, Gradients, KernelOps, Targets};

/// The result of an operation on `$inputs`, a node of the graph where one of them is.
macro_rules! node {
    ($backward:expr, $backend:ty, $count:literal, $nodes:expr, $state:expr, $output:expr) => {
        match Backward::<$backend, $count>::prepare::<C>($backward, $nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish($state, $output),
            OpsKind::UnTracked(step) => step.finish($output),
        }
    };
}

impl<B: Gradients, C: CheckpointStrategy> DecoderOps for Autodiff<B, C> {
    fn fused_rms_norm(
        x_btd: FloatTensor<Self>,
        weight_d: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x_btd.node(), weight_d.node()];
        let inputs = [x_btd.into_primitive(), weight_d.into_primitive()];
        let [x, weight] = inputs.clone();
        let output = B::fused_rms_norm(x, weight, epsilon);
        node!(RmsNorm, B, 2, nodes, (inputs, epsilon), output)
    }

    fn fused_swiglu(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        curve: Curve,
    ) -> FloatTensor<Self> {
        let nodes = [gate.node(), up.node()];
        let inputs = [gate.into_primitive(), up.into_primitive()];
        let [gate, up] = inputs.clone();
        let output = B::fused_swiglu(gate, up, curve);
        node!(Swiglu, B, 2, nodes, (inputs, curve), output)
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
        let output = B::fused_attention(q, k, v, rows.clone());
        node!(Attention, B, 3, nodes, (inputs, rows), output)
    }

    fn fused_target_log_probs(
        hidden_nd: FloatTensor<Self>,
        head_vd: FloatTensor<Self>,
        targets: Targets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [hidden_nd.node(), head_vd.node()];
        let inputs = [hidden_nd.into_primitive(), head_vd.into_primitive()];
        let [hidden, head] = inputs.clone();
        let (log_probs, entropies) = B::fused_target_log_probs(hidden, head, targets.clone());
        let log_probs = node!(TargetLogProbs, B, 2, nodes, (inputs, targets), log_probs);
        (log_probs, FloatTensor::<Self>::new(entropies))
    }

    fn frozen_product(x_ni: FloatTensor<Self>, weight_oi: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x_ni.node()];
        let (x, weight) = (x_ni.into_primitive(), weight_oi.into_primitive());
        let output = B::frozen_product(x, weight.clone());
        node!(FrozenProduct, B, 1, nodes, weight, output)
    }
}

#[derive(Debug)]
struct RmsNorm;

impl<B: Gradients> Backward<B, 2> for RmsNorm {
    type State = ([FloatTensor<B>; 2], f32);

    fn backward(self, ops: Ops<Self::State, 2>, found: &mut Found, _: &mut Checkpointer) {
        let gradient = found.consume::<B>(&ops.node);
        let (inputs, epsilon) = ops.state;
        let gradients = B::rms_norm_gradients(inputs, epsilon, gradient);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                found.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Swiglu;

impl<B: Gradients> Backward<B, 2> for Swiglu {
    type State = ([FloatTensor<B>; 2], Curve);

    fn backward(self, ops: Ops<Self::State, 2>, found: &mut Found, _: &mut Checkpointer) {
        let gradient = found.consume::<B>(&ops.node);
        let gradients = B::swiglu_gradients(ops.state.0, ops.state.1, gradient);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                found.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Attention;

impl<B: Gradients> Backward<B, 3> for Attention {
    type State = ([FloatTensor<B>; 3], AttentionRows);

    fn backward(self, ops: Ops<Self::State, 3>, found: &mut Found, _: &mut Checkpointer) {
        let gradient = found.consume::<B>(&ops.node);
        let (inputs, rows) = ops.state;
        let gradients = B::attention_gradients(inputs, &rows, gradient);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                found.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct TargetLogProbs;

impl<B: Gradients> Backward<B, 2> for TargetLogProbs {
    type State = ([FloatTensor<B>; 2], Targets);

    fn backward(self, ops: Ops<Self::State, 2>, found: &mut Found, _: &mut Checkpointer) {
        let gradient = found.consume::<B>(&ops.node);
        let (inputs, targets) = ops.state;
        let [hidden_node, head_node] = ops.parents;
        let (of_hidden, of_head) =
            B::target_log_probs_gradients(inputs, &targets, gradient, head_node.is_some());
        if let Some(node) = hidden_node {
            found.register::<B>(node.id, of_hidden);
        }
        if let (Some(node), Some(gradient)) = (head_node, of_head) {
            found.register::<B>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct FrozenProduct;

impl<B: Gradients> Backward<B, 1> for FrozenProduct {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, found: &mut Found, _: &mut Checkpointer) {
        let gradient = found.consume::<B>(&ops.node);
        let [node] = ops.parents;
        if let Some(node) = node {
            let gradient = B::float_matmul(gradient, B::widened(ops.state));
            found.register::<B>(node.id, gradient);
        }
    }
}

impl<C: CheckpointStrategy> KernelOps for Autodiff<Flex, C> {
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
