//! The messages that are no JSON, package `tinker_public` (proto3), with the fields that are used: unknown ones are passed over
//! by whoever reads them. Numbers are little-endian.

use std::collections::BTreeMap;

use prost::Message;

/// A pass over rows, with a loss and its gradient unless it is `forward_only`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ForwardBackwardRequest {
    #[prost(string, tag = "1")]
    pub(super) model_id: String,
    /// From 1 on: 0 is none.
    #[prost(int32, tag = "2")]
    pub(super) seq_id: i32,
    #[prost(message, repeated, tag = "3")]
    pub(super) data: Vec<DatumMessage>,
    #[prost(string, tag = "4")]
    pub(super) loss_fn: String,
    #[prost(btree_map = "string, double", tag = "5")]
    pub(super) loss_fn_config: BTreeMap<String, f64>,
    #[prost(bool, tag = "6")]
    pub(super) forward_only: bool,
}

/// A row.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DatumMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) model_input: Vec<Chunk>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) loss_fn_inputs: BTreeMap<String, Tensor>,
}

/// A part of a row's input. Images are others, and never sent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Chunk {
    #[prost(message, optional, tag = "1")]
    pub(super) encoded_text: Option<EncodedTextChunk>,
}

/// Ids, as 32-bit numbers.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EncodedTextChunk {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) tokens: Vec<u8>,
}

/// Numbers of a row.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) dense: Option<Vec<u8>>,
    #[prost(int32, tag = "3")]
    pub(super) dtype: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(super) shape: Vec<i64>,
}

/// Kinds of numbers.
pub(super) const FLOAT32: i32 = 1;
pub(super) const INT64: i32 = 2;

impl Tensor {
    pub(super) fn floats(values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::new(bytes.collect(), FLOAT32, values.len())
    }

    pub(super) fn ids(values: &[u32]) -> Self {
        let bytes = values
            .iter()
            .flat_map(|value| i64::from(*value).to_le_bytes());
        Self::new(bytes.collect(), INT64, values.len())
    }

    fn new(dense: Vec<u8>, dtype: i32, count: usize) -> Self {
        Self {
            dense: Some(dense),
            dtype,
            shape: vec![count as i64],
        }
    }
}

/// What a pass gives.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ForwardBackwardOutput {
    #[prost(message, repeated, tag = "2")]
    pub(super) loss_fn_outputs: Vec<ArrayRecord>,
    #[prost(btree_map = "string, double", tag = "3")]
    pub(super) metrics: BTreeMap<String, f64>,
}

/// Numbers of all rows, by name.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ArrayRecord {
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) fields: BTreeMap<String, BatchedTensor>,
    #[prost(int64, tag = "3")]
    pub(super) num_datums: i64,
}

/// The rows' numbers one after the other; `offsets` are bytes, one more than there are rows.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchedTensor {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) offsets: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub(super) dtype: i32,
}

impl BatchedTensor {
    /// The numbers of every row, or what is wrong with them.
    pub(super) fn rows(&self) -> Result<Vec<Vec<f32>>, String> {
        if self.dtype != FLOAT32 {
            return Err(format!("numbers of kind {}, not of 32 bits", self.dtype));
        }
        let words = self.offsets.chunks_exact(8);
        if !words.remainder().is_empty() {
            return Err(format!("{} bytes of offsets", self.offsets.len()));
        }
        let offsets: Vec<usize> = words
            .map(|word| {
                let word: [u8; 8] = word.try_into().unwrap_or_default();
                usize::try_from(i64::from_le_bytes(word)).unwrap_or(usize::MAX)
            })
            .collect();
        let pairs = offsets.windows(2);
        pairs
            .map(|pair| {
                let bytes = self.data.get(pair[0]..pair[1]);
                bytes.ok_or_else(|| format!("a row at the bytes {} to {}", pair[0], pair[1]))
            })
            .map(|bytes| bytes.and_then(floats))
            .collect()
    }
}

/// What was sampled.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SampleResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) sequences: Vec<SampledSequence>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) prompt_logprobs: Option<Vec<u8>>,
}

