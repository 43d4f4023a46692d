//! A decoder that computes, on tensors alone: layers, adapters, kernels, packed rows, and the sampler that draws from it.
//! Knows nothing of files, text or episodes.

#![forbid(unsafe_code)]

mod block;
pub mod decoder;
pub mod device;
pub mod kernels;
pub mod kv_cache;
pub mod lora;
pub mod packing;
pub mod pool;
mod products;
pub mod rope;
pub mod sampled;
pub mod sampler;
pub mod shape;
mod weights;
