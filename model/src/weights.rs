//! A model's parameters by name, and in what numbers they are multiplied.

use burn::tensor::Tensor;
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

/// In what the matrices of the blocks' linear maps are held where an adapter learns and they never do; embedding, heads, norms
/// and biases are f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frozen {
    /// bf16 where the checkpoint holds all of them in bf16, so that nothing is lost; else f32.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// bf16, whatever the checkpoint holds them in.
    Bf16,
}

impl Frozen {
    /// What it comes to for a checkpoint that holds all of these matrices in bf16, or doesn't.
    pub const fn held(self, stored_in_bf16: bool) -> Held {
        match self {
            Self::Bf16 => Held::Bf16,
            Self::Auto if stored_in_bf16 => Held::Bf16,
            Self::Auto | Self::F32 => Held::F32,
        }
    }
}

/// In what matrices are held that never learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Four bytes a number.
    F32,
    /// Two; a product with it is one with the same number in f32.
    Bf16,
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
