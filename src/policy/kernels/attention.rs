//! Queries, keys, values and row lengths → causal grouped-query attention with rotary positions, and its
//! gradients, row by row and head by head in 16 × 16 tiles: scores exist only for 16 queries of one head at
//! a time (the blockwise idea of Dao et al. 2022, arXiv 2205.14135; here the 16 queries see all their keys
//! at once, so the backward pass needs nothing from the forward pass but its inputs). Padding costs nothing.
//! It doesn't know of tensors or projections.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use burn::tensor::{Shape, Tensor, activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::rope::{RopeTable, rotate, rotate_back};
use super::vector::{
    SIDE, Tile, ZERO_TILE, add_transposed_product, exponential, multiply_tiles, transpose,
};

/// Sizes of the queries `[rows, tokens, heads, width]` and of keys and values `[rows, tokens, groups, width]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttentionShape {
    tokens: usize,
    heads: usize,
    groups: usize,
    width: usize,
}

impl AttentionShape {
    pub(super) fn of(queries: Shape, keys: Shape) -> Self {
        Self {
            tokens: queries[1],
            heads: queries[2],
            groups: keys[2],
            width: queries[3],
        }
    }

    /// Tiles across one head.
    fn panels(self) -> usize {
        self.width.div_ceil(SIDE)
    }

    fn scale(self) -> f32 {
        (1.0 / (self.width as f64).sqrt()) as f32
    }

    fn query_row(self) -> usize {
        self.tokens * self.heads * self.width
    }

    fn key_row(self) -> usize {
        self.tokens * self.groups * self.width
    }
}

/// The same function as a composition of stock operations, for other backends than Flex; padding isn't zero.
pub(super) fn composed(
    q_bthd: Tensor<4>,
    k_btgd: Tensor<4>,
    v_btgd: Tensor<4>,
    rope: &RopeTable,
) -> Tensor<4> {
    let [b, t, h, d] = q_bthd.dims();
    let [_, _, g, _] = k_btgd.dims();
    let repeats = h / g;
    let q = rope
        .rotate_composed(q_bthd)
        .swap_dims(1, 2)
        .reshape([b, g, repeats * t, d]);
    let k = rope.rotate_composed(k_btgd).swap_dims(1, 2);
    let future = Tensor::<2>::ones([t, t], &q.device()).triu(1) * -1e9;
    let scores = q.matmul(k.swap_dims(2, 3)) / (d as f64).sqrt();
    let scores = scores.reshape([b, g, repeats, t, t]) + future.reshape([1, 1, 1, t, t]);
    let weights = activation::softmax(scores, 4).reshape([b, g, repeats * t, t]);
    weights
        .matmul(v_btgd.swap_dims(1, 2))
        .reshape([b, h, t, d])
        .swap_dims(1, 2)
}

/// Attention of every row, zero past its length.
pub(super) fn forward(
    shape: AttentionShape,
    [q, k, v]: [&[f32]; 3],
    lengths: &[usize],
    rope: &RopeTable,
) -> Vec<f32> {
    let mut result = vec![0.0; q.len()];
    result
        .par_chunks_mut(shape.query_row())
        .zip(q.par_chunks(shape.query_row()))
        .zip(
            k.par_chunks(shape.key_row())
                .zip(v.par_chunks(shape.key_row())),
        )
        .zip(lengths)
        .with_max_len(1)
        .for_each_init(
            Scratch::default,
            |scratch, (((result, q), (k, v)), &length)| {
                let row = Row {
                    shape,
                    q,
                    k,
                    v,
                    length,
                    rope,
                };
                Arch::new().dispatch(Forward {
                    row,
                    scratch,
                    result,
                });
            },
        );
    result
}

