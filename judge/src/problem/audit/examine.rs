//! One problem × judge → what was found of it.

use std::collections::BTreeMap;

use rlef_sandbox::{Cancel, Language};

use super::{Finding, State, idle};
use crate::comparator::{self, Comparison, Unit};
use crate::judge::{self, Judge, JudgeError, Submission};
use crate::problem::{Problem, Reference, TestCase};
use crate::program::Program;
use crate::verdict::{Failure, Grade, Scope, StopAt, Verdict};

/// Tries a problem's programs; `Err` where the sandbox failed.
pub fn examine(judge: &dyn Judge, problem: &Problem, most: usize) -> Result<Finding, JudgeError> {
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
    match accepts_idle(judge, problem) {
        Ok(None) => {}
        Ok(Some(total)) => {
            finding.state = State::AcceptsWrong;
            finding.detail = format!("programs that do nothing pass all {total} tests");
            return Ok(finding);
        }
        Err(error) => return broken(finding, error),
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

/// Whether the tests accept two programs that do nothing, each in its own way; how many tests there are, where they do.
fn accepts_idle(judge: &dyn Judge, problem: &Problem) -> Result<Option<usize>, JudgeError> {
    let mut total = None;
    for program in idle::programs(problem).into_iter().flatten() {
        let found = verdicts(judge, problem, &[program], 1)?;
        match found.first() {
            Some(verdict) if verdict.is_accepted() => total = Some(verdict.total),
            _ => return Ok(None),
        }
    }
    Ok(total)
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
    judge: &dyn Judge,
    problem: &Problem,
    programs: &[Reference],
    most: usize,
) -> Result<Vec<Verdict>, JudgeError> {
    let programs: Vec<Program> = programs
        .iter()
        .take(most)
        .map(|program| Program::bare(program.source.clone(), program.language))
        .collect();
    let submissions: Vec<Submission<'_>> = programs
        .iter()
        .map(|program| Submission::of(problem, Some(program), Scope::All, StopAt::FirstFailure))
        .collect();
    judge::all(judge, &submissions, &Cancel::never())
        .into_iter()
        .map(|result| {
            result?.verdict.ok_or_else(|| JudgeError::NoVerdict {
                judge: judge.name().to_owned(),
                id: problem.id.clone(),
            })
        })
        .collect()
}
