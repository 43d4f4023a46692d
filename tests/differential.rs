//! Programs of public sets end alike whether they are forked from the warm interpreter or started as a fresh
//! `python3`: the same status, the same bytes on both streams. A sample is part of every test run; all of them are
//! `cargo test --release --test main differential -- --ignored --nocapture`, which prints one line a set;
//! `RLEF_SETS=MBPP+,APPS` names some of them. The same programs end alike in a process and in WebAssembly: the same
//! status and the same standard output; standard error is worded by another version of the interpreter.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rlef::problem::{self, Problem, TestCase};
use rlef_sandbox::{Batch, Job, Language, Limits, Outcome, Sandbox, Start, Status};

use super::datasets::data;
use super::host::judge;

/// A program and what it reads, once for each of its tests.
struct Script {
    name: String,
    source: String,
    inputs: Vec<String>,
}

/// Inputs of one program at most.
const MOST_INPUTS: usize = 12;

fn limits() -> Limits {
    Limits {
        cpu_ms: 4_000,
        wall_ms: 60_000,
        memory_bytes: 512 << 20,
        output_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// The scripts of a program for a problem: it reads its tests, or is called, or is tested by the code of the test.
fn scripts(problem: &Problem, label: &str, program: &str) -> Vec<Script> {
    let base = format!("{}\n{program}\n", problem.preamble);
    let mut inputs = Vec::new();
    let mut calls: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut found = Vec::new();
    let name = format!("{} {label}", problem.id);
    for test in problem.public_tests.iter().chain(&problem.private_tests) {
        match test {
            TestCase::Stdin { input, .. } => inputs.push(input.clone()),
            TestCase::Call {
                function,
                arguments,
                ..
            } => calls
                .entry(function)
                .or_default()
                .push(serde_json::to_string(arguments).unwrap()),
            TestCase::Asserted {
                entry_point, code, ..
            } => found.push(Script {
                name: name.clone(),
                source: format!("{base}\ncandidate = {entry_point}\n{code}\nprint('passed')\n"),
                inputs: vec![String::new()],
            }),
        }
    }
    if !inputs.is_empty() {
        found.push(Script {
            name: name.clone(),
            source: base.clone(),
            inputs,
        });
    }
    for (function, inputs) in calls {
        let callee = match function.split_once('.') {
            Some((class, method)) => format!("{class}().{method}"),
            None => function.to_owned(),
        };
        found.push(Script {
            name: name.clone(),
            source: format!("{base}\nimport json\nprint(repr({callee}(*json.loads(input()))))\n"),
            inputs,
        });
    }
    for script in &mut found {
        script.inputs.truncate(MOST_INPUTS);
    }
    found
}

/// All scripts of a file of problems: references, and programs known to be wrong.
fn of_problems(file: &Path) -> Vec<Script> {
    let mut found = Vec::new();
    problem::each(file, None, &mut |problem| {
        // Rows that no problem can be made of are the business of others.
        let Ok(problem) = problem else { return Ok(()) };
        let references = problem.references.iter().map(|one| ("reference", one));
        let wrong = problem.wrong.iter().map(|one| ("wrong", one));
        for (label, program) in references.chain(wrong) {
            if program.language == Language::Python {
                found.extend(scripts(&problem, label, &program.source));
            }
        }
        if let Some(buggy) = problem.labels.get("buggy_solution") {
            found.extend(scripts(&problem, "buggy", buggy));
        }
        Ok(())
    })
    .unwrap_or_else(|error| panic!("failed to {error}"));
    found
}

/// Programs that are Python whatever else is unknown of them, beside the inputs of their problem.
fn of_apps(folder: &Path) -> Vec<Script> {
    let mut found = Vec::new();
    let mut problems: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|one| one.path())
        .collect();
    problems.sort();
    for path in problems.iter().filter(|path| path.is_dir()) {
        let read = |name: &str| fs::read_to_string(path.join(name)).ok();
        let tests: serde_json::Value =
            serde_json::from_str(&read("input_output.json").unwrap()).unwrap();
        let inputs: Vec<String> = tests["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| match input.as_str() {
                Some(text) => text.to_owned(),
                None => input.to_string(),
            })
            .take(MOST_INPUTS)
            .collect();
        let call = tests["fn_name"].as_str().map(|function| {
            format!("\nimport json\nprint(repr({function}(*json.loads(input()))))\n")
        });
        for file in ["solutions.json", "baseline_solutions.json"] {
            let Some(text) = read(file) else { continue };
            let programs: serde_json::Value = serde_json::from_str(&text).unwrap();
            for (index, program) in programs.as_array().into_iter().flatten().enumerate() {
                let source = program.as_str().or_else(|| program["code"].as_str());
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.extend(source.map(|source| Script {
                    name: format!("APPS {name} {file} {index}"),
                    source: source.to_owned() + call.as_deref().unwrap_or_default(),
                    inputs: if inputs.is_empty() {
                        vec![String::new()]
                    } else {
                        inputs.clone()
                    },
                }));
            }
        }
    }
    found
}