/// Gradients of queries, keys and values from the gradient of the result.
pub(super) fn backward(
    shape: AttentionShape,
    [q, k, v]: [&[f32]; 3],
    gradient: &[f32],
    lengths: &[usize],
    rope: &RopeTable,
) -> [Vec<f32>; 3] {
    let mut results = [vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]];
    let [q_result, k_result, v_result] = &mut results;
    let keys = k
        .par_chunks(shape.key_row())
        .zip(v.par_chunks(shape.key_row()));
    let key_results = k_result
        .par_chunks_mut(shape.key_row())
        .zip(v_result.par_chunks_mut(shape.key_row()));
    q_result
        .par_chunks_mut(shape.query_row())
        .zip(key_results)
        .zip(
            q.par_chunks(shape.query_row())
                .zip(gradient.par_chunks(shape.query_row())),
        )
        .zip(keys)
        .zip(lengths)
        .with_max_len(1)
        .for_each_init(
            Scratch::default,
            |scratch, ((((q_result, (k_result, v_result)), (q, gradient)), (k, v)), &length)| {
                let row = Row {
                    shape,
                    q,
                    k,
                    v,
                    length,
                    rope,
                };
                let results = [q_result, k_result, v_result];
                Arch::new().dispatch(Backward {
                    row,
                    gradient,
                    scratch,
                    results,
                });
            },
        );
    results
}

/// One row of the batch.
#[derive(Clone, Copy)]
struct Row<'a> {
    shape: AttentionShape,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    length: usize,
    rope: &'a RopeTable,
}

/// Tiles of one group of heads, kept between rows to spare allocations. Blocks count tokens in sixteens,
/// panels count a head's elements in sixteens.
#[derive(Default)]
struct Scratch {
    /// Rotated keys, `[panel][block]`.
    keys: Vec<Tile>,
    /// Rotated keys, each tile transposed, `[block][panel]`.
    keys_transposed: Vec<Tile>,
    /// Values, `[panel][block]`.
    values: Vec<Tile>,
    /// Values, each tile transposed, `[block][panel]`.
    values_transposed: Vec<Tile>,
    /// Rotated and scaled queries of one block, `[panel]`.
    queries: Vec<Tile>,
    /// Gradient of the result of one block, `[panel]`.
    gradient: Vec<Tile>,
    /// Scores, then weights, of one block of queries, `[block of keys]`.
    weights: Vec<Tile>,
    /// Gradients of the weights, then of the scores, `[block of keys]`.
    weight_gradients: Vec<Tile>,
    /// Sums of the gradients of keys and values, `[block][panel]`.
    key_gradients: Vec<Tile>,
    value_gradients: Vec<Tile>,
    /// One head of one token.
    head: Vec<f32>,
}

struct Forward<'a> {
    row: Row<'a>,
    scratch: &'a mut Scratch,
    result: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            row,
            scratch,
            result,
        } = self;
        let shape = row.shape;
        let blocks = row.length.div_ceil(SIDE);
        for group in 0..shape.groups {
            row.load_keys(group, scratch);
            row.load_values(group, scratch);
            for head in shape.heads_of(group) {
                for block in 0..blocks {
                    row.load_queries(head, block, scratch);
                    let sums = weigh(simd, block, shape.panels(), scratch);
                    for panel in 0..shape.panels() {
                        let mut tile = ZERO_TILE;
                        let values = &scratch.values[panel * blocks..];
                        multiply_tiles(simd, scratch.weights.iter().zip(values), &mut tile);
                        for (token, (values, sum)) in
                            row.tokens_of(block).zip(tile.iter().zip(sums))
                        {
                            let place = (token * shape.heads + head) * shape.width + panel * SIDE;
                            let width = SIDE.min(shape.width - panel * SIDE);
                            let result = &mut result[place..place + width];
                            for (result, value) in result.iter_mut().zip(values) {
                                *result = value / sum;
                            }
                        }
                    }
                }
            }
        }
    }
}

