//! `rlef judge`: programs of a file + problems → one verdict a line, in input order, as they come.
//!
//! Standard output is data; progress and the summary go to standard error.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args as ClapArgs;
use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use super::{exit, source};
use crate::problem::Problem;
use crate::program::{NoProgram, Program};
use crate::verdict::{
    Failure, Grade, Judge, JudgeError, Runner, Scope, StopAt, Task, Verdict, host_judge,
};

/// Arguments of `rlef judge`.
#[derive(ClapArgs)]
#[command(
    after_help = "A line of the programs file is a JSON object with `problem_id` (or `task_id`) and either `program`, \
    the bare source, or `completion`, an answer whose last fenced block is the program; a completion without any fence \
    is taken as it is where the problem has a preamble for it to continue (HumanEval).\n\n\
    Exit codes: 0 done, 1 with --expect-accepted where a program is not accepted, 2 bad input, 3 a protection is \
    missing, 4 the sandbox failed on at least one program.\n\n\
    Examples:\n  rlef judge --problems HumanEval.jsonl.gz --programs samples.jsonl --json\n  \
    rlef judge --problems contest:test --programs answers.jsonl --workers 2 --expect-accepted"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Args {
    /// Problems: a file of any known schema, or `contest:train`, `contest:validation`, `contest:test`.
    #[arg(long)]
    problems: String,
    /// Programs as JSON lines.
    #[arg(long)]
    programs: PathBuf,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
    /// Stop each program at its first failing test.
    #[arg(long)]
    first_failure: bool,
    /// Show what a private test asked and expected, too; never feed that to a policy.
    #[arg(long)]
    show_private: bool,
    /// Exit with 1 unless every program is accepted.
    #[arg(long)]
    expect_accepted: bool,
}

/// Judges the programs.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let problems = source::problems(&args.problems)?;
    let submissions = read(&args.programs, &problems)?;
    let judge = host_judge(args.workers)?;
    let mut progress = Progress::new("programs", submissions.len() as u64);
    let out = io::stdout().lock();
    let counts = judge_all(
        judge.judge(),
        judge.workers(),
        &submissions,
        &args,
        out,
        &mut |done, counts| {
            progress.set(done as u64, &counts.to_string());
        },
    )?;
    progress.finish();
    eprintln!("{counts}");
    Ok(match counts {
        Counts { errors: 1.., .. } => ExitCode::from(exit::INFRASTRUCTURE),
        _ if args.expect_accepted && counts.rejected() > 0 => ExitCode::from(exit::NO),
        _ => ExitCode::SUCCESS,
    })
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "task_id")]
    problem_id: String,
    program: Option<String>,
    completion: Option<String>,
}

/// A program and the problem it is for.
struct Submission<'a> {
    problem: &'a Problem,
    program: Result<Program, NoProgram>,
}

/// Every line is checked before anything runs.
fn read<'a>(path: &Path, problems: &'a [Problem]) -> anyhow::Result<Vec<Submission<'a>>> {
    let by_id: HashMap<&str, &Problem> = problems
        .iter()
        .map(|problem| (problem.id.as_str(), problem))
        .collect();
    let text = fs::read_to_string(path)
        .with_context(|| format!("failed to read programs from {}", path.display()))?;
    let mut submissions = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = || format!("failed to read line {} of {}", index + 1, path.display());
        let line: Line = serde_json::from_str(line).with_context(|| {
            format!(
                "{} as a program (expected problem_id and program or completion)",
                place()
            )
        })?;
        let Some(&problem) = by_id.get(line.problem_id.as_str()) else {
            bail!(
                "{}: there is no problem `{}`; give the set it belongs to",
                place(),
                line.problem_id
            );
        };
        let program = match (line.program, line.completion) {
            (Some(source), None) => Ok(Program::bare(source, Language::Python)),
            (None, Some(text)) => match Program::extract(&text, Language::Python) {
                Err(NoProgram::NoFence) if !problem.preamble.is_empty() => {
                    Ok(Program::bare(text, Language::Python))
                }
                found => found,
            },
            _ => bail!(
                "{}: expected either `program` or `completion`; keep one of them",
                place()
            ),
        };
        submissions.push(Submission { problem, program });
    }
    if submissions.is_empty() {
        bail!(
            "failed to find a program in {}: the file is empty",
            path.display()
        );
    }
    Ok(submissions)
}

/// How many programs got which grade, and how many the sandbox failed on.
#[derive(Default)]
struct Counts {
    grades: BTreeMap<Grade, usize>,
    errors: usize,
}

