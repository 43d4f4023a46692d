//! rlef: code RL from execution feedback.
//!
//! `Problem → Episode → Turn → Program → Verdict → Reward → Batch → Update`
//!
//! - [`problem`], [`prompt`], [`program`], [`comparator`], [`verdict`], [`judge`], [`feedback`] and [`environment`] are the
//!   game that is played: a crate of its own.
//! - [`model`], a crate of its own, computes and samples; [`checkpoint`] is its form on disk, tokenizer and chat template included.
//! - [`policy`] is what can propose a program: a decoder, an engine, a server, or recorded answers; [`dialogue`] is what
//!   was said so far, [`completion`] what it says next; [`server`] is the one client for whoever asks a model over HTTP.
//! - [`episode`] is one play of one problem; [`rollout`] plays many side by side.
//! - [`reward`] and [`advantage`] turn verdicts into numbers, [`mod@batch`] into rows, [`learner`] into gradients.
//! - [`tinker`] is a model that a server samples and trains.
//! - [`objective`] holds the losses, [`update`] the optimizer, [`train`] the loop that joins them.
//! - [`preference`] reads what people and judges prefer; [`examples`] makes rows of it.
//! - [`process_model`] learns a number for each step of an answer.
//! - [`ai_judge`] has a model on a server judge answers.
//! - [`labels`] compares labels of several sources over the same answers.
//! - [`rejection`] keeps what solved problems, to learn from; [`pairs`] makes them of judged answers; [`reward_model`] learns a number for an answer from them.
//! - [`demonstration`] and [`sft`] make a policy to start from.
//! - [`eval`] says what a policy solves, [`gate`] whether another has lost something; [`journal`] and [`run`] keep what happened, [`schema`] which form their files have; [`config`] says what should.
//! - [`data`] says what of the problems is trained on, and what is measured on.
//! - [`public_sets`] fetches problem sets that others publish.
//! - [`logger`] writes what a run did for other tools to draw.
//! - [`machine`] says what this one can enforce and run; [`memory`] says what a run will need before it starts.
//! - [`statistics`] says what numbers of several problems allow one to say.
//! - [`view`] is what a person looks at, and labels on, in a browser.
//! - [`cli`] is what a person types.

#![forbid(unsafe_code)]

pub(crate) use rlef_judge::files;
pub use rlef_judge::{
    comparator, environment, feedback, gate, judge, problem, program, programs, prompt, statistics,
    verdict,
};
pub use rlef_model as model;
pub(crate) use rlef_model::pool;

pub mod advantage;
pub mod ai_judge;
pub mod batch;
pub mod checkpoint;
pub mod cli;
pub mod completion;
pub mod config;
pub mod data;
pub mod demonstration;
pub mod dialogue;
pub mod episode;
pub mod eval;
pub mod examples;
pub mod journal;
pub mod labels;
pub mod learner;
pub mod logger;
pub mod machine;
pub mod memory;
pub mod objective;
pub mod pairs;
pub mod policy;
pub mod preference;
pub mod process_model;
pub mod public_sets;
pub mod rejection;
pub mod reward;
pub mod reward_model;
pub mod rollout;
pub mod run;
pub mod schema;
pub mod server;
pub mod sft;
pub mod tinker;
pub mod train;
pub mod update;
pub mod view;
