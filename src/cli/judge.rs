//! `rlef judge`: programs of a file + problems → one verdict a line, in input order, as they come.
//!
//! Standard output is data; progress and the summary go to standard error.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args as ClapArgs;
use rlef_sandbox::Language;
use serde::Deserialize;

use super::judging::JudgingArgs;
use super::output::say;
use super::progress::Progress;
use super::{exit, source};
use crate::problem::id::{self, ById};
use crate::problem::{Problem, printable};
use crate::program::{Extraction, Found, NoProgram, Program, Wanted};
use crate::verdict::{Grade, Judge, Runner, Scope, StopAt, Task};

mod line;

/// Arguments of `rlef judge`.
#[derive(ClapArgs)]
#[command(
    after_help = "A line of the programs file is a JSON object with `problem_id` (or `task_id`), a text or a \
    number, and either `program` (or `solution`), the bare source, or `completion`, an answer that is searched for its \
    program as `eval` and `train` search it: the block that shows what the problem asks, in the problem's language or \
    the one that `language` names. What was taken is in `program`.\n\n\
    Exit codes: 0 done, 1 with --expect-accepted where a program is not accepted, 2 bad input or a problem that can't \
    be judged, 3 a protection is \
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
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// Language of programs that do not say theirs by `language`: python, cpp, c, rust, java, javascript or go. Without it
    /// programs are in the language of their problem. `any` takes for problems on standard input whichever language the tag
    /// of a fence names.
    #[arg(long, value_parser = spoken)]
    language: Option<Spoken>,
    /// Programs as JSON lines.
    #[arg(long)]
    programs: PathBuf,
    #[command(flatten)]
    judging: JudgingArgs,
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
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let submissions = read(&args.programs, &problems, args.language)?;
    let judge = args.judging.judge()?;
    let languages: BTreeSet<Language> = submissions
        .iter()
        .filter_map(|submission| submission.found.as_ref().ok())
        .map(|found| found.program.language)
        .collect();
    for language in languages {
        // Before anything runs: what this host cannot run says nothing of a program.
        judge.judge().runner().require(language)?;
    }
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
    say!("{counts}");
    args.judging.tell(&judge);
    Ok(match counts {
        Counts { errors: 1.., .. } => ExitCode::from(exit::INFRASTRUCTURE),
        Counts { faults: 1.., .. } => ExitCode::from(exit::USAGE),
        _ if args.expect_accepted && counts.rejected() > 0 => ExitCode::from(exit::NO),
        _ => ExitCode::SUCCESS,
    })
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "task_id", deserialize_with = "id::deserialize")]
    problem_id: String,
    /// `solution`, as EvalPlus has it, is a whole program, too.
    #[serde(alias = "solution")]
    program: Option<String>,
    completion: Option<String>,
    language: Option<String>,
}

/// In which language answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    /// In this one.
    One(Language),
    /// In any that a fence names.
    Any,
}

/// The choice of this name.
fn spoken(name: &str) -> Result<Spoken, String> {
    if name.eq_ignore_ascii_case("any") {
        return Ok(Spoken::Any);
    }
    language(name)
        .map(Spoken::One)
        .map_err(|expected| format!("{expected}, any"))
}

/// The language of this name.
fn language(name: &str) -> Result<Language, String> {
    Language::from_tag(name).ok_or_else(|| {
        let known = Language::ALL.map(Language::name).join(", ");
        format!("expected one of {known}")
    })
}

/// A program and the problem it is for.
struct Submission<'a> {
    problem: &'a Problem,
    found: Result<Found, NoProgram>,
}

impl Submission<'_> {
    /// What was made of the answer.
    fn extraction(&self) -> Extraction {
        Extraction::of(&self.found)
    }
}

/// Every line is checked before anything runs.
fn read<'a>(
    path: &Path,
    problems: &'a [Problem],
    default: Option<Spoken>,
) -> anyhow::Result<Vec<Submission<'a>>> {
    let by_id = ById::new(problems);
    let text = crate::files::read_given(path)
        .with_context(|| format!("failed to read programs from {}", path.display()))?;
    let mut submissions = Vec::new();
    for (index, line) in id::without_mark(&text)
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
        let problem = by_id
            .find(&line.problem_id)
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", place()))?;
        let named = match &line.language {
            None => default,
            Some(name) => Some(Spoken::One(language(name).map_err(|expected| {
                anyhow::anyhow!("{}: unknown language `{name}`; {expected}", place())
            })?)),
        };
        let wanted = Wanted::of(problem);
        let wanted = match named {
            None => wanted,
            Some(Spoken::One(language)) => wanted.in_language(language),
            Some(Spoken::Any) => wanted.in_any_language(problem),
        };
        let found = match (line.program, line.completion) {
            (Some(source), None) => Ok(Found::given(Program::bare(source, wanted.language()))),
            (None, Some(text)) => Program::find(&text, &wanted),
            (Some(_), Some(_)) => bail!(
                "{}: it has a program (`program` or `solution`) and a `completion`; keep the one that is to be judged",
                place()
            ),
            (None, None) => bail!(
                "{}: expected `program` (or `solution`) with the source, or `completion` with an answer; add one of them",
                place()
            ),
        };
        submissions.push(Submission { problem, found });
    }
    if submissions.is_empty() {
        bail!(
            "failed to find a program in {}: the file is empty",
            path.display()
        );
    }
    Ok(submissions)
}

/// How many programs got which grade, and how many got none.
#[derive(Default)]
struct Counts {
    grades: BTreeMap<Grade, usize>,
    /// The sandbox failed.
    errors: usize,
    /// The problem can't be judged.
    faults: usize,
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
        let total = self.grades.values().sum::<usize>() + self.errors + self.faults;
        let accepted = self.grades.get(&Grade::Accepted).copied().unwrap_or(0);
        write!(formatter, "{accepted} of {total} accepted")?;
        for (grade, count) in self
            .grades
            .iter()
            .filter(|(grade, _)| **grade != Grade::Accepted)
        {
            write!(formatter, ", {count} {}", grade.name())?;
        }
        if self.faults > 0 {
            write!(
                formatter,
                ", {} not judged: their problem is at fault",
                self.faults
            )?;
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
            let program = submission.found.as_ref().ok().map(|found| &found.program);
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
        .map(|submission| printable(&submission.problem.id).chars().count())
        .max()
        .unwrap_or(0);
    judge.judge_all(&tasks, workers, &mut |index, result| {
        match &result {
            Ok(verdict) => *counts.grades.entry(verdict.grade).or_default() += 1,
            Err(error) if error.is_of_problem() => counts.faults += 1,
            Err(_) => counts.errors += 1,
        }
        let submission = &submissions[index];
        let text = if args.json {
            line::json(submission, &result, args.show_private)
        } else {
            line::row(submission, &result, width)
        };
        if written.is_ok() {
            written = writeln!(out, "{text}").and_then(|()| out.flush());
        }
        on_progress(index + 1, &counts);
        match &written {
            Ok(()) => true,
            // Nobody reads on, but the exit code is of all programs.
            Err(error) => args.expect_accepted && error.kind() == io::ErrorKind::BrokenPipe,
        }
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("failed to write verdicts")
        }
        _ => Ok(counts),
    }
}

#[cfg(test)]
mod tests;
