//! One position's queries and the keys and values up to it → its attention, for sampling. Keys and values may lie in
//! several parts of memory; where the cuts are changes no bit. It doesn't know whose positions they are.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use pulp::{Arch, Simd, WithSimd};

use super::vector::{exponentiate, largest, sum};

/// Heads of queries and of keys, and their width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedShape {
    /// Query heads.
    pub(crate) queries: usize,
    /// Key heads; divides `queries`.
    pub(crate) keys: usize,
    /// Elements of one head.
    pub(crate) width: usize,
}

/// Attention of `query [h * d]` (rotated) over `parts`, pairs of rotated keys and values `[n, g * d]` in order, into
/// `out [h * d]`. `weights` is scratch memory.
pub(crate) fn attend(
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
            let positions = self.parts.iter().map(|(keys, _)| keys.len() / row);
            self.weights.resize(positions.sum(), 0.0);
            let mut weights = self.weights.as_mut_slice();
            for (keys, _) in self.parts {
                let (these, others) = weights.split_at_mut(keys.len() / row);
                scores(simd, query, keys, row, offset, these);
                weights = others;
            }
            let top = largest(simd, self.weights);
            exponentiate(simd, self.weights, [top, scale, 1.0]);
            let share = 1.0 / sum(simd, self.weights);
            let vectors = width - width % S::F32_LANES;
            let mut start = 0;
            while start < vectors {
                let left = (vectors - start) / S::F32_LANES;
                let at = offset + start;
                let out = &mut out[start..];
                start += S::F32_LANES
                    * if left >= 8 {
                        weighted::<S, 8>(simd, self.weights, self.parts, row, at, out)
                    } else if left >= 4 {
                        weighted::<S, 4>(simd, self.weights, self.parts, row, at, out)
                    } else {
                        weighted::<S, 1>(simd, self.weights, self.parts, row, at, out)
                    };
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
            for out in out {
                *out *= share;
            }
        }
    }
}

/// Products of the query with one head of each key. However many keys are taken together, each product is summed alike.
#[inline(always)]
fn scores<S: Simd>(
    simd: S,
    query: &[f32],
    keys: &[f32],
    row: usize,
    offset: usize,
    scores: &mut [f32],
) {
    let (fours, rest) = scores.as_chunks_mut::<4>();
    let (keys, last_keys) = keys.split_at(fours.len() * 4 * row);
    for (scores, four) in fours.iter_mut().zip(keys.chunks_exact(4 * row)) {
        let (two, other) = four.split_at(2 * row);
        let ((a, b), (c, d)) = (two.split_at(row), other.split_at(row));
        let place = offset..offset + query.len();
        let keys = [
            &a[place.clone()],
            &b[place.clone()],
            &c[place.clone()],
            &d[place],
        ];
        *scores = dots(simd, query, keys);
    }
    for (score, key) in rest.iter_mut().zip(last_keys.chunks_exact(row)) {
        [*score] = dots(simd, query, [&key[offset..][..query.len()]]);
    }
}

#[inline(always)]
fn dots<S: Simd, const N: usize>(simd: S, query: &[f32], keys: [&[f32]; N]) -> [f32; N] {
    let (query, query_rest) = S::as_simd_f32s(query);
    let mut halves = [(&[] as &[S::f32s], &[] as &[f32]); N];
    for (halves, key) in halves.iter_mut().zip(keys) {
        *halves = S::as_simd_f32s(key);
    }
    let keys = halves;
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

/// The weighted sum of `N` vectors of each value, which stay in registers while all positions pass by; eight fit there
/// with the weight and the value. Returns `N`.
#[inline(always)]
fn weighted<S: Simd, const N: usize>(
    simd: S,
    weights: &[f32],
    parts: &[(&[f32], &[f32])],
    row: usize,
    offset: usize,
    out: &mut [f32],
) -> usize {
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
    S::as_mut_simd_f32s(out).0[..N].copy_from_slice(&sums);
    N
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
