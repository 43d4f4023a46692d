//! Heads of single tokens ↔ lines of the 16 × 16 tiles that attention computes in, and what is done to a tile as a whole. It
//! doesn't know which tile is what.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use pulp::Simd;

use super::super::vector::{SIDE, Tile, transpose};

/// Sets what a query does not see, of keys that are `distance` blocks before it: what comes after it, which is right of the
/// diagonal of its own block, and what is `reach` positions before it or more.
#[inline(always)]
pub(super) fn hide(tile: &mut Tile, distance: usize, reach: usize, value: f32) {
    if distance == 0 {
        for (query, keys) in tile.iter_mut().enumerate() {
            for (key, weight) in keys.iter_mut().enumerate() {
                *weight = if key > query { value } else { *weight };
            }
        }
    }
    if (distance + 1) * SIDE <= reach {
        return;
    }
    for (query, keys) in tile.iter_mut().enumerate() {
        for (key, weight) in keys.iter_mut().enumerate() {
            let is_hidden = distance * SIDE + query >= reach.saturating_add(key);
            *weight = if is_hidden { value } else { *weight };
        }
    }
}

#[inline(always)]
pub(super) fn simd_sum<S: Simd>(simd: S, row: &[f32; SIDE]) -> f32 {
    let vectors = S::as_simd_f32s(row).0;
    let zero = simd.splat_f32s(0.0);
    simd.reduce_sum_f32s(vectors.iter().fold(zero, |a, b| simd.add_f32s(a, *b)))
}

/// Puts one head into one line of the tiles that make up a block.
#[inline(always)]
pub(super) fn store_head<'a>(head: &[f32], line: usize, tiles: impl Iterator<Item = &'a mut Tile>) {
    for (elements, tile) in head.chunks(SIDE).zip(tiles) {
        tile[line][..elements.len()].copy_from_slice(elements);
    }
}

/// The reverse of [`store_head`], times a factor.
#[inline(always)]
pub(super) fn fetch_head(tiles: &[Tile], line: usize, factor: f32, head: &mut [f32]) {
    for (elements, tile) in head.chunks_mut(SIDE).zip(tiles) {
        for (element, value) in elements.iter_mut().zip(&tile[line]) {
            *element = value * factor;
        }
    }
}

/// `[panel][block]` tiles → `[block][panel]` transposed tiles.
#[inline(always)]
pub(super) fn transpose_blocks(tiles: &[Tile], blocks: usize, result: &mut Vec<Tile>) {
    result.clear();
    for block in 0..blocks {
        result.extend(tiles.iter().skip(block).step_by(blocks).map(transpose));
    }
}
