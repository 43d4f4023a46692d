//! The operations on cards: stock operations with ways back of their own. See [`super::super::stock`].

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{FloatDType, Tensor};

use super::super::swiglu::{self, Curve};
use super::super::{SCORES, rms_norm, stock};
use super::{AttentionRows, DecoderOps, Gradients, Targets};

type Primitive = FloatTensor<Cube>;

fn tensor<const D: usize>(primitive: Primitive) -> Tensor<D> {
    Tensor::from_primitive::<Cube>(primitive)
}

fn primitive<const D: usize>(tensor: Tensor<D>) -> Primitive {
    let found = tensor.try_into_primitive::<Cube>();
    found.expect("what is computed from a card's tensors is on the card")
}

impl DecoderOps for Cube {
    fn fused_rms_norm(x_btd: Primitive, weight_d: Primitive, epsilon: f32) -> Primitive {
        let (x, weight) = (tensor(x_btd), tensor(weight_d));
        primitive(rms_norm::composed(x, weight, f64::from(epsilon)))
    }

    fn fused_swiglu(gate: Primitive, up: Primitive, curve: Curve) -> Primitive {
        primitive(swiglu::composed(tensor(gate), tensor(up), curve))
    }

    fn fused_attention(
        q_1nhd: Primitive,
        k_1ngd: Primitive,
        v_1ngd: Primitive,
        rows: AttentionRows,
    ) -> Primitive {
        let inputs = [q_1nhd, k_1ngd, v_1ngd].map(tensor);
        let (packing, rope) = (&rows.packing, &rows.rope);
        primitive(stock::attention(inputs, packing, rope, SCORES))
    }

    fn fused_target_log_probs(
        hidden_nd: Primitive,
        head_vd: Primitive,
        targets: Targets,
    ) -> (Primitive, Primitive) {
        let (hidden, head) = (tensor(hidden_nd), tensor(head_vd));
        let (log_probs, entropies) = stock::target_log_probs(&hidden, &head, &targets);
        (primitive(log_probs), primitive(entropies))
    }

    fn frozen_product(x_ni: Primitive, weight_oi: Primitive) -> Primitive {
        let weight: Tensor<2> = tensor(Self::widened(weight_oi));
        primitive(tensor::<2>(x_ni).matmul(weight.transpose()))
    }
}

impl Gradients for Cube {
    fn rms_norm_gradients(
        [x, weight]: [Primitive; 2],
        epsilon: f32,
        gradient: Primitive,
    ) -> [Primitive; 2] {
        let (x, weight, gradient) = (tensor(x), tensor(weight), tensor(gradient));
        let (of_x, of_weight) = stock::rms_norm_gradients(x, weight, epsilon, gradient);
        [primitive(of_x), primitive(of_weight)]
    }

    fn swiglu_gradients(
        [gate, up]: [Primitive; 2],
        curve: Curve,
        gradient: Primitive,
    ) -> [Primitive; 2] {
        stock::gate_gradients([gate, up].map(tensor), curve, tensor(gradient)).map(primitive)
    }

    fn attention_gradients(
        inputs: [Primitive; 3],
        rows: &AttentionRows,
        gradient: Primitive,
    ) -> [Primitive; 3] {
        let (inputs, gradient) = (inputs.map(tensor), tensor(gradient));
        let (packing, rope) = (&rows.packing, &rows.rope);
        stock::attention_gradients(inputs, packing, rope, gradient, SCORES).map(primitive)
    }

    fn target_log_probs_gradients(
        [hidden, head]: [Primitive; 2],
        targets: &Targets,
        gradient: Primitive,
        of_head: bool,
    ) -> (Primitive, Option<Primitive>) {
        let (hidden, head) = (tensor(hidden), tensor(head));
        let (of_hidden, head_gradient) =
            stock::target_log_probs_gradients(&hidden, &head, targets, tensor(gradient), of_head);
        (primitive(of_hidden), head_gradient.map(primitive))
    }

    fn widened(weight_oi: Primitive) -> Primitive {
        primitive(tensor::<2>(weight_oi).cast(FloatDType::F32))
    }
}