struct Backward<'a> {
    row: Row<'a>,
    gradient: &'a [f32],
    scratch: &'a mut Scratch,
    results: [&'a mut [f32]; 3],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            row,
            gradient,
            scratch,
            results: [q_result, k_result, v_result],
        } = self;
        let shape = row.shape;
        let blocks = row.length.div_ceil(SIDE);
        let panels = shape.panels();
        for group in 0..shape.groups {
            row.load_keys(group, scratch);
            row.load_values(group, scratch);
            transpose_blocks(&scratch.values, blocks, &mut scratch.values_transposed);
            for sums in [&mut scratch.key_gradients, &mut scratch.value_gradients] {
                sums.clear();
                sums.resize(blocks * panels, ZERO_TILE);
            }
            for head in shape.heads_of(group) {
                for block in 0..blocks {
                    row.load_queries(head, block, scratch);
                    scratch.gradient.clear();
                    scratch.gradient.resize(panels, ZERO_TILE);
                    for token in row.tokens_of(block) {
                        let place = (token * shape.heads + head) * shape.width;
                        let head = &gradient[place..place + shape.width];
                        store_head(head, token % SIDE, scratch.gradient.iter_mut());
                    }
                    let sums = weigh(simd, block, panels, scratch);
                    row.score_gradients(simd, block, sums, scratch);
                    let keys = scratch.weights.iter().zip(&scratch.weight_gradients);
                    for (key_block, (weights, score_gradients)) in keys.enumerate() {
                        for panel in 0..panels {
                            let place = key_block * panels + panel;
                            add_transposed_product(
                                simd,
                                weights,
                                &scratch.gradient[panel],
                                &mut scratch.value_gradients[place],
                            );
                            add_transposed_product(
                                simd,
                                score_gradients,
                                &scratch.queries[panel],
                                &mut scratch.key_gradients[place],
                            );
                        }
                    }
                    for panel in 0..panels {
                        let pairs = scratch
                            .weight_gradients
                            .iter()
                            .zip(&scratch.keys[panel * blocks..]);
                        multiply_tiles(simd, pairs, &mut scratch.gradient[panel]);
                    }
                    for token in row.tokens_of(block) {
                        let place = (token * shape.heads + head) * shape.width;
                        let result = &mut q_result[place..place + shape.width];
                        fetch_head(&scratch.gradient, token % SIDE, shape.scale(), result);
                        rotate_back(result, row.rope.at(token));
                    }
                }
            }
            for token in 0..row.length {
                let place = (token * shape.groups + group) * shape.width;
                let tiles = token / SIDE * panels..(token / SIDE + 1) * panels;
                let result = &mut k_result[place..place + shape.width];
                fetch_head(
                    &scratch.key_gradients[tiles.clone()],
                    token % SIDE,
                    1.0,
                    result,
                );
                rotate_back(result, row.rope.at(token));
                let result = &mut v_result[place..place + shape.width];
                fetch_head(&scratch.value_gradients[tiles], token % SIDE, 1.0, result);
            }
        }
    }
}

impl AttentionShape {
    /// The query heads that read one key head.
    fn heads_of(self, group: usize) -> std::ops::Range<usize> {
        let heads = self.heads / self.groups;
        group * heads..(group + 1) * heads
    }
}

