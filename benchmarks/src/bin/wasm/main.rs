//! WebAssembly isolation beside process isolation: the same verdicts? at what cost? and do they repeat to the bit?
//!
//! `compare` judges the programs that problems bring with them under both, `repeat` runs the same programs many times
//! on an idle and on a busy machine, `calibrate` says how much fuel a millisecond of CPU time is. Each prints CSV.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rlef_sandbox::{Isolation, Job, Language, Sandbox, SandboxConfig, SandboxError, Start};

mod calibrate;
mod compare;
mod programs;
mod repeat;

/// WebAssembly isolation beside process isolation.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Are the verdicts the same, and what does a test cost?
    Compare(compare::Args),
    /// Are outcome and fuel the same in every run?
    Repeat(repeat::Args),
    /// How much fuel is a millisecond of CPU time?
    Calibrate(calibrate::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    rlef_sandbox::jail_entry();
    match Args::parse().question {
        Question::Compare(args) => compare::run(&args),
        Question::Repeat(args) => repeat::run(&args),
        Question::Calibrate(args) => calibrate::run(&args),
    }
}

/// A sandbox of this isolation.
fn sandbox(isolation: Isolation, workers: usize) -> Result<Sandbox, SandboxError> {
    Sandbox::new(SandboxConfig {
        isolation,
        workers,
        ..SandboxConfig::default()
    })
}

/// A program ready to run.
fn job(language: Language, source: &str) -> Job {
    Job {
        language,
        source: source.into(),
        start: Start::Fork,
    }
}
