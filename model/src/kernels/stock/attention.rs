//! Causal attention of packed rows in pieces: of some rows all scores exist at a time, or of one row those of some queries,
//! and none is kept. The way back computes each piece's weights again (Rabe and Staats 2021, arXiv 2112.05682).

use std::ops::Range;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData, activation};

use super::super::rope::RopeTable;
use crate::packing::Packing;

/// Attention `[1, n, h, d]` as in [`super::super::attention`], with at most so many scores at a time.
pub(in super::super) fn attention(
    inputs: [Tensor<4>; 3],
    packing: &Packing,
    rope: &RopeTable,
    scores: usize,
) -> Tensor<4> {
    let [_, n, h, d] = inputs[0].dims();
    let rows = Rows::new(packing, &inputs[0].device());
    let [q, k, v] = rows.rotated(inputs, rope);
    let (count, pieces) = (rows.count * rows.longest, pieces(q.dims(), scores));
    let blocks = pieces.into_iter().map(|piece| {
        let (weights, values) = (piece.weights(&q, &k, rope.reach()), piece.keys(&v));
        let [r, _, _, d] = values.dims();
        let attended = weights.matmul(values);
        attended.reshape([r, h, piece.queries.len(), d])
    });
    let attended = joined(blocks.collect(), h, rows.longest, d);
    let all = attended.swap_dims(1, 2).reshape([count, h * d]);
    all.select(0, rows.owners).reshape([1, n, h, d])
}

/// Gradients of queries, keys and values from the gradient of the result.
pub(in super::super) fn attention_gradients(
    inputs: [Tensor<4>; 3],
    packing: &Packing,
    rope: &RopeTable,
    gradient_1nhd: Tensor<4>,
    scores: usize,
) -> [Tensor<4>; 3] {
    let shapes = inputs.clone().map(|input| input.dims());
    let [_, _, h, d] = shapes[0];
    let rows = Rows::new(packing, &inputs[0].device());
    let [q, k, v] = rows.rotated(inputs, rope);
    let gradient = rows.spelled_out(gradient_1nhd) * rows.owned.clone();
    let gradient = gradient.swap_dims(1, 2);
    let mut of_queries = Vec::new();
    let mut of_keys = [k.zeros_like(), v.zeros_like()];
    let root = (d as f64).sqrt();
    for piece in pieces(q.dims(), scores) {
        let (keys, values) = (piece.keys(&k), piece.keys(&v));
        let [r, g, _, _] = keys.dims();
        let side_by_side = h / g * piece.queries.len();
        let grouped = |x: &Tensor<4>| piece.queries_of(x).reshape([r, g, side_by_side, d]);
        let (queries, pull) = (grouped(&q), grouped(&gradient));
        let weights = piece.weights(&q, &k, rope.reach());
        let of_values = weights.clone().swap_dims(2, 3).matmul(pull.clone());
        let of_weights = pull.matmul(values.swap_dims(2, 3));
        let mean = (of_weights.clone() * weights.clone()).sum_dim(3);
        let of_scores = weights * (of_weights - mean) / root;
        let of_keys_here = of_scores.clone().swap_dims(2, 3).matmul(queries);
        of_queries.push(
            of_scores
                .matmul(keys)
                .reshape([r, h, piece.queries.len(), d]),
        );
        for (sums, more) in of_keys.iter_mut().zip([of_keys_here, of_values]) {
            let place = [piece.rows.clone(), 0..g, 0..piece.queries.end, 0..d];
            let sum = sums.clone().slice(place.clone()) + more;
            *sums = sums.clone().slice_assign(place, sum);
        }
    }
    let of_queries = joined(of_queries, h, rows.longest, d);
    let [of_keys, of_values] = of_keys;
    let back = |x: Tensor<4>| rope.rotate_back_composed(x.swap_dims(1, 2));
    let found = [back(of_queries), back(of_keys), of_values.swap_dims(1, 2)];
    let mut shapes = shapes.into_iter();
    found.map(|gradient| {
        let [_, n, heads, d] = shapes.next().expect("there are as many as gradients");
        let gradient = gradient.reshape([rows.count * rows.longest, heads * d]);
        let sums = Tensor::<2>::zeros([n, heads * d], &gradient.device());
        // What pads a row has no gradient, wherever it is added.
        let places = rows.places.clone();
        let sums = sums.select_assign(0, places, gradient, IndexingUpdateOp::Add);
        sums.reshape([1, n, heads, d])
    })
}

