//! The same programs many times, on an idle machine and beside a busy loop on every core: one outcome each?

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rlef_sandbox::{Isolation, Limits, Outcome, Sandbox};

use super::programs::REPEATED;
use super::{Failure, job, sandbox};

/// Everything of an outcome but the wall time.
type Seen = (String, u64, u64, u64, Vec<u8>, Vec<u8>);

fn seen(outcome: Outcome) -> Seen {
    let usage = outcome.usage;
    (
        format!("{:?}", outcome.status),
        usage.fuel.unwrap_or_default(),
        usage.cpu_us,
        usage.memory_bytes,
        outcome.stdout,
        outcome.stderr,
    )
}

/// Runs the programs in turns, `runs` in all, by `callers` threads; how often each outcome was seen of each program.
fn play(sandbox: &Sandbox, runs: usize, callers: usize) -> (Vec<BTreeMap<Seen, usize>>, usize) {
    let limits = Limits {
        cpu_ms: 200,
        wall_ms: 2_000,
        memory_bytes: 128 << 20,
        output_bytes: 1 << 16,
        ..Limits::default()
    };
    let counts = Mutex::new(vec![BTreeMap::new(); REPEATED.len()]);
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    let which = run % REPEATED.len();
                    let (name, language, source, input) = REPEATED[which];
                    match sandbox.run(&job(language, source), input.as_bytes(), &limits) {
                        Ok(outcome) => {
                            if let Ok(mut counts) = counts.lock() {
                                *counts[which].entry(seen(outcome)).or_insert(0) += 1;
                            }
                        }
                        Err(error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            eprintln!("{name}: failed to {error}");
                        }
                    }
                }
            });
        }
    });
    (
        counts.into_inner().unwrap_or_default(),
        failed.load(Ordering::Relaxed),
    )
}

/// Plays, prints a row a program and machine. Exit code 1 where a program had two outcomes, 4 where the sandbox failed.
pub(crate) fn run(total: usize) -> Result<ExitCode, Failure> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (idle, failed_idle) = play(&sandbox(Isolation::Wasm, 1)?, total / 2, 1);
    let over = AtomicBool::new(false);
    let (busy, failed_busy) = thread::scope(|scope| -> Result<_, Failure> {
        for _ in 0..2 * cores {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let played = sandbox(Isolation::Wasm, 2 * cores)
            .map(|sandbox| play(&sandbox, total - total / 2, 2 * cores));
        over.store(true, Ordering::Relaxed);
        Ok(played?)
    })?;
    println!("program,runs_idle,runs_busy,outcomes,status,fuel,memory_bytes");
    let mut repeats = true;
    for ((program, idle), busy) in REPEATED.iter().zip(idle).zip(busy) {
        let runs = |counts: &BTreeMap<Seen, usize>| counts.values().sum::<usize>();
        let (quiet, loaded) = (runs(&idle), runs(&busy));
        let mut all = idle;
        all.extend(busy);
        repeats &= all.len() == 1;
        let (status, fuel, memory) = all
            .keys()
            .next()
            .map_or(("none", 0, 0), |seen| (seen.0.as_str(), seen.1, seen.3));
        println!(
            "{},{quiet},{loaded},{},{status},{fuel},{memory}",
            program.0,
            all.len()
        );
        for other in all.keys().skip(1) {
            eprintln!("{}: also {:?} with fuel {}", program.0, other.0, other.1);
        }
    }
    Ok(match (failed_idle + failed_busy, repeats) {
        (1.., _) => ExitCode::from(4),
        (0, repeats) => ExitCode::from(u8::from(!repeats)),
    })
}
