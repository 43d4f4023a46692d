//! What a test costs: a small Python program and a small C program by both isolations, and a bare `python3`, in turns.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rlef_sandbox::{Batch, Isolation, Language, Limits, SandboxError, Status};

use super::{Failure, job, measure, sandbox};

const PYTHON: &str = "n = int(input())\nrows = [list(map(int, input().split())) for _ in range(n)]\n\
    print(sum(sum(row) for row in rows))\n";
const C: &str = "#include <stdio.h>\nint main(void) {\n    int n, m, x, s = 0;\n    if (scanf(\"%d\", &n) != 1) return 1;\n    \
    while (scanf(\"%d\", &x) == 1) s += x;\n    printf(\"%d\\n\", s);\n    return 0;\n}\n";
/// Tests of a program.
const TESTS: usize = 20;
/// Programs of one measurement: of Python, and of C, whose runs are so short.
const PROGRAMS: [usize; 2] = [5, 500];

fn inputs() -> Vec<Vec<u8>> {
    (1..=TESTS)
        .map(|test| format!("1\n{}\n", "7 ".repeat(test)).into_bytes())
        .collect()
}

fn expected() -> Vec<Vec<u8>> {
    (1..=TESTS)
        .map(|test| format!("{}\n", 7 * test).into_bytes())
        .collect()
}

/// CPU and wall time of `programs` programs with all tests, in a sandbox that is made beforehand and ends within.
fn judged(
    isolation: Isolation,
    language: Language,
    programs: usize,
) -> Result<(Duration, Duration), Failure> {
    let inputs = inputs();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let source = if language == Language::C { C } else { PYTHON };
    let job = job(language, source);
    let limits = Limits::default();
    let ready = sandbox(isolation, 1)?;
    // Compiled, and caches warm.
    ready.run_batch(&Batch::new(&job, &inputs, &limits))?;
    let (result, wall, cpu) = measure(move || -> Result<_, SandboxError> {
        let mut last = Vec::new();
        for _ in 0..programs {
            last = ready.run_batch(&Batch::new(&job, &inputs, &limits))?;
        }
        // Its processes are counted when they have ended.
        drop(ready);
        Ok(last)
    });
    for (outcome, expected) in result?.iter().zip(expected()) {
        if outcome.status != Status::Exited(0) || outcome.stdout != expected {
            return Err(format!("measure: {outcome:?}").into());
        }
    }
    Ok((cpu, wall))
}

/// The interpreter that processes run, behind whatever stands for it on the search path.
fn interpreter() -> Result<String, Failure> {
    let name = sandbox(Isolation::Process, 1)?
        .protection()
        .interpreter
        .clone();
    let path = name.rsplit_once(" (").map(|(path, _)| path.to_owned());
    path.ok_or_else(|| format!("find the interpreter in {name}").into())
}

/// The same tests by `python3 -I -S`, which protects nothing.
fn bare(python: &str, programs: usize) -> Result<(Duration, Duration), Failure> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("main.py");
    std::fs::write(&path, PYTHON)?;
    let (result, wall, cpu) = measure(|| -> Result<(), Failure> {
        for _ in 0..programs {
            for (input, expected) in inputs().iter().zip(expected()) {
                let mut child = Command::new(python)
                    .args(["-I", "-S"])
                    .arg(&path)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()?;
                if let Some(mut stdin) = child.stdin.take() {
                    stdin.write_all(input)?;
                }
                let output = child.wait_with_output()?;
                if output.stdout != expected {
                    return Err("measure: a bare python3 printed something else".into());
                }
            }
        }
        Ok(())
    });
    result?;
    Ok((cpu, wall))
}

/// Measures in turns, prints a row a measurement.
pub(crate) fn run(runs: usize) -> Result<ExitCode, Failure> {
    let python3 = interpreter()?;
    println!("run,what,tests,cpu_s,wall_s,cpu_ms_per_test,tests_per_cpu_s");
    for run in 0..runs {
        let [python, c] = PROGRAMS;
        let mut rows = vec![
            (
                "Python in WebAssembly",
                python,
                judged(Isolation::Wasm, Language::Python, python)?,
            ),
            (
                "Python in processes",
                python,
                judged(Isolation::Process, Language::Python, python)?,
            ),
            ("python3 -I -S", python, bare(&python3, python)?),
        ];
        if sandbox(Isolation::Wasm, 1)?.require(Language::C).is_ok() {
            rows.push((
                "C in WebAssembly",
                c,
                judged(Isolation::Wasm, Language::C, c)?,
            ));
            let few = c / 20;
            rows.push((
                "C in processes",
                few,
                judged(Isolation::Process, Language::C, few)?,
            ));
        }
        for (what, programs, (cpu, wall)) in rows {
            let tests = (programs * TESTS) as f64;
            println!(
                "{run},{what},{tests},{:.3},{:.3},{:.3},{:.0}",
                cpu.as_secs_f64(),
                wall.as_secs_f64(),
                1000.0 * cpu.as_secs_f64() / tests,
                tests / cpu.as_secs_f64(),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