/// Packed rows, spelled out to the length of the longest.
struct Rows {
    count: usize,
    longest: usize,
    /// The token at each of the `count * longest` places; some token where a row has ended.
    places: Tensor<1, Int>,
    /// The place of each token in the row that computes it.
    owners: Tensor<1, Int>,
    /// `[count, longest, 1, 1]`: 1 where a place is its token's, else 0.
    owned: Tensor<4>,
}

impl Rows {
    fn new(packing: &Packing, device: &Device) -> Self {
        let (count, longest) = (packing.rows().len(), packing.longest());
        let mut places = vec![0_i32; count * longest];
        let mut owners = vec![0_i32; packing.tokens().len()];
        let mut owned = vec![0.0_f32; count * longest];
        for (index, row) in packing.rows().iter().enumerate() {
            for (position, &token) in row.places.iter().enumerate() {
                let place = index * longest + position;
                places[place] = token as i32;
                if position >= row.shared {
                    owners[token] = place as i32;
                    owned[place] = 1.0;
                }
            }
        }
        let indices = |of: Vec<i32>| {
            let count = of.len();
            Tensor::from_data(TensorData::new(of, [count]), device)
        };
        Self {
            places: indices(places),
            owners: indices(owners),
            owned: Tensor::from_data(TensorData::new(owned, [count, longest, 1, 1]), device),
            count,
            longest,
        }
    }

    /// `[1, n, heads, d]` of tokens → `[count, longest, heads, d]`.
    fn spelled_out(&self, x_1nhd: Tensor<4>) -> Tensor<4> {
        let [_, n, heads, d] = x_1nhd.dims();
        let x = x_1nhd.reshape([n, heads * d]);
        let x = x.select(0, self.places.clone());
        x.reshape([self.count, self.longest, heads, d])
    }

    /// Queries, keys and values `[count, heads, longest, d]`, the first two rotated.
    fn rotated(&self, inputs: [Tensor<4>; 3], rope: &RopeTable) -> [Tensor<4>; 3] {
        let [q, k, v] = inputs.map(|input| self.spelled_out(input));
        let rotated = [rope.rotate_composed(q), rope.rotate_composed(k), v];
        rotated.map(|x| x.swap_dims(1, 2))
    }
}

/// Some queries of some rows: all of them, or of one row.
struct Piece {
    rows: Range<usize>,
    queries: Range<usize>,
}

/// Cuts `[rows, heads, queries, _]` so that no piece has more scores than it may, where one query has no more.
fn pieces([rows, heads, queries, _]: [usize; 4], scores: usize) -> Vec<Piece> {
    let of_query = (heads * queries).max(1);
    let at_once = (scores / of_query).clamp(1, queries.max(1));
    let side_by_side = if at_once == queries {
        (scores / (of_query * queries)).clamp(1, rows.max(1))
    } else {
        1
    };
    let ends = |start: usize, step: usize, end: usize| start..(start + step).min(end);
    let mut found = Vec::new();
    for row in (0..rows).step_by(side_by_side) {
        for query in (0..queries).step_by(at_once) {
            found.push(Piece {
                rows: ends(row, side_by_side, rows),
                queries: ends(query, at_once, queries),
            });
        }
    }
    found
}

impl Piece {
    fn queries_of(&self, x: &Tensor<4>) -> Tensor<4> {
        let [_, heads, _, d] = x.dims();
        let place = [self.rows.clone(), 0..heads, self.queries.clone(), 0..d];
        x.clone().slice(place)
    }

    /// Keys or values up to the last query.
    fn keys(&self, x: &Tensor<4>) -> Tensor<4> {
        let [_, heads, _, d] = x.dims();
        let place = [self.rows.clone(), 0..heads, 0..self.queries.end, 0..d];
        x.clone().slice(place)
    }

    /// What each query takes of each key: `[rows, groups, heads of a group * queries, keys]`.
    fn weights(&self, q: &Tensor<4>, k: &Tensor<4>, reach: usize) -> Tensor<4> {
        let ([_, h, _, d], keys) = (q.dims(), self.keys(k));
        let [r, g, t, _] = keys.dims();
        let (count, repeats) = (self.queries.len(), h / g);
        let queries = self.queries_of(q).reshape([r, g, repeats * count, d]);
        let scores = queries.matmul(keys.swap_dims(2, 3)) / (d as f64).sqrt();
        let offset = self.queries.start as i64 + 1;
        let mut hidden = Tensor::<2>::ones([count, t], &q.device()).triu(offset) * -1e9;
        if reach < t {
            let past = self.queries.start as i64 - reach as i64;
            hidden = hidden + Tensor::<2>::ones([count, t], &q.device()).tril(past) * -1e9;
        }
        let scores =
            scores.reshape([r, g, repeats, count, t]) + hidden.reshape([1, 1, 1, count, t]);
        activation::softmax(scores, 4).reshape([r, g, repeats * count, t])
    }
}

