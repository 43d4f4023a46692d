//! A model as judge: prompts are filled in, questions asked, and what is said becomes a score or a preference.

use std::sync::Arc;

use rlef_sandbox::Cancel;
use sha2::{Digest as _, Sha256};

use super::answer::Choice;
use super::config::{AiConfig, Kind, Orders, Point};
use super::local::Local;
use super::prompts::{About, Prompt};
use super::question::Question;
use super::watch::{Compared, Watch};
use crate::judge::{
    self, Cached, Judge, JudgeError, Judgement, Parts, Preference, Reads, Score, Submission,
};
use crate::problem::Problem;
use crate::verdict::{CACHE_BYTES, Scope, StopAt, VerdictCache};

/// Judges by a model on a server.
pub struct AiJudge {
    kind: Kind,
    config: AiConfig,
    prompt: Prompt,
    /// Asks, and keeps what was said.
    question: Box<dyn Judge>,
    /// The checkpoint that is asked, where it is one.
    local: Option<Arc<Local>>,
    tests: Arc<dyn Judge>,
    watch: Arc<Watch>,
    stamp: String,
}

impl AiJudge {
    /// Prepares to ask; sends nothing. The reason where the settings can't be used.
    pub fn new(kind: Kind, config: AiConfig, parts: &Parts) -> Result<Self, String> {
        if let Some(fault) = config.fault(kind) {
            return Err(fault);
        }
        let prompt = Prompt::of(kind, &config)?;
        let watch = Arc::new(Watch::new(kind.name(), &config));
        let choices = choices(kind, &config);
        let local = Local::new(kind.name(), &config, &choices, &watch)?.map(Arc::new);
        let question: Box<dyn Judge> = if let Some(local) = &local {
            Box::new(Arc::clone(local))
        } else {
            let watch = Arc::clone(&watch);
            Box::new(Question::new(kind.name(), &config, choices, watch)?)
        };
        let stamp = stamp(kind, &config, &question.stamp(), prompt.text());
        let question: Box<dyn Judge> = if config.cache {
            let folder = VerdictCache::default_folder()
                .ok_or("there is no folder to keep answers in; set RLEF_CACHE, or cache = false")?;
            let cache = VerdictCache::open(&folder, CACHE_BYTES)
                .map_err(|error| format!("failed to {error}, or cache = false here"))?;
            Box::new(Cached::new(question, Arc::new(cache)))
        } else {
            question
        };
        Ok(Self {
            kind,
            config,
            prompt,
            question,
            local,
            tests: Arc::clone(&parts.tests),
            watch,
            stamp,
        })
    }

    fn failed(&self, problem: &Problem, cause: String) -> JudgeError {
        JudgeError::Failed {
            judge: self.kind.name().to_owned(),
            id: problem.id.clone(),
            cause: Arc::new(std::io::Error::other(cause)),
        }
    }

    /// Whether it is still to be believed.
    fn trusted(&self) -> Result<(), JudgeError> {
        match self.watch.fault() {
            Some(reason) => Err(JudgeError::Distrusted {
                judge: self.kind.name().to_owned(),
                reason,
            }),
            None => Ok(()),
        }
    }

