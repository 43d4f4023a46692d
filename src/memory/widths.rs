//! A decoder's shape → floats that a token takes while a pass learns from it.

use crate::model::decoder::ModelConfig;
use crate::model::device::Processor;

/// Floats a token.
pub(super) struct Widths {
    pub(super) residual: u64,
    queries: u64,
    pub(super) keys: u64,
    inner: u64,
    normed: u64,
}

impl Widths {
    pub(super) fn of(shape: &ModelConfig) -> Self {
        let queries = (shape.num_attention_heads * shape.head_dim) as u64;
        let keys = (shape.num_key_value_heads * shape.head_dim) as u64;
        Self {
            residual: shape.hidden_size as u64,
            queries,
            keys,
            inner: shape.intermediate_size as u64,
            normed: if shape.extras.query_key_norm {
                queries + keys
            } else {
                0
            },
        }
    }

    /// What one block keeps for the way back: the input and the output of both norms, queries, keys and values, the
    /// attention's output, gate, up and their product; queries and keys before their own norm where there is one.
    pub(super) fn kept(&self) -> u64 {
        4 * self.residual + 2 * self.queries + 2 * self.keys + 3 * self.inner + self.normed
    }

    /// What is needed beside it while one block is computed, there or back: by kernels, which work in place, or in stock
    /// operations. Of those a gate's way back has seven at a time, and attention's the rows of queries, keys, values, what came
    /// of them and the gradients of all, spelled out.
    pub(super) fn working(&self, device: Processor) -> u64 {
        if device == Processor::Cpu {
            return 2 * self.residual + (3 * self.inner).max(2 * self.queries + 2 * self.keys);
        }
        4 * self.residual + (7 * self.inner).max(6 * self.queries + 8 * self.keys)
    }
}