/// Pieces `[some rows, h, some queries, d]`, in the order of [`pieces`] → `[rows, h, longest, d]`.
fn joined(blocks: Vec<Tensor<4>>, h: usize, longest: usize, d: usize) -> Tensor<4> {
    let of_all = blocks
        .first()
        .is_none_or(|block| block.dims()[2] == longest);
    if of_all {
        return Tensor::cat(blocks, 0);
    }
    // One row each: its pieces lie side by side.
    let mut rows: Vec<Vec<Tensor<4>>> = Vec::new();
    let mut filled = longest;
    for block in blocks {
        if filled == longest {
            rows.push(Vec::new());
            filled = 0;
        }
        filled += block.dims()[2];
        if let Some(row) = rows.last_mut() {
            row.push(block);
        }
    }
    let rows = rows
        .into_iter()
        .map(|row| Tensor::cat(row, 2).reshape([1, h, longest, d]));
    Tensor::cat(rows.collect(), 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::attention as kernel;
    use super::super::super::attention::composed;
    use super::super::super::testing::{assert_close, assert_way_back, elements, random};
    use super::*;
    use crate::rope::Rotary;

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

    const CASES: [([usize; 3], &[[usize; 2]]); 4] = [
        ([1, 1, 2], &[[0, 1]]),
        ([4, 2, 8], &[[0, 5], [0, 1]]),
        ([2, 1, 6], &[[0, 17], [0, 0], [0, 16]]),
        ([6, 2, 32], &[[0, 7], [3, 40], [39, 41], [40, 40]]),
    ];

    #[test]
    fn pieces_of_any_size_give_what_all_scores_at_once_give() {
        // All positions, and windows of some.
        let cases = CASES.into_iter();
        for (([h, g, d], rows), reach) in
            cases.flat_map(|case| [usize::MAX, 1, 5, 16].map(|reach| (case, reach)))
        {
            let packing = packed(rows);
            let n = packing.tokens().len();
            let rotary = Rotary::new(d, 10_000.0, None);
            let rope = RopeTable::new(&rotary, packing.longest()).within(reach);
            let shaped = |[q, k, v]: [Tensor<1>; 3]| {
                [
                    q.reshape([1, n, h, d]) * 3,
                    k.reshape([1, n, g, d]),
                    v.reshape([1, n, g, d]),
                ]
            };
            // One query of one row at a time, a few, a row, and all of them.
            for scores in [
                1,
                3 * h * packing.longest(),
                h * packing.longest().pow(2),
                1 << 24,
            ] {
                assert_way_back(
                    [n * h * d, n * g * d, n * g * d],
                    |inputs| {
                        let [q, k, v] = shaped(inputs);
                        composed(q, k, v, &packing, &rope).flatten::<1>(0, 3)
                    },
                    |inputs, gradient| {
                        let gradient = gradient.reshape([1, n, h, d]);
                        let [q, k, v] =
                            attention_gradients(shaped(inputs), &packing, &rope, gradient, scores);
                        [q * 3, k, v].map(|x| x.flatten::<1>(0, 3))
                    },
                );
                let inputs = [
                    random(1, [1, n, h, d]),
                    random(2, [1, n, g, d]),
                    random(3, [1, n, g, d]),
                ];
                let found = attention(inputs.clone(), &packing, &rope, scores);
                let [q, k, v] = inputs;
                let expected = kernel(q, k, v, &Arc::new(packing.clone()), &rope);
                assert_close(&elements(found), &elements(expected), 1e-5);
            }
        }
    }

    #[test]
    fn no_piece_has_more_scores_than_it_may() {
        for (shape @ [rows, heads, queries, _], scores) in [
            ([3, 4, 100, 8], 1_000_000),
            ([3, 4, 100, 8], 50_000),
            ([3, 4, 100, 8], 4_000),
            ([1, 28, 4096, 128], 1 << 24),
            ([300, 14, 200, 64], 1 << 24),
        ] {
            let all = pieces(shape, scores);
            let count = |piece: &Piece| piece.rows.len() * heads * piece.queries.len() * queries;
            assert!(all.iter().all(|piece| count(piece) <= scores));
            let sum: usize = all.iter().map(count).sum();
            assert_eq!(sum, rows * heads * queries * queries);
        }
    }
}