impl Counts {
    fn rejected(&self) -> usize {
        self.grades
            .iter()
            .filter(|(grade, _)| **grade != Grade::Accepted)
            .map(|(_, count)| count)
            .sum()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.grades.values().sum::<usize>() + self.errors;
        let accepted = self.grades.get(&Grade::Accepted).copied().unwrap_or(0);
        write!(formatter, "{accepted} of {total} accepted")?;
        for (grade, count) in self
            .grades
            .iter()
            .filter(|(grade, _)| **grade != Grade::Accepted)
        {
            write!(formatter, ", {count} {}", grade.name())?;
        }
        if self.errors > 0 {
            write!(
                formatter,
                ", {} not judged: the sandbox failed",
                self.errors
            )?;
        }
        Ok(())
    }
}

/// Judges and prints. A reader that went away ends the run without an error.
fn judge_all<R: Runner>(
    judge: &Judge<R>,
    workers: usize,
    submissions: &[Submission<'_>],
    args: &Args,
    mut out: impl Write,
    on_progress: &mut dyn FnMut(usize, &Counts),
) -> anyhow::Result<Counts> {
    let stop = if args.first_failure {
        StopAt::FirstFailure
    } else {
        StopAt::Never
    };
    let tasks: Vec<Task<'_>> = submissions
        .iter()
        .map(|submission| {
            let program = submission.program.as_ref().ok();
            Task {
                program,
                problem: submission.problem,
                scope: Scope::All,
                stop,
            }
        })
        .collect();
    let mut counts = Counts::default();
    let mut written = Ok(());
    let width = submissions
        .iter()
        .map(|submission| submission.problem.id.len())
        .max()
        .unwrap_or(0);
    judge.judge_all(&tasks, workers, &mut |index, result| {
        match &result {
            Ok(verdict) => *counts.grades.entry(verdict.grade).or_default() += 1,
            Err(_) => counts.errors += 1,
        }
        let submission = &submissions[index];
        let text = if args.json {
            json(submission, &result, args.show_private)
        } else {
            row(submission, &result, width)
        };
        written = writeln!(out, "{text}").and_then(|()| out.flush());
        on_progress(index + 1, &counts);
        written.is_ok()
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("failed to write verdicts")
        }
        _ => Ok(counts),
    }
}

#[derive(Serialize)]
struct Judged<'a> {
    problem_id: &'a str,
    /// Null where the sandbox failed: that is no verdict.
    verdict: Option<Grade>,
    passed: usize,
    total: usize,
    cpu_ms: f64,
    wall_ms: f64,
    first_failure: Option<FirstFailure<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct FirstFailure<'a> {
    test: usize,
    public: bool,
    verdict: Grade,
    /// What the test asked and got; left out for a private one.
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    input: &'a str,
    expected: &'a str,
    got: &'a str,
    trace: &'a str,
}

fn json(
    submission: &Submission<'_>,
    result: &Result<Verdict, JudgeError>,
    show_private: bool,
) -> String {
    let problem = submission.problem;
    let mut line = Judged {
        problem_id: &problem.id,
        verdict: None,
        passed: 0,
        total: Scope::All.tests(problem).len(),
        cpu_ms: 0.0,
        wall_ms: 0.0,
        first_failure: None,
        error: None,
    };
    match result {
        Ok(verdict) => {
            line.verdict = Some(verdict.grade);
            (line.passed, line.cpu_ms, line.wall_ms) =
                (verdict.passed, verdict.cpu_ms, verdict.wall_ms);
            line.first_failure = verdict
                .failures
                .first()
                .map(|failure| first_failure(failure, problem, show_private));
        }
        Err(error) => line.error = Some(format!("failed to {error}")),
    }
    // Texts and finite numbers always serialise.
    serde_json::to_string(&line).unwrap_or_default()
}

fn first_failure<'a>(
    failure: &'a Failure,
    problem: &Problem,
    show_private: bool,
) -> FirstFailure<'a> {
    let public = failure.test < problem.public_tests.len();
    let details = (public || show_private).then_some(Details {
        input: &failure.input,
        expected: &failure.expected,
        got: &failure.got,
        trace: &failure.trace,
    });
    FirstFailure {
        test: failure.test,
        public,
        verdict: failure.grade,
        details,
    }
}

fn row(submission: &Submission<'_>, result: &Result<Verdict, JudgeError>, width: usize) -> String {
    let id = &submission.problem.id;
    match (result, &submission.program) {
        (Err(error), _) => format!("{id:width$}  not judged: failed to {error}"),
        (Ok(_), Err(reason)) => format!("{id:width$}  {}: {reason}", Grade::NoProgram.name()),
        (Ok(verdict), Ok(_)) => format!(
            "{id:width$}  {:<13} {:>4}/{:<4} {:>9.1} ms cpu {:>9.1} ms wall",
            verdict.grade.name(),
            verdict.passed,
            verdict.total,
            verdict.cpu_ms,
            verdict.wall_ms
        ),
    }
}

#[cfg(test)]
mod tests {
    use rlef_sandbox::{Job, Limits, Outcome, Status, Usage};

    use super::*;
    use crate::comparator::Comparison;
    use crate::problem::TestCase;

    /// Prints the program's own source back, which makes `1` right; a program `break` breaks the sandbox.
    struct Echo;