impl Row<'_> {
    /// The real tokens of one block of sixteen.
    #[inline(always)]
    fn tokens_of(&self, block: usize) -> std::ops::Range<usize> {
        block * SIDE..self.length.min((block + 1) * SIDE)
    }

    #[inline(always)]
    fn load_keys(&self, group: usize, scratch: &mut Scratch) {
        let (shape, blocks) = (self.shape, self.length.div_ceil(SIDE));
        scratch.keys.clear();
        scratch.keys.resize(blocks * shape.panels(), ZERO_TILE);
        scratch.head.resize(shape.width, 0.0);
        for token in 0..self.length {
            let place = (token * shape.groups + group) * shape.width;
            let head = &self.k[place..place + shape.width];
            rotate(head, self.rope.at(token), &mut scratch.head);
            let tiles = scratch.keys.iter_mut().skip(token / SIDE).step_by(blocks);
            store_head(&scratch.head, token % SIDE, tiles);
        }
        transpose_blocks(&scratch.keys, blocks, &mut scratch.keys_transposed);
    }

    #[inline(always)]
    fn load_values(&self, group: usize, scratch: &mut Scratch) {
        let (shape, blocks) = (self.shape, self.length.div_ceil(SIDE));
        scratch.values.clear();
        scratch.values.resize(blocks * shape.panels(), ZERO_TILE);
        for token in 0..self.length {
            let place = (token * shape.groups + group) * shape.width;
            let head = &self.v[place..place + shape.width];
            let tiles = scratch.values.iter_mut().skip(token / SIDE).step_by(blocks);
            store_head(head, token % SIDE, tiles);
        }
    }

    #[inline(always)]
    fn load_queries(&self, head: usize, block: usize, scratch: &mut Scratch) {
        let shape = self.shape;
        scratch.queries.clear();
        scratch.queries.resize(shape.panels(), ZERO_TILE);
        scratch.head.resize(shape.width, 0.0);
        for token in self.tokens_of(block) {
            let place = (token * shape.heads + head) * shape.width;
            rotate(
                &self.q[place..place + shape.width],
                self.rope.at(token),
                &mut scratch.head,
            );
            for element in &mut scratch.head {
                *element *= shape.scale();
            }
            store_head(&scratch.head, token % SIDE, scratch.queries.iter_mut());
        }
    }

    /// Normalises the weights of one block of queries and computes the gradients of their scores:
    /// `weight · (dweight − Σ weight · dweight)`.
    #[inline(always)]
    fn score_gradients<S: Simd>(
        &self,
        simd: S,
        block: usize,
        sums: [f32; SIDE],
        scratch: &mut Scratch,
    ) {
        let panels = self.shape.panels();
        scratch.weight_gradients.resize(block + 1, ZERO_TILE);
        let mut pulls = ZERO_TILE;
        for key_block in 0..=block {
            let values = &scratch.values_transposed[key_block * panels..];
            let tile = &mut scratch.weight_gradients[key_block];
            multiply_tiles(simd, scratch.gradient.iter().zip(values), tile);
            let rows = scratch.weights[key_block].iter_mut().zip(tile.iter());
            for ((weights, gradients), (sum, pulls)) in rows.zip(sums.iter().zip(&mut pulls)) {
                let factor = 1.0 / sum;
                for ((weight, gradient), pull) in weights.iter_mut().zip(gradients).zip(pulls) {
                    *weight *= factor;
                    *pull += *weight * gradient;
                }
            }
        }
        let pulls = pulls.map(|row| simd_sum(simd, &row));
        let tiles = scratch.weights.iter().zip(&mut scratch.weight_gradients);
        for (weights, gradients) in tiles {
            for ((weights, gradients), pull) in weights.iter().zip(gradients).zip(pulls) {
                for (weight, gradient) in weights.iter().zip(gradients) {
                    *gradient = weight * (*gradient - pull);
                }
            }
        }
    }
}

