//! `rlef doctor --problems`: each problem's own programs through the judge → what state the problem is in.
//!
//! References should be accepted and programs known to be wrong rejected; where they aren't, the problem and not the
//! program is looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use rlef_sandbox::Language;
use serde::Serialize;

use super::super::output::{keep, print, print_json, say};
use super::super::{exit, progress::Progress, source};
use super::twins::Seen;
use crate::comparator::{self, Comparison, Unit};
use crate::problem::quarantine::{Entry, Quarantine, hash};
use crate::problem::{
    self, Problem, ProblemError, Reference, TestCase, printable, printable_lines,
};
use crate::program::Program;
use crate::verdict::{
    Failure, Grade, HostJudge, JudgeError, Scope, StopAt, Task, Verdict, chosen_judge,
};

/// The state of a problem, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// A reference passes, nothing wrong does.
    Fine,
    /// There is no reference to try.
    NoReference,
    /// Nothing decides.
    NoTests,
    /// The row can't be read.
    Unreadable,
    /// The same statement or tests as an earlier one, or as one of another set.
    Duplicate,
    /// The tests accept a program known to be wrong.
    AcceptsWrong,
    /// A reference was accepted once and rejected once.
    Flaky,
    /// A reference needs more time than the limit allows on this machine.
    TimeTooTight,
    /// References fail, and what they print differs from what is expected in order, case or precision only.
    NeedsChecker,
    /// The program is to talk with another, and there is none.
    Interactive,
    /// No reference passes.
    FailsItsSolution,
    /// The test code or checker fails by itself.
    BrokenTest,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::NoReference => "no_reference",
            Self::NoTests => "no_tests",
            Self::Unreadable => "unreadable",
            Self::Duplicate => "duplicate",
            Self::AcceptsWrong => "accepts_wrong",
            Self::Flaky => "flaky",
            Self::TimeTooTight => "time_too_tight",
            Self::NeedsChecker => "needs_checker",
            Self::Interactive => "interactive",
            Self::FailsItsSolution => "fails_its_solution",
            Self::BrokenTest => "broken_test",
        }
    }

    /// Whether figures on such a problem mean something.
    const fn is_usable(self) -> bool {
        matches!(self, Self::Fine | Self::NoReference)
    }
}

/// What was found of one problem.
#[derive(Serialize)]
struct Finding {
    problem_id: String,
    state: State,
    /// The comparison in force.
    comparison: String,
    references: usize,
    references_accepted: usize,
    wrong: usize,
    wrong_rejected: usize,
    detail: String,
}

/// Programs tried of each list of a problem at most.
pub(super) struct Options<'a> {
    pub(super) isolation: rlef_sandbox::Isolation,
    pub(super) python: Option<&'a Path>,
    pub(super) most: usize,
    pub(super) json: bool,
    pub(super) quarantine: Option<&'a Path>,
    /// Sets whose problems are not to be among these.
    pub(super) against: &'a [String],
}

/// Tries every problem's programs, prints a line for each problem that isn't fine (all of them as JSON), and writes
/// the quarantine list. Exit code 1 where a problem isn't usable.
pub(super) fn run(name: &str, options: &Options<'_>) -> anyhow::Result<ExitCode> {
    let (schema, path) = source::named(name);
    let mut problems = Vec::new();
    let mut findings = Vec::new();
    if problem::contest::parse_spec(name).is_some() {
        problems = source::problems(name)?;
    } else {
        let notices = problem::each(path, schema, &mut |row| {
            match row {
                Ok(problem) => problems.push(problem),
                Err(error) => findings.push(unread(&error)),
            }
            Ok(())
        })?;
        source::tell(&notices);
    }
    for finding in &findings {
        tell(finding, options.json)?;
    }
    let judge = chosen_judge(options.isolation, options.python, 0)?;
    let mut seen = Seen::default();
    for other in options.against {
        for problem in source::problems(other)? {
            // Twins within another set are that set's own affair.
            let _ = seen.twin(&problem, &format!("{} in {other}", problem.id));
        }
    }
    let mut progress = Progress::new("problems", problems.len() as u64);
    let mut entries = Vec::new();
    let mut lost = 0;
    for (index, problem) in problems.iter().enumerate() {
        let twin = seen.twin(problem, &problem.id);
        let finding = examine(&judge, problem, options.most).map(|mut finding| {
            if let Some(detail) = twin.filter(|_| finding.state.is_usable()) {
                finding.state = State::Duplicate;
                finding.detail = detail;
            }
            finding
        });
        match finding {
            Ok(finding) => {
                if !finding.state.is_usable() {
                    entries.push(Entry {
                        problem_id: problem.id.clone(),
                        sha256: hash(problem),
                        reason: finding.state.name().to_owned(),
                        detail: finding.detail.clone(),
                        expires: None,
                    });
                }
                tell(&finding, options.json)?;
                findings.push(finding);
            }
            Err(error) => {
                lost += 1;
                let words = printable_lines(&error.to_string());
                say!(
                    "{} is not judged: failed to {words}",
                    printable(&problem.id)
                );
            }
        }
        progress.set(index as u64 + 1, "");
    }
    progress.finish();
    sum_up(&findings);
    if let Some(path) = options.quarantine {
        let text = serde_json::to_string_pretty(&Quarantine { entries })?;
        keep(path, text.as_bytes())?;
    }
    let usable = findings.iter().all(|finding| finding.state.is_usable());
    Ok(match (lost, usable) {
        (1.., _) => ExitCode::from(exit::INFRASTRUCTURE),
        (_, false) => ExitCode::from(exit::NO),
        _ => ExitCode::SUCCESS,
    })
}

