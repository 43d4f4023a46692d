//! Programs of public data sets under both isolations: the same status and output? and the CPU time a run.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rlef_sandbox::{Isolation, Language, Limits, Outcome, SandboxError, Status};
use serde_json::Value;

use super::{Failure, job, measure, sandbox};

struct Case {
    set: &'static str,
    name: String,
    source: String,
}

/// Stand for infinite numbers while a row is no JSON.
const INFINITE: [(&str, &str); 2] = [
    ("-Infinity", "\"less than any number\""),
    ("Infinity", "\"more than any number\""),
];

fn rows(path: &Path) -> Result<Vec<Value>, Failure> {
    let file = File::open(path).map_err(|error| format!("read {}: {error}", path.display()))?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(reader).lines().enumerate() {
        let line = line?;
        // Python writes, and reads, what JSON has no number for.
        let row = serde_json::from_str(&line)
            .or_else(|_| {
                let replace =
                    |line: String, (number, word): (&str, &str)| line.replace(number, word);
                serde_json::from_str(&INFINITE.into_iter().fold(line, replace))
            })
            .map_err(|error| format!("read {}:{}: {error}", path.display(), number + 1))?;
        rows.push(row);
    }
    Ok(rows)
}

fn cases(data: &Path) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    let mut add = |set, row: &Value, parts: &[&str], check: &str| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let body: Vec<String> = parts.iter().map(|part| text(part)).collect();
        let source = format!(
            "{}\n{}",
            body.concat(),
            check.replace("ENTRY", &text("entry_point"))
        );
        cases.push(Case {
            set,
            name: text("task_id"),
            source,
        });
    };
    for row in rows(&data.join("humaneval/HumanEval.jsonl.gz"))? {
        let parts = ["prompt", "canonical_solution", "test"];
        add("HumanEval canonical", &row, &parts, "check(ENTRY)");
    }
    for row in rows(&data.join("humanevalpack/python.jsonl"))? {
        // The tests of this set call themselves.
        let parts = |solution| ["declaration", solution, "test"];
        add(
            "HumanEvalPack canonical",
            &row,
            &parts("canonical_solution"),
            "",
        );
        add("HumanEvalPack buggy", &row, &parts("buggy_solution"), "");
    }
    for row in rows(&data.join("mbppplus/MbppPlus.jsonl.gz"))? {
        let inputs = serde_json::to_string(&Value::String(INFINITE.into_iter().fold(
            Value::from(vec![row["base_input"].clone(), row["plus_input"].clone()]).to_string(),
            |inputs, (number, word)| inputs.replace(word, number),
        )))?;
        // What each call gives or raises, printed: the outputs of both isolations are compared byte by byte.
        let check = format!(
            "import json\nfor group in json.loads({inputs}):\n    for arguments in group:\n        try:\n            \
             print(repr(ENTRY(*arguments)))\n        except Exception as error:\n            print(type(error).__name__)\n"
        );
        add("MBPP+ canonical", &row, &["canonical_solution"], &check);
    }
    Ok(cases)
}

fn status(outcome: &Result<Outcome, SandboxError>) -> String {
    match outcome {
        Ok(outcome) => format!("{:?}", outcome.status),
        Err(error) => format!("failed to {error}").replace([',', '\n'], ";"),
    }
}

fn last_words(outcome: &Outcome) -> String {
    let said = String::from_utf8_lossy(&outcome.stderr);
    let line = said.trim_end().lines().last().unwrap_or_default();
    line.chars()
        .take(120)
        .collect::<String>()
        .replace([',', '"'], ";")
}

/// Runs all of them, prints a row a program, and sums on standard error. Exit code 1 where two outcomes differ.
pub(crate) fn run(runs: usize) -> Result<ExitCode, Failure> {
    let data = std::env::var_os("RLEF_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let cases = cases(&data)?;
    let mut sets: Vec<&str> = cases.iter().map(|case| case.set).collect();
    sets.dedup();
    sets.sort_unstable();
    sets.dedup();
    let (mut differ, mut failed) = (0, 0);
    println!("set,program,process,wasm,process_cpu_ms,wasm_fuel_ms,same,why");
    for set in sets {
        let cases: Vec<&Case> = cases.iter().filter(|case| case.set == set).collect();
        let mut outcomes = [Vec::new(), Vec::new()];
        for run in 0..runs {
            for (kept, isolation) in outcomes
                .iter_mut()
                .zip([Isolation::Process, Isolation::Wasm])
            {
                let (all, wall, cpu) = measure(|| -> Result<Vec<_>, SandboxError> {
                    // It ends in here, so that the CPU time of its processes is counted.
                    let sandbox = sandbox(isolation, 1)?;
                    let run = |case: &&Case| {
                        sandbox.run(
                            &job(Language::Python, &case.source),
                            b"",
                            &Limits::default(),
                        )
                    };
                    Ok(cases.iter().map(run).collect())
                });
                let all = all?;
                let good = |outcome: &&Outcome| outcome.status == Status::Exited(0);
                eprintln!(
                    "{set}, {isolation}, run {run}: {} of {} end well; {:.2} CPU s, {:.2} CPU ms a program, {:.1} wall s",
                    all.iter().flatten().filter(good).count(),
                    all.len(),
                    cpu.as_secs_f64(),
                    1000.0 * cpu.as_secs_f64() / all.len() as f64,
                    wall.as_secs_f64(),
                );
                *kept = all;
            }
        }
        let [process, wasm] = &outcomes;
        for ((case, process), wasm) in cases.iter().zip(process).zip(wasm) {
            let same = matches!((process, wasm), (Ok(left), Ok(right))
                if (left.status, &left.stdout) == (right.status, &right.stdout));
            failed += usize::from(process.is_err() || wasm.is_err());
            differ += usize::from(!same);
            let cpu = |outcome: &Result<Outcome, _>| {
                outcome
                    .as_ref()
                    .map_or(0.0, |outcome| outcome.usage.cpu_us as f64 / 1000.0)
            };
            let why = match (process, wasm) {
                (Ok(left), Ok(right)) if !same && left.status == right.status => {
                    format!(
                        "prints otherwise: {}",
                        difference(&left.stdout, &right.stdout)
                    )
                }
                (_, Ok(right)) if !same => last_words(right),
                _ => String::new(),
            };
            println!(
                "{set},{},{},{},{:.2},{:.2},{same},{why}",
                case.name,
                status(process),
                status(wasm),
                cpu(process),
                cpu(wasm)
            );
        }
    }
    eprintln!("{differ} of {} outcomes differ", cases.len());
    Ok(ExitCode::from(match (failed, differ) {
        (1.., _) => 4,
        (0, 1..) => 1,
        (0, 0) => 0,
    }))
}

/// The first line in which two outputs differ.
fn difference(left: &[u8], right: &[u8]) -> String {
    let (left, right) = (
        String::from_utf8_lossy(left),
        String::from_utf8_lossy(right),
    );
    let pair = (left.lines().zip(right.lines())).find(|(left, right)| left != right);
    let (left, right) = pair.unwrap_or(("one is", "longer"));
    let short = |text: &str| text.chars().take(60).collect::<String>();
    format!("{} | {}", short(left), short(right)).replace([',', '"'], ";")
}
