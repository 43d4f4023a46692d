//! The tensors of a GGUF file → the matrices of a checkpoint: their names in Hugging Face's words, rows of queries and keys in
//! its order, numbers as they were meant.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::header::TensorInfo;
use crate::checkpoint::Precision;
use crate::checkpoint::config_json::Family;
use crate::model::decoder::Head;
use crate::model::shape::ModelConfig;

/// llama.cpp's names of a block's parts, and ours.
const PARTS: [(&str, &str); 11] = [
    ("attn_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// Divisors of rotary frequencies, which become words of `config.json`.
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// Numbers that are made at once, about.
const PIECE: usize = 1 << 18;

/// All tensors of a file by their names.
pub(super) struct Tensors {
    infos: HashMap<String, TensorInfo>,
    rope_factors: Option<Vec<f32>>,
    file: RefCell<File>,
}

impl Tensors {
    /// Those of an open file.
    pub(super) fn new(file: File, infos: Vec<TensorInfo>) -> Result<Self, String> {
        let named = infos.into_iter().map(|info| (info.name.clone(), info));
        let mut tensors = Self {
            infos: named.collect(),
            rope_factors: None,
            file: RefCell::new(file),
        };
        if let Some(info) = tensors.infos.get(ROPE_FACTORS) {
            if info.shape[0] != 1 || info.shape[1] > 1 << 16 {
                return Err(format!(
                    "tensor {ROPE_FACTORS}: expected a vector, found {:?}",
                    info.shape
                ));
            }
            tensors.rope_factors = Some(tensors.rows(info, 0, 1)?);
        }
        Ok(tensors)
    }

    /// Rows and columns of one, if it is there.
    pub(super) fn shape(&self, name: &str) -> Option<[usize; 2]> {
        self.infos.get(name).map(|info| info.shape)
    }

    /// The divisors of rotary frequencies, if the file has some.
    pub(super) fn rope_factors(&self) -> Option<&[f32]> {
        self.rope_factors.as_deref()
    }

    /// Whether numbers of any share scales.
    pub(super) fn are_quantised(&self) -> bool {
        self.infos.values().any(|info| info.kind.is_quantised())
    }

    /// How many are stored in which way, in words, the most first.
    pub(super) fn kinds(&self) -> String {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for info in self.infos.values() {
            *counts.entry(info.kind.name).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|&(name, count)| (usize::MAX - count, name));
        let words: Vec<_> = counts
            .into_iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        words.join(", ")
    }

    /// The matrices that a shape has, each with its tensor. One that is missing, of another shape, or not part of it, is refused
    /// by its name.
    pub(super) fn matrices(
        &self,
        family: Family,
        shape: &ModelConfig,
    ) -> Result<Vec<Matrix<'_>>, String> {
        let mut all = Vec::new();
        for (ours, expected) in shape.parameters(Head::Language) {
            let name = theirs(&ours).ok_or_else(|| format!("tensor {ours} has no name in GGUF"))?;
            let info = self
                .infos
                .get(&name)
                .ok_or_else(|| format!("expected a tensor {name}, found none"))?;
            if info.shape != expected {
                return Err(format!(
                    "tensor {name}: expected {expected:?}, found {:?}",
                    info.shape
                ));
            }
            let of = |part: &str| ours.contains(&format!(".self_attn.{part}."));
            let turned = family == Family::Llama && (of("q_proj") || of("k_proj"));
            let head = turned.then_some(shape.head_dim);
            all.push(Matrix { ours, info, head });
        }
        let known: std::collections::HashSet<&str> =
            all.iter().map(|matrix| matrix.info.name.as_str()).collect();
        let mut names: Vec<_> = self.infos.keys().map(String::as_str).collect();
        names.sort_unstable();
        let foreign = names
            .into_iter()
            .find(|name| !known.contains(name) && *name != ROPE_FACTORS);
        match foreign {
            None => Ok(all),
            Some(name) => Err(format!(
                "tensor {name}: expected none of that name in the architecture that the fields describe"
            )),
        }
    }

    /// Hands the numbers of a matrix over in the checkpoint's order, piece by piece.
    pub(super) fn numbers<E>(
        &self,
        matrix: &Matrix<'_>,
        mut hand: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<Result<(), E>, String> {
        let info = matrix.info;
        // A vector of queries' or keys' biases has one number for each of their rows.
        let [rows, columns] = info.shape;
        let is_vector = rows == 1;
        let step = match matrix.head {
            Some(_) if is_vector => 1,
            Some(head) => head,
            None => (PIECE / columns).clamp(1, rows),
        };
        for first in (0..rows).step_by(step) {
            let count = step.min(rows - first);
            let mut numbers = self.rows(info, first, count)?;
            if let Some(value) = numbers.iter().find(|value| !value.is_finite()) {
                return Err(format!(
                    "tensor {}: expected finite numbers, found {value}",
                    info.name
                ));
            }
            if let Some(head) = matrix.head {
                let width = if is_vector { 1 } else { columns };
                numbers = in_halves(&numbers, head, width);
            }
            if let Err(error) = hand(&numbers) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Some rows of a tensor as they are stored.
    fn rows(&self, info: &TensorInfo, first: usize, count: usize) -> Result<Vec<f32>, String> {
        let mut bytes = vec![0; count * info.row_bytes()];
        let mut file = self.file.borrow_mut();
        let place = info.start + first as u64 * info.row_bytes() as u64;
        file.seek(SeekFrom::Start(place))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| format!("tensor {}: {error}", info.name))?;
        let mut numbers = vec![0.0; count * info.shape[1]];
        info.kind.numbers(&bytes, &mut numbers);
        Ok(numbers)
    }
}

/// A matrix of a checkpoint, and where it comes from.
pub(super) struct Matrix<'a> {
    /// Its name in Hugging Face's words.
    pub(super) ours: String,
    info: &'a TensorInfo,
    /// The width of a head, where rows stand in llama.cpp's order.
    head: Option<usize>,
}

impl Matrix<'_> {
    /// Rows and columns.
    pub(super) const fn shape(&self) -> [usize; 2] {
        self.info.shape
    }

    /// The numbers that hold what the file holds, to the bit.
    pub(super) fn precision(&self) -> Precision {
        match self.info.kind.name {
            "F16" => Precision::F16,
            "BF16" => Precision::Bf16,
            _ => Precision::F32,
        }
    }
}

/// llama.cpp rotates neighbours, transformers the halves of a head: rows 0, 2, 4 ... of each head come first, then 1, 3, 5 ...
fn in_halves(numbers: &[f32], head: usize, width: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(numbers.len());
    for head in numbers.chunks_exact(head * width) {
        for parity in 0..2 {
            let rows = head.chunks_exact(width).skip(parity).step_by(2);
            rows.for_each(|row| turned.extend_from_slice(row));
        }
    }
    turned
}

/// llama.cpp's name of a parameter.
fn theirs(ours: &str) -> Option<String> {
    match ours {
        "model.embed_tokens.weight" => return Some("token_embd.weight".to_owned()),
        "model.norm.weight" => return Some("output_norm.weight".to_owned()),
        "lm_head.weight" => return Some("output.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = ours.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, last) = rest.rsplit_once('.')?;
    let (name, _) = PARTS.iter().find(|(_, own)| *own == part)?;
    Some(format!("blk.{layer}.{name}.{last}"))
}
