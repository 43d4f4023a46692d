//! What does a C++ program with its tests cost here, compared with calling the compiler by hand? CPU and wall.
//!
//! Cases: compiled anew, found in the cache, and runs alone; interleaved. CPU seconds are those of a control group.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::Parser;
use rlef_benchmarks::group::Group;
use rlef_benchmarks::{head, row};
use rlef_sandbox::{Batch, Job, Language, Limits, Sandbox, SandboxConfig, Start};

/// As contest programs are written.
const SOURCE: &str = "#include <bits/stdc++.h>
using namespace std;
int main() {
    int n;
    cin >> n;
    vector<long long> v(n);
    for (auto &x : v) cin >> x;
    sort(v.begin(), v.end());
    map<int, int> seen;
    for (auto x : v) seen[x % 10]++;
    long long kinds = 0;
    for (auto &[digit, count] : seen) kinds += 1LL * digit * count;
    cout << accumulate(v.begin(), v.end(), 0LL) + kinds << \"\\n\";
}
";

/// Cost of a C++ program with its tests.
#[derive(Parser)]
struct Args {
    /// Runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Tests of a program.
    #[arg(long, default_value_t = 20)]
    tests: usize,
}

/// Inputs, and what the program prints for them.
fn tests(count: usize) -> (Vec<String>, Vec<String>) {
    (0..count)
        .map(|test| {
            (
                format!("3\n{test} 20 30\n"),
                format!("{}\n", test + 50 + test % 10),
            )
        })
        .unzip()
}

/// By hand: `g++ -O2` without a precompiled header, then a process a test.
#[expect(
    clippy::disallowed_methods,
    reason = "the compiler is called by hand to be compared with"
)]
fn by_hand(
    source: &str,
    folder: &Path,
    inputs: &[String],
    outputs: &[String],
) -> anyhow::Result<()> {
    let program = folder.join("program");
    if !source.is_empty() {
        fs::write(folder.join("main.cpp"), source)?;
        let arguments = [
            "-std=gnu++17",
            "-O2",
            "-w",
            "-pipe",
            "-o",
            "program",
            "main.cpp",
        ];
        let status = Command::new("g++")
            .args(arguments)
            .current_dir(folder)
            .status()?;
        ensure!(status.success(), "g++ {status}");
    }
    for (input, output) in inputs.iter().zip(outputs) {
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child
            .stdin
            .take()
            .context("no standard input")?
            .write_all(input.as_bytes())?;
        let result = child.wait_with_output()?;
        ensure!(result.stdout == output.as_bytes(), "{result:?}");
    }
    Ok(())
}

fn in_sandbox(
    sandbox: &Sandbox,
    source: &str,
    inputs: &[String],
    outputs: &[String],
) -> anyhow::Result<()> {
    let job = Job {
        language: Language::Cpp,
        source: source.into(),
        start: Start::Fork,
        files: None,
    };
    let inputs: Vec<&[u8]> = inputs.iter().map(String::as_bytes).collect();
    let outcomes = sandbox.run_batch(&Batch::new(&job, &inputs, &Limits::default()))?;
    for (outcome, output) in outcomes.iter().zip(outputs) {
        ensure!(outcome.stdout == output.as_bytes(), "{outcome:?}");
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    rlef_sandbox::jail_entry();
    let args = Args::parse();
    let group = Group::enter()?;
    let cache = tempfile::tempdir()?;
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::new(SandboxConfig {
        workers: 1,
        cache_directory: Some(cache.path().to_owned()),
        ..SandboxConfig::default()
    })?;
    let (inputs, outputs) = tests(args.tests);
    head();
    let measured = |case: &str,
                    run: usize,
                    items: usize,
                    unit: &str,
                    work: &dyn Fn() -> anyhow::Result<()>| {
        let ((), sample) = group.measure(work).with_context(|| case.to_owned())?;
        row("cpp", case, run, items, unit, sample);
        anyhow::Ok(())
    };
    let warm = || in_sandbox(&sandbox, SOURCE, &inputs, &outputs);
    measured(
        "rlef; the first program of a host: header compiled in advance",
        0,
        1,
        "programs",
        &warm,
    )?;
    for run in 0..args.runs {
        // Another source for the cache, the same for the compiler.
        let source = format!("{SOURCE}// {run}\n");
        let whole = format!("program with {} tests", args.tests);
        let anew = || in_sandbox(&sandbox, &source, &inputs, &outputs);
        measured(
            &format!("rlef; {whole}; compiled anew"),
            run,
            1,
            "programs",
            &anew,
        )?;
        measured(
            &format!("rlef; {whole}; compiled before"),
            run,
            1,
            "programs",
            &anew,
        )?;
        let one = || in_sandbox(&sandbox, &source, &inputs[..1], &outputs[..1]);
        measured(
            "rlef; program with 1 test; compiled before",
            run,
            1,
            "programs",
            &one,
        )?;
        let hand = || by_hand(&source, folder.path(), &inputs, &outputs);
        measured(
            &format!("by hand; {whole}; g++ -O2 and no sandbox"),
            run,
            1,
            "programs",
            &hand,
        )?;
        let runs = || by_hand("", folder.path(), &inputs, &outputs);
        measured(
            "by hand; runs alone without a sandbox",
            run,
            args.tests,
            "tests",
            &runs,
        )?;
    }
    Ok(())
}
