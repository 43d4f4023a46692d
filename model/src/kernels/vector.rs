//! Slices of f32 → sums, exponentials and products of 16 × 16 tiles, in whatever vector width the processor has.
//!
//! Everything here is generic over pulp's `Simd` and inlined into one `Arch::dispatch` per kernel, so the
//! binary runs on any processor and uses AVX-512 (where burn's `x86-v4` feature is on), AVX2 or NEON where
//! it finds them. The order of every sum is fixed by the lengths alone: on one kind of machine the same
//! inputs give the same bits. It doesn't know of tensors, threads or what the numbers mean.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use pulp::Simd;

/// Rows and columns of a [`Tile`]: the widest vector there is (AVX-512) holds one row.
pub(super) const SIDE: usize = 16;

/// A 16 × 16 block of a matrix, row by row; edges of a matrix are padded with zeros.
pub(super) type Tile = [[f32; SIDE]; SIDE];

/// A tile of zeros.
pub(super) const ZERO_TILE: Tile = [[0.0; SIDE]; SIDE];

/// `result = Σ left[i] · right[i]` over pairs of tiles, as in one block of a matrix product.
#[inline(always)]
pub(super) fn multiply_tiles<'a, S: Simd>(
    simd: S,
    pairs: impl Iterator<Item = (&'a Tile, &'a Tile)> + Clone,
    result: &mut Tile,
) {
    match S::F32_LANES {
        16 => multiply_rows::<S, 16, 1>(simd, pairs, result),
        8 => multiply_rows::<S, 4, 2>(simd, pairs, result),
        4 => multiply_rows::<S, 4, 4>(simd, pairs, result),
        _ => multiply_rows::<S, 1, 16>(simd, pairs, result),
    }
}

#[inline(always)]
fn multiply_rows<'a, S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    pairs: impl Iterator<Item = (&'a Tile, &'a Tile)> + Clone,
    result: &mut Tile,
) {
    let (blocks, _) = result.as_chunks_mut::<ROWS>();
    for (block, rows) in blocks.iter_mut().enumerate() {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for (left, right) in pairs.clone() {
            let left = &left.as_chunks::<ROWS>().0[block];
            for (inner, right_row) in right.iter().enumerate() {
                let right_row = S::as_simd_f32s(right_row).0;
                for (sums_row, left_row) in sums.iter_mut().zip(left) {
                    let factor = simd.splat_f32s(left_row[inner]);
                    for (sum, right) in sums_row.iter_mut().zip(right_row) {
                        *sum = simd.mul_add_e_f32s(factor, *right, *sum);
                    }
                }
            }
        }
        for (row, sums_row) in rows.iter_mut().zip(sums) {
            S::as_mut_simd_f32s(row).0.copy_from_slice(&sums_row);
        }
    }
}

/// `result += leftᵀ · right`, which is how a tile of weights sends gradients back to keys and values.
#[inline(always)]
pub(super) fn add_transposed_product<S: Simd>(
    simd: S,
    left: &Tile,
    right: &Tile,
    result: &mut Tile,
) {
    match S::F32_LANES {
        16 => add_transposed_rows::<S, 16, 1>(simd, left, right, result),
        8 => add_transposed_rows::<S, 4, 2>(simd, left, right, result),
        4 => add_transposed_rows::<S, 4, 4>(simd, left, right, result),
        _ => add_transposed_rows::<S, 1, 16>(simd, left, right, result),
    }
}

#[inline(always)]
fn add_transposed_rows<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    left: &Tile,
    right: &Tile,
    result: &mut Tile,
) {
    let (blocks, _) = result.as_chunks_mut::<ROWS>();
    for (block, rows) in blocks.iter_mut().enumerate() {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for (sums_row, row) in sums.iter_mut().zip(rows.iter()) {
            sums_row.copy_from_slice(S::as_simd_f32s(row).0);
        }
        for (left_row, right_row) in left.iter().zip(right) {
            let left = &left_row.as_chunks::<ROWS>().0[block];
            let right_row = S::as_simd_f32s(right_row).0;
            for (sums_row, factor) in sums.iter_mut().zip(left) {
                let factor = simd.splat_f32s(*factor);
                for (sum, right) in sums_row.iter_mut().zip(right_row) {
                    *sum = simd.mul_add_e_f32s(factor, *right, *sum);
                }
            }
        }
        for (row, sums_row) in rows.iter_mut().zip(sums) {
            S::as_mut_simd_f32s(row).0.copy_from_slice(&sums_row);
        }
    }
}

/// Rows become columns.
#[inline(always)]
pub(super) fn transpose(tile: &Tile) -> Tile {
    let mut result = ZERO_TILE;
    for (row, values) in tile.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            result[column][row] = *value;
        }
    }
    result
}

/// `Σ a·b` over slices of one length.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a_vectors, a_rest) = S::as_simd_f32s(a);
    let (b_vectors, b_rest) = S::as_simd_f32s(b);
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (a_fours, a_single) = a_vectors.as_chunks::<4>();
    let (b_fours, b_single) = b_vectors.as_chunks::<4>();
    for (a, b) in a_fours.iter().zip(b_fours) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = simd.mul_add_e_f32s(*a, *b, *sum);
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_single).zip(b_single) {
        *sum = simd.mul_add_e_f32s(*a, *b, *sum);
    }
    sums[0] = simd.mul_add_e_f32s(
        simd.partial_load_f32s(a_rest),
        simd.partial_load_f32s(b_rest),
        sums[0],
    );
    simd.reduce_sum_f32s(simd.add_f32s(
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    ))
}

