//! End to end, one binary: through the real sandbox where programs run, with fakes where they need not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adapters;
mod cheats;
mod checkpoints;
mod cli;
mod datasets;
mod deciders;
mod devices;
mod differential;
mod engine;
mod golden;
mod host;
mod invariants;
mod judging;
mod languages;
mod learning;
mod objectives;
mod pipe;
mod raising;
mod remote;
mod resume;
mod runs;
mod training;
mod values;
#[cfg(feature = "wasm")]
mod wasm;