/// Prints what was found of a problem as soon as it is, for a large set takes long.
fn tell(finding: &Finding, json: bool) -> anyhow::Result<()> {
    if json {
        print_json(&serde_json::to_string(finding)?);
    } else if finding.state != State::Fine && finding.state != State::NoReference {
        let (id, state) = (&finding.problem_id, finding.state.name());
        let (id, detail) = (printable(id), printable(&finding.detail));
        print(&format!("{id:<24} {state:<18} {detail}"));
    }
    Ok(())
}

fn sum_up(findings: &[Finding]) {
    let mut states: BTreeMap<State, usize> = BTreeMap::new();
    let mut sums = [0; 4];
    for finding in findings {
        *states.entry(finding.state).or_default() += 1;
        for (sum, count) in sums.iter_mut().zip([
            finding.references_accepted,
            finding.references,
            finding.wrong_rejected,
            finding.wrong,
        ]) {
            *sum += count;
        }
    }
    let [accepted, references, rejected, wrong] = sums;
    let states: Vec<String> = states
        .iter()
        .map(|(state, count)| format!("{count} {}", state.name()))
        .collect();
    say!(
        "{} problems: {}\nreferences accepted {accepted} of {references}, wrong programs rejected {rejected} of {wrong}",
        findings.len(),
        states.join(", ")
    );
}

/// A row that gave no problem.
fn unread(error: &ProblemError) -> Finding {
    let (problem_id, state) = match error {
        ProblemError::NoTests { id, .. } => (id.clone(), State::NoTests),
        ProblemError::DuplicateId { id, .. } => (id.clone(), State::Duplicate),
        _ => ("?".to_owned(), State::Unreadable),
    };
    Finding {
        problem_id,
        state,
        comparison: String::new(),
        references: 0,
        references_accepted: 0,
        wrong: 0,
        wrong_rejected: 0,
        detail: format!("failed to {error}"),
    }
}

/// Tries a problem's programs; `Err` where the sandbox failed.
fn examine(judge: &HostJudge, problem: &Problem, most: usize) -> Result<Finding, JudgeError> {
    let mut finding = Finding {
        problem_id: problem.id.clone(),
        state: State::Fine,
        comparison: problem.comparison.to_string(),
        references: 0,
        references_accepted: 0,
        wrong: 0,
        wrong_rejected: 0,
        detail: String::new(),
    };
    let references = match verdicts(judge, problem, &problem.references, most) {
        Ok(verdicts) => verdicts,
        Err(error) => return broken(finding, error),
    };
    let wrong = match verdicts(judge, problem, &problem.wrong, most) {
        Ok(verdicts) => verdicts,
        Err(error) => return broken(finding, error),
    };
    if let Some(program) = own_answers(problem) {
        // What the jury expects is right, whatever else is.
        match verdicts(judge, problem, &[program], 1) {
            Ok(found) => {
                let mut failures = found.iter().flat_map(|verdict| &verdict.failures);
                let rejected = |failure: &&Failure| failure.grade == Grade::WrongAnswer;
                if let Some(failure) = failures.find(rejected) {
                    finding.state = State::BrokenTest;
                    finding.detail = format!(
                        "the checker rejects the expected answer of test {}",
                        failure.test
                    );
                    return Ok(finding);
                }
            }
            Err(error) => return broken(finding, error),
        }
    }
    let accepted = |verdicts: &[Verdict]| {
        verdicts
            .iter()
            .filter(|verdict| verdict.is_accepted())
            .count()
    };
    (finding.references, finding.references_accepted) = (references.len(), accepted(&references));
    finding.wrong = wrong.len();
    finding.wrong_rejected = wrong.len() - accepted(&wrong);
    let failing = references.iter().position(|verdict| !verdict.is_accepted());
    finding.state = if problem.labels.contains_key("interactive")
        && !matches!(problem.comparison, Comparison::Interactor(_))
    {
        State::Interactive
    } else if references.is_empty() {
        State::NoReference
    } else if let Some(index) = failing {
        finding.detail = describe(&references[index], index);
        // Once more: a program that is deterministic fails again.
        let again = verdicts(judge, problem, &problem.references[index..=index], 1)?;
        if accepted(&again) > 0 {
            State::Flaky
        } else if finding.references_accepted > 0
            && finding.references_accepted * 2 >= references.len()
        {
            State::Fine
        } else {
            failing_state(&references[index], &problem.comparison)
        }
    } else {
        State::Fine
    };
    if finding.state == State::Fine && finding.wrong_rejected < finding.wrong {
        finding.state = State::AcceptsWrong;
        let index = wrong
            .iter()
            .position(Verdict::is_accepted)
            .unwrap_or_default();
        finding.detail = format!(
            "wrong program {index} passes all {} tests",
            wrong[index].total
        );
    }
    Ok(finding)
}

