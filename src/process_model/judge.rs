//! A process reward model as judge: the row of it in the table of judges. It says of every step how likely the answer is right so far,
//! as a score of that part of the text, and of the whole answer what they come to together. Every answer is read as the first to its
//! problem, as it was learnt.

use std::path::PathBuf;
use std::sync::Arc;

use rlef_sandbox::Cancel;
use serde::Deserialize;

use super::{Aggregate, ProcessModel, of_answer};
use crate::eval::stamp::PolicyStamp;
use crate::judge::{
    Judge, JudgeError, Judgement, Parts, Preference, Row, Score, Settings, Submission,
    read_settings,
};
use crate::model::device::Processor;
use crate::preference::Said;
use crate::problem::Problem;
use crate::prompt::{self, PromptStyle};
use crate::verdict::Scope;

/// The name in configurations and scores.
const NAME: &str = "process_model";

/// The row of the table of judges.
pub const ROW: Row = Row {
    name: NAME,
    about: "how likely each line of the answer is right so far, and all of it; folder (of rlef reward --kind process, or a classifier of tokens with two labels), aggregate = \"product\", \"min\" or \"last\", style, device",
    build: |settings, parts| Ok(Box::new(built(settings, parts)?)),
};

/// What a configuration says of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    folder: PathBuf,
    #[serde(default)]
    aggregate: Aggregate,
    #[serde(default)]
    style: Option<PromptStyle>,
    #[serde(default)]
    device: Processor,
}

/// Judges by a process reward model.
#[derive(Debug)]
pub struct ProcessJudge {
    model: ProcessModel,
    aggregate: Aggregate,
    style: PromptStyle,
    stamp: String,
}

fn built(settings: &Settings, _parts: &Parts) -> Result<ProcessJudge, String> {
    let config: Config = read_settings(settings)?;
    let device = config.device.open().map_err(|error| error.to_string())?;
    let model = ProcessModel::load(&config.folder, &device).map_err(|error| error.to_string())?;
    let name = config.folder.to_string_lossy();
    let stamp = PolicyStamp::of(&name, Some(&config.folder), config.device)
        .map_err(|error| format!("failed to read {name}: {error}"))?;
    let names = format!("{} {}", stamp.hash.unwrap_or_default(), config.device);
    Ok(ProcessJudge::new(
        model,
        config.aggregate,
        config.style,
        &names,
    ))
}

/// A number with as many digits as single precision has, so that what is kept as text reads back as it was.
fn rounded(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}

impl ProcessJudge {
    /// A judge by this model, which `names` tells from others. Without a wording of prompts it is the one that fits the model's
    /// tokenizer.
    pub fn new(
        model: ProcessModel,
        aggregate: Aggregate,
        style: Option<PromptStyle>,
        names: &str,
    ) -> Self {
        let style = style.unwrap_or(if model.tokenizer.templated {
            PromptStyle::Full
        } else {
            PromptStyle::Compact
        });
        Self {
            stamp: format!("{NAME}/1 {names} {} {style:?}", aggregate.name()),
            model,
            aggregate,
            style,
        }
    }

    fn failed(problem: &Problem, reason: String) -> JudgeError {
        JudgeError::Failed {
            judge: NAME.to_owned(),
            id: problem.id.clone(),
            cause: Arc::new(std::io::Error::other(reason)),
        }
    }

    fn read(&self, problem: &Problem, steps: &[&str]) -> Result<super::Read, JudgeError> {
        let text = prompt::statement(self.style, problem.language(), &problem.statement);
        let read = self.model.read(&Said::plain(text), steps.iter().copied());
        let read = read.map_err(|error| Self::failed(problem, error.to_string()))?;
        read.map_err(|reason| Self::failed(problem, reason))
    }

    /// The score of the whole, and one a step. Each answer is read by itself, so that its scores are the same to the bit whatever
    /// else is judged meanwhile.
    fn scores(&self, submission: &Submission<'_>) -> Result<Vec<Score>, JudgeError> {
        let (problem, text) = (submission.problem, submission.text);
        let score = |value, span, reason: &str| Score {
            judge: NAME.to_owned(),
            value,
            span,
            reason: reason.to_owned(),
        };
        let spans = of_answer(text);
        if spans.is_empty() {
            return Ok(vec![score(None, None, "it has no step")]);
        }
        let steps: Vec<&str> = spans.iter().map(|span| &text[span.clone()]).collect();
        let read = self.read(problem, &steps)?;
        let context = self.model.decoder.config.max_position_embeddings;
        if read.ids.len() > context {
            let reason = format!(
                "the answer and its problem have {} tokens, and the model's context holds {context}; take one with a longer context, or allow fewer tokens an answer",
                read.ids.len()
            );
            return Err(Self::failed(problem, reason));
        }
        let shares = self.model.shares(&[&read], 1).pop().unwrap_or_default();
        if shares.len() != spans.len() || shares.iter().any(|share| !share.is_finite()) {
            let reason = format!("the model computes {shares:?} for {} steps", spans.len());
            return Err(Self::failed(problem, reason));
        }
        let whole = self.aggregate.of(&shares).map(rounded);
        let mut scores = vec![score(whole, None, "")];
        let each = spans.into_iter().zip(&shares);
        scores.extend(each.map(|(span, share)| score(Some(rounded(*share)), Some(span), "")));
        Ok(scores)
    }
}

impl Judge for ProcessJudge {
    fn name(&self) -> &'static str {
        NAME
    }

    /// A problem whose statement alone fills the context has no answer that could be read.
    fn supports(&self, problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        let context = self.model.decoder.config.max_position_embeddings;
        if self.read(problem, &[])?.ids.len() >= context {
            return Err(JudgeError::Unsupported {
                id: problem.id.clone(),
                what: "a statement that fills the process reward model's context",
            });
        }
        Ok(())
    }

    fn stamp(&self) -> String {
        self.stamp.clone()
    }

    fn judge(
        &self,
        submission: &Submission<'_>,
        _cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        Ok(Judgement::of_scores(self.scores(submission)?))
    }

    fn compares(&self) -> bool {
        true
    }

    /// By what the steps come to together.
    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let mut wholes = Vec::with_capacity(submissions.len());
        for submission in submissions {
            if cancel.is_cancelled() {
                return Err(JudgeError::Stopped);
            }
            let whole = self
                .scores(submission)?
                .first()
                .and_then(|score| score.value);
            wholes.push(whole.ok_or_else(|| JudgeError::NoOpinion {
                judge: NAME.to_owned(),
                id: submission.problem.id.clone(),
                reason: "an answer has no step".to_owned(),
            })?);
        }
        let better = |own: &f64| wholes.iter().filter(|other| *other > own).count();
        Ok(Preference {
            places: wholes.iter().map(better).collect(),
            certainty: None,
            beats: Vec::new(),
            reason: String::new(),
        })
    }
}
