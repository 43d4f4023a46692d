//! The decoder's inner functions as compositions of stock Burn operations: correct on every backend, and the
//! reference the fused kernels are tested against.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::model::ModelConfig;

/// Cosines and sines `[t, head_dim / 2]` of the rotary embedding, half-split as in Hugging Face's Llama.
#[derive(Clone, Debug)]
pub struct Rope {
    cos_td: Tensor<2>,
    sin_td: Tensor<2>,
}

impl Rope {
    /// Tables for positions `0..positions`.
    pub fn new(config: &ModelConfig, positions: usize, device: &Device) -> Self {
        let half = config.head_dim / 2;
        let angle = |position: usize, i: usize| {
            position as f64 * config.rope_theta.powf(-(i as f64) / half as f64)
        };
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> =
                (0..positions).flat_map(|p| (0..half).map(move |i| f(angle(p, i)) as f32)).collect();
            Tensor::from_data(TensorData::new(values, [positions, half]), device)
        };
        Self { cos_td: table(f64::cos), sin_td: table(f64::sin) }
    }

    /// The rows of the tables at the given positions, one per column of a `[b, t]` grid.
    pub fn at(&self, positions_bt: Tensor<2, Int>) -> (Tensor<4>, Tensor<4>) {
        let [b, t] = positions_bt.dims();
        let [_, half] = self.cos_td.dims();
        let flat = positions_bt.reshape([b * t]);
        let pick = |table: &Tensor<2>| table.clone().select(0, flat.clone()).reshape([b, t, 1, half]);
        (pick(&self.cos_td), pick(&self.sin_td))
    }
}

/// Rotates each head of `x [b, t, h, d]` by its position; `cos`, `sin` are `[b or 1, t, 1, d / 2]`.
pub fn rotate(x_bthd: Tensor<4>, cos: Tensor<4>, sin: Tensor<4>) -> Tensor<4> {
    let [_, _, _, d] = x_bthd.dims();
    let first = x_bthd.clone().narrow(3, 0, d / 2);
    let second = x_bthd.narrow(3, d / 2, d / 2);
    Tensor::cat(
        vec![
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ],
        3,
    )
}

/// `weight * x / sqrt(mean(x²) + epsilon)` over the last dimension (Zhang and Sennrich 2019, equation 4).
pub fn rms_norm(x_btd: Tensor<3>, weight_d: Tensor<1>, epsilon: f64) -> Tensor<3> {
    let scale = (x_btd.clone().square().mean_dim(2) + epsilon).sqrt().recip();
    x_btd * scale * weight_d.unsqueeze::<3>()
}

/// `silu(gate) * up` (Shazeer 2020, arXiv 2002.05202).
pub fn swiglu(gate_btf: Tensor<3>, up_btf: Tensor<3>) -> Tensor<3> {
    activation::silu(gate_btf) * up_btf
}

/// Causal grouped-query attention over right-padded rows, positions counted from the left of each row.
///
/// Causality alone keeps real tokens from seeing the padding to their right, so `lengths_b` only spares work
/// where an implementation can use it.
pub fn attention(q_bthd: Tensor<4>, k_btgd: Tensor<4>, v_btgd: Tensor<4>, rope: &Rope, _lengths_b: &[usize]) -> Tensor<4> {
    let [_, t, _, _] = q_bthd.dims();
    let device = q_bthd.device();
    let positions = Tensor::<1, Int>::arange(0..t as i64, &device).reshape([1, t]);
    let (cos, sin) = rope.at(positions);
    let q = rotate(q_bthd, cos.clone(), sin.clone());
    let k = rotate(k_btgd, cos, sin);
    let future = Tensor::<2>::ones([t, t], &device).triu(1) * -1e9;
    masked_attention(q, k.swap_dims(1, 2), v_btgd.swap_dims(1, 2), future.reshape([1, 1, 1, t, t]))
}

/// Softmax attention of queries `[b, t, h, d]` over keys and values `[b, g, s, d]` with an additive mask
/// `[b or 1, 1, 1, t, s]`; query head `i` reads key head `i / (h / g)`.
pub fn masked_attention(q_bthd: Tensor<4>, k_bgsd: Tensor<4>, v_bgsd: Tensor<4>, mask: Tensor<5>) -> Tensor<4> {
    let [b, t, h, d] = q_bthd.dims();
    let [_, g, s, _] = k_bgsd.dims();
    let r = h / g;
    let q = q_bthd.swap_dims(1, 2).reshape([b, g, r * t, d]) / (d as f64).sqrt();
    let scores = q.matmul(k_bgsd.swap_dims(2, 3)).reshape([b, g, r, t, s]) + mask;
    let weights = activation::softmax(scores, 4).reshape([b, g, r * t, s]);
    weights.matmul(v_bgsd).reshape([b, h, t, d]).swap_dims(1, 2)
}

/// Log-probabilities `[n]` of `targets` under `softmax(hidden head^T / temperature)`, and the entropies `[n]`.
pub fn target_log_probs(hidden_nd: Tensor<2>, head_vd: Tensor<2>, targets: &[u32], temperature: f64) -> (Tensor<1>, Tensor<1>) {
    let n = targets.len();
    let device = hidden_nd.device();
    let logits_nv = hidden_nd.matmul(head_vd.transpose()) / temperature;
    let log_probs_nv = activation::log_softmax(logits_nv, 1);
    let indices: Vec<i32> = targets.iter().map(|&id| id as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [n]), &device).reshape([n, 1]);
    let picked = log_probs_nv.clone().gather(1, indices).reshape([n]);
    let plain = log_probs_nv.inner();
    let entropy = (plain.clone().exp() * plain).sum_dim(1).reshape([n]).neg();
    (picked, entropy)
}