    #[derive(Debug, thiserror::Error)]
    #[error("the jail died")]
    struct Died;

    impl Runner for Echo {
        type Error = Died;

        fn run_batch(
            &self,
            job: &Job,
            inputs: &[&[u8]],
            _limits: &Limits,
            keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
        ) -> Result<Vec<Outcome>, Died> {
            if job.source == b"break" {
                return Err(Died);
            }
            let usage = Usage {
                cpu_us: 1000,
                wall_us: 2000,
                memory_bytes: 0,
            };
            let outcome = Outcome {
                status: Status::Exited(0),
                stdout: job.source.clone(),
                stderr: Vec::new(),
                usage,
            };
            let run = inputs
                .iter()
                .enumerate()
                .take_while(|(index, _)| *index == 0 || keep_going(index - 1, &outcome));
            Ok(run.map(|_| outcome.clone()).collect())
        }

        fn run_pair(
            &self,
            _: &Job,
            _: &Limits,
            _: &Job,
            _: &Limits,
        ) -> Result<(Outcome, Outcome), Died> {
            Err(Died)
        }
    }

    fn problems() -> Vec<Problem> {
        let test = |expected: &str| TestCase::Stdin {
            input: "in".into(),
            expected: expected.into(),
        };
        let problem = |id: &str, public, private| Problem {
            id: id.into(),
            statement: String::new(),
            public_tests: public,
            private_tests: private,
            limits: Limits::default(),
            comparison: Comparison::Lines,
            preamble: String::new(),
            references: Vec::new(),
            labels: BTreeMap::new(),
        };
        vec![
            problem("one", vec![test("1")], vec![test("1")]),
            problem("secret", vec![test("1")], vec![test("2")]),
        ]
    }

    fn arguments(json: bool) -> Args {
        Args {
            problems: String::new(),
            programs: PathBuf::new(),
            workers: 1,
            json,
            first_failure: false,
            show_private: false,
            expect_accepted: false,
        }
    }

    const PROGRAMS: &str = r#"{"problem_id": "one", "program": "1"}
{"task_id": "one", "completion": "no code", "extra": true}

{"task_id": "one", "completion": "```python\n5\n```"}
{"problem_id": "secret", "program": "1"}
{"problem_id": "one", "program": "break"}
"#;

    fn read_text(text: &str, problems: &[Problem]) -> Result<usize, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("programs.jsonl");
        fs::write(&path, text).unwrap();
        let read = read(&path, problems).map(|submissions| submissions.len());
        read.map_err(|error| {
            format!("{error:#}").replace(&format!("{}/", directory.path().display()), "")
        })
    }

    fn output(json: bool, out: impl Write) -> (anyhow::Result<Counts>, usize) {
        let problems = problems();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("programs.jsonl");
        fs::write(&path, PROGRAMS).unwrap();
        let submissions = read(&path, &problems).unwrap();
        let mut calls = 0;
        let judge = Judge::new(Echo);
        let counts = judge_all(
            &judge,
            2,
            &submissions,
            &arguments(json),
            out,
            &mut |_, _| calls += 1,
        );
        (counts, calls)
    }

    #[test]
    fn verdicts_are_printed_in_order_without_private_data() {
        for json in [true, false] {
            let mut out = Vec::new();
            let (counts, calls) = output(json, &mut out);
            let counts = counts.unwrap();
            assert_eq!((counts.errors, counts.rejected(), calls), (1, 3, 5));
            let name = if json { "json" } else { "table" };
            insta::assert_snapshot!(name, format!("{}{counts}", String::from_utf8(out).unwrap()));
        }
    }

    #[test]
    fn bad_lines_are_named_before_anything_runs() {
        let problems = problems();
        assert_eq!(read_text(PROGRAMS, &problems), Ok(5));
        let cases = [
            "",
            "{\"problem_id\": \"one\", \"program\": \"1\"}\n{\"problem_id\"",
            r#"{"problem_id": "two", "program": "1"}"#,
            r#"{"problem_id": "one"}"#,
            r#"{"problem_id": "one", "program": "1", "completion": "1"}"#,
            r#"{"program": "1"}"#,
        ];
        let messages: Vec<String> = cases
            .iter()
            .map(|case| read_text(case, &problems).unwrap_err())
            .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn a_completion_continues_a_preamble() {
        let mut problems = problems();
        problems[0].preamble = "def f():\n".into();
        assert_eq!(
            read_text(
                r#"{"problem_id": "one", "completion": "    return 1"}"#,
                &problems
            ),
            Ok(1)
        );
    }

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_ends_the_run_and_a_full_disk_is_an_error() {
        let (counts, calls) = output(true, Closed(io::ErrorKind::BrokenPipe));
        assert!(counts.is_ok());
        assert_eq!(calls, 1);
        let (counts, _) = output(true, Closed(io::ErrorKind::StorageFull));
        assert!(counts.is_err());
    }
}
