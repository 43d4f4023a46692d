//! A head's frequencies → cosines and sines by position, and the rotation of one head by them (rotary
//! embedding, Su et al. 2021, arXiv 2104.09864; dimension i is paired with i + width/2, as in Hugging Face's
//! Llama). It doesn't know which tokens stand at the positions.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::rope::Rotary;

/// Rotations of one head for positions `0..positions`, and how many of them a query sees.
#[derive(Clone, Debug)]
pub struct RopeTable {
    half: usize,
    reach: usize,
    cosines: Arc<[f32]>,
    sines: Arc<[f32]>,
}

impl RopeTable {
    /// Tables for the positions `0..positions`.
    pub fn new(rotary: &Rotary, positions: usize) -> Self {
        let half = rotary.frequencies.len();
        let table = |function: fn(f64) -> f64| {
            (0..positions * half)
                .map(|index| {
                    let (position, i) = (index / half, index % half);
                    let angle = position as f64 * rotary.frequencies[i];
                    (rotary.factor * function(angle)) as f32
                })
                .collect()
        };
        Self {
            half,
            reach: usize::MAX,
            cosines: table(f64::cos),
            sines: table(f64::sin),
        }
    }

    /// The same where a query sees the last `window` positions alone, its own among them.
    #[must_use]
    pub fn within(self, window: usize) -> Self {
        Self {
            reach: window,
            ..self
        }
    }

    /// How many positions up to its own a query sees.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Elements of one head.
    pub fn width(&self) -> usize {
        2 * self.half
    }

    /// Number of positions the tables cover.
    pub fn positions(&self) -> usize {
        self.cosines.len() / self.half
    }

    /// Cosines and sines of one position, `width / 2` each.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let range = position * self.half..(position + 1) * self.half;
        (&self.cosines[range.clone()], &self.sines[range])
    }

    /// Rotates `x [b, t, heads, width]` by the positions `0..t`, with stock operations.
    pub(super) fn rotate_composed(&self, x_bthd: Tensor<4>) -> Tensor<4> {
        let (cosines, sines) = self.tensors(x_bthd.dims()[1], &x_bthd.device());
        Self::turned(x_bthd, cosines, sines)
    }

    /// The other way round: the transpose of [`RopeTable::rotate_composed`], hence its gradient.
    #[cfg(any(test, feature = "wgpu", feature = "cuda"))]
    pub(super) fn rotate_back_composed(&self, x_bthd: Tensor<4>) -> Tensor<4> {
        let (cosines, sines) = self.tensors(x_bthd.dims()[1], &x_bthd.device());
        Self::turned(x_bthd, cosines, sines.neg())
    }

    fn turned(x_bthd: Tensor<4>, cosines: Tensor<4>, sines: Tensor<4>) -> Tensor<4> {
        let [_, _, _, width] = x_bthd.dims();
        let first = x_bthd.clone().narrow(3, 0, width / 2);
        let second = x_bthd.narrow(3, width / 2, width / 2);
        let rotated = vec![
            first.clone() * cosines.clone() - second.clone() * sines.clone(),
            second * cosines + first * sines,
        ];
        Tensor::cat(rotated, 3)
    }

    fn tensors(&self, positions: usize, device: &Device) -> (Tensor<4>, Tensor<4>) {
        let table = |values: &[f32]| {
            let values = values[..positions * self.half].to_vec();
            Tensor::from_data(
                TensorData::new(values, [1, positions, 1, self.half]),
                device,
            )
        };
        (table(&self.cosines), table(&self.sines))
    }
}

/// Turns a head forwards: `(a, b) → (a·cos − b·sin, b·cos + a·sin)`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled with the vector instructions of its caller"
)]
pub(super) fn rotate(head: &[f32], (cosines, sines): (&[f32], &[f32]), result: &mut [f32]) {
    let (a, b) = head.split_at(cosines.len());
    let (result_a, result_b) = result.split_at_mut(cosines.len());
    let turns = cosines.iter().zip(sines).zip(a.iter().zip(b));
    for (((cos, sin), (a, b)), (result_a, result_b)) in turns.zip(result_a.iter_mut().zip(result_b))
    {
        *result_a = a * cos - b * sin;
        *result_b = b * cos + a * sin;
    }
}

/// Turns a head backwards in place: the transpose of [`rotate`], hence its gradient.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled with the vector instructions of its caller"
)]
pub(super) fn rotate_back(head: &mut [f32], (cosines, sines): (&[f32], &[f32])) {
    let (a, b) = head.split_at_mut(cosines.len());
    for ((a, b), (cos, sin)) in a.iter_mut().zip(b).zip(cosines.iter().zip(sines)) {
        (*a, *b) = (*a * cos + *b * sin, *b * cos - *a * sin);
    }
}
