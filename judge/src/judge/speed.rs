//! The judge of time: whether a program that passes its tests needs no more than so many times what the problem's own program needs
//! on the same tests. Fuel where both ran in WebAssembly, which is the same in every run; else CPU time, which is not, so that a
//! few milliseconds are always allowed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rlef_sandbox::Cancel;
use serde::{Deserialize, Serialize};

use super::{Judge, JudgeError, Judgement, Keys, Reads, Score, Submission};
use crate::problem::{Problem, Reference};
use crate::program::Program;
use crate::verdict::{Scope, StopAt, Verdict};

/// The name in configurations and scores.
pub(super) const NAME: &str = "speed";

/// What it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeedConfig {
    /// How many times the reference's time a program may need.
    pub factor: f64,
    /// CPU milliseconds a test that it may need in any case: start and noise.
    pub allowance_ms: f64,
}

impl Default for SpeedConfig {
    fn default() -> Self {
        Self {
            factor: 2.0,
            allowance_ms: 10.0,
        }
    }
}

/// 1 where a program passes its tests within the time, 0 where it does not.
pub struct Speed {
    config: SpeedConfig,
    tests: Arc<dyn Judge>,
    /// What references needed, by what was judged.
    known: Mutex<HashMap<String, Cost>>,
}

/// What all tests took together.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu_ms: f64,
    fuel: Option<u64>,
    tests: usize,
}

impl Cost {
    fn of(verdict: &Verdict) -> Self {
        Self {
            cpu_ms: verdict.cpu_ms,
            fuel: verdict.fuel,
            tests: verdict.total,
        }
    }
}

impl Speed {
    /// A judge that goes by this; the reason where it can't.
    pub fn new(config: SpeedConfig, tests: Arc<dyn Judge>) -> Result<Self, String> {
        for (key, value, least) in [
            ("factor", config.factor, 1.0),
            ("allowance_ms", config.allowance_ms, 0.0),
        ] {
            if !(value >= least && value.is_finite()) {
                return Err(format!(
                    "{key} is {value}; expected a finite number of at least {least}"
                ));
            }
        }
        Ok(Self {
            config,
            tests,
            known: Mutex::default(),
        })
    }

    /// What a program needs for all tests of the submission's scope; the verdict where it does not pass them.
    fn cost(
        &self,
        submission: &Submission<'_>,
        program: &Program,
        cancel: &Cancel,
    ) -> Result<Result<Cost, Verdict>, JudgeError> {
        let alone = Submission {
            program: Some(program),
            stop: StopAt::FirstFailure,
            ..*submission
        };
        let judged = self.tests.judge(&alone, cancel)?;
        let verdict = judged.verdict.ok_or_else(|| JudgeError::NoVerdict {
            judge: self.tests.name().to_owned(),
            id: submission.problem.id.clone(),
        })?;
        Ok(if verdict.is_accepted() {
            Ok(Cost::of(&verdict))
        } else {
            Err(verdict)
        })
    }

    /// What the reference needs, found out once.
    fn of_reference(
        &self,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Cost, JudgeError> {
        let problem = submission.problem;
        let reference = reference(problem).ok_or_else(|| missing(problem))?;
        let program = Program::bare(&*reference.source, reference.language);
        let keyed = Submission {
            program: Some(&program),
            ..*submission
        };
        let key = Keys::default().of(&keyed, Reads::Program, "");
        let key = key.map_or_else(String::new, |key| key.to_string());
        if let Some(cost) = self.lock().get(&key) {
            return Ok(*cost);
        }
        let cost = self.cost(submission, &program, cancel)?;
        let cost = cost.map_err(|verdict| JudgeError::Failed {
            judge: NAME.to_owned(),
            id: problem.id.clone(),
            cause: Arc::new(std::io::Error::other(format!(
                "the problem's own program is graded {} and passes {} of {} tests; correct it, or leave the problem out",
                verdict.grade.name(),
                verdict.passed,
                verdict.total
            ))),
        })?;
        self.lock().insert(key, cost);
        Ok(cost)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Cost>> {
        // Entries are inserted whole, so a poisoned map is still sound.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is fast enough, in words where not, and whether asking again says the same.
    fn compared(&self, own: Cost, reference: Cost) -> (bool, String, bool) {
        let factor = self.config.factor;
        let fuel = own.fuel.zip(reference.fuel);
        let (own, bound, unit) = if let Some((own, reference)) = fuel {
            (own as f64, factor * reference as f64, "fuel")
        } else {
            let allowed = self.config.allowance_ms * own.tests as f64;
            (own.cpu_ms, factor * reference.cpu_ms + allowed, "ms")
        };
        let repeatable = fuel.is_some();
        if own <= bound {
            return (true, String::new(), repeatable);
        }
        let reason =
            format!("it needs {own:.0} {unit}; {bound:.0} are allowed, by the reference's time");
        (false, reason, repeatable)
    }
}

/// The problem's own program: in its own language, else the first there is.
fn reference(problem: &Problem) -> Option<&Reference> {
    let language = problem.language();
    let own = problem
        .references
        .iter()
        .find(|one| one.language == language);
    own.or_else(|| problem.references.first())
}

fn missing(problem: &Problem) -> JudgeError {
    JudgeError::Unsupported {
        id: problem.id.clone(),
        what: "a bound of time without a program of the problem's own",
    }
}

impl Judge for Speed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        reference(problem).ok_or_else(|| missing(problem))?;
        self.tests.supports(problem, scope)
    }

    fn stamp(&self) -> String {
        let SpeedConfig {
            factor,
            allowance_ms,
        } = self.config;
        format!("{NAME}/1 {factor} {allowance_ms} {}", self.tests.stamp())
    }

    fn workers(&self) -> usize {
        self.tests.workers()
    }

    /// An answer that fails its tests is none that could be fast.
    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let said = |value: f64, reason: String, repeatable: bool| Judgement {
            repeatable,
            ..Judgement::of_scores(vec![Score {
                judge: NAME.to_owned(),
                value: Some(value),
                span: None,
                reason,
            }])
        };
        let Some(program) = submission.program else {
            return Ok(said(0.0, "there is no program".to_owned(), true));
        };
        let own = match self.cost(submission, program, cancel)? {
            Ok(own) => own,
            Err(verdict) => {
                let reason = format!("it is graded {}", verdict.grade.name());
                return Ok(said(0.0, reason, false));
            }
        };
        let reference = self.of_reference(submission, cancel)?;
        let (fast, reason, repeatable) = self.compared(own, reference);
        Ok(said(if fast { 1.0 } else { 0.0 }, reason, repeatable))
    }
}
