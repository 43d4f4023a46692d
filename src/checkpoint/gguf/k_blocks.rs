//! llama.cpp's K-quants: blocks of 256 numbers in groups of 16 or 32, each with a scale of its own that is itself stored in a
//! few bits (`ggml-common.h`, `ggml-quants.c`).

use super::blocks::half;

/// Two bits a number, groups of 16: scales and minima in four bits, numbers, then the scales of both.
pub(super) fn q2_k(block: &[u8], numbers: &mut [f32]) {
    let (scales, quants) = (&block[..16], &block[16..80]);
    let (scale, least) = (half(block, 80), half(block, 82));
    for (group, numbers) in numbers.chunks_exact_mut(16).enumerate() {
        let own = scale * f32::from(scales[group] & 15);
        let below = least * f32::from(scales[group] >> 4);
        for (number, q) in numbers.iter_mut().zip(pairs(quants, group)) {
            *number = own * f32::from(q) - below;
        }
    }
}

/// Three bits a number, groups of 16: the third bits, the other two, scales in six bits, and the scale of them.
pub(super) fn q3_k(block: &[u8], numbers: &mut [f32]) {
    let (thirds, quants, packed) = (&block[..32], &block[32..96], &block[96..108]);
    let scale = half(block, 108);
    for (group, numbers) in numbers.chunks_exact_mut(16).enumerate() {
        let low = packed[group % 8] >> (4 * (group / 8)) & 15;
        let high = packed[8 + group % 4] >> (2 * (group / 4)) & 3;
        let own = scale * (f32::from(low | high << 4) - 32.0);
        let thirds = &thirds[16 * (group % 2)..];
        let both = pairs(quants, group).zip(thirds);
        for (number, (q, third)) in numbers.iter_mut().zip(both) {
            // The bit is set where nothing is taken away.
            let away = if third >> (group / 2) & 1 == 0 {
                4.0
            } else {
                0.0
            };
            *number = own * (f32::from(q) - away);
        }
    }
}

/// The 16 numbers of two bits of a group: each byte holds one of every second group of its half.
fn pairs(quants: &[u8], group: usize) -> impl Iterator<Item = u8> {
    let start = 32 * (group / 8) + 16 * (group % 2);
    let shift = 2 * (group / 2 % 4);
    quants[start..start + 16]
        .iter()
        .map(move |byte| byte >> shift & 3)
}

/// Scale and minimum of a group of 32, six bits each, eight groups in twelve bytes.
fn scale_and_least(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, least) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let (low, high) = (packed[group + 4] & 15, packed[group + 4] >> 4);
        (
            low | packed[group - 4] >> 6 << 4,
            high | packed[group] >> 6 << 4,
        )
    };
    (f32::from(scale), f32::from(least))
}

/// Four bits a number, groups of 32.
pub(super) fn q4_k(block: &[u8], numbers: &mut [f32]) {
    let (scale, least, quants) = (half(block, 0), half(block, 2), &block[16..]);
    for (group, numbers) in numbers.chunks_exact_mut(32).enumerate() {
        let (own, below) = scale_and_least(&block[4..16], group);
        let (own, below) = (scale * own, least * below);
        let bytes = &quants[32 * (group / 2)..];
        for (number, byte) in numbers.iter_mut().zip(bytes) {
            *number = own * f32::from(byte >> (4 * (group % 2)) & 15) - below;
        }
    }
}

/// Five bits a number, groups of 32: the fifth bits stand apart.
pub(super) fn q5_k(block: &[u8], numbers: &mut [f32]) {
    let (scale, least) = (half(block, 0), half(block, 2));
    let (fifths, quants) = (&block[16..48], &block[48..]);
    for (group, numbers) in numbers.chunks_exact_mut(32).enumerate() {
        let (own, below) = scale_and_least(&block[4..16], group);
        let (own, below) = (scale * own, least * below);
        let bytes = quants[32 * (group / 2)..].iter().zip(fifths);
        for (number, (byte, fifth)) in numbers.iter_mut().zip(bytes) {
            let q = byte >> (4 * (group % 2)) & 15 | (fifth >> group & 1) << 4;
            *number = own * f32::from(q) - below;
        }
    }
}

/// Six bits a number, scales of eight bits for groups of 16: the low four bits, the high two, the scales, and theirs.
pub(super) fn q6_k(block: &[u8], numbers: &mut [f32]) {
    let (lows, highs, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half(block, 208);
    for (row, numbers) in numbers.chunks_exact_mut(32).enumerate() {
        let (part, place) = (row / 4, row % 4);
        let lows = &lows[64 * part + 32 * (place % 2)..];
        let highs = &highs[32 * part..];
        let bytes = lows.iter().zip(highs);
        for (i, (number, (low, high))) in numbers.iter_mut().zip(bytes).enumerate() {
            let q = low >> (4 * (place / 2)) & 15 | (high >> (2 * place) & 3) << 4;
            let own = scale * f32::from(scales[2 * row + i / 16].cast_signed());
            *number = own * (f32::from(q) - 32.0);
        }
    }
}

/// Eight bits a number with one scale in f32; sums of groups follow, which products alone need.
pub(super) fn q8_k(block: &[u8], numbers: &mut [f32]) {
    let scale = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    for (number, byte) in numbers.iter_mut().zip(&block[4..260]) {
        *number = scale * f32::from(byte.cast_signed());
    }
}
