//! Queries, keys and values of packed rows → causal grouped-query attention with rotary positions, and its
//! gradients, row by row and head by head in 16 × 16 tiles: scores exist only for 16 queries of one head at
//! a time (the blockwise idea of Dao et al. 2022, arXiv 2205.14135; here the 16 queries see all their keys
//! at once, so the backward pass needs nothing from the forward pass but its inputs). Queries that rows share are
//! computed once. It doesn't know of tensors or projections.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use burn::tensor::{Int, Shape, Tensor, TensorData, activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::rope::{RopeTable, rotate, rotate_back};
use super::vector::{
    SIDE, Tile, ZERO_TILE, add_transposed_product, exponential, multiply_tiles, transpose,
};
use crate::policy::packing::{PackedRow, Packing};

/// Sizes of the queries `[1, tokens, heads, width]` and of keys and values `[1, tokens, groups, width]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttentionShape {
    heads: usize,
    groups: usize,
    width: usize,
}

impl AttentionShape {
    pub(super) fn of(queries: Shape, keys: Shape) -> Self {
        Self {
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

    /// Elements of all heads of one token's query.
    fn query(self) -> usize {
        self.heads * self.width
    }

    /// Elements of all heads of one token's key.
    fn key(self) -> usize {
        self.groups * self.width
    }
}

/// The same function as a composition of stock operations, for other backends than Flex: rows are spelled out, padded, and
/// packed again.
pub(super) fn composed(
    q_1nhd: Tensor<4>,
    k_1ngd: Tensor<4>,
    v_1ngd: Tensor<4>,
    packing: &Packing,
    rope: &RopeTable,
) -> Tensor<4> {
    let [_, n, h, d] = q_1nhd.dims();
    let (b, t, device) = (packing.rows().len(), packing.longest(), q_1nhd.device());
    let mut places = vec![0_i32; b * t];
    let mut owners = vec![0_i32; n];
    for (index, row) in packing.rows().iter().enumerate() {
        for (position, &place) in row.places.iter().enumerate() {
            places[index * t + position] = place as i32;
            if position >= row.shared {
                owners[place] = (index * t + position) as i32;
            }
        }
    }
    let indices = |of: Vec<i32>| {
        let count = of.len();
        Tensor::<1, Int>::from_data(TensorData::new(of, [count]), &device)
    };
    let places = indices(places);
    let spelled_out = |x: Tensor<4>| {
        let [_, n, heads, d] = x.dims();
        let x = x.reshape([n, heads * d]).select(0, places.clone());
        x.reshape([b, t, heads, d])
    };
    let [q, k, v] = [q_1nhd, k_1ngd, v_1ngd].map(spelled_out);
    let all = of_padded_rows(q, k, v, rope).reshape([b * t, h * d]);
    all.select(0, indices(owners)).reshape([1, n, h, d])
}

fn of_padded_rows(
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

/// Attention of every token.
pub(super) fn forward(
    shape: AttentionShape,
    inputs: [&[f32]; 3],
    packing: &Packing,
    rope: &RopeTable,
) -> Vec<f32> {
    let mut result = vec![0.0; inputs[0].len()];
    packing
        .rows()
        .par_iter()
        .zip(owned(packing, &mut result, shape.query()))
        .with_max_len(1)
        .for_each_init(Scratch::default, |scratch, (packed, result)| {
            let row = Row::new(shape, inputs, packed, rope);
            Arch::new().dispatch(Forward {
                row,
                scratch,
                result,
            });
        });
    result
}

/// Gradients of queries, keys and values from the gradient of the result.
pub(super) fn backward(
    shape: AttentionShape,
    inputs: [&[f32]; 3],
    gradient: &[f32],
    packing: &Packing,
    rope: &RopeTable,
) -> [Vec<f32>; 3] {
    let mut results = inputs.map(|input| vec![0.0; input.len()]);
    let [q_result, k_result, v_result] = &mut results;
    let (query, key) = (shape.query(), shape.key());
    let shared: Vec<[Vec<f32>; 2]> = packing
        .rows()
        .par_iter()
        .zip(owned(packing, q_result, query))
        .zip(owned(packing, k_result, key))
        .zip(owned(packing, v_result, key))
        .with_max_len(1)
        .map_init(Scratch::default, |scratch, (((packed, q), k), v)| {
            let mut shared = [(); 2].map(|()| vec![0.0; packed.shared * key]);
            let [k_shared, v_shared] = &mut shared;
            Arch::new().dispatch(Backward {
                row: Row::new(shape, inputs, packed, rope),
                gradient: &gradient[packed.own.start * query..packed.own.end * query],
                scratch,
                query: q,
                key: [k_shared, k],
                value: [v_shared, v],
            });
            shared
        })
        .collect();
    // In the order of rows, so that the sums are the same however many threads there are.
    for (row, [k_shared, v_shared]) in packing.rows().iter().zip(&shared) {
        for (result, shared) in [(&mut *k_result, k_shared), (&mut *v_result, v_shared)] {
            for (&place, gradient) in row.places.iter().zip(shared.chunks_exact(key)) {
                let sums = &mut result[place * key..(place + 1) * key];
                for (sum, gradient) in sums.iter_mut().zip(gradient) {
                    *sum += gradient;
                }
            }
        }
    }
    results
}

/// The pieces of `values`, so many a token, that belong to each row alone.
fn owned<'a>(packing: &Packing, mut values: &'a mut [f32], each: usize) -> Vec<&'a mut [f32]> {
    let rows = packing.rows().iter();
    rows.map(|row| {
        let (own, others) = std::mem::take(&mut values).split_at_mut(row.own.len() * each);
        values = others;
        own
    })
    .collect()
}

/// One row, and where its tokens are in what is computed of all.
#[derive(Clone, Copy)]
struct Row<'a> {
    shape: AttentionShape,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    places: &'a [usize],
    /// The first position whose query is this row's to compute.
    first: usize,
    rope: &'a RopeTable,
}

