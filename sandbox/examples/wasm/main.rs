//! WebAssembly isolation beside process isolation: the same outcomes? at what cost? and do they repeat to the bit?
//!
//! `compare` runs the programs of public data sets under both, `repeat` runs the same programs many times on an idle
//! and on a busy machine, `calibrate` says how much fuel a millisecond of CPU time is, `bench` what a test
//! costs. Each prints CSV.
//! An example and not a benchmark of the workspace, so that it builds with nothing but this crate.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rlef_sandbox::{Isolation, Job, Language, Sandbox, SandboxConfig, SandboxError, Start};

mod bench;
mod calibrate;
mod compare;
mod prices;
mod programs;
mod repeat;

const USAGE: &str = "\
usage: wasm compare [RUNS]     outcomes and CPU time of data sets' programs (RLEF_DATA, default ../shared/data)
       wasm repeat [RUNS]      RUNS runs in all (default 1000), half of them beside busy cores
       wasm bench [RUNS]       what a test costs, RUNS times in turns (default 5)
       wasm calibrate [RUNS]   RUNS runs of each program (default 5), the middle one counts
       wasm prices [RUNS]      what modules take that do one thing only, the fastest of RUNS (default 3)
Exit codes: 0 all the same, 1 something differs, 2 usage, 4 the sandbox failed.
";

/// Why a question was not answered.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    rlef_sandbox::jail_entry();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |default| match arguments.get(1) {
        None => Some(default),
        Some(text) => text.parse::<usize>().ok().filter(|&runs| runs > 0),
    };
    let answer = match (
        arguments.first().map(String::as_str),
        number(1),
        arguments.len(),
    ) {
        (Some("compare"), Some(runs), 1..=2) => compare::run(runs),
        (Some("repeat"), Some(_), 1..=2) => repeat::run(number(1000).unwrap_or(1000)),
        (Some("bench"), Some(_), 1..=2) => bench::run(number(5).unwrap_or(5)),
        (Some("calibrate"), Some(_), 1..=2) => calibrate::run(number(5).unwrap_or(5)),
        (Some("prices"), Some(_), 1..=2) => prices::run(number(3).unwrap_or(3)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    answer.unwrap_or_else(|error| {
        eprintln!("failed to {error}");
        ExitCode::from(4)
    })
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
        files: None,
    }
}

/// What a piece of work gave, its wall time, and the CPU time of this process and of children that ended within.
fn measure<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (clock, before) = (Instant::now(), cpu_time());
    let value = work();
    (value, clock.elapsed(), cpu_time().saturating_sub(before))
}

fn cpu_time() -> Duration {
    let of = |who| {
        getrusage(who).map_or(0, |usage| {
            usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
        })
    };
    let total = of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN);
    Duration::from_micros(total.unsigned_abs())
}
