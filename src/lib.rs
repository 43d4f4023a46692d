//! rlef: code RL from execution feedback.
//!
//! `Problem → Episode → Turn → Program → Verdict → Reward → Batch → Update`
//!
//! - [`problem`] reads problems, or makes the built-in `contest` set.
//! - [`prompt`] turns a problem and feedback into the tokens of a message.
//! - [`policy`] is what can propose a program: a decoder, or recorded completions.
//! - [`program`] finds the program in a completion.
//! - [`comparator`] compares expected and printed bytes.
//! - [`verdict`] runs a program on tests and says what they say; the only caller of the sandbox.
//! - [`feedback`] makes the text of the next turn from a public verdict.
//! - [`episode`] is one play of one problem; [`rollout`] plays many side by side.
//! - [`reward`] and [`advantage`] turn verdicts into numbers, [`mod@batch`] into rows, [`learner`] into gradients.
//! - [`objective`] holds the losses, [`update`] the optimizer, [`train`] the loop that joins them.
//! - [`demonstration`] and [`sft`] make a policy to start from.
//! - [`eval`] says what a policy solves, [`gate`] whether another has lost something; [`journal`] and [`run`] keep what happened; [`config`] says what should.
//! - [`memory`] says what a run will need before it starts.
//! - [`statistics`] says what numbers of several problems allow one to say.
//! - [`cli`] is what a person types.

#![forbid(unsafe_code)]

pub mod advantage;
pub mod batch;
pub mod cli;
pub mod comparator;
pub mod config;
pub mod demonstration;
pub mod episode;
pub mod eval;
pub mod feedback;
pub mod gate;
pub mod journal;
pub mod learner;
pub mod memory;
pub mod objective;
pub mod policy;
mod pool;
pub mod problem;
pub mod program;
pub mod prompt;
pub mod reward;
pub mod rollout;
pub mod run;
pub mod sft;
pub mod statistics;
pub mod train;
pub mod update;
pub mod verdict;