/// Scores of one block of queries against all keys they may see → weights that still have to be divided by
/// the sums returned, one a query.
#[inline(always)]
fn weigh<S: Simd>(simd: S, block: usize, panels: usize, scratch: &mut Scratch) -> [f32; SIDE] {
    scratch.weights.resize(block + 1, ZERO_TILE);
    let mut tops = [[f32::NEG_INFINITY; SIDE]; SIDE];
    for (key_block, tile) in scratch.weights.iter_mut().enumerate() {
        let keys = &scratch.keys_transposed[key_block * panels..];
        multiply_tiles(simd, scratch.queries.iter().zip(keys), tile);
        if key_block == block {
            hide_future(tile, f32::NEG_INFINITY);
        }
        for (scores, tops) in tile.iter().zip(&mut tops) {
            let tops = S::as_mut_simd_f32s(tops).0;
            for (score, top) in S::as_simd_f32s(scores).0.iter().zip(tops) {
                *top = simd.max_f32s(*top, *score);
            }
        }
    }
    let tops = tops.map(|row| {
        let vectors = S::as_simd_f32s(&row).0;
        let top = vectors.iter().fold(vectors[0], |a, b| simd.max_f32s(a, *b));
        simd.reduce_max_f32s(top)
    });
    let mut sums = ZERO_TILE;
    for (key_block, tile) in scratch.weights.iter_mut().enumerate() {
        for (scores, top) in tile.iter_mut().zip(tops) {
            let top = simd.splat_f32s(top);
            for score in S::as_mut_simd_f32s(scores).0 {
                *score = exponential(simd, simd.sub_f32s(*score, top));
            }
        }
        if key_block == block {
            // The exponential is clamped and never quite zero.
            hide_future(tile, 0.0);
        }
        for (weights, sums) in tile.iter().zip(&mut sums) {
            let sums = S::as_mut_simd_f32s(sums).0;
            for (weight, sum) in S::as_simd_f32s(weights).0.iter().zip(sums) {
                *sum = simd.add_f32s(*sum, *weight);
            }
        }
    }
    sums.map(|row| simd_sum(simd, &row))
}

/// Sets what lies right of the diagonal.
#[inline(always)]
fn hide_future(tile: &mut Tile, value: f32) {
    for (query, keys) in tile.iter_mut().enumerate() {
        for (key, weight) in keys.iter_mut().enumerate() {
            *weight = if key > query { value } else { *weight };
        }
    }
}

#[inline(always)]
fn simd_sum<S: Simd>(simd: S, row: &[f32; SIDE]) -> f32 {
    let vectors = S::as_simd_f32s(row).0;
    let zero = simd.splat_f32s(0.0);
    simd.reduce_sum_f32s(vectors.iter().fold(zero, |a, b| simd.add_f32s(a, *b)))
}

/// Puts one head into one line of the tiles that make up a block.
#[inline(always)]
fn store_head<'a>(head: &[f32], line: usize, tiles: impl Iterator<Item = &'a mut Tile>) {
    for (elements, tile) in head.chunks(SIDE).zip(tiles) {
        tile[line][..elements.len()].copy_from_slice(elements);
    }
}

/// The reverse of [`store_head`], times a factor.
#[inline(always)]
fn fetch_head(tiles: &[Tile], line: usize, factor: f32, head: &mut [f32]) {
    for (elements, tile) in head.chunks_mut(SIDE).zip(tiles) {
        for (element, value) in elements.iter_mut().zip(&tile[line]) {
            *element = value * factor;
        }
    }
}

/// `[panel][block]` tiles → `[block][panel]` transposed tiles.
#[inline(always)]
fn transpose_blocks(tiles: &[Tile], blocks: usize, result: &mut Vec<Tile>) {
    result.clear();
    for block in 0..blocks {
        result.extend(tiles.iter().skip(block).step_by(blocks).map(transpose));
    }
}

#[cfg(test)]
mod tests {
    use super::super::attention;
    use super::super::testing::{assert_agree, elements, random, with_threads};
    use super::*;
    use crate::policy::rope::Rotary;
    use burn::tensor::TensorData;

    /// One for the elements `[b, t, h, d]` of real tokens, zero for padding.
    fn mask(lengths: &[usize], [b, t, h, d]: [usize; 4], like: &Tensor<4>) -> Tensor<4> {
        let values: Vec<f32> = (0..b * t * h * d)
            .map(|i| f32::from(i / (h * d) % t < lengths[i / (t * h * d)]))
            .collect();
        Tensor::from_data(TensorData::new(values, [b, t, h, d]), &like.device())
    }