/// One answer.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SampledSequence {
    /// 0 where it was told to stop, 1 where there was no room for more.
    #[prost(int32, tag = "1")]
    pub(super) stop_reason: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) tokens: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(super) logprobs: Option<Vec<u8>>,
}

/// Bytes as 32-bit numbers.
pub(super) fn floats(bytes: &[u8]) -> Result<Vec<f32>, String> {
    Ok(words(bytes)?.into_iter().map(f32::from_le_bytes).collect())
}

/// Bytes as ids.
pub(super) fn ids(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let ids = words(bytes)?.into_iter().map(i32::from_le_bytes);
    ids.map(|id| u32::try_from(id).map_err(|_| format!("the id {id}")))
        .collect()
}

fn words(bytes: &[u8]) -> Result<Vec<[u8; 4]>, String> {
    let words = bytes.chunks_exact(4);
    if !words.remainder().is_empty() {
        return Err(format!("{} bytes of numbers", bytes.len()));
    }
    Ok(words
        .map(|word| word.try_into().unwrap_or_default())
        .collect())
}

/// Ids as they stand in a chunk.
pub(super) fn chunk(ids: &[u32]) -> Chunk {
    let tokens = ids.iter().flat_map(|id| (*id as i32).to_le_bytes());
    Chunk {
        encoded_text: Some(EncodedTextChunk {
            tokens: tokens.collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field numbers and wire types, written by hand: tag 3 is `data`, and so on.
    #[test]
    fn a_request_is_these_bytes() {
        let request = ForwardBackwardRequest {
            model_id: "m".to_owned(),
            seq_id: 1,
            data: vec![DatumMessage {
                model_input: vec![chunk(&[7, 258])],
                loss_fn_inputs: [("weights".to_owned(), Tensor::floats(&[0.0, 1.0]))].into(),
            }],
            loss_fn: "ppo".to_owned(),
            loss_fn_config: BTreeMap::new(),
            forward_only: true,
        };
        let tensor = [
            &[0x0a, 8][..],
            &[0, 0, 0, 0, 0, 0, 0x80, 0x3f],
            &[0x18, 1],
            &[0x22, 1, 2],
        ]
        .concat();
        let entry = [
            &[0x0a, 7][..],
            b"weights",
            &[0x12, tensor.len() as u8],
            &tensor,
        ]
        .concat();
        let tokens = [&[0x0a, 10][..], &[0x0a, 8], &[7, 0, 0, 0, 2, 1, 0, 0]].concat();
        let datum = [
            &[0x0a, tokens.len() as u8][..],
            &tokens,
            &[0x12, entry.len() as u8],
            &entry,
        ]
        .concat();
        let expected = [
            &[0x0a, 1, b'm', 0x10, 1, 0x1a, datum.len() as u8][..],
            &datum,
            &[0x22, 3],
            b"ppo",
            &[0x30, 1],
        ]
        .concat();
        assert_eq!(request.encode_to_vec(), expected);
    }

    #[test]
    fn rows_that_do_not_add_up_are_refused() {
        let offsets = |all: &[i64]| all.iter().flat_map(|at| at.to_le_bytes()).collect();
        let tensor = |data: &[f32], at: &[i64]| BatchedTensor {
            data: data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            offsets: offsets(at),
            dtype: FLOAT32,
        };
        let rows = tensor(&[1.0, 2.0, 3.0], &[0, 4, 12]).rows().unwrap();
        assert_eq!(rows, [vec![1.0], vec![2.0, 3.0]]);
        for bad in [
            tensor(&[1.0], &[0, 8]),
            tensor(&[1.0], &[0, 3]),
            tensor(&[1.0], &[-4, 4]),
            tensor(&[1.0, 2.0], &[8, 4]),
        ] {
            assert!(bad.rows().is_err(), "{bad:?}");
        }
        let mut other = tensor(&[1.0], &[0, 4]);
        other.dtype = INT64;
        assert!(other.rows().is_err());
        other.offsets.pop();
        other.dtype = FLOAT32;
        assert!(other.rows().is_err());
        assert!(ids(&(-1i32).to_le_bytes()).is_err() && ids(&[0, 1]).is_err());
        assert_eq!(ids(&258i32.to_le_bytes()), Ok(vec![258]));
    }
}
