//! How many programs does the judge grade a second, and what does a test cost? On 1 and 2 workers, interleaved.
//!
//! Cases: the references of `contest:test` (8 small tests each), one 20-test program repeated, and one-test
//! programs. CPU seconds include the sandbox's own processes, which end with each judge.

use std::collections::BTreeMap;

use clap::Parser;
use rlef::comparator::Comparison;
use rlef::judge::Submission;
use rlef::problem::contest::{self, ContestConfig, Split};
use rlef::problem::{Problem, TestCase};
use rlef::program::Program;
use rlef::verdict::{Scope, StopAt, host_judge};
use rlef_benchmarks::{head, measure, row};
use rlef_sandbox::{Language, Limits};

/// Judge throughput.
#[derive(Parser)]
struct Args {
    /// Runs of each case.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn sums(id: usize, tests: usize) -> Problem {
    let test = |n: usize| TestCase::Stdin {
        input: format!("{n} {id}\n"),
        expected: format!("{}\n", n + id),
    };
    Problem {
        id: format!("sum-{id}"),
        statement: "Add two numbers.".to_owned(),
        public_tests: (0..tests).map(test).collect(),
        private_tests: Vec::new(),
        limits: Limits::default(),
        comparison: Comparison::Lines,
        preamble: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        files: None,
        labels: BTreeMap::new(),
    }
}

fn main() -> anyhow::Result<()> {
    rlef_sandbox::jail_entry();
    let args = Args::parse();
    let contest = contest::generate(Split::Test, &ContestConfig::default());
    let references: Vec<Program> = contest
        .iter()
        .map(|problem| Program::bare(problem.references[0].source.clone(), Language::Python))
        .collect();
    let sum = Program::bare("print(sum(map(int, input().split())))\n", Language::Python);
    let twenty: Vec<Problem> = (0..100).map(|id| sums(id, 20)).collect();
    let single: Vec<Problem> = (0..300).map(|id| sums(id, 1)).collect();
    let cases: [(&str, &[Problem], Vec<&Program>); 3] = [
        (
            "contest:test references",
            &contest,
            references.iter().collect(),
        ),
        ("20 tests a program", &twenty, vec![&sum; twenty.len()]),
        ("1 test a program", &single, vec![&sum; single.len()]),
    ];
    head();
    for run in 0..args.runs {
        for (name, problems, programs) in &cases {
            for workers in [1, 2] {
                let tasks: Vec<Submission<'_>> = problems
                    .iter()
                    .zip(programs)
                    .map(|(problem, &program)| {
                        Submission::of(problem, Some(program), Scope::All, StopAt::Never)
                    })
                    .collect();
                let (accepted, sample) = measure(|| -> anyhow::Result<usize> {
                    let judge = host_judge(workers)?;
                    let verdicts = judge.verdicts(&tasks);
                    Ok(verdicts
                        .iter()
                        .flatten()
                        .filter(|verdict| verdict.is_accepted())
                        .count())
                });
                anyhow::ensure!(
                    accepted? == tasks.len(),
                    "{name}: a correct program was not accepted"
                );
                let tests: usize = problems
                    .iter()
                    .map(|problem| Scope::All.tests(problem).len())
                    .sum();
                row(
                    "judge",
                    &format!("{name}; {workers} workers"),
                    run,
                    tasks.len(),
                    "programs",
                    sample,
                );
                row(
                    "judge",
                    &format!("{name}; {workers} workers"),
                    run,
                    tests,
                    "tests",
                    sample,
                );
            }
        }
    }
    Ok(())
}
