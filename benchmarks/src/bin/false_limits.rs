//! Does a loaded machine make a correct program fail? Honest programs that need 0.23 s of CPU against a limit
//! of 1 s, four times more in flight than cores, beside a busy loop on every core. Prints one CSV row a run.
//!
//! `false_limits [RUNS]`; exit code 1 if any run was not judged as it deserves, 4 if the sandbox failed.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rlef_sandbox::{Job, Language, Limits, Sandbox, SandboxConfig, Start, Status, jail_entry};

const SOURCE: &str = "import time\nn = 0\nwhile time.process_time() < 0.23: n += 1\nprint('done')";

fn main() -> ExitCode {
    jail_entry();
    let runs: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // As many workers as programs in flight: the admission's own bound would hide the load.
    let config = SandboxConfig {
        workers: 4 * cores,
        ..SandboxConfig::default()
    };
    let sandbox = match Sandbox::new(config) {
        Ok(sandbox) => sandbox,
        Err(error) => {
            eprintln!("failed to {error}");
            return ExitCode::from(4);
        }
    };
    let limits = Limits {
        cpu_ms: 1000,
        wall_ms: 20_000,
        ..Limits::default()
    };
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let rows = Mutex::new(Vec::with_capacity(runs));
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let programs: Vec<_> = (0..4 * cores)
            .map(|_| {
                scope.spawn(|| {
                    while next.fetch_add(1, Ordering::Relaxed) < runs {
                        let job = Job {
                            language: Language::Python,
                            source: SOURCE.into(),
                            start: Start::Fork,
                            files: None,
                        };
                        let result = sandbox.run(&job, b"", &limits);
                        if let Ok(mut rows) = rows.lock() {
                            rows.push(result);
                        }
                    }
                })
            })
            .collect();
        for program in programs {
            let _ = program.join();
        }
        over.store(true, Ordering::Relaxed);
    });
    let rows = rows.into_inner().unwrap_or_default();
    println!("run,status,right,cpu_ms,wall_ms");
    let (mut right, mut failed) = (0, 0);
    for (run, row) in rows.iter().enumerate() {
        match row {
            Ok(outcome) => {
                let good = outcome.status == Status::Exited(0) && outcome.stdout == b"done\n";
                right += usize::from(good);
                println!(
                    "{run},{:?},{good},{},{}",
                    outcome.status,
                    outcome.usage.cpu_us / 1000,
                    outcome.usage.wall_us / 1000
                );
            }
            Err(error) => {
                failed += 1;
                println!("{run},failed,false,,");
                eprintln!("failed to {error}");
            }
        }
    }
    eprintln!(
        "{right} of {} right, the sandbox failed {failed} times",
        rows.len()
    );
    if failed > 0 {
        ExitCode::from(4)
    } else {
        ExitCode::from(u8::from(right < runs))
    }
}
