//! The programs that problems bring with them, under process and WebAssembly isolation: verdicts and CPU time.

use std::path::Path;
use std::process::ExitCode;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rlef::problem::contest::{self, ContestConfig};
use rlef::problem::{self, Problem};
use rlef::program::Program;
use rlef::verdict::{Scope, StopAt, Task, Verdict, isolated_judge};
use rlef_benchmarks::measure;
use rlef_sandbox::{Isolation, Language};

/// What to compare.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Problems: a file of any known schema, or `contest:train`, `contest:validation`, `contest:test`.
    #[arg(long, required = true)]
    problems: Vec<String>,
    /// Programs of each file at most, drawn by the seed; 0 takes all.
    #[arg(long, default_value_t = 0)]
    most: usize,
    /// Draws the programs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take programs known to be wrong, too.
    #[arg(long)]
    wrong: bool,
    /// Times each isolation is measured, in turns.
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

struct Case<'a> {
    problem: &'a Problem,
    name: String,
    program: Program,
}

fn load(name: &str) -> anyhow::Result<Vec<Problem>> {
    if let Some(split) = contest::parse_spec(name) {
        return Ok(contest::generate(split, &ContestConfig::default()));
    }
    let mut problems = Vec::new();
    let mut unread = 0;
    problem::each(Path::new(name), None, &mut |row| {
        match row {
            Ok(problem) => problems.push(problem),
            Err(_) => unread += 1,
        }
        Ok(())
    })?;
    if unread > 0 {
        eprintln!("{unread} rows of {name} hold no problem");
    }
    Ok(problems)
}

fn cases<'a>(problems: &'a [Problem], args: &Args) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for problem in problems {
        let wrong = problem.wrong.iter().filter(|_| args.wrong);
        let named = [
            ("reference", problem.references.iter().collect::<Vec<_>>()),
            ("wrong", wrong.collect()),
        ];
        for (kind, programs) in named {
            let python = (programs.into_iter().enumerate())
                .filter(|(_, reference)| reference.language == Language::Python);
            cases.extend(python.map(|(index, reference)| Case {
                problem,
                name: format!("{kind} {index}"),
                program: Program::bare(reference.source.clone(), Language::Python),
            }));
        }
    }
    if args.most > 0 && cases.len() > args.most {
        cases.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
        cases.truncate(args.most);
    }
    cases
}

/// Verdict or the sandbox's failure, as one word.
fn grade<E: std::fmt::Display>(verdict: &Result<Verdict, E>) -> String {
    match verdict {
        Ok(verdict) => verdict.grade.name().to_owned(),
        Err(error) => format!("failed: {error}").replace([',', '\n'], ";"),
    }
}

/// Judges, prints a row a program, and the sums on standard error. Exit code 1 where two verdicts differ.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    println!(
        "set,problem,program,tests,process,process_passed,process_cpu_ms,wasm,wasm_passed,wasm_fuel_ms,same,why"
    );
    let mut differ = 0;
    for name in &args.problems {
        let problems = load(name)?;
        let cases = cases(&problems, args);
        let tasks: Vec<Task<'_>> = (cases.iter())
            .map(|case| Task {
                program: Some(&case.program),
                problem: case.problem,
                scope: Scope::All,
                stop: StopAt::Never,
            })
            .collect();
        let tests: Vec<usize> = (cases.iter())
            .map(|case| Scope::All.tests(case.problem).len())
            .collect();
        let mut verdicts = [Vec::new(), Vec::new()];
        for run in 0..args.runs.max(1) {
            for (kept, isolation) in verdicts
                .iter_mut()
                .zip([Isolation::Process, Isolation::Wasm])
            {
                let (judged, sample) = measure(|| {
                    // The judge ends in here, so that the CPU time of its processes is counted.
                    isolated_judge(isolation, 1).map(|judge| judge.judge_tasks(&tasks))
                });
                let judged = judged?;
                let total: usize = tests.iter().sum();
                let accepted = (judged.iter().flatten())
                    .filter(|verdict| verdict.is_accepted())
                    .count();
                eprintln!(
                    "{name}: {isolation} run {run}: {accepted} of {} accepted, {total} tests, {:.2} CPU s, \
                     {:.2} CPU ms a test, {:.2} wall s",
                    tasks.len(),
                    sample.cpu,
                    1000.0 * sample.cpu / total.max(1) as f64,
                    sample.wall
                );
                *kept = judged;
            }
        }
        let set = Path::new(name)
            .file_name()
            .map_or(name.as_str().into(), |file| file.to_string_lossy());
        let [process, wasm] = verdicts;
        for (((case, tests), process), wasm) in cases.iter().zip(&tests).zip(&process).zip(&wasm) {
            let same = matches!((process, wasm), (Ok(left), Ok(right))
                if (left.grade, left.passed) == (right.grade, right.passed));
            differ += usize::from(!same);
            let passed =
                |verdict: &Result<Verdict, _>| verdict.as_ref().map_or(0, |verdict| verdict.passed);
            let cpu = |verdict: &Result<Verdict, _>| {
                verdict.as_ref().map_or(0.0, |verdict| verdict.cpu_ms)
            };
            let why = match wasm {
                Ok(verdict) if !same => (verdict.failures.first())
                    .and_then(|failure| failure.trace.trim_end().lines().last())
                    .unwrap_or_default()
                    .replace([',', '"'], ";"),
                _ => String::new(),
            };
            println!(
                "{set},{},{},{tests},{},{},{:.2},{},{},{:.2},{same},{why}",
                case.problem.id.replace(',', ";"),
                case.name,
                grade(process),
                passed(process),
                cpu(process),
                grade(wasm),
                passed(wasm),
                cpu(wasm),
            );
        }
    }
    eprintln!("{differ} verdicts differ");
    Ok(ExitCode::from(u8::from(differ > 0)))
}
