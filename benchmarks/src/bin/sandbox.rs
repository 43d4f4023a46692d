//! What does a test of a Python program cost here and in peers? CPU and wall, interleaved, on 1 and 2 workers.
//!
//! Every engine runs the same programs on the same inputs, and its outputs are compared. CPU seconds are those of a
//! control group, hence of every process that an engine started. Sandboxes are started once, in rows of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use anyhow::{Context, ensure};
use clap::Parser;
use rlef_benchmarks::group::Group;
use rlef_benchmarks::{head, row};
use rlef_sandbox::{Batch, Job, Language, Limits, Sandbox, SandboxConfig, Start};

const TINY: &str = "print(sum(map(int, input().split())))\n";
const IMPORTS: &str = "import sys, math, collections, itertools, heapq, bisect, functools, re, string, random, json, copy\n\
    print(sum(map(int, sys.stdin.readline().split())))\n";
const NUMPY: &str = "import numpy\nprint(numpy.array(list(map(int, input().split()))).sum())\n";
const PYTHON: [&str; 3] = ["-I", "-S", "main.py"];
/// All that bubblewrap offers, short of a system call filter of one's own.
const BUBBLEWRAP: [&str; 19] = [
    "--unshare-all",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
];

/// Cost of a test in the sandbox and in its peers.
#[derive(Parser)]
struct Args {
    /// Runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Programs of a run of 20 tests each; ten times as many of one test.
    #[arg(long, default_value_t = 10)]
    programs: usize,
    /// The interpreter, for every engine.
    #[arg(long, default_value = "/usr/bin/python3")]
    python: PathBuf,
}

/// The programs of one measurement: all alike.
struct Work<'a> {
    source: &'a str,
    programs: usize,
    tests: usize,
    workers: usize,
    python: &'a Path,
    sandbox: &'a Sandbox,
}

