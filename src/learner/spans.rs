//! Which actions of a micro-batch belong to which row, and which rows to which unit: sums over rows, and back. For losses
//! that see an answer or a pair as a whole.

use std::ops::Range;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::batch::Batch;

/// Ranges of actions by row, and of rows by unit; both count from the start of the micro-batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    rows: Vec<Range<usize>>,
    units: Vec<Range<usize>>,
}

impl Spans {
    /// Rows of so many actions each, in units of so many rows each.
    pub fn of_counts(actions: &[usize], rows: &[usize]) -> Self {
        let ranges = |counts: &[usize]| {
            let mut start = 0;
            let next = |count: &usize| {
                start += count;
                start - count..start
            };
            counts.iter().map(next).collect()
        };
        Self {
            rows: ranges(actions),
            units: ranges(rows),
        }
    }

    /// Those of `units`, whose actions are `actions`: both by row.
    pub(super) fn new(batch: &Batch, actions: &[usize], units: &[usize]) -> Self {
        let mut units = units.to_vec();
        units.sort_unstable();
        let mut rest = actions.iter().peekable();
        let counts: Vec<usize> = batch
            .rows_of(&units)
            .into_iter()
            .map(|row| {
                let mut count = 0;
                while rest
                    .next_if(|&&action| batch.actions[action].row == row)
                    .is_some()
                {
                    count += 1;
                }
                count
            })
            .collect();
        let rows: Vec<usize> = units.iter().map(|&unit| batch.units[unit].len()).collect();
        Self::of_counts(&counts, &rows)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The rows of each unit.
    pub fn units(&self) -> &[Range<usize>] {
        &self.units
    }

    /// Actions of each row.
    pub fn counts(&self) -> Vec<usize> {
        self.rows.iter().map(Range::len).collect()
    }

    /// Sums `[rows]` of numbers `[actions]`.
    pub fn sums(&self, of_actions: Tensor<1>) -> Tensor<1> {
        let longest = self.rows.iter().map(Range::len).max().unwrap_or(0);
        if longest == 0 {
            return Tensor::zeros([self.rows.len()], &of_actions.device());
        }
        let device = of_actions.device();
        // Rows of one length; what fills the shorter ones is some number that is then masked.
        let places = self.rows.iter().flat_map(|row| {
            (0..longest).map(|place| row.start + place.min(row.len().saturating_sub(1)))
        });
        let last = of_actions.dims()[0] - 1;
        let places: Vec<i32> = places.map(|place| place.min(last) as i32).collect();
        let filled = self.rows.iter().flat_map(|row| {
            let used = row.len();
            (0..longest).map(move |place| place >= used)
        });
        let filled: Vec<bool> = filled.collect();
        let shape = [self.rows.len(), longest];
        let mask = Tensor::<2, Bool>::from_data(TensorData::new(filled, shape), &device);
        select(of_actions, places)
            .reshape(shape)
            .mask_fill(mask, 0.0)
            .sum_dim(1)
            .reshape([self.rows.len()])
    }

    /// Means `[rows]` of numbers `[actions]`; zero for a row without any.
    pub fn means(&self, of_actions: Tensor<1>) -> Tensor<1> {
        let device = of_actions.device();
        let counts: Vec<f32> = self
            .rows
            .iter()
            .map(|row| row.len().max(1) as f32)
            .collect();
        self.sums(of_actions) / numbers(counts, &device)
    }

    /// Of every action `[actions]`, the number of its row among numbers `[rows]`.
    pub fn to_actions(&self, of_rows: Tensor<1>) -> Tensor<1> {
        let rows = self.rows.iter().enumerate();
        let places = rows.flat_map(|(row, span)| std::iter::repeat_n(row as i32, span.len()));
        select(of_rows, places.collect())
    }

    /// The numbers at some places.
    pub fn pick(&self, numbers: Tensor<1>, places: impl Iterator<Item = usize>) -> Tensor<1> {
        picked(numbers, places)
    }

    /// One number a row `[rows]`: the first of its actions' numbers, where all of them are the same.
    pub fn firsts(&self, of_actions: Tensor<1>) -> Tensor<1> {
        let last = of_actions.dims()[0].saturating_sub(1);
        let places = self.rows.iter().map(|row| row.start.min(last) as i32);
        select(of_actions, places.collect())
    }
}

fn select(numbers: Tensor<1>, places: Vec<i32>) -> Tensor<1> {
    let device = numbers.device();
    let count = places.len();
    numbers.select(
        0,
        Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &device),
    )
}

/// The numbers at some places.
pub(crate) fn picked(numbers: Tensor<1>, places: impl Iterator<Item = usize>) -> Tensor<1> {
    select(numbers, places.map(|place| place as i32).collect())
}

/// A tensor of the numbers.
pub(crate) fn numbers(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    fn list(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn sums_and_means_by_row_and_back() {
        let spans = Spans::of_counts(&[2, 0, 3, 1], &[2, 2]);
        let values = row(&[1.0, 2.0, 3.0, 4.0, 5.0, f32::MAX]);
        assert_eq!(list(spans.sums(values.clone())), [3.0, 0.0, 12.0, f32::MAX]);
        assert_eq!(list(spans.means(values.clone())), [1.5, 0.0, 4.0, f32::MAX]);
        let back = spans.to_actions(row(&[7.0, 8.0, 9.0, 6.0]));
        assert_eq!(list(back), [7.0, 7.0, 9.0, 9.0, 9.0, 6.0]);
        assert_eq!(list(spans.firsts(values)), [1.0, 3.0, 3.0, f32::MAX]);
        assert_eq!((spans.rows(), spans.units()), (4, &[0..2, 2..4][..]));
        assert_eq!(list(Spans::of_counts(&[0], &[1]).sums(row(&[]))), [0.0]);
    }

    /// d(Σ w · sums)/dx is the weight of x's row, whatever fills the shorter rows.
    #[test]
    fn the_gradient_of_a_sum_is_its_rows_weight() {
        let spans = Spans::of_counts(&[2, 1, 3], &[1, 1, 1]);
        let x = row(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
            .autodiff()
            .require_grad();
        let loss = (spans.sums(x.clone()) * row(&[1.0, 10.0, 100.0])).sum();
        let gradient = x.grad(&loss.backward()).unwrap();
        assert_eq!(list(gradient), [1.0, 1.0, 10.0, 100.0, 100.0, 100.0]);
    }
}
