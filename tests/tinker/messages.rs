//! The protobuf messages as the server's own descriptor has them, apart from those of the library.

use std::collections::BTreeMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ForwardBackwardRequest {
    #[prost(string, tag = "1")]
    pub(super) model_id: String,
    #[prost(int32, tag = "2")]
    pub(super) seq_id: i32,
    #[prost(message, repeated, tag = "3")]
    pub(super) data: Vec<Datum>,
    #[prost(string, tag = "4")]
    pub(super) loss_fn: String,
    #[prost(btree_map = "string, double", tag = "5")]
    pub(super) loss_fn_config: BTreeMap<String, f64>,
    #[prost(bool, tag = "6")]
    pub(super) forward_only: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Datum {
    #[prost(message, repeated, tag = "1")]
    pub(super) model_input: Vec<Chunk>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) loss_fn_inputs: BTreeMap<String, Tensor>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Chunk {
    #[prost(message, optional, tag = "1")]
    pub(super) encoded_text: Option<Encoded>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Encoded {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) tokens: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) dense: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub(super) dtype: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(super) shape: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ForwardBackwardOutput {
    #[prost(string, tag = "1")]
    pub(super) loss_fn_output_type: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) loss_fn_outputs: Vec<ArrayRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ArrayRecord {
    #[prost(string, tag = "1")]
    pub(super) type_tag: String,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) fields: BTreeMap<String, BatchedTensor>,
    #[prost(int64, tag = "3")]
    pub(super) num_datums: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchedTensor {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) offsets: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub(super) dtype: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SampleResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) sequences: Vec<Sequence>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) prompt_logprobs: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sequence {
    #[prost(int32, tag = "1")]
    pub(super) stop_reason: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) tokens: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(super) logprobs: Option<Vec<u8>>,
}

pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.chunks_exact(4);
    words
        .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

pub(super) fn batched(rows: &[Vec<f32>]) -> BatchedTensor {
    let mut offsets = vec![0_i64];
    offsets.extend(rows.iter().scan(0, |at, row| {
        *at += 4 * row.len() as i64;
        Some(*at)
    }));
    BatchedTensor {
        data: bytes(&rows.concat()),
        offsets: offsets.iter().flat_map(|at| at.to_le_bytes()).collect(),
        dtype: 1,
    }
}
