//! Rows and a weight matrix → the rows' products with it, for sampling: every number is one dot product summed in an
//! order that its length alone fixes, so a row's bits do not depend on how many others there are. The matrix is read as
//! it is stored, so that nothing is packed or copied for a handful of rows. It doesn't know of tensors or layers.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows of one task at most: few enough that they stay in the cache while the matrix streams by.
const ROWS_PER_TASK: usize = 48;

/// Columns of one task where there is a single row.
const COLUMNS_PER_TASK: usize = 256;

/// `x [n, inner]` times `weight [out, inner]` transposed → `[n, out]`.
pub(super) fn forward(x: &[f32], weight: &[f32], inner: usize) -> Vec<f32> {
    let (rows, out) = (x.len() / inner, weight.len() / inner);
    let mut result = vec![0.0; rows * out];
    if rows == 1 {
        result
            .par_chunks_mut(COLUMNS_PER_TASK)
            .zip(weight.par_chunks(COLUMNS_PER_TASK * inner))
            .for_each(|(result, weight)| product(x, weight, inner, result));
        return result;
    }
    // Threes are what the kernel takes at a time.
    let share = rows.div_ceil(rayon::current_num_threads()).div_ceil(3) * 3;
    let task = share.min(ROWS_PER_TASK);
    result
        .par_chunks_mut(task * out)
        .zip(x.par_chunks(task * inner))
        .for_each(|(result, x)| product(x, weight, inner, result));
    result
}

fn product(x: &[f32], weight: &[f32], inner: usize, result: &mut [f32]) {
    Arch::new().dispatch(Product {
        x,
        weight,
        inner,
        result,
    });
}

struct Product<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    inner: usize,
    result: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.x.len() / self.inner;
        if rows == 1 {
            self.columns::<S, 1, 8>(simd);
        } else {
            self.columns::<S, 3, 4>(simd);
        }
    }
}

impl Product<'_> {
    /// All columns, `COLUMNS` at a time, so that these stay in the innermost cache while all rows meet them.
    #[inline(always)]
    fn columns<S: Simd, const ROWS: usize, const COLUMNS: usize>(self, simd: S) {
        let (inner, out) = (self.inner, self.weight.len() / self.inner);
        let whole = out - out % COLUMNS;
        for column in (0..whole).step_by(COLUMNS) {
            rows_of::<S, ROWS, COLUMNS>(simd, self.x, self.weight, inner, column, self.result);
        }
        for column in whole..out {
            rows_of::<S, ROWS, 1>(simd, self.x, self.weight, inner, column, self.result);
        }
    }
}

#[inline(always)]
fn rows_of<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    x: &[f32],
    weight: &[f32],
    inner: usize,
    column: usize,
    result: &mut [f32],
) {
    let (rows, out) = (x.len() / inner, weight.len() / inner);
    let whole = rows - rows % ROWS;
    for row in (0..whole).step_by(ROWS) {
        block::<S, ROWS, COLUMNS>(simd, x, weight, inner, [row, column], out, result);
    }
    for row in whole..rows {
        block::<S, 1, COLUMNS>(simd, x, weight, inner, [row, column], out, result);
    }
}

/// `ROWS × COLUMNS` dot products side by side; each has one running vector, whatever the block's size.
#[inline(always)]
fn block<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    x: &[f32],
    weight: &[f32],
    inner: usize,
    [row, column]: [usize; 2],
    out: usize,
    result: &mut [f32],
) {
    let mut left = [(&[] as &[S::f32s], &[] as &[f32]); ROWS];
    let mut right = [(&[] as &[S::f32s], &[] as &[f32]); COLUMNS];
    for (index, left) in left.iter_mut().enumerate() {
        *left = S::as_simd_f32s(&x[(row + index) * inner..][..inner]);
    }
    for (index, right) in right.iter_mut().enumerate() {
        *right = S::as_simd_f32s(&weight[(column + index) * inner..][..inner]);
    }
    let vectors = inner / S::F32_LANES;
    for (vectors_left, _) in &mut left {
        *vectors_left = &vectors_left[..vectors];
    }
    for (vectors_right, _) in &mut right {
        *vectors_right = &vectors_right[..vectors];
    }
    let mut sums = [[simd.splat_f32s(0.0); COLUMNS]; ROWS];
    for step in 0..vectors {
        // The rows' vectors stay in registers with all sums, the columns' pass by: sixteen registers are enough.
        let mut rows = [simd.splat_f32s(0.0); ROWS];
        for (row, (vectors, _)) in rows.iter_mut().zip(&left) {
            *row = vectors[step];
        }
        for (column, (vectors, _)) in right.iter().enumerate() {
            let weight = vectors[step];
            for (sums, row) in sums.iter_mut().zip(rows) {
                sums[column] = simd.mul_add_e_f32s(row, weight, sums[column]);
            }
        }
    }
    if !inner.is_multiple_of(S::F32_LANES) {
        for (sums, (_, rest)) in sums.iter_mut().zip(&left) {
            let x = simd.partial_load_f32s(rest);
            for (sum, (_, rest)) in sums.iter_mut().zip(&right) {
                *sum = simd.mul_add_e_f32s(x, simd.partial_load_f32s(rest), *sum);
            }
        }
    }
    for (index, sums) in sums.iter().enumerate() {
        let result = &mut result[(row + index) * out + column..][..COLUMNS];
        for (result, sum) in result.iter_mut().zip(sums) {
            *result = simd.reduce_sum_f32s(*sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, with_threads};
    use super::*;

    #[test]
    fn every_number_is_the_dot_product() {
        for [rows, inner, out] in [[1, 1, 1], [1, 37, 19], [2, 64, 9], [5, 16, 4], [52, 40, 23]] {
            let (x, weight) = (numbers(1, rows * inner), numbers(2, out * inner));
            let found = forward(&x, &weight, inner);
            for (row, x) in x.chunks_exact(inner).enumerate() {
                for (column, weight) in weight.chunks_exact(inner).enumerate() {
                    let pairs = x.iter().zip(weight);
                    let expected: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let error = (f64::from(found[row * out + column]) - expected).abs();
                    assert!(error < 1e-4, "{rows} x {inner} x {out}: off by {error}");
                }
            }
        }
    }

    #[test]
    fn rows_and_threads_do_not_change_a_bit() {
        let [rows, inner, out] = [100, 72, 301];
        let (x, weight) = (numbers(1, rows * inner), numbers(2, out * inner));
        let whole = with_threads(1, || forward(&x, &weight, inner));
        assert_eq!(with_threads(3, || forward(&x, &weight, inner)), whole);
        for [first, count] in [[0, 1], [7, 1], [99, 1], [3, 2], [48, 5], [20, 64]] {
            let some = forward(&x[first * inner..][..count * inner], &weight, inner);
            assert_eq!(
                some,
                whole[first * out..][..count * out],
                "{count} rows from {first}"
            );
        }
    }
}
