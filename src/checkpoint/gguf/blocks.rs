//! Bytes of a tensor → its numbers: one row a way to store them, `ggml-common.h`'s blocks among them. What llama.cpp can store
//! and is not read here is refused by its name.

use burn::tensor::{bf16, f16};

use super::k_blocks::{q2_k, q3_k, q4_k, q5_k, q6_k, q8_k};

/// A way to store numbers: in blocks of equally many.
#[derive(Debug)]
pub(super) struct Kind {
    id: u32,
    /// As llama.cpp calls it.
    pub(super) name: &'static str,
    /// Numbers of a block.
    pub(super) weights: usize,
    /// Bytes of a block.
    pub(super) bytes: usize,
    /// Makes the numbers of one block of its bytes.
    pub(super) decode: fn(&[u8], &mut [f32]),
}

impl Kind {
    const fn new(
        id: u32,
        name: &'static str,
        [weights, bytes]: [usize; 2],
        decode: fn(&[u8], &mut [f32]),
    ) -> Self {
        Self {
            id,
            name,
            weights,
            bytes,
            decode,
        }
    }

    /// Whether several numbers share a scale.
    pub(super) const fn is_quantised(&self) -> bool {
        self.weights > 1
    }

    /// Makes numbers of whole blocks.
    pub(super) fn numbers(&self, bytes: &[u8], numbers: &mut [f32]) {
        let blocks = bytes.chunks_exact(self.bytes);
        for (block, numbers) in blocks.zip(numbers.chunks_exact_mut(self.weights)) {
            (self.decode)(block, numbers);
        }
    }
}

/// Those that are read.
static KINDS: [Kind; 14] = [
    Kind::new(0, "F32", [1, 4], f32_),
    Kind::new(1, "F16", [1, 2], f16_),
    Kind::new(2, "Q4_0", [32, 18], q4_0),
    Kind::new(3, "Q4_1", [32, 20], q4_1),
    Kind::new(6, "Q5_0", [32, 22], q5_0),
    Kind::new(7, "Q5_1", [32, 24], q5_1),
    Kind::new(8, "Q8_0", [32, 34], q8_0),
    Kind::new(10, "Q2_K", [256, 84], q2_k),
    Kind::new(11, "Q3_K", [256, 110], q3_k),
    Kind::new(12, "Q4_K", [256, 144], q4_k),
    Kind::new(13, "Q5_K", [256, 176], q5_k),
    Kind::new(14, "Q6_K", [256, 210], q6_k),
    Kind::new(15, "Q8_K", [256, 292], q8_k),
    Kind::new(30, "BF16", [1, 2], bf16_),
];

/// Those that llama.cpp knows besides.
const OTHERS: [(u32, &str); 20] = [
    (9, "Q8_1"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

/// The way to store numbers that a file means by `id`.
pub(super) fn kind(id: u32) -> Result<&'static Kind, String> {
    if let Some(kind) = KINDS.iter().find(|kind| kind.id == id) {
        return Ok(kind);
    }
    let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let found = match OTHERS.iter().find(|(other, _)| *other == id) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("type {id}"),
    };
    Err(format!(
        "expected one of {}, found {found}",
        known.join(", ")
    ))
}

/// The half-precision number at a place.
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

fn f32_(block: &[u8], numbers: &mut [f32]) {
    numbers[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
}

fn f16_(block: &[u8], numbers: &mut [f32]) {
    numbers[0] = half(block, 0);
}

fn bf16_(block: &[u8], numbers: &mut [f32]) {
    numbers[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32();
}

/// Four bits a number: the low halves of the bytes are the first 16, the high ones the last.
fn nibbles(bytes: &[u8], numbers: &mut [f32], number: impl Fn(usize, u8) -> f32) {
    for (i, byte) in bytes.iter().enumerate() {
        numbers[i] = number(i, byte & 15);
        numbers[i + 16] = number(i + 16, byte >> 4);
    }
}

fn q4_0(block: &[u8], numbers: &mut [f32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], numbers, |_, q| scale * (f32::from(q) - 8.0));
}

fn q4_1(block: &[u8], numbers: &mut [f32]) {
    let (scale, least) = (half(block, 0), half(block, 2));
    nibbles(&block[4..], numbers, |_, q| scale * f32::from(q) + least);
}

/// The fifth bits, one a number.
fn fifth(block: &[u8], at: usize) -> impl Fn(usize, u8) -> f32 {
    let bits = u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    move |i, q| f32::from(q | (((bits >> i) & 1) as u8) << 4)
}

fn q5_0(block: &[u8], numbers: &mut [f32]) {
    let (scale, whole) = (half(block, 0), fifth(block, 2));
    nibbles(&block[6..], numbers, |i, q| scale * (whole(i, q) - 16.0));
}

fn q5_1(block: &[u8], numbers: &mut [f32]) {
    let (scale, least) = (half(block, 0), half(block, 2));
    let whole = fifth(block, 4);
    nibbles(&block[8..], numbers, |i, q| scale * whole(i, q) + least);
}

fn q8_0(block: &[u8], numbers: &mut [f32]) {
    let scale = half(block, 0);
    for (number, byte) in numbers.iter_mut().zip(&block[2..]) {
        *number = f32::from(byte.cast_signed()) * scale;
    }
}
