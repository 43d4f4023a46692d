//! How much fuel is a millisecond of CPU time? Python programs by both isolations in turns, and modules.

use std::process::ExitCode;

use rlef_sandbox::{Isolation, Language, Limits, Sandbox, Status};

use super::programs::CALIBRATING;
use super::{Failure, job, measure, sandbox};

/// CPU milliseconds and fuel of one run.
fn once(sandbox: &Sandbox, language: Language, source: &str) -> Result<(f64, u64), Failure> {
    let limits = Limits {
        cpu_ms: 60_000,
        wall_ms: 600_000,
        ..Limits::default()
    };
    let (outcome, _, cpu) = measure(|| sandbox.run(&job(language, source), b"", &limits));
    let outcome = outcome?;
    if outcome.status != Status::Exited(0) {
        let said = String::from_utf8_lossy(&outcome.stderr);
        return Err(format!("measure: {:?}: {said}", outcome.status).into());
    }
    Ok(match outcome.usage.fuel {
        // What fuel stands for is the question, so the clock of this process answers.
        Some(fuel) => (1000.0 * cpu.as_secs_f64(), fuel),
        None => (outcome.usage.cpu_us as f64 / 1000.0, 0),
    })
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures, prints a row a program. Modules have no process to compare with.
pub(crate) fn run(runs: usize) -> Result<ExitCode, Failure> {
    let (process, wasm) = (
        sandbox(Isolation::Process, 1)?,
        sandbox(Isolation::Wasm, 1)?,
    );
    println!(
        "program,language,fuel,process_cpu_ms,wasm_cpu_ms,wasm_to_process,million_fuel_per_process_ms,million_fuel_per_wasm_ms"
    );
    for (name, language, source) in CALIBRATING {
        let (mut native, mut inside, mut burnt) = (Vec::new(), Vec::new(), 0);
        // The first run compiles and reads what the others find.
        once(&wasm, language, source)?;
        for _ in 0..runs {
            if language == Language::Python {
                native.push(once(&process, language, source)?.0);
            }
            let (cpu, fuel) = once(&wasm, language, source)?;
            inside.push(cpu);
            burnt = fuel;
        }
        let (native, inside) = (middle(native), middle(inside));
        println!(
            "{name},{},{burnt},{native:.1},{inside:.1},{:.2},{:.2},{:.2}",
            language.name(),
            inside / native,
            burnt as f64 / native / 1e6,
            burnt as f64 / inside / 1e6,
        );
    }
    Ok(ExitCode::SUCCESS)
}
