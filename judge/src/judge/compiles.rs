//! The judge of whether a program compiles at all: by the first test of its problem, whatever that test finds besides.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::{Judge, JudgeError, Judgement, Reads, Score, Submission};
use crate::problem::Problem;
use crate::verdict::{Grade, Scope, StopAt, Verdict};

/// The name in configurations and scores.
pub(super) const NAME: &str = "compiles";

/// 1 where a program compiles, 0 where it does not or there is none.
pub struct Compiles {
    tests: Arc<dyn Judge>,
}

impl Compiles {
    /// By these tests.
    pub const fn new(tests: Arc<dyn Judge>) -> Self {
        Self { tests }
    }
}

/// The problem with its first test alone: the one that says whether its kind of programs compiles.
fn first_alone(problem: &Problem) -> Problem {
    let first = Scope::All
        .tests(problem)
        .first()
        .map(|test| (*test).clone());
    Problem {
        public_tests: Vec::new(),
        private_tests: first.into_iter().collect(),
        statement: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        ..problem.clone()
    }
}

/// The score of a verdict, and what it lost points for.
fn score_of(verdict: &Verdict) -> (Option<f64>, String) {
    match verdict.grade {
        Grade::NoProgram => (Some(0.0), "there is no program".to_owned()),
        Grade::CompileError => {
            let trace = verdict.failures.first().map(|failure| failure.trace.trim());
            let last = trace.and_then(|trace| trace.lines().last());
            let words = last.unwrap_or("it does not compile");
            (Some(0.0), words.chars().take(200).collect())
        }
        // Whether it compiles is not known.
        Grade::Unsupported => (None, "the isolation lacks what it needs".to_owned()),
        Grade::Accepted
        | Grade::WrongAnswer
        | Grade::RuntimeError
        | Grade::TimeLimit
        | Grade::MemoryLimit
        | Grade::OutputLimit => (Some(1.0), String::new()),
    }
}

impl Judge for Compiles {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.tests.supports(problem, scope)
    }

    fn stamp(&self) -> String {
        format!("{NAME}/1 {}", self.tests.stamp())
    }

    fn stamp_on(&self, submission: &Submission<'_>) -> String {
        format!("{NAME}/1 {}", self.tests.stamp_on(submission))
    }

    fn reads(&self) -> Reads {
        Reads::Program
    }

    fn workers(&self) -> usize {
        self.tests.workers()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let problem = first_alone(submission.problem);
        let alone = Submission {
            problem: &problem,
            scope: Scope::All,
            stop: StopAt::FirstFailure,
            ..*submission
        };
        let judged = self.tests.judge(&alone, cancel)?;
        let verdict = judged.verdict.ok_or_else(|| JudgeError::NoVerdict {
            judge: self.tests.name().to_owned(),
            id: problem.id.clone(),
        })?;
        let (value, reason) = score_of(&verdict);
        Ok(Judgement {
            repeatable: judged.repeatable && value.is_some(),
            ..Judgement::of_scores(vec![Score {
                judge: NAME.to_owned(),
                value,
                span: None,
                reason,
            }])
        })
    }
}
