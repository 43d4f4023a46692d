//! End to end, one binary: through the real sandbox where programs run, with fakes where they need not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adapters;
mod ai_judges;
mod brevity;
mod cheats;
mod checkpoints;
mod cli;
mod commands;
mod cpp_cheats;
mod datasets;
mod deciders;
mod devices;
mod differential;
mod engine;
mod folders;
mod foreign;
mod golden;
mod host;
mod hostile_models;
mod invariants;
mod judges;
mod judging;
mod killed;
mod labelling;
mod languages;
mod learning;
mod looks;
mod losses;
mod modules;
mod objective_seam;
mod objectives;
mod offline;
mod outputs;
mod pipe;
mod preferences;
mod presets;
mod raising;
mod remote;
mod resume;
mod rewards;
mod rule_judges;
mod runs;
mod servers;
mod stand_ins;
mod streaming;
mod templates;
mod texts;
mod training;
mod validation;
mod values;
mod viewing;
#[cfg(feature = "wasm")]
mod wasm;
