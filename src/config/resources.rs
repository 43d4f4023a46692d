//! The `[resources]` table of a run's TOML: what a run may use.

use std::path::PathBuf;

use rlef_sandbox::Isolation;
use serde::{Deserialize, Serialize};

use crate::model::decoder::{Arithmetic, Frozen};
use crate::model::device::Processor;

/// What a run may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceConfig {
    /// `cpu`, `wgpu` or `cuda`: what models are computed on. The last two are Cargo features, and repeat a run only as far as
    /// the card's sums do.
    pub device: Processor,
    /// `f32`, or `bf16` for the products of the blocks' linear maps where the device has it; weights and moments stay f32.
    pub precision: Arithmetic,
    /// `auto`, `bf16` or `f32`: in what the matrices of the blocks are held where an adapter learns, which leaves them as they
    /// are. `auto` is bf16 where the checkpoint holds them in bf16, so that nothing is lost.
    #[serde(default)]
    pub frozen: Frozen,
    /// Tokens of one forward and backward pass at most, counted as if its rows were all as long as the longest.
    pub tokens_per_pass: usize,
    /// Whether the way back computes every block again instead of keeping what the way there found: less memory for a
    /// third more work, the same gradients.
    #[serde(default)]
    pub recompute: bool,
    /// Episodes sampled side by side.
    pub sampling_batch: usize,
    /// What stands between programs and the host: `process`, `wasm`, or `auto`, which takes processes where the host can
    /// jail them and has a python3, else WebAssembly.
    pub isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment; without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<PathBuf>,
    /// Programs judged side by side; 0 takes one a core.
    pub workers: usize,
    /// Largest share of a round's episodes that the sandbox or the policy's server may lose; a round that lost more is not
    /// learnt from, and the run stops.
    pub max_infra_rate: f64,
    /// Largest share of the first round's answers that may be cut at the token limit or hold no program. A first round with
    /// more is not learnt from, and the run stops with advice; 1 never stops it.
    pub max_unusable_rate: f64,
    /// Rounds between checkpoints.
    pub checkpoint_every: usize,
    /// Checkpoints kept.
    pub checkpoints_kept: usize,
    /// Memory the run may need at its peak by our estimate, in MiB; 0 takes what the machine has. What a card has can't be
    /// asked for, so that a run on one needs this.
    pub memory_mib: u64,
}

impl Default for ResourceConfig {
    fn default() -> Self {
        Self {
            device: Processor::Cpu,
            precision: Arithmetic::F32,
            frozen: Frozen::Auto,
            tokens_per_pass: 8192,
            recompute: false,
            sampling_batch: 256,
            isolation: Isolation::default(),
            python: None,
            workers: 0,
            max_infra_rate: 0.05,
            max_unusable_rate: 0.5,
            checkpoint_every: 5,
            checkpoints_kept: 2,
            memory_mib: 0,
        }
    }
}
