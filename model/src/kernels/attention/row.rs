//! One packed row → its part of causal attention and of the gradients (over 400 lines: both passes share every tile).
//! It goes head by head in 16 × 16 tiles: scores exist only for 16 queries of one head at a time (the blockwise idea of Dao et al. 2022, arXiv 2205.14135; here the 16 queries see
//! all their keys at once, so the backward pass needs nothing from the forward pass but its inputs). It doesn't know of
//! the other rows.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::rope::{RopeTable, rotate, rotate_back};
use super::super::vector::{
    SIDE, Tile, ZERO_TILE, add_transposed_product, exponential, multiply_tiles,
};
use super::AttentionShape;
use super::tiles::{fetch_head, hide, simd_sum, store_head, transpose_blocks};
use crate::packing::PackedRow;

/// One row, and where its tokens are in what is computed of all.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
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
    pub(super) fn new(
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
    fn key_place(&self, token: usize, group: usize) -> Range<usize> {
        let start = (self.places[token] * self.shape.groups + group) * self.shape.width;
        start..start + self.shape.width
    }

    /// Blocks of sixteen tokens, and which of them hold a query to compute.
    #[inline(always)]
    fn blocks(&self) -> (usize, Range<usize>) {
        let blocks = self.places.len().div_ceil(SIDE);
        (blocks, (self.first / SIDE).min(blocks)..blocks)
    }
}

/// Tiles of one group of heads, kept between rows to spare allocations. Blocks count tokens in sixteens,
/// panels count a head's elements in sixteens.
#[derive(Default)]
pub(super) struct Scratch {
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

pub(super) struct Forward<'a> {
    pub(super) row: Row<'a>,
    pub(super) scratch: &'a mut Scratch,
    pub(super) result: &'a mut [f32],
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
                    let sums = weigh(simd, (block, shape.panels()), row.rope.reach(), scratch);
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

pub(super) struct Backward<'a> {
    pub(super) row: Row<'a>,
    /// Of the result, where this row computed it.
    pub(super) gradient: &'a [f32],
    pub(super) scratch: &'a mut Scratch,
    pub(super) query: &'a mut [f32],
    /// Those of the positions shared with other rows, and the others.
    pub(super) key: [&'a mut [f32]; 2],
    pub(super) value: [&'a mut [f32]; 2],
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
                    let sums = weigh(simd, (block, panels), row.rope.reach(), scratch);
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
    /// Tiles across one head.
    fn panels(self) -> usize {
        self.width.div_ceil(SIDE)
    }

    fn scale(self) -> f32 {
        (1.0 / (self.width as f64).sqrt()) as f32
    }

    /// The query heads that read one key head.
    fn heads_of(self, group: usize) -> Range<usize> {
        let heads = self.heads / self.groups;
        group * heads..(group + 1) * heads
    }
}

impl Row<'_> {
    /// The real tokens of one block of sixteen.
    #[inline(always)]
    fn tokens_of(&self, block: usize) -> Range<usize> {
        block * SIDE..self.places.len().min((block + 1) * SIDE)
    }

    /// Those of them whose queries are this row's to compute.
    #[inline(always)]
    fn asked_of(&self, block: usize) -> Range<usize> {
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
fn weigh<S: Simd>(
    simd: S,
    (block, panels): (usize, usize),
    reach: usize,
    scratch: &mut Scratch,
) -> [f32; SIDE] {
    scratch.weights.resize(block + 1, ZERO_TILE);
    let mut tops = [[f32::NEG_INFINITY; SIDE]; SIDE];
    for (key_block, tile) in scratch.weights.iter_mut().enumerate() {
        let keys = &scratch.keys_transposed[key_block * panels..];
        multiply_tiles(simd, scratch.queries.iter().zip(keys), tile);
        hide(tile, block - key_block, reach, f32::NEG_INFINITY);
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
        // The exponential is clamped and never quite zero.
        hide(tile, block - key_block, reach, 0.0);
        for (weights, sums) in tile.iter().zip(&mut sums) {
            let sums = S::as_mut_simd_f32s(sums).0;
            for (weight, sum) in S::as_simd_f32s(weights).0.iter().zip(sums) {
                *sum = simd.add_f32s(*sum, *weight);
            }
        }
    }
    sums.map(|row| simd_sum(simd, &row))
}
