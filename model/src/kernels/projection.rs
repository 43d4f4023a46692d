//! Rows and a weight matrix → the rows' products with it, for sampling: every number is one dot product summed from its
//! first term to its last, so a row's bits depend neither on how many others there are nor on the width of the
//! processor's vectors. The matrix is laid out for that beforehand, once for all tokens that are drawn. It doesn't know
//! of tensors or layers.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use prefetch_index::prefetch_index;
use pulp::bytemuck::cast_slice;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows of one task at most: few enough that they stay in the cache while the matrix streams by.
const ROWS_PER_TASK: usize = 96;
/// Panels of one task where there is a single row.
const PANELS_PER_TASK: usize = 8;
/// Vectors side by side in a panel.
const VECTORS: usize = 2;
/// A matrix of more numbers than the first has room for the second at least: the C library gives a piece of more than
/// 32 MiB back to the system when it is freed, but keeps smaller ones for the thread that asked for them, so that every
/// call's copy of a large model could stay. Room that nobody writes to is none of the machine's.
const SHARED: usize = 1 << 20;
const OWN: usize = (33 << 20) / size_of::<f32>();
/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;
/// So far ahead a number of a matrix is asked for: longer than memory takes, less than a quarter of the innermost cache.
const AHEAD: usize = 2048;

/// A matrix `[out, inner]` as panels of neighbouring rows: of each panel first all rows' first numbers, then all their
/// second ones. The last panel is filled up with zeros.
#[derive(Debug)]
pub(crate) struct Panels {
    /// What lies before the first panel makes that start where a cache line does.
    memory: Vec<f32>,
    start: usize,
    out: usize,
    inner: usize,
}

impl Panels {
    /// Lays out a matrix given row by row.
    pub(crate) fn new(weight: &[f32], inner: usize) -> Self {
        let (out, width) = (weight.len() / inner, width());
        let count = out.div_ceil(width) * width * inner;
        let mut size = count + LINE / size_of::<f32>();
        if size > SHARED {
            size = size.max(OWN);
        }
        let mut memory = vec![0.0; size];
        let start = memory
            .as_ptr()
            .align_offset(LINE)
            .min(LINE / size_of::<f32>());
        memory[start..start + count]
            .par_chunks_mut(width * inner)
            .zip(weight.par_chunks(width * inner))
            .for_each(|(panel, rows)| interleave(rows, inner, width, panel));
        Self {
            memory,
            start,
            out,
            inner,
        }
    }

    fn numbers(&self) -> &[f32] {
        let width = width();
        &self.memory[self.start..][..self.out.div_ceil(width) * width * self.inner]
    }

    /// `x [n, inner]` times the matrix transposed → `[n, out]`.
    pub(crate) fn product(&self, x: &[f32]) -> Vec<f32> {
        let (rows, panel) = (x.len() / self.inner, width() * self.inner);
        if rows == 1 {
            let mut result = vec![0.0; self.numbers().len() / self.inner];
            result
                .par_chunks_mut(PANELS_PER_TASK * width())
                .zip(self.numbers().par_chunks(PANELS_PER_TASK * panel))
                .for_each(|(result, panels)| Arch::new().dispatch(Row { x, panels, result }));
            result.truncate(self.out);
            return result;
        }
        let mut result = vec![0.0; rows * self.out];
        let task = rows
            .div_ceil(rayon::current_num_threads())
            .min(ROWS_PER_TASK);
        result
            .par_chunks_mut(task * self.out)
            .zip(x.par_chunks(task * self.inner))
            .for_each(|(result, x)| {
                Arch::new().dispatch(Rows {
                    x,
                    panels: self,
                    result,
                });
            });
        result
    }
}

/// Asks the processor for `count` numbers of a matrix that are met [`AHEAD`] later than those at `place`, be it in this
/// panel or the next: what it reads ahead by itself ends at every page, and the sums would wait there.
#[inline(always)]
fn ask_ahead(panel: &[f32], place: usize, count: usize) {
    for offset in (0..count).step_by(LINE / size_of::<f32>()) {
        prefetch_index(panel, place + AHEAD + offset);
    }
}

