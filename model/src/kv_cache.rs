//! Keys and values of rows that are being sampled, and attention of their new positions over them.
//!
//! A row owns the memory of its own positions and shares that of the positions before them with other rows: what several
//! begin with is held once, counted by reference, and gone with the last of them. Rows of any length sit side by side
//! without padding, come and go, and what a row computes never depends on its neighbours nor on what it shares. Lives in
//! main memory on every backend.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::decoder::ModelConfig;
use crate::kernels::{self, CachedShape};
use crate::shape::Positions;

/// Keys (rotated) and values of consecutive positions, by layer, position by position.
#[derive(Debug, Default)]
struct Part {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug, Default)]
struct Layer {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Positions that rows may begin with.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    parts: Vec<Arc<Part>>,
    length: usize,
}

/// Keys and values of one row: those it shares, then its own.
#[derive(Debug, Default)]
pub struct RowCache {
    before: Prefix,
    own: Part,
    length: usize,
}

/// Widths of the heads, and their rotations.
#[derive(Clone, Debug)]
pub struct Heads {
    shape: CachedShape,
    positions: Positions,
}

impl Heads {
    /// The heads of a decoder, for positions below `positions`.
    pub fn new(config: &ModelConfig, positions: usize) -> Self {
        Self {
            shape: CachedShape {
                queries: config.num_attention_heads,
                keys: config.num_key_value_heads,
                width: config.head_dim,
            },
            positions: config.positions(positions),
        }
    }

    fn rotate(&self, layer: usize, heads: &mut [f32], position: usize) {
        let (cosines, sines) = self.positions.of(layer).at(position);
        for head in heads.chunks_exact_mut(self.shape.width) {
            let (first, second) = head.split_at_mut(self.shape.width / 2);
            for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }
}

impl Prefix {
    /// Positions held.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl RowCache {
    /// A row that begins with `before` and has no position of its own.
    pub fn after(before: &Prefix, config: &ModelConfig) -> Self {
        Self {
            before: before.clone(),
            own: Part {
                layers: vec![Layer::default(); config.num_hidden_layers],
            },
            length: before.length,
        }
    }

    /// Positions held, the shared ones included.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Counts the positions that every layer has taken.
    pub fn advance(&mut self, positions: usize) {
        self.length += positions;
    }

    /// Everything this row holds, for others to begin with.
    pub fn into_prefix(mut self) -> Prefix {
        for layer in &mut self.own.layers {
            layer.keys.shrink_to_fit();
            layer.values.shrink_to_fit();
        }
        let mut parts = self.before.parts;
        if self.length > self.before.length {
            parts.push(Arc::new(self.own));
        }
        Prefix {
            parts,
            length: self.length,
        }
    }

    /// Appends the keys (not yet rotated) and values of the row's next positions, `[n, g * d]` each.
    fn append(&mut self, layer: usize, heads: &Heads, keys: &[f32], values: &[f32]) {
        let row = heads.shape.keys * heads.shape.width;
        let own = &mut self.own.layers[layer];
        for (offset, key) in keys.chunks_exact(row).enumerate() {
            let start = own.keys.len();
            own.keys.extend_from_slice(key);
            heads.rotate(layer, &mut own.keys[start..], self.length + offset);
        }
        own.values.extend_from_slice(values);
    }

    /// Keys and values of the first `positions` but for so many at their start.
    fn parts(
        &self,
        layer: usize,
        (mut skipped, positions): (usize, usize),
        row: usize,
    ) -> Vec<(&[f32], &[f32])> {
        let own = (positions - self.before.length) * row;
        let shared = self.before.parts.iter().map(|part| {
            let layer = &part.layers[layer];
            (layer.keys.as_slice(), layer.values.as_slice())
        });
        let last = &self.own.layers[layer];
        let all = shared.chain([(&last.keys[..own], &last.values[..own])]);
        all.filter_map(|(keys, values)| {
            let here = skipped.min(keys.len() / row);
            skipped -= here;
            let (keys, values) = (&keys[here * row..], &values[here * row..]);
            (!keys.is_empty()).then_some((keys, values))
        })
        .collect()
    }
}

/// Takes the next positions of every row, `counts` of each, their keys and values `[1, n, g, d]` one row after the other,
/// and gives the attention `[1, n, h, d]` of their queries over all positions up to each.
pub fn step(
    rows: &mut [RowCache],
    counts: &[usize],
    layer: usize,
    heads: &Heads,
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
) -> Tensor<4> {
    let (shape, device) = (q.dims(), q.device());
    let (query, key) = (
        heads.shape.queries * heads.shape.width,
        heads.shape.keys * heads.shape.width,
    );
    let (mut queries, keys, values) = (numbers(q), numbers(k), numbers(v));
    let mut places = Vec::with_capacity(shape[1]);
    let mut starts = Vec::with_capacity(rows.len());
    for (index, (row, &count)) in rows.iter().zip(counts).enumerate() {
        starts.push(places.len());
        places.extend((0..count).map(|offset| (index, row.length + offset)));
    }
    rows.par_iter_mut()
        .zip(counts)
        .zip(&starts)
        .for_each(|((row, &count), &start)| {
            let place = start * key..(start + count) * key;
            row.append(layer, heads, &keys[place.clone()], &values[place]);
        });
    let rows = &*rows;
    let mut out = vec![0.0; queries.len()];
    out.par_chunks_exact_mut(query)
        .zip(queries.par_chunks_exact_mut(query))
        .zip(&places)
        .for_each_init(Vec::new, |weights, ((out, query), &(row, position))| {
            heads.rotate(layer, query, position);
            let seen = position + 1;
            let unseen = seen.saturating_sub(heads.positions.of(layer).reach());
            let parts = rows[row].parts(layer, (unseen, seen), key);
            kernels::attend_cached(heads.shape, query, &parts, weights, out);
        });
    Tensor::from_data(TensorData::new(out, shape), &device)
}

fn numbers(tensor: Tensor<4>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .expect("keys and values are f32 on every backend this crate builds")
}
