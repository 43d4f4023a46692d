//! Rows times a parameter: as one blocked product, or each row by itself.

use std::collections::HashMap;

use burn::tensor::Tensor;

use super::kernels::Projection;
use super::weights::Arithmetic;

/// How rows are multiplied with a matrix.
#[derive(Clone, Copy, Debug)]
pub enum Products<'a> {
    /// As one blocked product: fastest with many rows, and differentiable.
    Blocked(Arithmetic),
    /// Every row by itself, to the same bits whatever the others are; for few rows, without a graph.
    ByRow(&'a Projections),
}

impl Products<'_> {
    /// `x [n, in]` times the parameter `weight [out, in]`, called `name`, transposed.
    pub fn of(self, x_ni: Tensor<2>, name: &str, weight_oi: &Tensor<2>) -> Tensor<2> {
        match self {
            Self::Blocked(arithmetic) => arithmetic.product(x_ni, weight_oi.clone()),
            Self::ByRow(projections) => projections.0[name].of(x_ni),
        }
    }
}

/// Everything that a decoder multiplies with, by name, laid out for [`Products::ByRow`].
#[derive(Debug)]
pub struct Projections(HashMap<String, Projection>);

impl Projections {
    /// A copy of these parameters as they are now: those of the blocks, and the head.
    pub(super) fn new<'a>(
        of_blocks: impl Iterator<Item = (&'a String, &'a Tensor<2>)>,
        (name, head): (&String, &Tensor<2>),
        arithmetic: Arithmetic,
    ) -> Self {
        let of_blocks = of_blocks
            .map(|(name, tensor)| (name.clone(), Projection::new(tensor.clone(), arithmetic)));
        let head = Projection::new(head.clone(), Arithmetic::F32);
        Self(of_blocks.chain([(name.clone(), head)]).collect())
    }
}