/// Columns of a panel on this processor.
fn width() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            VECTORS * S::F32_LANES
        }
    }
    Arch::new().dispatch(Width)
}

/// Rows `[count, inner]` → `[inner, width]`, their numbers side by side; places of rows that aren't there stay.
fn interleave(rows: &[f32], inner: usize, width: usize, result: &mut [f32]) {
    // So many numbers of each row at a time that what is written stays in the innermost cache.
    const STEP: usize = 16;
    for start in (0..inner).step_by(STEP) {
        let end = (start + STEP).min(inner);
        let places = &mut result[start * width..end * width];
        for (column, row) in rows.chunks_exact(inner).enumerate() {
            for (number, places) in row[start..end].iter().zip(places.chunks_exact_mut(width)) {
                places[column] = *number;
            }
        }
    }
}

/// One row and some panels.
struct Row<'a> {
    x: &'a [f32],
    panels: &'a [f32],
    result: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (panel, width) = (
            VECTORS * S::F32_LANES * self.x.len(),
            VECTORS * S::F32_LANES,
        );
        // A sum waits for its last addition, so a lone row needs many sums at a time.
        let mut panels = self.panels.chunks_exact(4 * panel);
        let mut results = self.result.chunks_exact_mut(4 * width);
        for (panels, result) in panels.by_ref().zip(results.by_ref()) {
            lone_row::<S, 4>(simd, self.x, panels, result);
        }
        let rest = panels.remainder().chunks_exact(panel);
        for (panel, result) in rest.zip(results.into_remainder().chunks_exact_mut(width)) {
            lone_row::<S, 1>(simd, self.x, panel, result);
        }
    }
}

#[inline(always)]
fn lone_row<S: Simd, const PANELS: usize>(simd: S, x: &[f32], panels: &[f32], result: &mut [f32]) {
    let mut columns = [&[] as &[[S::f32s; VECTORS]]; PANELS];
    let each = panels.len() / PANELS;
    for (columns, panel) in columns.iter_mut().zip(panels.chunks_exact(each)) {
        *columns = &S::as_simd_f32s(panel).0.as_chunks().0[..x.len()];
    }
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; PANELS];
    for (place, factor) in x.iter().enumerate() {
        let factor = simd.splat_f32s(*factor);
        for (sums, columns) in sums.iter_mut().zip(&columns) {
            for (sum, weight) in sums.iter_mut().zip(columns[place]) {
                *sum = simd.mul_add_e_f32s(factor, weight, *sum);
            }
        }
    }
    let result = S::as_mut_simd_f32s(result).0.as_chunks_mut::<VECTORS>().0;
    result.copy_from_slice(&sums);
}

/// Several rows and all panels.
struct Rows<'a> {
    x: &'a [f32],
    panels: &'a Panels,
    result: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (inner, out) = (self.panels.inner, self.panels.out);
        let (rows, width) = (self.x.len() / inner, VECTORS * S::F32_LANES);
        // With two vectors of the matrix and a factor, so many rows' sums fill the registers.
        let most = if S::REGISTER_COUNT >= 32 { 12 } else { 6 };
        let height = rows.div_ceil(rows.div_ceil(most));
        // A panel stays in the cache while all rows meet it.
        for (index, panel) in self
            .panels
            .numbers()
            .chunks_exact(width * inner)
            .enumerate()
        {
            let column = index * width;
            let blocks = self.x.chunks(height * inner);
            for (x, result) in blocks.zip(self.result.chunks_mut(height * out)) {
                let (result, valid) = (&mut result[column..], width.min(out - column));
                match x.len() / inner {
                    1 => block::<S, 1>(simd, x, panel, [out, valid], result),
                    2 => block::<S, 2>(simd, x, panel, [out, valid], result),
                    3 => block::<S, 3>(simd, x, panel, [out, valid], result),
                    4 => block::<S, 4>(simd, x, panel, [out, valid], result),
                    5 => block::<S, 5>(simd, x, panel, [out, valid], result),
                    6 => block::<S, 6>(simd, x, panel, [out, valid], result),
                    7 => block::<S, 7>(simd, x, panel, [out, valid], result),
                    8 => block::<S, 8>(simd, x, panel, [out, valid], result),
                    9 => block::<S, 9>(simd, x, panel, [out, valid], result),
                    10 => block::<S, 10>(simd, x, panel, [out, valid], result),
                    11 => block::<S, 11>(simd, x, panel, [out, valid], result),
                    _ => block::<S, 12>(simd, x, panel, [out, valid], result),
                }
            }
        }
    }
}