/// The functions of CRUXEval on their own inputs.
fn of_cruxeval(file: &Path) -> Vec<Script> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| row[name].as_str().unwrap().to_owned();
            Script {
                name: format!("CRUXEval {}", field("id")),
                source: format!("{}\nprint(repr(f({})))\n", field("code"), field("input")),
                inputs: vec![String::new()],
            }
        })
        .collect()
}

fn run(script: &Script, start: Start) -> Vec<Outcome> {
    run_in(judge().runner(), script, start)
}

fn run_in(sandbox: &Sandbox, script: &Script, start: Start) -> Vec<Outcome> {
    let job = Job {
        language: Language::Python,
        source: script.source.clone().into_bytes(),
        start,
        files: None,
    };
    let inputs: Vec<&[u8]> = script.inputs.iter().map(String::as_bytes).collect();
    sandbox
        .run_batch(&Batch::new(&job, &inputs, &limits()))
        .unwrap_or_else(|error| panic!("{}: failed to {error}", script.name))
}

/// What must be equal. How far a program came before it was stopped is chance. A fresh interpreter says of a source
/// that does not compile what a fork says, and exits with 1: only the fork tells it from an exception.
fn seen(outcome: &Outcome) -> (Status, Vec<u8>, Vec<u8>) {
    match outcome.status {
        Status::TimeLimit | Status::MemoryLimit => (outcome.status, Vec::new(), Vec::new()),
        status => {
            let status = match status {
                Status::CompileError => Status::Exited(1),
                other => other,
            };
            (status, outcome.stdout.clone(), outcome.stderr.clone())
        }
    }
}

fn show(outcome: &Outcome) -> String {
    let end = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(600)..]).into_owned()
    };
    format!(
        "{:?} {:?} {:?}",
        outcome.status,
        end(&outcome.stdout),
        end(&outcome.stderr)
    )
}

/// Of one set: how much was compared, and what differed.
#[derive(Default)]
struct Tally {
    programs: usize,
    runs: usize,
    statuses: BTreeMap<String, usize>,
    unsteady: Vec<String>,
    different: Vec<String>,
}

type Way<'a> = &'a dyn Fn(&Script) -> Vec<Outcome>;
type Seen = fn(&Outcome) -> (Status, Vec<u8>, Vec<u8>);

fn compare(scripts: &[Script]) -> Tally {
    let fork = |script: &Script| run(script, Start::Fork);
    let exec = |script: &Script| run(script, Start::Exec);
    compare_ways(scripts, ("fork", &fork), ("exec", &exec), seen)
}

