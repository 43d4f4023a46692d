//! rlef-judge: `Problem → Program → Verdict → feedback`, with neither a model nor a tensor.
//!
//! - [`problem`] reads problems, or makes the built-in `contest` set.
//! - [`prompt`] turns a problem into the text of the first message.
//! - [`program`] finds the program in a completion.
//! - [`comparator`] compares expected and printed bytes.
//! - [`judge`] is whoever has an opinion on an answer: tests, rules, mixtures.
//! - [`verdict`] runs a program on tests and says what they say; the only caller of the sandbox.
//! - [`feedback`] makes the text of the next turn from a public verdict.
//! - [`programs`] judges a file of programs.
//! - [`environment`] plays one problem with a judge, turn by turn, as text.

#![forbid(unsafe_code)]

pub mod comparator;
pub mod environment;
pub mod feedback;
pub mod judge;
pub mod problem;
pub mod program;
pub mod programs;
pub mod prompt;
pub mod verdict;