/// `ROWS` rows times one panel, its first `valid` columns into rows of `result` that are `out` apart.
#[inline(always)]
fn block<S: Simd, const ROWS: usize>(
    simd: S,
    x: &[f32],
    panel: &[f32],
    [out, valid]: [usize; 2],
    result: &mut [f32],
) {
    let columns = S::as_simd_f32s(panel).0.as_chunks::<VECTORS>().0;
    let inner = columns.len();
    let mut rows = [&[] as &[f32]; ROWS];
    for (place, row) in rows.iter_mut().zip(x.chunks_exact(inner)) {
        *place = &row[..inner];
    }
    // Known once, so that no number's place is checked below.
    for row in &rows {
        assert!(row.len() == inner);
    }
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (place, weights) in columns.iter().enumerate() {
        ask_ahead(
            panel,
            place * VECTORS * S::F32_LANES,
            VECTORS * S::F32_LANES,
        );
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let factor = simd.splat_f32s(row[place]);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(factor, *weight, *sum);
            }
        }
    }
    for (sums, result) in sums.iter().zip(result.chunks_mut(out)) {
        if valid == VECTORS * S::F32_LANES {
            let places = S::as_mut_simd_f32s(&mut result[..valid]).0;
            places.copy_from_slice(sums);
        } else {
            let numbers: &[f32] = cast_slice(sums);
            result[..valid].copy_from_slice(&numbers[..valid]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{numbers, with_threads};
    use super::*;

    fn product(x: &[f32], weight: &[f32], inner: usize) -> Vec<f32> {
        Panels::new(weight, inner).product(x)
    }

    #[test]
    fn every_number_is_the_dot_product_from_first_to_last() {
        for [rows, inner, out] in [
            [1, 1, 1],
            [1, 37, 19],
            [1, 20, 300],
            [2, 64, 9],
            [5, 16, 4],
            [13, 24, 70],
            [52, 40, 23],
        ] {
            let (x, weight) = (numbers(1, rows * inner), numbers(2, out * inner));
            let found = product(&x, &weight, inner);
            assert_eq!(found.len(), rows * out);
            for (row, x) in x.chunks_exact(inner).enumerate() {
                for (column, weight) in weight.chunks_exact(inner).enumerate() {
                    let pairs = x.iter().zip(weight);
                    let expected: f64 = pairs
                        .clone()
                        .map(|(a, b)| f64::from(*a) * f64::from(*b))
                        .sum();
                    let found = found[row * out + column];
                    let error = (f64::from(found) - expected).abs();
                    assert!(error < 1e-4, "{rows} x {inner} x {out}: off by {error}");
                    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
                        let in_order = pairs.fold(0.0, |sum: f32, (a, b)| a.mul_add(*b, sum));
                        assert_eq!(found.to_bits(), in_order.to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn rows_and_threads_do_not_change_a_bit() {
        let [rows, inner, out] = [100, 72, 301];
        let (x, weight) = (numbers(1, rows * inner), numbers(2, out * inner));
        let whole = with_threads(1, || product(&x, &weight, inner));
        assert_eq!(with_threads(3, || product(&x, &weight, inner)), whole);
        for [first, count] in [[0, 1], [7, 1], [99, 1], [3, 2], [48, 5], [20, 64]] {
            let some = product(&x[first * inner..][..count * inner], &weight, inner);
            assert_eq!(
                some,
                whole[first * out..][..count * out],
                "{count} rows from {first}"
            );
        }
    }
}
