//! Queries, keys and values of packed rows → causal grouped-query attention with rotary positions, and its
//! gradients. Queries that rows share are computed once; what rows share of keys and values gets the sum of their
//! gradients. How one row is computed is in `row`; it doesn't know of projections.

mod row;
mod tiles;

use burn::tensor::{Int, Shape, Tensor, TensorData, activation};
use pulp::Arch;
use rayon::prelude::*;

use super::rope::RopeTable;
use crate::packing::Packing;
use row::{Backward, Forward, Row, Scratch};

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

    /// Elements of all heads of one token's query.
    fn query(self) -> usize {
        self.heads * self.width
    }

    /// Elements of all heads of one token's key.
    fn key(self) -> usize {
        self.groups * self.width
    }
}

/// The same function as a composition of stock operations, all scores at once: for other numbers than f32. Rows are spelled
/// out, padded, and packed again.
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
    let mut hidden = future;
    if rope.reach() < t {
        let past = Tensor::<2>::ones([t, t], &hidden.device()).tril(-(rope.reach() as i64));
        hidden = hidden + past * -1e9;
    }
    let scores = q.matmul(k.swap_dims(2, 3)) / (d as f64).sqrt();
    let scores = scores.reshape([b, g, repeats, t, t]) + hidden.reshape([1, 1, 1, t, t]);
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
        .filter(|(packed, _)| !packed.own.is_empty())
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
            if packed.own.is_empty() {
                // Nothing was computed here that could have a gradient.
                return Default::default();
            }
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

#[cfg(test)]
mod tests {
    use super::super::attention;
    use std::sync::Arc;

    use super::super::testing::{assert_agree, assert_close, elements, random, with_threads};
    use super::*;
    use crate::packing::PackedRow;
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

    /// What belongs to the tokens of one row, so many numbers each.
    fn spelled_out(row: &PackedRow, of: &[f32], each: usize) -> Vec<f32> {
        let pieces = row
            .places
            .iter()
            .map(|place| &of[place * each..(place + 1) * each]);
        pieces.flatten().copied().collect()
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
        // All positions, and windows that end within a block of sixteen, at its end and behind it.
        let reaches = [usize::MAX, 1, 5, 16, 17, 31];
        for (([h, g, d], rows), reach) in cases
            .into_iter()
            .flat_map(|case| reaches.map(|reach| (case, reach)))
        {
            let packing = packed(rows);
            let n = packing.tokens().len();
            let rope = RopeTable::new(&Rotary::new(d, 10_000.0, None), packing.longest() + 3)
                .within(reach);
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
            let pick = |of: &[f32], each| spelled_out(row, of, each);
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
            let pick = |of: &[f32], each| spelled_out(row, of, each);
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