/// Bytes of answers that one program prints at most.
const MOST_ANSWERS: usize = 8 << 20;

/// Where a checker decides: a program that prints what each test expects. It runs in this command alone, in the sandbox,
/// and no other program is judged beside it.
fn own_answers(problem: &Problem) -> Option<Reference> {
    if !matches!(problem.comparison, Comparison::Checker(_)) {
        return None;
    }
    let tests = problem.public_tests.iter().chain(&problem.private_tests);
    let mut answers = BTreeMap::new();
    for test in tests {
        let TestCase::Stdin { input, expected } = test else {
            return None;
        };
        // Two answers to one input can't be printed by one program.
        if *answers.entry(input).or_insert(expected) != expected {
            return None;
        }
    }
    let size: usize = answers.values().map(|answer| answer.len()).sum();
    if size > MOST_ANSWERS {
        return None;
    }
    // A text as JSON is a text of Python; a surrogate stands in no Rust string.
    let answers = serde_json::to_string(&answers).ok()?;
    let (read, write) = match &problem.files {
        None => (
            "sys.stdin.buffer".to_owned(),
            "sys.stdout.buffer".to_owned(),
        ),
        Some(files) => (
            format!("open({:?}, 'rb')", files.input),
            format!("open({:?}, 'wb')", files.output),
        ),
    };
    Some(Reference {
        language: Language::Python,
        source: format!(
            "import sys\nanswers = {answers}\nout = {write}\nout.write(answers[{read}.read().decode()].encode())\nout.flush()\n"
        ),
    })
}

fn broken(mut finding: Finding, error: JudgeError) -> Result<Finding, JudgeError> {
    match error {
        JudgeError::BrokenTest { .. }
        | JudgeError::BrokenChecker { .. }
        | JudgeError::BrokenInteractor { .. }
        | JudgeError::Crossing { .. }
        | JudgeError::Unsupported { .. } => {
            finding.state = State::BrokenTest;
            finding.detail = format!("failed to {error}");
            Ok(finding)
        }
        other => Err(other),
    }
}

fn failing_state(verdict: &Verdict, rule: &Comparison) -> State {
    let looser = [
        Comparison::Contest,
        Comparison::Floats {
            absolute: 1e-4,
            relative: 1e-4,
        },
        Comparison::AnyOrder { unit: Unit::Lines },
        Comparison::AnyOrder { unit: Unit::Tokens },
    ];
    match verdict.grade {
        Grade::TimeLimit => State::TimeTooTight,
        Grade::WrongAnswer
            if !matches!(rule, Comparison::Checker(_) | Comparison::Interactor(_))
                && verdict.failures.iter().all(|failure| {
                    looser.iter().filter_map(Comparison::byte_rule).any(|rule| {
                        comparator::accepts(
                            rule,
                            failure.expected.as_bytes(),
                            failure.got.as_bytes(),
                        )
                    }) || failure.expected.split_whitespace().count()
                        == failure.got.split_whitespace().count()
                        && failure.expected.split_whitespace().count() > 1
                }) =>
        {
            State::NeedsChecker
        }
        _ => State::FailsItsSolution,
    }
}

fn describe(verdict: &Verdict, index: usize) -> String {
    let mut text = format!(
        "reference {index}: {}, {} of {} tests",
        verdict.grade.name(),
        verdict.passed,
        verdict.total
    );
    if let Some(failure) = verdict.failures.first() {
        let short = |text: &str| text.chars().take(40).collect::<String>();
        let words = match failure.grade {
            Grade::WrongAnswer => format!(
                "; test {} expects {:?}, got {:?}",
                failure.test,
                short(&failure.expected),
                short(&failure.got)
            ),
            _ => format!(
                "; test {}: {}",
                failure.test,
                short(failure.trace.lines().next_back().unwrap_or_default())
            ),
        };
        text.push_str(&words);
    }
    text
}

fn verdicts(
    judge: &HostJudge,
    problem: &Problem,
    programs: &[Reference],
    most: usize,
) -> Result<Vec<Verdict>, JudgeError> {
    let programs: Vec<Program> = programs
        .iter()
        .take(most)
        .map(|program| Program::bare(program.source.clone(), program.language))
        .collect();
    let tasks: Vec<Task<'_>> = programs
        .iter()
        .map(|program| Task {
            program: Some(program),
            problem,
            scope: Scope::All,
            stop: StopAt::FirstFailure,
        })
        .collect();
    judge.judge_tasks(&tasks).into_iter().collect()
}
