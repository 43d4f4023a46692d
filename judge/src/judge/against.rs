//! A judge that compares, as one of single answers: each answer is held against the one that is stored for its problem, and its
//! score is how likely the judge finds it the better of the two.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rlef_sandbox::Cancel;

use super::{Asks, Judge, JudgeError, Judgement, Preference, Reads, Score, Submission};
use crate::problem::Problem;
use crate::program::{Program, Wanted};
use crate::verdict::Scope;

/// The answer to each problem that others are held against.
#[derive(Debug, Default)]
pub struct StoredAnswers(RwLock<HashMap<String, Arc<str>>>);

impl StoredAnswers {
    /// Stores the answer to a problem.
    pub fn store(&self, problem_id: &str, answer: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(problem_id.to_owned(), answer.into());
    }

    /// The answer that is stored for a problem.
    pub fn of(&self, problem_id: &str) -> Option<Arc<str>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(problem_id).cloned()
    }
}

/// A judge that compares, and what answers are compared with.
pub struct Against {
    judge: Box<dyn Judge>,
    stored: Arc<StoredAnswers>,
}

impl Against {
    /// What this judge says of answers beside the stored ones.
    pub fn new(judge: Box<dyn Judge>, stored: Arc<StoredAnswers>) -> Self {
        Self { judge, stored }
    }

    /// The probability that the answer is better than the stored one, or why there is no opinion; then the judge's reason.
    fn likely(
        &self,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<(Option<f64>, String), JudgeError> {
        let Some(stored) = self.stored.of(&submission.problem.id) else {
            let reason = "there is no stored answer to compare it with";
            return Ok((None, reason.to_owned()));
        };
        if &*stored == submission.text {
            return Ok((Some(0.5), "it is the stored answer".to_owned()));
        }
        let found = Program::find(&stored, &Wanted::of(submission.problem));
        let beside = Submission {
            text: &stored,
            program: found.as_ref().ok().map(|found| &found.program),
            ..*submission
        };
        match self.judge.compare(&[*submission, beside], cancel) {
            Ok(said) => Ok((Some(share(&said)), said.reason)),
            Err(JudgeError::NoOpinion { reason, .. }) => Ok((None, reason)),
            Err(error) => Err(error),
        }
    }
}

/// How likely the first of two answers is the better one.
fn share(said: &Preference) -> f64 {
    if let Some(likely) = said
        .beats
        .first()
        .and_then(|row| row.get(1))
        .copied()
        .flatten()
    {
        return likely;
    }
    let certainty = said.certainty.unwrap_or(1.0);
    match said.places[..] {
        [one, other, ..] if one < other => certainty,
        [one, other, ..] if one > other => 1.0 - certainty,
        _ => 0.5,
    }
}

impl Judge for Against {
    fn name(&self) -> &str {
        self.judge.name()
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.judge.supports(problem, scope)
    }

    /// Nobody keeps its judgements, which depend on what is stored.
    fn stamp(&self) -> String {
        format!("{} against a stored answer", self.judge.stamp())
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        if submission.asks == Asks::Verdict {
            return Ok(Judgement::of_scores(Vec::new()));
        }
        let (value, reason) = self.likely(submission, cancel)?;
        let score = Score {
            judge: self.name().to_owned(),
            value,
            span: None,
            reason,
        };
        Ok(Judgement {
            repeatable: false,
            ..Judgement::of_scores(vec![score])
        })
    }

    fn reads(&self) -> Reads {
        Reads::Text
    }

    fn workers(&self) -> usize {
        self.judge.workers()
    }

    fn told(&self, submission: &Submission<'_>, all: &Judgement) {
        self.judge.told(submission, all);
    }

    fn notes(&self) -> Vec<String> {
        self.judge.notes()
    }

    fn compares(&self) -> bool {
        true
    }

    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        self.judge.compare(submissions, cancel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::StopAt;

    /// Prefers the longer answer; has no opinion on one that is empty, and fails on one that says so.
    struct Longer;

    impl Judge for Longer {
        fn name(&self) -> &'static str {
            "longer"
        }

        fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
            Ok(())
        }

        fn stamp(&self) -> String {
            "longer/1".to_owned()
        }

        fn judge(&self, _: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
            Ok(Judgement::of_scores(Vec::new()))
        }

        fn compares(&self) -> bool {
            true
        }

        fn only_compares(&self) -> bool {
            true
        }

        fn compare(&self, all: &[Submission<'_>], _: &Cancel) -> Result<Preference, JudgeError> {
            let [one, other] = [all[0].text.len(), all[1].text.len()];
            if one == 0 {
                return Err(JudgeError::NoOpinion {
                    judge: "longer".to_owned(),
                    id: String::new(),
                    reason: "it is empty".to_owned(),
                });
            }
            if all[0].text == "fail" {
                return Err(JudgeError::Stopped);
            }
            Ok(Preference {
                places: vec![usize::from(one < other), usize::from(other < one)],
                certainty: Some(0.75),
                beats: if one > 9 {
                    vec![vec![None, Some(0.9)], vec![Some(0.1), None]]
                } else {
                    Vec::new()
                },
                reason: "by length".to_owned(),
            })
        }
    }

    #[test]
    fn an_answer_is_scored_beside_the_stored_one_and_nothing_is_made_up() {
        let stored = Arc::new(StoredAnswers::default());
        stored.store("p", "four");
        let judge = Against::new(Box::new(Longer), stored);
        let said = |id: &str, text: &str| {
            let problem = Problem {
                id: id.to_owned(),
                ..Problem::default()
            };
            let submission = Submission {
                text,
                ..Submission::of(&problem, None, Scope::All, StopAt::Never)
            };
            let judged = judge.judge(&submission, &Cancel::never())?;
            assert!(!judged.repeatable);
            Ok::<_, JudgeError>(judged.scores[0].clone())
        };
        for (text, value) in [
            ("longer", Some(0.75)),
            ("two", Some(0.25)),
            ("same", Some(0.5)),
            ("four", Some(0.5)),
            ("much longer", Some(0.9)),
            ("", None),
        ] {
            assert_eq!(said("p", text).unwrap().value, value, "{text}");
        }
        assert_eq!(said("p", "").unwrap().reason, "it is empty");
        let unknown = said("q", "longer").unwrap();
        assert_eq!(unknown.value, None);
        assert!(unknown.reason.contains("no stored answer"), "{unknown:?}");
        assert!(matches!(said("p", "fail"), Err(JudgeError::Stopped)));
        assert!(judge.compares() && !judge.only_compares());
    }
}
