//! Runs one untrusted program under limits; knows nothing of models, problems or tests.
//!
//! `Job` + `Limits` → `Outcome`, or a `SandboxError` when the sandbox itself failed.

pub mod job;
pub mod limits;
pub mod outcome;

pub use job::{Job, Language, Start};
pub use limits::Limits;
pub use outcome::{Outcome, Status, Usage};
