//! A model's parameters by name, and in what numbers they are multiplied.

use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// Every parameter as a matrix, in a fixed order; a norm's weight is `[1, d]`, a linear map `[out, in]`.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Names as in a Hugging Face checkpoint.
    pub names: Vec<String>,
    /// The matrices, in the order of `names`.
    pub tensors: Vec<Tensor<2>>,
}

impl Weights {
    /// The same values as leaves of an autodiff graph, each asking for its gradient.
    #[must_use]
    pub fn tracked(&self) -> Self {
        self.map(|tensor| tensor.inner().autodiff().require_grad())
    }

    /// The same values as constants of an autodiff graph.
    #[must_use]
    pub fn constant(&self) -> Self {
        self.map(|tensor| tensor.inner().autodiff())
    }

    /// The same values without any autodiff association.
    #[must_use]
    pub fn plain(&self) -> Self {
        self.map(Tensor::inner)
    }

    fn map(&self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            names: self.names.clone(),
            tensors: self.tensors.iter().cloned().map(change).collect(),
        }
    }
}

/// In what numbers the linear maps of the blocks are multiplied (mixed precision, Micikevicius et al. 2018, arXiv
/// 1710.03740). Weights, norms, attention, heads, gradients' sums and moments are f32 in any case, so that nothing needs a
/// scaled loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Single precision.
    #[default]
    F32,
    /// Eight bits of mantissa, the exponents of f32; sums as the device makes them.
    Bf16,
}

impl Arithmetic {
    /// `x [n, in]` times `weight [out, in]` transposed.
    pub(super) fn product(self, x_ni: Tensor<2>, weight_oi: Tensor<2>) -> Tensor<2> {
        match self {
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
