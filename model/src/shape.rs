//! A decoder's shape → names and shapes of its parameters, as a Hugging Face checkpoint names them. Knows no numbers.

use serde::{Deserialize, Serialize};

use crate::kernels::RopeTable;
use crate::rope::{RopeScaling, Rotary};

/// Name of the head that values are read by.
pub const VALUE_HEAD: &str = "value_head.weight";

/// Name of the head that tokens are drawn by, where it is no table of embeddings too.
pub const LANGUAGE_HEAD: &str = "lm_head.weight";

/// Shape of a decoder, in the field names of a Hugging Face `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the SwiGLU's inner layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Number of tokens.
    pub vocab_size: usize,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Stretch of the rotary frequencies.
    #[serde(default)]
    pub rope_scaling: Option<RopeScaling>,
    /// Whether the head is the embedding table.
    pub tie_word_embeddings: bool,
    /// What else the family's blocks hold.
    #[serde(default)]
    pub extras: Extras,
}

/// Parts that some families' blocks have and Llama's plain ones lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent parts, each there or not"
)]
pub struct Extras {
    /// A bias on queries, keys and values (Qwen2, arXiv 2407.10671).
    pub query_key_value_bias: bool,
    /// A bias on the attention's output.
    pub output_bias: bool,
    /// A bias on the three maps of the SwiGLU.
    pub mlp_bias: bool,
    /// RMSNorm of every query and key head before the rotation (Qwen3, arXiv 2505.09388).
    pub query_key_norm: bool,
    /// What Gemma 3 does otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gemma: Option<Gemma>,
}

/// Gemma 3 (arXiv 2503.19786): most blocks see the last positions alone, with rotary frequencies of their own; what a block
/// adds is normed, too; norms multiply with one more than their weights; embeddings are multiplied with the root of their width;
/// and the inner layer's gate is GELU's. The fields are those of its `config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gemma {
    /// Positions that a query of a local block sees, its own among them.
    pub sliding_window: usize,
    /// Every so many-th block sees all positions, the others are local.
    pub sliding_window_pattern: usize,
    /// Base of the rotary frequencies of local blocks, which nothing stretches.
    pub rope_local_base_freq: f64,
    /// Scores are divided by the root of this, in place of a head's width.
    pub query_pre_attn_scalar: f64,
}

impl Gemma {
    /// Whether a block sees the last positions alone.
    pub const fn is_local(&self, layer: usize) -> bool {
        !(layer + 1).is_multiple_of(self.sliding_window_pattern)
    }
}

/// Rotations by position, and how far back a query sees, for each block.
#[derive(Clone, Debug)]
pub struct Positions {
    all: RopeTable,
    local: Option<(Gemma, RopeTable)>,
}

impl Positions {
    /// Those of one block.
    pub fn of(&self, layer: usize) -> &RopeTable {
        match &self.local {
            Some((gemma, table)) if gemma.is_local(layer) => table,
            _ => &self.all,
        }
    }
}

/// What is read from the last hidden state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A distribution over tokens.
    Language,
    /// One number per position (RLEF's value network, arXiv 2410.02089 section 2.2).
    Value,
}

/// Whether a parameter is a vector by nature: a norm's weight or a bias.
pub fn is_vector(name: &str) -> bool {
    name.ends_with("norm.weight") || is_bias(name)
}

/// Whether a parameter is the matrix of a block's linear map, which an adapter leaves as it is.
pub fn is_frozen_matrix(name: &str) -> bool {
    name.ends_with("_proj.weight")
}

/// Whether a parameter is a bias.
pub(super) fn is_bias(name: &str) -> bool {
    name.rsplit('.').next() == Some("bias")
}

impl ModelConfig {
    /// Names and shapes of all parameters, in the order of [`Weights`].
    pub fn parameters(&self, head: Head) -> Vec<(String, [usize; 2])> {
        let d = self.hidden_size;
        let mut all = vec![("model.embed_tokens.weight".to_owned(), [self.vocab_size, d])];
        let block = self.block_parameters();
        for layer in 0..self.num_hidden_layers {
            for (name, shape) in &block {
                all.push((format!("model.layers.{layer}.{name}"), *shape));
            }
        }
        all.push(("model.norm.weight".to_owned(), [1, d]));
        match head {
            Head::Language if self.tie_word_embeddings => {}
            Head::Language => all.push((LANGUAGE_HEAD.to_owned(), [self.vocab_size, d])),
            Head::Value => all.push((VALUE_HEAD.to_owned(), [1, d])),
        }
        all
    }

    /// Frequencies of one head, where a block sees all positions.
    pub fn rotary(&self) -> Rotary {
        Rotary::new(self.head_dim, self.rope_theta, self.rope_scaling)
    }

    /// What the blocks know of the positions `0..positions`.
    pub fn positions(&self, positions: usize) -> Positions {
        let all = RopeTable::new(&self.rotary(), positions);
        let local = self.extras.gemma.map(|gemma| {
            let rotary = Rotary::new(self.head_dim, gemma.rope_local_base_freq, None);
            let table = RopeTable::new(&rotary, positions).within(gemma.sliding_window);
            (gemma, table)
        });
        Positions { all, local }
    }

    /// The linear maps of one block, and their `[out, in]`.
    pub fn linear_maps(&self) -> [(&'static str, [usize; 2]); 7] {
        let (d, f) = (self.hidden_size, self.intermediate_size);
        let q = self.num_attention_heads * self.head_dim;
        let kv = self.num_key_value_heads * self.head_dim;
        [
            ("self_attn.q_proj", [q, d]),
            ("self_attn.k_proj", [kv, d]),
            ("self_attn.v_proj", [kv, d]),
            ("self_attn.o_proj", [d, q]),
            ("mlp.gate_proj", [f, d]),
            ("mlp.up_proj", [f, d]),
            ("mlp.down_proj", [d, f]),
        ]
    }

    /// Names and shapes of one block's parameters, in order.
    pub fn block_parameters(&self) -> Vec<(String, [usize; 2])> {
        let weight = |(name, shape): &(&str, [usize; 2])| (format!("{name}.weight"), *shape);
        let maps = self.linear_maps();
        let mut all = vec![("input_layernorm.weight".to_owned(), [1, self.hidden_size])];
        all.extend(maps[..4].iter().map(weight));
        all.push((
            "post_attention_layernorm.weight".to_owned(),
            [1, self.hidden_size],
        ));
        all.extend(maps[4..].iter().map(weight));
        let Extras {
            query_key_value_bias,
            output_bias,
            mlp_bias,
            query_key_norm,
            gemma,
        } = self.extras;
        let biased = [
            (query_key_value_bias, &maps[..3]),
            (output_bias, &maps[3..4]),
            (mlp_bias, &maps[4..]),
        ];
        for (_, maps) in biased.iter().filter(|(present, _)| *present) {
            let bias = |(name, [out, _]): &(&str, [usize; 2])| (format!("{name}.bias"), [1, *out]);
            all.extend(maps.iter().map(bias));
        }
        if query_key_norm {
            all.push(("self_attn.q_norm.weight".to_owned(), [1, self.head_dim]));
            all.push(("self_attn.k_norm.weight".to_owned(), [1, self.head_dim]));
        }
        if gemma.is_some() {
            let around = ["pre_feedforward_layernorm", "post_feedforward_layernorm"];
            let norm = |name| (format!("{name}.weight"), [1, self.hidden_size]);
            all.extend(around.map(norm));
        }
        all
    }
}