impl<'a> Row<'a> {
    fn new(
        shape: AttentionShape,
        [q, k, v]: [&'a [f32]; 3],
        packed: &'a PackedRow,
        rope: &'a RopeTable,
    ) -> Self {
        Self {
            shape,
            q,
            k,
            v,
            places: &packed.places,
            first: packed.shared,
            rope,
        }
    }

    /// One head of a token's query.
    #[inline(always)]
    fn query(&self, token: usize, head: usize) -> &'a [f32] {
        let start = (self.places[token] * self.shape.heads + head) * self.shape.width;
        &self.q[start..start + self.shape.width]
    }

    /// Where one head of a token's key or value is.
    #[inline(always)]
    fn key_place(&self, token: usize, group: usize) -> std::ops::Range<usize> {
        let start = (self.places[token] * self.shape.groups + group) * self.shape.width;
        start..start + self.shape.width
    }

    /// Blocks of sixteen tokens, and which of them hold a query to compute.
    #[inline(always)]
    fn blocks(&self) -> (usize, std::ops::Range<usize>) {
        let blocks = self.places.len().div_ceil(SIDE);
        (blocks, (self.first / SIDE).min(blocks)..blocks)
    }
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
        let (blocks, asked) = row.blocks();
        for group in 0..shape.groups {
            row.load_keys(group, scratch);
            row.load_values(group, scratch);
            for head in shape.heads_of(group) {
                for block in asked.clone() {
                    row.load_queries(head, block, scratch);
                    let sums = weigh(simd, block, shape.panels(), scratch);
                    for panel in 0..shape.panels() {
                        let mut tile = ZERO_TILE;
                        let values = &scratch.values[panel * blocks..];
                        multiply_tiles(simd, scratch.weights.iter().zip(values), &mut tile);
                        for token in row.asked_of(block) {
                            let (values, sum) = (&tile[token % SIDE], sums[token % SIDE]);
                            let own = (token - row.first) * shape.heads + head;
                            let place = own * shape.width + panel * SIDE;
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
    /// Of the result, where this row computed it.
    gradient: &'a [f32],
    scratch: &'a mut Scratch,
    query: &'a mut [f32],
    /// Those of the positions shared with other rows, and the others.
    key: [&'a mut [f32]; 2],
    value: [&'a mut [f32]; 2],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            row,
            gradient,
            scratch,
            query,
            key,
            value,
        } = self;
        let shape = row.shape;
        let (blocks, asked) = row.blocks();
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
                for block in asked.clone() {
                    row.load_queries(head, block, scratch);
                    scratch.gradient.clear();
                    scratch.gradient.resize(panels, ZERO_TILE);
                    for token in row.asked_of(block) {
                        let place = ((token - row.first) * shape.heads + head) * shape.width;
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
                    for token in row.asked_of(block) {
                        let place = ((token - row.first) * shape.heads + head) * shape.width;
                        let result = &mut query[place..place + shape.width];
                        fetch_head(&scratch.gradient, token % SIDE, shape.scale(), result);
                        rotate_back(result, row.rope.at(token));
                    }
                }
            }
            for token in 0..row.places.len() {
                let owned = usize::from(token >= row.first);
                let start = token - owned * row.first;
                let place = (start * shape.groups + group) * shape.width;
                let tiles = token / SIDE * panels..(token / SIDE + 1) * panels;
                let result = &mut key[owned][place..place + shape.width];
                let sums = &scratch.key_gradients[tiles.clone()];
                fetch_head(sums, token % SIDE, 1.0, result);
                rotate_back(result, row.rope.at(token));
                let result = &mut value[owned][place..place + shape.width];
                let sums = &scratch.value_gradients[tiles];
                fetch_head(sums, token % SIDE, 1.0, result);
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
        block * SIDE..self.places.len().min((block + 1) * SIDE)
    }

    /// Those of them whose queries are this row's to compute.
    #[inline(always)]
    fn asked_of(&self, block: usize) -> std::ops::Range<usize> {
        let tokens = self.tokens_of(block);
        tokens.start.max(self.first)..tokens.end
    }

    #[inline(always)]
    fn load_keys(&self, group: usize, scratch: &mut Scratch) {
        let (shape, (blocks, _)) = (self.shape, self.blocks());
        scratch.keys.clear();
        scratch.keys.resize(blocks * shape.panels(), ZERO_TILE);
        scratch.head.resize(shape.width, 0.0);
        for token in 0..self.places.len() {
            let head = &self.k[self.key_place(token, group)];
            rotate(head, self.rope.at(token), &mut scratch.head);
            let tiles = scratch.keys.iter_mut().skip(token / SIDE).step_by(blocks);
            store_head(&scratch.head, token % SIDE, tiles);
        }
        transpose_blocks(&scratch.keys, blocks, &mut scratch.keys_transposed);
    }

    #[inline(always)]
    fn load_values(&self, group: usize, scratch: &mut Scratch) {
        let (shape, (blocks, _)) = (self.shape, self.blocks());
        scratch.values.clear();
        scratch.values.resize(blocks * shape.panels(), ZERO_TILE);
        for token in 0..self.places.len() {
            let head = &self.v[self.key_place(token, group)];
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
            rotate(
                self.query(token, head),
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
    use std::sync::Arc;

    use super::super::testing::{assert_agree, assert_close, elements, random, with_threads};
    use super::*;
    use crate::policy::rope::Rotary;

    /// Rows that begin alike for as many tokens as each pair says, and are as long as it says.
    fn packed(rows: &[[usize; 2]]) -> Packing {
        let mut tokens: Vec<Vec<u32>> = Vec::new();
        for (index, &[shared, length]) in rows.iter().enumerate() {
            let mut row: Vec<u32> = tokens.last().map_or(vec![], |row| row[..shared].to_vec());
            row.extend((shared..length).map(|position| (index * 1000 + position) as u32));
            tokens.push(row);
        }
        Packing::new(tokens.iter().map(Vec::as_slice))
    }

    /// Heads, key heads and width.
    fn sizes([h, g, d]: [usize; 3]) -> AttentionShape {
        AttentionShape {
            heads: h,
            groups: g,
            width: d,
        }
    }

    #[test]
    fn agrees_with_stock_operations_and_slopes() {
        let cases: [([usize; 3], &[[usize; 2]]); 7] = [
            ([1, 1, 2], &[[0, 1]]),
            ([4, 2, 8], &[[0, 5], [0, 1]]),
            ([2, 1, 6], &[[0, 17], [0, 0], [0, 16]]),
            ([4, 4, 16], &[[0, 33], [20, 20], [20, 38]]),
            ([6, 2, 32], &[[0, 7], [3, 40], [39, 41], [40, 40]]),
            ([2, 1, 34], &[[0, 49]]),
            ([2, 2, 8], &[[0, 20], [16, 37], [15, 16], [0, 3], [3, 19]]),
        ];
        for ([h, g, d], rows) in cases {
            let packing = packed(rows);
            let n = packing.tokens().len();
            let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), packing.longest() + 3);
            let (queries, keys) = (n * h * d, n * g * d);
            let shaped = |x: &[Tensor<1>]| {
                let q = x[0].clone().reshape([1, n, h, d]);
                let of_key = |x: &Tensor<1>| x.clone().reshape([1, n, g, d]);
                (q * 3, of_key(&x[1]), of_key(&x[2]))
            };
            assert_agree(
                &[queries, keys, keys],
                &|x| {
                    let (q, k, v) = shaped(x);
                    attention(q, k, v, &Arc::new(packing.clone()), &rope).reshape([queries])
                },
                &|x| {
                    let (q, k, v) = shaped(x);
                    composed(q, k, v, &packing, &rope).reshape([queries])
                },
            );
        }
    }

    #[test]
    fn rows_and_threads_do_not_change_a_bit() {
        let heads = [4, 2, 32];
        let [h, g, d] = heads;
        let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), 64);
        let packing = packed(&[[0, 45], [21, 30], [0, 1], [1, 18]]);
        let n = packing.tokens().len();
        let [q, gradient] = [1, 2].map(|seed| elements(random(seed, [n, h, d])));
        let [k, v] = [3, 4].map(|seed| elements(random(seed, [n, g, d])));
        let run = |threads| {
            with_threads(threads, || {
                let inputs = [&q[..], &k, &v];
                (
                    forward(sizes(heads), inputs, &packing, &rope),
                    backward(sizes(heads), inputs, &gradient, &packing, &rope),
                )
            })
        };
        let (whole, gradients) = run(1);
        assert_eq!(run(3), (whole.clone(), gradients));
        for row in packing.rows() {
            let pick = |of: &[f32], each: usize| -> Vec<f32> {
                let pieces = row
                    .places
                    .iter()
                    .map(|place| &of[place * each..(place + 1) * each]);
                pieces.flatten().copied().collect()
            };
            let (q, k, v) = (pick(&q, h * d), pick(&k, g * d), pick(&v, g * d));
            let lone = packed(&[[0, row.places.len()]]);
            let alone = forward(sizes(heads), [&q, &k, &v], &lone, &rope);
            assert_eq!(alone, pick(&whole, h * d));
        }
    }

    #[test]
    fn what_rows_share_gets_the_sum_of_their_gradients() {
        let heads = [4, 2, 32];
        let [h, g, d] = heads;
        let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), 64);
        let packing = packed(&[[0, 40], [19, 30], [19, 52]]);
        let n = packing.tokens().len();
        let [q, gradient] = [1, 2].map(|seed| elements(random(seed, [n, h, d])));
        let [k, v] = [3, 4].map(|seed| elements(random(seed, [n, g, d])));
        let found = backward(sizes(heads), [&q, &k, &v], &gradient, &packing, &rope);
        let mut expected = [&q, &k, &v].map(|input| vec![0.0; input.len()]);
        for row in packing.rows() {
            let pick = |of: &[f32], each: usize| -> Vec<f32> {
                let pieces = row
                    .places
                    .iter()
                    .map(|place| &of[place * each..(place + 1) * each]);
                pieces.flatten().copied().collect()
            };
            let mut pull = pick(&gradient, h * d);
            // Another row answers for these.
            pull[..row.shared * h * d].fill(0.0);
            let inputs = [pick(&q, h * d), pick(&k, g * d), pick(&v, g * d)];
            let lone = packed(&[[0, row.places.len()]]);
            let inputs = [&inputs[0][..], &inputs[1], &inputs[2]];
            let alone = backward(sizes(heads), inputs, &pull, &lone, &rope);
            for ((sums, alone), each) in expected.iter_mut().zip(&alone).zip([h * d, g * d, g * d])
            {
                for (place, values) in row.places.iter().zip(alone.chunks_exact(each)) {
                    for (sum, value) in sums[place * each..].iter_mut().zip(values) {
                        *sum += value;
                    }
                }
            }
        }
        for (found, expected) in found.iter().zip(&expected) {
            assert_close(found, expected, 1e-5);
        }
    }
}
