//! End to end, one binary: through the real sandbox where programs run, with fakes where they need not.

mod cheats;
mod cli;
mod datasets;
mod golden;
mod host;
mod invariants;
mod judging;
mod learning;
