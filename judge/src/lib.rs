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
//! - [`environment`] plays one problem with a judge, turn by turn, as text; [`sampling`] is how its answers are drawn.
//! - [`evaluation`] is what many episodes say, and the file it is kept in; [`gate`] says whether one has lost something over
//!   another, by [`statistics`].
//! - [`files`] reads what others name and writes what they want.

#![forbid(unsafe_code)]

pub mod comparator;
pub mod environment;
pub mod evaluation;
pub mod feedback;
pub mod files;
pub mod gate;
pub mod judge;
pub mod nearest;
pub mod problem;
pub mod program;
pub mod programs;
pub mod prompt;
pub mod sampling;
pub mod statistics;
pub mod verdict;
