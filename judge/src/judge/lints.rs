//! The judge by lints of Python: names that nothing defines, imports that nothing uses, what can't be reached, and the compiler's
//! own warnings. CPython's compiler reads the program in the sandbox, as a text on standard input: the program is not run, and no
//! test is near it.

use std::sync::Arc;

use rlef_sandbox::{Cancel, Language};
use serde::{Deserialize, Serialize};

use super::{Judge, JudgeError, Judgement, Score, Submission};
use crate::problem::{Problem, TestCase};
use crate::program::Program;
use crate::verdict::{Grade, Scope, StopAt, judged_source};

/// The name in configurations and scores.
pub(super) const NAME: &str = "lints";

/// Prints a line for each finding: its line, a colon, and words.
const LINTER: &str = include_str!("lints.py");

/// Findings that a reason names.
const NAMED: usize = 5;

/// What it goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LintsConfig {
    /// Findings that a program may have.
    pub allowed: usize,
}

/// 1 where a program has no more findings than are allowed, 0 where it has more or there is none.
pub struct Lints {
    config: LintsConfig,
    tests: Arc<dyn Judge>,
}

impl Lints {
    /// A judge that goes by this, with the sandbox of these tests.
    pub const fn new(config: LintsConfig, tests: Arc<dyn Judge>) -> Self {
        Self { config, tests }
    }

    /// What the linter prints of a source.
    fn printed(
        &self,
        problem: &Problem,
        source: &str,
        cancel: &Cancel,
    ) -> Result<String, JudgeError> {
        let linted = Problem {
            id: problem.id.clone(),
            private_tests: vec![TestCase::Stdin {
                input: source.to_owned(),
                expected: String::new(),
            }],
            ..Problem::default()
        };
        let linter = Program::bare(LINTER, Language::Python);
        let asked = Submission::of(&linted, Some(&linter), Scope::All, StopAt::FirstFailure);
        let verdict = self.tests.judge(&asked, cancel)?.verdict;
        let verdict = verdict.ok_or_else(|| JudgeError::NoVerdict {
            judge: self.tests.name().to_owned(),
            id: problem.id.clone(),
        })?;
        match (verdict.grade, verdict.failures.first()) {
            (Grade::Accepted, _) => Ok(String::new()),
            // Nothing is expected, so whatever it prints is another answer.
            (Grade::WrongAnswer, Some(failure)) => Ok(failure.got.clone()),
            (grade, failure) => {
                let trace = failure.map_or("", |failure| failure.trace.trim());
                let last = trace.lines().last().unwrap_or_default();
                let cause = format!("the linter itself is graded {}: {last}", grade.name());
                Err(JudgeError::Failed {
                    judge: NAME.to_owned(),
                    id: problem.id.clone(),
                    cause: Arc::new(std::io::Error::other(cause)),
                })
            }
        }
    }
}

/// The whole source that is judged, and how many of its lines are not the program's own.
fn whole(problem: &Problem, program: &Program) -> (String, usize) {
    let entry_point = Scope::All
        .tests(problem)
        .into_iter()
        .find_map(|test| match test {
            TestCase::Call { function, .. } => Some(function.clone()),
            TestCase::Asserted { entry_point, .. } => Some(entry_point.clone()),
            TestCase::Stdin { .. } => None,
        });
    let source = judged_source(&problem.preamble, &program.source, entry_point.as_deref());
    let front = source.len().saturating_sub(program.source.len());
    let lines = source[..front].matches('\n').count();
    (source, lines)
}

/// The findings of lines behind the first `front`, as they were printed.
fn findings(printed: &str, front: usize) -> Vec<String> {
    let own = printed.lines().filter_map(|line| {
        let (number, words) = line.split_once(": ")?;
        let number: usize = number.parse().ok()?;
        match number.checked_sub(front) {
            // Of the whole.
            _ if number == 0 => Some(words.to_owned()),
            None | Some(0) => None,
            Some(number) => Some(format!("line {number} {words}")),
        }
    });
    own.collect()
}

impl Judge for Lints {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        if problem.language() == Language::Python {
            return Ok(());
        }
        Err(JudgeError::Unsupported {
            id: problem.id.clone(),
            what: "to lint a language other than Python",
        })
    }

    fn stamp(&self) -> String {
        format!("{NAME}/1 {} {}", self.config.allowed, self.tests.stamp())
    }

    fn workers(&self) -> usize {
        self.tests.workers()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let said = |value: Option<f64>, reason: String| {
            Judgement::of_scores(vec![Score {
                judge: NAME.to_owned(),
                value,
                span: None,
                reason,
            }])
        };
        let Some(program) = submission.program else {
            return Ok(said(Some(0.0), "there is no program".to_owned()));
        };
        if program.language != Language::Python {
            return Ok(said(None, "it is no Python".to_owned()));
        }
        let (source, front) = whole(submission.problem, program);
        let printed = self.printed(submission.problem, &source, cancel)?;
        let findings = findings(&printed, front);
        let named = findings.iter().take(NAMED).cloned().collect::<Vec<_>>();
        let more = findings.len() - named.len();
        let mut reason = named.join("; ");
        if more > 0 {
            reason = format!("{reason}; and {more} more");
        }
        let clean = findings.len() <= self.config.allowed;
        Ok(said(Some(if clean { 1.0 } else { 0.0 }), reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_front_of_the_program_are_not_its_own() {
        let printed = "0: does not compile: SyntaxError\n1: imports List and does not use it\n4: uses x, which nothing defines\n";
        assert_eq!(
            findings(printed, 3),
            [
                "does not compile: SyntaxError",
                "line 1 uses x, which nothing defines"
            ]
        );
        assert_eq!(findings("", 0), Vec::<String>::new());
    }
}
