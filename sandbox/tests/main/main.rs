//! The sandbox from outside: `contract` says what every isolation must do, `hostile` what no program may.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may fail a test as tests do"
)]

mod contract;
mod endings;
mod files;
mod folders;
mod hostile;
mod interpreters;
mod languages;
mod leftovers;
mod numpy;
mod stores;
mod support;
mod turns;
mod usage;
mod variants;
#[cfg(feature = "wasm")]
mod wasm;
