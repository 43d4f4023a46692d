//! One position's queries and the keys and values up to it → its attention, for sampling. Keys and values may lie in
//! several parts of memory; where the cuts are changes no bit. It doesn't know whose positions they are.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use pulp::{Arch, Simd, WithSimd};

use super::vector::{change_each, exponential, largest};

/// Vectors of a value that are summed together: with the weight and the value they fit into sixteen registers.
const TOGETHER: usize = 8;

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
                scores(simd, query, keys, row, offset, self.weights);
            }
            let top = simd.splat_f32s(largest(simd, self.weights));
            let (scale, zero) = (simd.splat_f32s(scale), simd.splat_f32s(0.0));
            change_each(simd, self.weights, |score| {
                let below = simd.sub_f32s(score, top);
                exponential(simd, simd.mul_add_e_f32s(scale, below, zero))
            });
            let total: f32 = self.weights.iter().sum();
            for weight in self.weights.iter_mut() {
                *weight /= total;
            }
            let vectors = width - width % S::F32_LANES;
            let many = vectors - vectors % (TOGETHER * S::F32_LANES);
            for start in (0..many).step_by(TOGETHER * S::F32_LANES) {
                let out = &mut out[start..start + TOGETHER * S::F32_LANES];
                weighted::<S, TOGETHER>(simd, self.weights, self.parts, row, offset + start, out);
            }
            for start in (many..vectors).step_by(S::F32_LANES) {
                let out = &mut out[start..start + S::F32_LANES];
                weighted::<S, 1>(simd, self.weights, self.parts, row, offset + start, out);
            }
            for (rest, out) in out[vectors..].iter_mut().enumerate() {
                let at = offset + vectors + rest;
                let values = self
                    .parts
                    .iter()
                    .flat_map(|(_, values)| values.chunks_exact(row));
                let pairs = values.zip(self.weights.iter());
                *out = pairs.fold(0.0, |sum, (value, weight)| weight.mul_add(value[at], sum));
            }
        }
    }
}

/// Products of the query with one head of each key, behind those in `scores`. However many keys are taken together, each
/// product is summed alike.
#[inline(always)]
fn scores<S: Simd>(
    simd: S,
    query: &[f32],
    keys: &[f32],
    row: usize,
    offset: usize,
    scores: &mut Vec<f32>,
) {
    let fours = keys.chunks_exact(4 * row);
    let rest = fours.remainder();
    for four in fours {
        let key = |index: usize| &four[index * row + offset..][..query.len()];
        scores.extend(dots(simd, query, [key(0), key(1), key(2), key(3)]));
    }
    for key in rest.chunks_exact(row) {
        scores.extend(dots(simd, query, [&key[offset..][..query.len()]]));
    }
}

#[inline(always)]
fn dots<S: Simd, const N: usize>(simd: S, query: &[f32], keys: [&[f32]; N]) -> [f32; N] {
    let (query, query_rest) = S::as_simd_f32s(query);
    let keys = keys.map(|key| S::as_simd_f32s(key));
    let mut sums = [simd.splat_f32s(0.0); N];
    for (index, query) in query.iter().enumerate() {
        for (sum, (key, _)) in sums.iter_mut().zip(&keys) {
            *sum = simd.mul_add_e_f32s(*query, key[index], *sum);
        }
    }
    let mut products = [0.0; N];
    for ((product, sum), (_, key_rest)) in products.iter_mut().zip(sums).zip(&keys) {
        *product = simd.reduce_sum_f32s(sum);
        for (query, key) in query_rest.iter().zip(*key_rest) {
            *product = query.mul_add(*key, *product);
        }
    }
    products
}

/// The weighted sum of `N` vectors of each value, which stay in registers while all positions pass by.
#[inline(always)]
fn weighted<S: Simd, const N: usize>(
    simd: S,
    weights: &[f32],
    parts: &[(&[f32], &[f32])],
    row: usize,
    offset: usize,
    out: &mut [f32],
) {
    let mut sums = [simd.splat_f32s(0.0); N];
    let mut weights = weights.iter();
    for (_, values) in parts {
        for (value, weight) in values.chunks_exact(row).zip(weights.by_ref()) {
            let (value, _) = S::as_simd_f32s(&value[offset..offset + N * S::F32_LANES]);
            let weight = simd.splat_f32s(*weight);
            for (sum, value) in sums.iter_mut().zip(&value[..N]) {
                *sum = simd.mul_add_e_f32s(weight, *value, *sum);
            }
        }
    }
    let (out, _) = S::as_mut_simd_f32s(out);
    out.copy_from_slice(&sums);
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
