//! rlef-serve: the judge and the environment over HTTP, for trainers other than rlef's own. Knows neither models nor tensors.
//!
//! A request is let in (`guard`), read within bounds (`body`, `json`), and given a place (`places`); all that it holds is counted
//! until its answer is taken (`answer`, `patient`), and so is what comes by sockets (`meter`). What it asks for is put into
//! the line of its client (`line`), and done by a thread when its turn comes (`pool`): a verdict, shared by all who ask for the
//! same one (`flights`), a run without a verdict (`runs`), or a step of an episode (`episodes`). Whoever hangs up is taken out of
//! it all (`caller`).
//!
//! `cli` are the verbs of a program that carries no models, and what they share with those of one that does. `pages` serves pages for a browser. `native` is rlef's own interface; `dialects` are those of others, one a file. `machine` is the boundary to the judge.

#![forbid(unsafe_code)]

mod answer;
mod app;
mod body;
mod caller;
pub mod cli;
pub mod command;
mod config;
mod dialects;
mod episodes;
mod failure;
mod flights;
mod guard;
mod json;
mod line;
mod machine;
mod meter;
mod metrics;
mod native;
pub mod pages;
mod patient;
mod places;
mod pool;
mod problems;
mod reply;
mod runs;
mod server;

pub use config::{Bounds, Config, ConfigError, Token, tokens};
pub use machine::Machine;
pub use problems::{Set, Sets};
pub use server::Server;