    /// What the model says to each of some prompts about one problem: a number, or why it has no opinion.
    fn asked(
        &self,
        problem: &Problem,
        about: &[About<'_>],
        cancel: &Cancel,
    ) -> Result<Vec<Score>, JudgeError> {
        self.trusted()?;
        let prompts: Result<Vec<String>, JudgeError> = (about.iter())
            .map(|about| {
                let said = self.prompt.filled(problem, *about);
                said.map_err(|reason| self.failed(problem, reason))
            })
            .collect();
        let prompts = prompts?;
        let questions: Vec<Submission<'_>> = (prompts.iter())
            .map(|prompt| Submission {
                text: prompt,
                ..Submission::of(problem, None, Scope::All, StopAt::Never)
            })
            .collect();
        let heard = judge::all(&*self.question, &questions, cancel);
        let scores = heard.into_iter().map(|judged| {
            let score = judged?.scores.into_iter().next();
            score.ok_or_else(|| self.failed(problem, "it said nothing".to_owned()))
        });
        scores.collect()
    }

    /// The score of an answer by what was said to each question about it.
    fn score(&self, said: &[Score]) -> Score {
        let name = self.kind.name().to_owned();
        let of = |value, reason| Score {
            judge: name.clone(),
            value,
            span: None,
            reason,
        };
        if let Some(silent) = said.iter().find(|score| score.value.is_none()) {
            return of(None, silent.reason.clone());
        }
        let values: Vec<f64> = said.iter().filter_map(|score| score.value).collect();
        let first = values.first().copied().unwrap_or(0.0);
        let words = |score: &Score| score.reason.clone();
        match self.kind {
            // By which of the two is the likelier (CGPO, section 4.1.2).
            Kind::Constraint => of(
                Some(if first > 0.5 { 1.0 } else { 0.0 }),
                format!("met with {first:.3}"),
            ),
            Kind::Rubric => {
                let weights: Vec<f64> = self
                    .config
                    .points
                    .iter()
                    .map(|point| point.parts().1)
                    .collect();
                let met = weights
                    .iter()
                    .zip(&values)
                    .map(|(weight, value)| weight * value);
                let share = met.sum::<f64>() / weights.iter().sum::<f64>();
                let points: Vec<String> = (self.config.points.iter().zip(&values))
                    .map(|(point, value)| format!("{}: {value:.3}", point.parts().0))
                    .collect();
                // As many decimals as what it is made of.
                of(Some((share * 1e6).round() / 1e6), points.join("; "))
            }
            Kind::Rating | Kind::Pairwise => of(
                values.first().copied(),
                said.first().map_or_else(String::new, words),
            ),
        }
    }

    /// Whether each answer passes its tests, where that is asked for and known.
    fn graded(&self, submissions: &[Submission<'_>], cancel: &Cancel) -> Vec<Option<bool>> {
        let graded = submissions.iter().map(|submission| {
            submission.program.filter(|_| self.config.check)?;
            let whole = Submission {
                scope: Scope::All,
                stop: StopAt::FirstFailure,
                asks: judge::Asks::Verdict,
                ..*submission
            };
            // A sandbox that fails says nothing of the judge that is watched here.
            let judged = self.tests.judge(&whole, cancel).ok()?;
            Some(judged.verdict?.is_accepted())
        });
        graded.collect()
    }
}

/// What may be answered, and what it is worth.
fn choices(kind: Kind, config: &AiConfig) -> Vec<Choice> {
    match kind {
        Kind::Pairwise => vec![Choice::of("1", 1.0), Choice::of("2", 0.0)],
        Kind::Rating => (config.lowest..=config.highest)
            .map(|rating| Choice::of(rating.to_string(), f64::from(rating)))
            .collect(),
        Kind::Rubric | Kind::Constraint => vec![Choice::of("yes", 1.0), Choice::of("no", 0.0)],
    }
}

/// Names everything that is said depends on; bounds and patience are none of it.
fn stamp(kind: Kind, config: &AiConfig, question: &str, prompt: &str) -> String {
    let digest = Sha256::digest(prompt);
    let bytes: Vec<String> = (digest.iter().take(8))
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let hash = bytes.concat();
    let asked = match kind {
        Kind::Pairwise => format!("{:?}", config.orders),
        Kind::Rating => String::new(),
        Kind::Constraint => format!("{:?}", config.requirement),
        Kind::Rubric => {
            let points = config.points.iter().map(Point::parts);
            format!("{:?}", points.collect::<Vec<_>>())
        }
    };
    format!("{question} prompt {hash} {asked}")
}

impl Judge for AiJudge {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn supports(&self, _problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        self.stamp.clone()
    }

    fn reads(&self) -> Reads {
        Reads::Text
    }

    fn workers(&self) -> usize {
        self.local.as_ref().map_or(self.config.concurrency, |_| 1)
    }

    /// One that compares says nothing of an answer alone.
    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let answer = submission.text;
        let about: Vec<About<'_>> = match self.kind {
            Kind::Pairwise => return Ok(Judgement::of_scores(Vec::new())),
            Kind::Rating => vec![About::One(answer)],
            Kind::Constraint => vec![About::Requirement(answer, &self.config.requirement)],
            Kind::Rubric => {
                let points = self.config.points.iter().map(Point::parts);
                points
                    .map(|(text, _)| About::Requirement(answer, text))
                    .collect()
            }
        };
        let score = self.score(&self.asked(submission.problem, &about, cancel)?);
        if let Some(value) = score.value {
            self.watch.scored(&submission.problem.id, answer, value);
        }
        let repeatable = score.value.is_some() && self.config.temperature == 0.0;
        Ok(Judgement {
            repeatable,
            ..Judgement::of_scores(vec![score])
        })
    }

