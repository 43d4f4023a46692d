//! Keys and values of rows that are being sampled, and attention of one new token a row over them.
//!
//! Each row owns its memory, so rows of any length sit side by side without padding, a row that ends is simply
//! dropped, and what a row computes never depends on its neighbours. Lives in main memory on every backend.

use burn::tensor::{Tensor, TensorData};
use pulp::Arch;
use rayon::prelude::*;

use super::model::ModelConfig;
use super::rope::Rotary;

/// Keys (rotated) and values of one row, by layer, position by position.
#[derive(Clone, Debug)]
pub struct RowCache {
    length: usize,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug, Default)]
struct Layer {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Widths of the heads, and their rotation.
#[derive(Clone, Debug)]
pub struct Heads {
    query_heads: usize,
    key_heads: usize,
    width: usize,
    rotary: Rotary,
}

impl Heads {
    /// The heads of a decoder.
    pub fn new(config: &ModelConfig) -> Self {
        Self {
            query_heads: config.num_attention_heads,
            key_heads: config.num_key_value_heads,
            width: config.head_dim,
            rotary: config.rotary(),
        }
    }

    /// Cosines and sines at one position, half-split as in Hugging Face's Llama.
    fn angles(&self, position: usize) -> (Vec<f32>, Vec<f32>) {
        let factor = self.rotary.factor;
        let angles = self
            .rotary
            .frequencies
            .iter()
            .map(|frequency| position as f64 * frequency);
        angles
            .map(|angle| ((factor * angle.cos()) as f32, (factor * angle.sin()) as f32))
            .unzip()
    }
}

impl RowCache {
    /// An empty row.
    pub fn new(config: &ModelConfig) -> Self {
        Self {
            length: 0,
            layers: vec![Layer::default(); config.num_hidden_layers],
        }
    }

    /// Positions held.
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

    /// Appends the keys (not yet rotated) and values of the row's next positions, `[n, g * d]` each.
    fn append(&mut self, layer: usize, heads: &Heads, keys: &[f32], values: &[f32]) {
        let row = heads.key_heads * heads.width;
        let layer = &mut self.layers[layer];
        for (offset, key) in keys.chunks_exact(row).enumerate() {
            let angles = heads.angles(self.length + offset);
            let start = layer.keys.len();
            layer.keys.extend_from_slice(key);
            rotate(&mut layer.keys[start..], heads.width, &angles);
        }
        layer.values.extend_from_slice(values);
    }

    /// Attention of the newest position's queries over all positions, its own included, into `out [h * d]`.
    fn attend(&self, layer: usize, heads: &Heads, queries: &[f32], out: &mut [f32]) {
        let mut queries = queries.to_vec();
        rotate(&mut queries, heads.width, &heads.angles(self.length));
        let layer = &self.layers[layer];
        let (width, row) = (heads.width, heads.key_heads * heads.width);
        let shared = heads.query_heads / heads.key_heads;
        let scale = 1.0 / (width as f32).sqrt();
        let mut weights = vec![0.0; layer.keys.len() / row];
        Arch::new().dispatch(|| {
            for (head, (query, out)) in queries
                .chunks_exact(width)
                .zip(out.chunks_exact_mut(width))
                .enumerate()
            {
                let offset = head / shared * width;
                for (weight, key) in weights.iter_mut().zip(layer.keys.chunks_exact(row)) {
                    *weight = scale * dot(query, &key[offset..offset + width]);
                }
                let highest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut total = 0.0;
                for weight in &mut weights {
                    *weight = (*weight - highest).exp();
                    total += *weight;
                }
                out.fill(0.0);
                for (weight, value) in weights.iter().zip(layer.values.chunks_exact(row)) {
                    let share = weight / total;
                    for (sum, value) in out.iter_mut().zip(&value[offset..offset + width]) {
                        *sum += share * value;
                    }
                }
            }
        });
    }
}

/// Takes the keys and values `[b, t, g, d]` of whole right-padded rows.
pub fn fill(
    rows: &mut [RowCache],
    layer: usize,
    heads: &Heads,
    lengths_b: &[usize],
    k: Tensor<4>,
    v: Tensor<4>,
) {
    let [_, t, g, d] = k.dims();
    let (keys, values) = (numbers(k), numbers(v));
    let stride = t * g * d;
    rows.par_iter_mut()
        .zip(lengths_b)
        .enumerate()
        .for_each(|(index, (row, &length))| {
            let place = index * stride..index * stride + length * g * d;
            row.append(layer, heads, &keys[place.clone()], &values[place]);
        });
}

/// Takes one new position a row, `[b, 1, g, d]`, and gives the attention `[b, 1, h, d]` of `q [b, 1, h, d]`.
pub fn step(
    rows: &mut [RowCache],
    layer: usize,
    heads: &Heads,
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
) -> Tensor<4> {
    let shape = q.dims();
    let device = q.device();
    let (query, key) = (
        heads.query_heads * heads.width,
        heads.key_heads * heads.width,
    );
    let (queries, keys, values) = (numbers(q), numbers(k), numbers(v));
    let mut out = vec![0.0; queries.len()];
    rows.par_iter_mut()
        .zip(out.par_chunks_exact_mut(query))
        .enumerate()
        .for_each(|(index, (row, out))| {
            let place = index * key..(index + 1) * key;
            row.append(layer, heads, &keys[place.clone()], &values[place]);
            row.attend(
                layer,
                heads,
                &queries[index * query..(index + 1) * query],
                out,
            );
        });
    Tensor::from_data(TensorData::new(out, shape), &device)
}

fn numbers(tensor: Tensor<4>) -> Vec<f32> {
    tensor
        .into_data()
        .try_to_vec::<f32>()
        .expect("keys and values are f32 on every backend this crate builds")
}

fn rotate(row: &mut [f32], width: usize, (cosines, sines): &(Vec<f32>, Vec<f32>)) {
    for head in row.chunks_exact_mut(width) {
        let (first, second) = head.split_at_mut(width / 2);
        for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}

/// Dot product in sixteen running sums, so that it vectorises and its order is fixed.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled with the vector instructions of its caller"
)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (a_blocks, a_rest) = a.as_chunks::<16>();
    let (b_blocks, b_rest) = b.as_chunks::<16>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