    #[test]
    fn agrees_with_stock_operations_and_slopes() {
        // Rows, tokens, heads, key heads, width, and the rows' lengths.
        let cases: [([usize; 5], &[usize]); 6] = [
            ([1, 1, 1, 1, 2], &[1]),
            ([2, 5, 4, 2, 8], &[5, 1]),
            ([3, 17, 2, 1, 6], &[17, 0, 16]),
            ([2, 33, 4, 4, 16], &[33, 20]),
            ([2, 40, 6, 2, 32], &[7, 40]),
            ([1, 50, 2, 1, 34], &[49]),
        ];
        for ([b, t, h, g, d], lengths) in cases {
            let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), t + 3);
            let (queries, keys) = (b * t * h * d, b * t * g * d);
            let shaped = |x: &[Tensor<1>]| {
                let q = x[0].clone().reshape([b, t, h, d]);
                (
                    q * 3,
                    x[1].clone().reshape([b, t, g, d]),
                    x[2].clone().reshape([b, t, g, d]),
                )
            };
            let masked = |result: Tensor<4>| {
                let mask = mask(lengths, [b, t, h, d], &result);
                (result * mask).reshape([queries])
            };
            assert_agree(
                &[queries, keys, keys],
                &|x| {
                    let (q, k, v) = shaped(x);
                    attention(q, k, v, lengths, &rope).reshape([queries])
                },
                &|x| {
                    let (q, k, v) = shaped(x);
                    masked(composed(q, k, v, &rope))
                },
            );
        }
    }

    #[test]
    fn rows_padding_and_threads_do_not_change_a_bit() {
        let [b, t, h, g, d] = [4, 45, 4, 2, 32];
        let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), 64);
        let (q, k, v) = (
            random(1, [b, t, h, d]),
            random(2, [b, t, g, d]),
            random(3, [b, t, g, d]),
        );
        let lengths = [45, 30, 1, 18];
        let whole = with_threads(1, || {
            elements(attention(q.clone(), k.clone(), v.clone(), &lengths, &rope))
        });
        let again = with_threads(3, || {
            elements(attention(q.clone(), k.clone(), v.clone(), &lengths, &rope))
        });
        assert_eq!(whole, again);
        for (row, length) in lengths.into_iter().enumerate() {
            let cut = |x: &Tensor<4>| x.clone().narrow(0, row, 1).narrow(1, 0, length);
            let alone = elements(attention(cut(&q), cut(&k), cut(&v), &[length], &rope));
            assert_eq!(alone, whole[row * t * h * d..][..length * h * d]);
            let padding = &whole[row * t * h * d..][length * h * d..t * h * d];
            assert!(padding.iter().all(|&x| x == 0.0));
        }
    }

    #[test]
    fn gradients_of_a_row_do_not_depend_on_the_others() {
        let [b, t, h, g, d] = [3, 40, 4, 2, 32];
        let shape = AttentionShape {
            tokens: t,
            heads: h,
            groups: g,
            width: d,
        };
        let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), t);
        let [q, gradient] = [1, 2].map(|seed| elements(random(seed, [b, t, h, d])));
        let [k, v] = [3, 4].map(|seed| elements(random(seed, [b, t, g, d])));
        let whole = with_threads(3, || {
            backward(shape, [&q, &k, &v], &gradient, &[40, 9, 33], &rope)
        });
        let (queries, keys) = (shape.query_row(), shape.key_row());
        let inputs = [
            &q[queries..2 * queries],
            &k[keys..2 * keys],
            &v[keys..2 * keys],
        ];
        let alone = backward(shape, inputs, &gradient[queries..2 * queries], &[9], &rope);
        for (alone, whole) in alone.iter().zip(&whole) {
            assert_eq!(alone[..], whole[alone.len()..2 * alone.len()]);
        }
    }
}
