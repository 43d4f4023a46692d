//! The operations on Flex: tensors unpacked into slices for the kernels, and results packed.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Bytes, DType, FloatDType, Shape, bf16};
use rayon::prelude::*;

use super::super::adamw::{self, AdamwStep};
use super::super::attention::{self, AttentionShape};
use super::super::projection::Panels;
use super::super::swiglu::{self, Curve};
use super::super::{rms_norm, target_log_probs};
use super::{AttentionRows, DecoderOps, Gradients, KernelOps, Targets};

/// Numbers per task of a conversion.
const NUMBERS_PER_TASK: usize = 1 << 16;

impl DecoderOps for Flex {
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

    fn frozen_product(x_ni: FlexTensor, weight_oi: FlexTensor) -> FlexTensor {
        Self::float_matmul(x_ni, Self::widened(weight_oi).transpose(0, 1))
    }
}

impl Gradients for Flex {
    fn rms_norm_gradients(
        [x, weight]: [FlexTensor; 2],
        epsilon: f32,
        gradient: FlexTensor,
    ) -> [FlexTensor; 2] {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let mut x_gradient = into_contiguous(gradient);
        let weight_gradient = rms_norm::backward(
            x.storage(),
            weight.storage(),
            epsilon,
            x_gradient.storage_mut(),
        );
        [x_gradient, pack(weight_gradient, shape(&weight))]
    }

    fn swiglu_gradients(
        [gate, up]: [FlexTensor; 2],
        curve: Curve,
        gradient: FlexTensor,
    ) -> [FlexTensor; 2] {
        let (gate, up) = (gate.to_contiguous(), up.to_contiguous());
        let mut up_gradient = into_contiguous(gradient);
        let pull = up_gradient.storage_mut();
        let gate_gradient = swiglu::backward(gate.storage(), up.storage(), curve, pull);
        [pack(gate_gradient, shape(&gate)), up_gradient]
    }

    fn attention_gradients(
        inputs: [FlexTensor; 3],
        rows: &AttentionRows,
        gradient: FlexTensor,
    ) -> [FlexTensor; 3] {
        let inputs = inputs.map(|input| input.to_contiguous());
        let [q, k, v] = &inputs;
        let gradient = gradient.to_contiguous();
        let sizes = AttentionShape::of(shape(q), shape(k));
        let slices = [q.storage(), k.storage(), v.storage()];
        let [q_result, k_result, v_result] =
            attention::backward(sizes, slices, gradient.storage(), &rows.packing, &rows.rope);
        [
            pack(q_result, shape(q)),
            pack(k_result, shape(k)),
            pack(v_result, shape(v)),
        ]
    }

    fn target_log_probs_gradients(
        [hidden, head]: [FlexTensor; 2],
        targets: &Targets,
        gradient: FlexTensor,
        of_head: bool,
    ) -> (FlexTensor, Option<FlexTensor>) {
        let gradient = gradient.to_contiguous();
        target_log_probs::backward(&hidden, &head, targets, gradient.storage(), of_head)
    }

    fn widened(weight_oi: FlexTensor) -> FlexTensor {
        if weight_oi.dtype() != DType::BF16 {
            return Self::float_cast(weight_oi, FloatDType::F32);
        }
        let weight = weight_oi.to_contiguous();
        let narrow: &[bf16] = weight.storage();
        let mut wide = vec![0.0_f32; narrow.len()];
        wide.par_chunks_mut(NUMBERS_PER_TASK)
            .zip(narrow.par_chunks(NUMBERS_PER_TASK))
            .for_each(|(wide, narrow)| {
                for (wide, narrow) in wide.iter_mut().zip(narrow) {
                    // bf16 is the upper half of an f32.
                    *wide = f32::from_bits(u32::from(narrow.to_bits()) << 16);
                }
            });
        pack(wide, shape(&weight))
    }
}

impl KernelOps for Flex {
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

/// Numbers and their shape → a tensor.
pub(in super::super) fn pack(values: Vec<f32>, shape: Shape) -> FlexTensor {
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