fn compare_ways(
    scripts: &[Script],
    (first, one_way): (&str, Way<'_>),
    (second, other_way): (&str, Way<'_>),
    seen: Seen,
) -> Tally {
    let mut tally = Tally::default();
    for script in scripts {
        let (forked, fresh) = (one_way(script), other_way(script));
        assert_eq!(forked.len(), fresh.len(), "{}", script.name);
        tally.programs += 1;
        tally.runs += forked.len();
        for (index, (one, other)) in forked.iter().zip(&fresh).enumerate() {
            *tally
                .statuses
                .entry(format!("{:?}", one.status))
                .or_default() += 1;
            if seen(one) == seen(other) {
                continue;
            }
            // A program that differs from itself says nothing.
            let again = other_way(script);
            let text = format!(
                "{} test {index}: {first} {}, {second} {}",
                script.name,
                show(one),
                show(other)
            );
            if seen(&again[index]) == seen(other) {
                tally.different.push(text);
            } else {
                tally.unsteady.push(text);
            }
        }
    }
    tally
}

/// Every set of real Python programs there is, or `None` where the folder is absent.
fn sets() -> Option<Vec<(&'static str, Vec<Script>)>> {
    let problems = |file| Some(of_problems(&data(file)?));
    Some(vec![
        ("HumanEval", problems("humaneval/HumanEval.jsonl.gz")?),
        ("HumanEvalPack", problems("humanevalpack/python.jsonl")?),
        (
            "HumanEval+",
            problems("humanevalplus/HumanEvalPlus.jsonl.gz")?,
        ),
        ("MBPP+", problems("mbppplus/MbppPlus.jsonl.gz")?),
        (
            "CRUXEval",
            of_cruxeval(&data("cruxeval/data/cruxeval.jsonl")?),
        ),
        ("APPS", of_apps(&data("apps/on-disk-layout")?)),
    ])
}

fn assert_alike(name: &str, tally: &Tally) {
    assert!(tally.different.is_empty(), "{name}: {:#?}", tally.different);
    assert!(tally.runs > 0, "{name}: nothing was compared");
}

/// About `size` of the scripts, with three inputs each.
fn sample(mut scripts: Vec<Script>, size: usize) -> Vec<Script> {
    let step = (scripts.len() / size).max(1);
    let mut index = 0;
    scripts.retain(|_| {
        index += 1;
        (index - 1) % step == 0
    });
    for script in &mut scripts {
        script.inputs.truncate(3);
    }
    scripts
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn a_sample_of_real_programs_ends_alike_by_fork_and_by_exec() {
    for (name, scripts) in sets().unwrap_or_default() {
        assert_alike(name, &compare(&sample(scripts, 25)));
    }
}

#[cfg(feature = "wasm")]
mod wasm {
    use super::*;
    use crate::host::wasm_judge;

    /// Words of what is unsupported in WebAssembly, for each gap of `sandbox/README.md` that the sets meet.
    const GAPS: [&str; 1] = ["no module 'numpy'"];

    fn seen(outcome: &Outcome) -> (Status, Vec<u8>, Vec<u8>) {
        match outcome.status {
            Status::TimeLimit | Status::MemoryLimit => (outcome.status, Vec::new(), Vec::new()),
            status => (status, outcome.stdout.clone(), Vec::new()),
        }
    }

    fn compare(scripts: &[Script]) -> Tally {
        let process = |script: &Script| run(script, Start::Fork);
        let wasm = |script: &Script| run_in(wasm_judge().runner(), script, Start::Fork);
        let mut tally = compare_ways(scripts, ("wasm", &wasm), ("process", &process), seen);
        let is_gap = |text: &String| {
            text.contains("wasm Unsupported") && GAPS.iter().any(|words| text.contains(words))
        };
        tally.different.retain(|text| !is_gap(text));
        tally
    }

    #[test]
    #[ignore = "files that not everybody has: .ci/outside data"]
    fn a_sample_of_real_programs_ends_alike_in_a_process_and_in_webassembly() {
        for (name, scripts) in sets().unwrap_or_default() {
            assert_alike(name, &compare(&sample(scripts, 25)));
        }
    }

    #[test]
    #[ignore = "minutes: every program of every set, once in a process and once in WebAssembly"]
    fn all_real_programs_end_alike_in_a_process_and_in_webassembly() {
        compare_all(compare);
    }
}

#[test]
#[ignore = "minutes: every program of every set, once by fork and once by exec"]
fn all_real_programs_end_alike_by_fork_and_by_exec() {
    compare_all(compare);
}

fn compare_all(compare: fn(&[Script]) -> Tally) {
    println!("set,programs,runs,statuses,unsteady,different");
    let mut tallies = Vec::new();
    let named = std::env::var("RLEF_SETS").ok();
    let wanted = |name: &str| {
        named
            .as_ref()
            .is_none_or(|named| named.split(',').any(|one| one == name))
    };
    let sets = sets().expect("the problem sets");
    for (name, scripts) in sets.into_iter().filter(|(name, _)| wanted(name)) {
        let tally = compare(&scripts);
        let statuses: Vec<String> = tally
            .statuses
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        println!(
            "{name},{},{},{},{},{}",
            tally.programs,
            tally.runs,
            statuses.join("; "),
            tally.unsteady.len(),
            tally.different.len()
        );
        for text in tally.unsteady.iter().chain(&tally.different) {
            eprintln!("{text}");
        }
        tallies.push((name, tally));
    }
    for (name, tally) in &tallies {
        assert_alike(name, tally);
    }
}