    fn told(&self, submission: &Submission<'_>, all: &Judgement) {
        if let Some(verdict) = &all.verdict {
            let is_right = verdict.is_accepted();
            self.watch
                .graded(&submission.problem.id, submission.text, is_right);
        }
    }

    fn notes(&self) -> Vec<String> {
        self.watch.notes()
    }

    fn compares(&self) -> bool {
        self.kind == Kind::Pairwise
    }

    fn only_compares(&self) -> bool {
        self.kind == Kind::Pairwise
    }

    /// Any two answers are compared, in both orders where that is asked for. Places go by the mean of how likely an answer is better
    /// than those that it could be compared with.
    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let count = submissions.len();
        let Some(first) = submissions.first().filter(|_| self.compares() && count > 1) else {
            return Err(JudgeError::NoComparison {
                judge: self.name().to_owned(),
                answers: count,
            });
        };
        let pairs: Vec<(usize, usize)> = (0..count)
            .flat_map(|one| (one + 1..count).map(move |other| (one, other)))
            .collect();
        let both = self.config.orders == Orders::Both;
        let text = |place: usize| submissions[place].text;
        let about: Vec<About<'_>> = (pairs.iter())
            .flat_map(|&(one, other)| {
                let forth = About::Two(text(one), text(other));
                let back = About::Two(text(other), text(one));
                [forth, back].into_iter().take(if both { 2 } else { 1 })
            })
            .collect();
        let said = self.asked(first.problem, &about, cancel)?;
        let right = self.graded(submissions, cancel);
        let own = self.local.as_ref().map(|local| {
            let texts: Vec<&str> = submissions.iter().map(|one| one.text).collect();
            let own = local.own(first.problem, &texts);
            own.map_err(|cause| self.failed(first.problem, cause))
        });
        let own = own.transpose()?;
        let mut beats = vec![vec![None; count]; count];
        let mut reasons = Vec::new();
        for (&(one, other), said) in pairs.iter().zip(said.chunks(if both { 2 } else { 1 })) {
            if let Some(silent) = said.iter().find(|score| score.value.is_none()) {
                reasons.push(format!("{one} and {other}: {}", silent.reason));
                continue;
            }
            let value = |place: usize| said.get(place).and_then(|score: &Score| score.value);
            let compared = Compared {
                forth: value(0).unwrap_or(0.5),
                back: value(1).map(|of_other| 1.0 - of_other),
                first_is_longer: longer(text(one), text(other)),
                first_is_own: own
                    .as_ref()
                    .and_then(|own| (own[one] != own[other]).then_some(own[one] > own[other])),
                first_is_right: match (right[one], right[other]) {
                    (Some(own), Some(beside)) if own != beside => Some(own),
                    _ => None,
                },
            };
            self.watch.compared(compared);
            let share = compared.share();
            beats[one][other] = Some(share);
            beats[other][one] = Some(1.0 - share);
            let back = compared.back.map(|back| format!(" and {back:.3} turned"));
            let back = back.unwrap_or_default();
            reasons.push(format!("{one} over {other}: {:.3}{back}", compared.forth));
        }
        let means: Vec<Option<f64>> = beats.iter().map(|row| mean(row)).collect();
        if means.iter().all(Option::is_none) {
            return Err(JudgeError::NoOpinion {
                judge: self.name().to_owned(),
                id: first.problem.id.clone(),
                reason: reasons.join("; "),
            });
        }
        // One that could be compared with none stands in the middle; nobody reads its place, for no pair of it is known.
        let means: Vec<f64> = means.iter().map(|mean| mean.unwrap_or(0.5)).collect();
        let better = |own: &f64| means.iter().filter(|other| *other > own).count();
        Ok(Preference {
            places: means.iter().map(better).collect(),
            certainty: (count == 2).then(|| means[0].max(means[1])),
            beats,
            reason: reasons.join("; "),
        })
    }
}

/// Whether the first of two is the longer one; nothing where they are as long.
fn longer(one: &str, other: &str) -> Option<bool> {
    let (one, other) = (one.chars().count(), other.chars().count());
    (one != other).then_some(one > other)
}

/// The mean of what is known.
fn mean(row: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = row.iter().copied().flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
