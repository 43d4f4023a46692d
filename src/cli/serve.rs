//! `rlef serve`, which needs no model: the judge and the environment over HTTP, for other trainers.

pub use rlef_serve::command::{Args, run};
