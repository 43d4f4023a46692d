//! One block's parameters by the last parts of their names, and what each does to a residual stream. Knows no attention.

use burn::tensor::Tensor;

use super::kernels;
use super::lora::Adapter;
use super::products::Products;

/// One block's parameters, and the changes to them.
pub(super) struct Block<'a> {
    pub(super) names: &'a [String],
    pub(super) tensors: &'a [Tensor<2>],
    pub(super) adapter: Option<&'a Adapter>,
    pub(super) epsilon: f64,
    pub(super) products: Products<'a>,
}

impl Block<'_> {
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
    pub(super) fn linear(&self, x_bti: Tensor<3>, stem: &str) -> Tensor<3> {
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

    pub(super) fn norm(&self, x_btd: Tensor<3>, stem: &str) -> Tensor<3> {
        let (_, weight) = self
            .find(stem, "weight")
            .expect("the configuration says which norms a block has");
        norm(x_btd, weight, self.epsilon)
    }
}

pub(super) fn norm(x_btd: Tensor<3>, weight_1d: &Tensor<2>, epsilon: f64) -> Tensor<3> {
    let [_, d] = weight_1d.dims();
    kernels::rms_norm(x_btd, weight_1d.clone().reshape([d]), epsilon)
}
