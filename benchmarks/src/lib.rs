//! Measuring a piece of work: wall and CPU seconds, several times, one CSV line a run. Judges nothing.

pub mod bare;
pub mod group;
pub mod http;

use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Wall seconds.
    pub wall: f64,
    /// CPU seconds of this process and of children that ended within the run.
    pub cpu: f64,
}

/// Runs `work` once and measures it.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Sample) {
    let (clock, before) = (Instant::now(), cpu_seconds());
    let value = work();
    (
        value,
        Sample {
            wall: clock.elapsed().as_secs_f64(),
            cpu: cpu_seconds() - before,
        },
    )
}

/// Prints the head of the table all benchmarks share.
pub fn head() {
    println!(
        "question,case,run,items,unit,wall_seconds,cpu_seconds,items_per_wall_second,items_per_cpu_second"
    );
}

/// Prints one run: how many items of which unit it did.
pub fn row(question: &str, case: &str, run: usize, items: usize, unit: &str, sample: Sample) {
    println!(
        "{question},{case},{run},{items},{unit},{:.4},{:.4},{:.1},{:.1}",
        sample.wall,
        sample.cpu,
        items as f64 / sample.wall.max(1e-9),
        items as f64 / sample.cpu.max(1e-9),
    );
}

/// Says on standard error the most memory this process has had.
pub fn peak(question: &str) {
    if let Some(bytes) = rlef::memory::peak_so_far() {
        eprintln!("peak,{question},{:.0} MiB", bytes as f64 / 1_048_576.0);
    }
}

fn cpu_seconds() -> f64 {
    let seconds = |usage: Usage| {
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    };
    let of = |who| getrusage(who).map(seconds).unwrap_or_default();
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}