impl Work<'_> {
    fn input(test: usize) -> String {
        format!("{test} 2\n")
    }

    fn expected(test: usize) -> String {
        format!("{}\n", test + 2)
    }

    /// Calls `program` once for each, on as many threads as there are workers.
    fn spread(&self, program: impl Fn(usize) -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.workers)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= self.programs {
                                return Ok(());
                            }
                            program(number)?;
                        }
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
            })
        })
    }

    fn in_sandbox(&self, start: Start) -> anyhow::Result<()> {
        let job = Job {
            language: Language::Python,
            source: self.source.into(),
            start,
            files: None,
        };
        let inputs: Vec<String> = (0..self.tests).map(Self::input).collect();
        let inputs: Vec<&[u8]> = inputs.iter().map(String::as_bytes).collect();
        self.spread(|_| {
            let outcomes =
                self.sandbox
                    .run_batch(&Batch::new(&job, &inputs, &Limits::default()))?;
            for (test, outcome) in outcomes.iter().enumerate() {
                ensure!(
                    outcome.stdout == Self::expected(test).as_bytes(),
                    "test {test}: {outcome:?}"
                );
            }
            Ok(())
        })
    }

    /// A process a test.
    #[expect(
        clippy::disallowed_methods,
        reason = "peers are started here to be measured, on programs of our own"
    )]
    fn by_process(&self, wrapped: bool) -> anyhow::Result<()> {
        let folder = env::temp_dir().join(format!("rlef-benchmark-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("main.py"), self.source)?;
        let result = self.spread(|_| {
            for test in 0..self.tests {
                let mut command = Command::new(if wrapped {
                    Path::new("bwrap")
                } else {
                    self.python
                });
                if wrapped {
                    command
                        .args(BUBBLEWRAP)
                        .arg("--ro-bind")
                        .arg(&folder)
                        .args(["/work", "--chdir", "/work"]);
                    command.arg(self.python);
                }
                let mut child = command
                    .args(PYTHON)
                    .current_dir(&folder)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .with_context(|| format!("start {}", self.python.display()))?;
                let mut stdin = child.stdin.take().context("no standard input")?;
                stdin.write_all(Self::input(test).as_bytes())?;
                drop(stdin);
                let output = child.wait_with_output()?;
                ensure!(
                    output.stdout == Self::expected(test).as_bytes(),
                    "test {test}: {output:?}"
                );
            }
            Ok(())
        });
        fs::remove_dir_all(&folder)?;
        result
    }

    /// One evaluator process a worker, each with its share of the programs.
    #[expect(
        clippy::disallowed_methods,
        reason = "peers are started here to be measured, on programs of our own"
    )]
    fn in_process(&self) -> anyhow::Result<()> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/inprocess.py");
        let inputs: Vec<String> = (0..self.tests).map(Self::input).collect();
        let expected: Vec<String> = (0..self.tests).map(Self::expected).collect();
        let share = Work {
            programs: self.workers,
            ..*self
        };
        share.spread(|worker| {
            let count =
                self.programs / self.workers + usize::from(worker < self.programs % self.workers);
            let mut child = Command::new(self.python)
                .arg(script)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let stdin = child.stdin.take().context("no standard input")?;
            serde_json::to_writer(stdin, &vec![(self.source, &inputs); count])?;
            let output = child.wait_with_output()?;
            let lines: Vec<&[u8]> = output
                .stdout
                .trim_ascii()
                .split(|&byte| byte == b'\n')
                .collect();
            ensure!(lines.len() == count, "the evaluator ended early");
            for line in lines {
                let outputs: Vec<String> = serde_json::from_slice(line)?;
                ensure!(outputs == expected, "{outputs:?}");
            }
            Ok(())
        })
    }

    fn by(&self, engine: &str) -> anyhow::Result<()> {
        match engine {
            "rlef fork" => self.in_sandbox(Start::Fork),
            "rlef exec" => self.in_sandbox(Start::Exec),
            "bare python3 -I -S" => self.by_process(false),
            "bubblewrap python3 -I -S" => self.by_process(true),
            _ => self.in_process(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "asks the host what it has")]
fn has(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn main() -> anyhow::Result<()> {
    rlef_sandbox::jail_entry();
    let args = Args::parse();
    let group = Group::enter()?;
    let mut present = vec![
        "rlef fork",
        "rlef exec",
        "bare python3 -I -S",
        "in-process exec (no sandbox)",
    ];
    if has(Path::new("bwrap"), &["--version"]) {
        present.push("bubblewrap python3 -I -S");
    } else {
        eprintln!("bubblewrap: not measured: not installed");
    }
    for peer in ["nsjail", "isolate"] {
        eprintln!("{peer}: not measured: no Debian 12 package");
    }
    let few = args.programs;
    let mut cases = vec![
        ("tiny; 20 tests", TINY, few, 20),
        ("tiny; 1 test", TINY, few * 5, 1),
        ("12 imports; 20 tests", IMPORTS, few, 20),
    ];
    if has(&args.python, &["-I", "-S", "-c", "import numpy"]) {
        cases.push(("numpy; 20 tests", NUMPY, few, 20));
    } else {
        eprintln!("numpy: not measured, {} has none", args.python.display());
    }
    head();
    for run in 0..args.runs {
        for workers in [1, 2] {
            let start = || {
                Ok(Sandbox::new(SandboxConfig {
                    workers,
                    python: Some(args.python.clone()),
                    ..SandboxConfig::default()
                })?)
            };
            let (sandbox, sample) = group.measure(start)?;
            row(
                "sandbox",
                &format!("rlef start; {workers} workers"),
                run,
                1,
                "starts",
                sample,
            );
            for &(case, source, programs, tests) in &cases {
                for &engine in &present {
                    // A process a test shows its cost in fewer tests.
                    let programs = if engine.contains("fork") {
                        programs
                    } else {
                        programs.div_ceil(4)
                    };
                    let work = Work {
                        source,
                        programs,
                        tests,
                        workers,
                        python: &args.python,
                        sandbox: &sandbox,
                    };
                    let ((), sample) = group
                        .measure(|| work.by(engine))
                        .with_context(|| format!("{engine}; {case}"))?;
                    let case = format!("{engine}; {case}; {workers} workers");
                    row("sandbox", &case, run, programs * tests, "tests", sample);
                }
            }
        }
    }
    Ok(())
}
