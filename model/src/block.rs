//! One block of a decoder: the residual stream → the stream with what attention and the inner layer add to it. It doesn't know
//! who sees whom, nor which of the blocks it is.

use burn::tensor::{Int, Tensor, TensorData};

use crate::kernels::{self, Curve};
use crate::lora::Adapter;
use crate::products::Products;
use crate::shape::ModelConfig;

/// One block's parameters, and the changes to them.
pub(super) struct Block<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) names: &'a [String],
    pub(super) tensors: &'a [Tensor<2>],
    pub(super) adapter: Option<&'a Adapter>,
    pub(super) products: Products<'a>,
}

impl Block<'_> {
    /// `x [b, t, d]` after this block; `attend(q_bthd, k_btgd, v_btgd) → [b, t, h, d]` decides who sees whom. With `read`, of
    /// the `b * t` places those alone, as `[1, m, d]`.
    pub(super) fn forward(
        &self,
        x_btd: Tensor<3>,
        read: Option<&[usize]>,
        attend: impl FnOnce(Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let config = self.config;
        let [b, t, _] = x_btd.dims();
        let (h, g, dh) = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        );
        let gemma = config.extras.gemma;
        let y = self.norm(x_btd.clone(), "input_layernorm");
        let q = self.linear(y.clone(), "self_attn.q_proj");
        let k = self.linear(y.clone(), "self_attn.k_proj");
        let v = self.linear(y, "self_attn.v_proj").reshape([b, t, g, dh]);
        let (mut q, mut k) = (q.reshape([b, t * h, dh]), k.reshape([b, t * g, dh]));
        if config.extras.query_key_norm {
            q = self.norm(q, "self_attn.q_norm");
            k = self.norm(k, "self_attn.k_norm");
        }
        // Attention divides scores by the root of a head's width.
        let scale = gemma.map_or(1.0, |gemma| dh as f64 / gemma.query_pre_attn_scalar);
        if scale != 1.0 {
            q = q * scale.sqrt();
        }
        let (q, k) = (q.reshape([b, t, h, dh]), k.reshape([b, t, g, dh]));
        let mut attended = attend(q, k, v).reshape([b, t, h * dh]);
        let mut x_btd = x_btd;
        if let Some(places) = read
            && !places.iter().copied().eq(0..b * t)
        {
            let at_places = |x| gather_rows(x, places).unsqueeze::<3>();
            (attended, x_btd) = (at_places(attended), at_places(x_btd));
        }
        let mut added = self.linear(attended, "self_attn.o_proj");
        if gemma.is_some() {
            added = self.norm(added, "post_attention_layernorm");
        }
        let x_btd = x_btd + added;
        let (before, curve) = match gemma {
            Some(_) => ("pre_feedforward_layernorm", Curve::GeluTanh),
            None => ("post_attention_layernorm", Curve::Silu),
        };
        let y = self.norm(x_btd.clone(), before);
        let gate = self.linear(y.clone(), "mlp.gate_proj");
        let inner = kernels::gated_by(gate, self.linear(y, "mlp.up_proj"), curve);
        let mut added = self.linear(inner, "mlp.down_proj");
        if gemma.is_some() {
            added = self.norm(added, "post_feedforward_layernorm");
        }
        x_btd + added
    }

    fn find(&self, stem: &str, part: &str) -> Option<(&String, &Tensor<2>)> {
        let matches = |name: &String| {
            name.strip_suffix(part)
                .and_then(|name| name.strip_suffix('.'))
                .is_some_and(|name| name.ends_with(stem))
        };
        let index = self.names.iter().position(matches)?;
        Some((&self.names[index], &self.tensors[index]))
    }

    /// `x [b, t, in]` times the weight `[out, in]` transposed, plus bias and low-rank change where there are.
    fn linear(&self, x_bti: Tensor<3>, stem: &str) -> Tensor<3> {
        let [b, t, d] = x_bti.dims();
        let (name, weight) = self
            .find(stem, "weight")
            .expect("every block has its seven linear maps");
        let [out, _] = weight.dims();
        let x_ni = x_bti.reshape([b * t, d]);
        let change = self
            .adapter
            .and_then(|adapter| adapter.change(name, x_ni.clone(), self.products));
        let mut y_no = self.products.of(x_ni, name, weight);
        if let Some((_, bias_1o)) = self.find(stem, "bias") {
            y_no = y_no + bias_1o.clone();
        }
        if let Some(change) = change {
            y_no = y_no + change;
        }
        y_no.reshape([b, t, out])
    }

    fn norm(&self, x_btd: Tensor<3>, stem: &str) -> Tensor<3> {
        let (_, weight) = self
            .find(stem, "weight")
            .expect("the configuration says which norms a block has");
        norm(x_btd, weight, self.config)
    }
}

/// `x` normed by this weight as the family does it.
pub(super) fn norm(x_btd: Tensor<3>, weight_1d: &Tensor<2>, config: &ModelConfig) -> Tensor<3> {
    let [_, d] = weight_1d.dims();
    let mut weight_d = weight_1d.clone().reshape([d]);
    if config.extras.gemma.is_some() {
        weight_d = weight_d + 1.0;
    }
    kernels::rms_norm(x_btd, weight_d, config.rms_norm_eps)
}

/// Hidden states `[n, d]` at the given places of all `b * t`.
pub fn gather_rows(hidden_btd: Tensor<3>, places: &[usize]) -> Tensor<2> {
    let [b, t, d] = hidden_btd.dims();
    let indices: Vec<i32> = places.iter().map(|&place| place as i32).collect();
    let device = hidden_btd.device();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [places.len()]), &device);
    hidden_btd.reshape([b * t, d]).select(0, indices)
}
