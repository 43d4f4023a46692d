//! One position's queries and the keys and values up to it → its attention, for sampling. Keys and values may lie in
//! several parts of memory; where the cuts are changes no bit. It doesn't know whose positions they are.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use pulp::{Arch, Simd, WithSimd};

use super::vector::{change_each, dot, exponential, largest};

/// Heads of queries and of keys, and their width.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct CachedShape {
    /// Query heads.
    pub(in crate::policy) queries: usize,
    /// Key heads; divides `queries`.
    pub(in crate::policy) keys: usize,
    /// Elements of one head.
    pub(in crate::policy) width: usize,
}

/// Attention of `query [h * d]` (rotated) over `parts`, pairs of rotated keys and values `[n, g * d]` in order, into
/// `out [h * d]`. `weights` is scratch memory.
pub(in crate::policy) fn attend(
    shape: CachedShape,
    query: &[f32],
    parts: &[(&[f32], &[f32])],
    weights: &mut Vec<f32>,
    out: &mut [f32],
) {
    Arch::new().dispatch(Attend {
        shape,
        query,
        parts,
        weights,
        out,
    });
}

struct Attend<'a> {
    shape: CachedShape,
    query: &'a [f32],
    parts: &'a [(&'a [f32], &'a [f32])],
    weights: &'a mut Vec<f32>,
    out: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let CachedShape {
            queries,
            keys,
            width,
        } = self.shape;
        let (row, shared) = (keys * width, queries / keys);
        let scale = (1.0 / (width as f64).sqrt()) as f32;
        for head in 0..queries {
            let place = head * width..(head + 1) * width;
            let (query, out) = (&self.query[place.clone()], &mut self.out[place]);
            let offset = head / shared * width;
            self.weights.clear();
            for (keys, _) in self.parts {
                for key in keys.chunks_exact(row) {
                    self.weights
                        .push(scale * dot(simd, query, &key[offset..offset + width]));
                }
            }
            let top = simd.splat_f32s(largest(simd, self.weights));
            change_each(simd, self.weights, |score| {
                exponential(simd, simd.sub_f32s(score, top))
            });
            let total: f32 = self.weights.iter().sum();
            out.fill(0.0);
            let mut weights = self.weights.iter();
            for (_, values) in self.parts {
                for (value, weight) in values.chunks_exact(row).zip(weights.by_ref()) {
                    add_scaled(simd, weight / total, &value[offset..offset + width], out);
                }
            }
        }
    }
}

/// `sum += factor · values`.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, factor: f32, values: &[f32], sum: &mut [f32]) {
    let splat = simd.splat_f32s(factor);
    let (values, values_rest) = S::as_simd_f32s(values);
    let (sums, sums_rest) = S::as_mut_simd_f32s(sum);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = simd.mul_add_e_f32s(splat, *value, *sum);
    }
    for (sum, value) in sums_rest.iter_mut().zip(values_rest) {
        *sum = factor.mul_add(*value, *sum);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::numbers;
    use super::*;

    #[test]
    fn is_softmax_attention_wherever_the_parts_are_cut() {
        let (n, shape) = (
            21,
            CachedShape {
                queries: 4,
                keys: 2,
                width: 12,
            },
        );
        let row = shape.keys * shape.width;
        let (query, keys, values) = (
            numbers(1, shape.queries * shape.width),
            numbers(2, n * row),
            numbers(3, n * row),
        );
        let run = |cuts: &[usize]| {
            let mut parts = Vec::new();
            for pair in cuts.windows(2) {
                let place = pair[0] * row..pair[1] * row;
                parts.push((&keys[place.clone()], &values[place]));
            }
            let mut out = vec![1.0; query.len()];
            attend(shape, &query, &parts, &mut Vec::new(), &mut out);
            out
        };
        let whole = run(&[0, n]);
        assert_eq!(run(&[0, 5, 5, 16, n]), whole);
        for head in 0..shape.queries {
            let element = |of: &[f32], position: usize, i: usize| {
                f64::from(of[position * row + head / 2 * shape.width + i])
            };
            let score = |position: usize| {
                let products = (0..shape.width).map(|i| {
                    f64::from(query[head * shape.width + i]) * element(&keys, position, i)
                });
                (products.sum::<f64>() / (shape.width as f64).sqrt()).exp()
            };
            let total: f64 = (0..n).map(score).sum();
            for i in 0..shape.width {
                let expected: f64 = (0..n)
                    .map(|p| score(p) / total * element(&values, p, i))
                    .sum();
                let error = (f64::from(whole[head * shape.width + i]) - expected).abs();
                assert!(error < 1e-5, "head {head}: off by {error}");
            }
        }
    }
}