/// The largest element; negative infinity of an empty slice.
#[inline(always)]
pub(super) fn largest<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(values);
    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
    for vector in vectors {
        largest = simd.max_f32s(largest, *vector);
    }
    rest.iter()
        .fold(simd.reduce_max_f32s(largest), |a, &b| a.max(b))
}

/// The sum of all elements.
#[inline(always)]
pub(super) fn sum<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(values);
    let mut sum = simd.partial_load_f32s(rest);
    for vector in vectors {
        sum = simd.add_f32s(sum, *vector);
    }
    simd.reduce_sum_f32s(sum)
}

/// `factor · e^(scale · (x − shift))` in the place of every element x.
///
/// No closure takes part: one that the compiler chose not to inline would do without its caller's vector instructions.
#[inline(always)]
pub(super) fn exponentiate<S: Simd>(simd: S, values: &mut [f32], [shift, scale, factor]: [f32; 3]) {
    let (vectors, rest) = S::as_mut_simd_f32s(values);
    let (shift, scale) = (simd.splat_f32s(shift), simd.splat_f32s(scale));
    let factor = simd.splat_f32s(factor);
    for vector in vectors {
        let exponent = simd.mul_f32s(simd.sub_f32s(*vector, shift), scale);
        *vector = simd.mul_f32s(exponential(simd, exponent), factor);
    }
    if !rest.is_empty() {
        let exponent = simd.mul_f32s(simd.sub_f32s(simd.partial_load_f32s(rest), shift), scale);
        simd.partial_store_f32s(rest, simd.mul_f32s(exponential(simd, exponent), factor));
    }
}

/// `eˣ` to about one unit in the last place, for x clamped to [-87, 88]: Cephes' `expf`, which splits
/// x = n·ln 2 + r and puts n into the exponent bits (Moshier, Methods and Programs for Mathematical
/// Functions, 1989).
#[inline(always)]
pub(super) fn exponential<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // 1.5 · 2²³: adding it rounds to an integer and leaves that integer in the lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    let splat = |value| simd.splat_f32s(value);
    let x = simd.min_f32s(simd.max_f32s(x, splat(-87.0)), splat(88.0));
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUNDER));
    let n = simd.sub_f32s(shifted, splat(ROUNDER));
    // ln 2 in two parts, the first with few enough bits that n times it is exact.
    let r = simd.mul_add_e_f32s(n, splat(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, splat(2.121_944_4e-4), r);
    let mut polynomial = splat(1.987_569_1e-4);
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        polynomial = simd.mul_add_e_f32s(polynomial, r, splat(coefficient));
    }
    let fraction = simd.mul_add_e_f32s(
        simd.mul_f32s(r, r),
        polynomial,
        simd.add_f32s(r, splat(1.0)),
    );
    let exponent =
        simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(exponent, simd.splat_u32s(1.0f32.to_bits()));
    simd.mul_f32s(fraction, simd.transmute_f32s_u32s(power))
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct Exponentials<'a>(&'a mut [f32]);

    impl WithSimd for Exponentials<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            exponentiate(simd, self.0, [0.0, 1.0, 1.0]);
        }
    }

    #[test]
    fn exponential_is_within_two_units_in_the_last_place() {
        let inputs: Vec<f32> = (-8_600..8_700).map(|i| i as f32 * 0.01).collect();
        let mut outputs = inputs.clone();
        Arch::new().dispatch(Exponentials(&mut outputs));
        for (x, y) in inputs.iter().zip(&outputs) {
            let exact = f64::from(*x).exp();
            let error = (f64::from(*y) - exact).abs() / exact;
            assert!(
                error < 2.0 * f64::from(f32::EPSILON),
                "exp({x}) = {y}, error {error:e}"
            );
        }
    }

    struct Products(Tile, Tile);

    impl WithSimd for Products {
        type Output = (Tile, Tile, f32, f32);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut plain = ZERO_TILE;
            multiply_tiles(
                simd,
                [(&self.0, &self.1), (&self.1, &self.0)].into_iter(),
                &mut plain,
            );
            let mut transposed = self.1;
            add_transposed_product(simd, &self.0, &self.1, &mut transposed);
            let flat = self.0.as_flattened();
            (
                plain,
                transposed,
                dot(simd, &flat[..251], &flat[..251]),
                largest(simd, &flat[..37]),
            )
        }
    }

    #[test]
    fn products_agree_with_plain_loops() {
        let left: Tile =
            std::array::from_fn(|i| std::array::from_fn(|j| (i * 3 + j * 7) as f32 % 5.0 - 2.0));
        let right: Tile =
            std::array::from_fn(|i| std::array::from_fn(|j| (i * 5 + j * 2) as f32 % 7.0 - 3.0));
        let (plain, transposed, sum, maximum) = Arch::new().dispatch(Products(left, right));
        for i in 0..SIDE {
            for j in 0..SIDE {
                // Small integers: every order of summation is exact.
                let expected: f32 = (0..SIDE)
                    .map(|k| left[i][k] * right[k][j] + right[i][k] * left[k][j])
                    .sum();
                assert_eq!(plain[i][j], expected);
                let expected: f32 = (0..SIDE).map(|k| left[k][i] * right[k][j]).sum();
                assert_eq!(transposed[i][j], right[i][j] + expected);
                assert_eq!(transpose(&left)[i][j], left[j][i]);
            }
        }
        let flat = left.as_flattened();
        assert_eq!(sum, flat[..251].iter().map(|x| x * x).sum::<f32>());
        assert_eq!(maximum, flat[..37].iter().copied().fold(f32::MIN, f32::max));
    }
}
