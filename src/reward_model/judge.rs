//! A reward model as judge: the row of it in the table of judges. What it says of an answer is its reward: its score less the
//! mean of the answers that it was normalised on. Every answer is read as the first to its problem, whatever was said before:
//! that is what it was learnt on.

use std::path::PathBuf;
use std::sync::Arc;

use rlef_sandbox::Cancel;
use serde::Deserialize;

use super::RewardModel;
use crate::eval::stamp::PolicyStamp;
use crate::judge::{
    Judge, JudgeError, Judgement, Parts, Preference, Row, Score, Settings, Submission,
    read_settings,
};
use crate::model::device::Processor;
use crate::problem::Problem;
use crate::prompt::{self, PromptStyle};
use crate::verdict::Scope;

/// The name in configurations and scores.
const NAME: &str = "reward_model";

/// The row of the table of judges.
pub const ROW: Row = Row {
    name: NAME,
    about: "the score that a reward model gives the answer; folder (of rlef reward, or a classifier of one label), style = \"compact\" or \"full\" (wording of the prompts it was learnt on), device",
    build: |settings, parts| Ok(Box::new(built(settings, parts)?)),
};

/// What a configuration says of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    folder: PathBuf,
    #[serde(default)]
    style: Option<PromptStyle>,
    #[serde(default)]
    device: Processor,
}

/// Decimals that a reward is told with: as many as single precision has, so that what is kept as text reads back as it was.
const DECIMALS: f64 = 1e6;

/// Judges by a reward model.
#[derive(Debug)]
pub struct RewardJudge {
    model: RewardModel,
    style: PromptStyle,
    stamp: String,
}

fn built(settings: &Settings, _parts: &Parts) -> Result<RewardJudge, String> {
    let config: Config = read_settings(settings)?;
    let device = config.device.open().map_err(|error| error.to_string())?;
    let model = RewardModel::load(&config.folder, &device).map_err(|error| error.to_string())?;
    let name = config.folder.to_string_lossy();
    let stamp = PolicyStamp::of(&name, Some(&config.folder), config.device)
        .map_err(|error| format!("failed to read {name}: {error}"))?;
    let hash = stamp.hash.unwrap_or_default();
    let device = config.device;
    Ok(RewardJudge::new(
        model,
        config.style,
        &format!("{hash} {device}"),
    ))
}

impl RewardJudge {
    /// A judge by this model, which `names` tells from others. Without a wording of prompts it is the one that fits the model's
    /// tokenizer.
    pub fn new(model: RewardModel, style: Option<PromptStyle>, names: &str) -> Self {
        let style = style.unwrap_or(if model.tokenizer.templated {
            PromptStyle::Full
        } else {
            PromptStyle::Compact
        });
        Self {
            stamp: format!("{NAME}/1 {names} {style:?}"),
            model,
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

    fn ids(&self, problem: &Problem, answer: &str) -> Result<Vec<u32>, JudgeError> {
        let text = prompt::statement(self.style, problem.language(), &problem.statement);
        let ids = self.model.ids(&text, answer);
        ids.map_err(|error| Self::failed(problem, error.to_string()))
    }

    /// Each answer is read by itself, so that its reward is the same to the bit whatever else is judged meanwhile.
    fn reward(&self, submission: &Submission<'_>) -> Result<f64, JudgeError> {
        let ids = self.ids(submission.problem, submission.text)?;
        let context = self.model.decoder.config.max_position_embeddings;
        if ids.len() > context {
            return Err(Self::failed(
                submission.problem,
                format!(
                    "the answer and its problem have {} tokens, and the reward model's context holds {context}; take one with a longer context, or allow fewer tokens an answer",
                    ids.len()
                ),
            ));
        }
        let rewards = self.model.rewards(&[ids], 1);
        let reward = rewards.first().copied().unwrap_or(f64::NAN);
        // Also where answers are compared: a number that is none would come before all others.
        if !reward.is_finite() {
            let reason = format!("the reward model computes {reward} for the answer");
            return Err(Self::failed(submission.problem, reason));
        }
        Ok((reward * DECIMALS).round() / DECIMALS)
    }
}

impl Judge for RewardJudge {
    fn name(&self) -> &'static str {
        NAME
    }

    /// A problem whose statement alone fills the context has no answer that could be read.
    fn supports(&self, problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        if self.ids(problem, "")?.len() >= self.model.decoder.config.max_position_embeddings {
            return Err(JudgeError::Unsupported {
                id: problem.id.clone(),
                what: "a statement that fills the reward model's context",
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
        Ok(Judgement::of_scores(vec![Score {
            judge: NAME.to_owned(),
            value: Some(self.reward(submission)?),
            span: None,
            reason: String::new(),
        }]))
    }

    fn compares(&self) -> bool {
        true
    }

    /// By rewards; of any two answers also how likely the one is preferred to the other (Bradley and Terry).
    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let mut rewards = Vec::with_capacity(submissions.len());
        for submission in submissions {
            if cancel.is_cancelled() {
                return Err(JudgeError::Stopped);
            }
            rewards.push(self.reward(submission)?);
        }
        let better = |own: &f64| rewards.iter().filter(|other| *other > own).count();
        let likely = |one: f64, other: f64| 1.0 / (1.0 + (other - one).exp());
        let certainty = match rewards[..] {
            [one, other] => Some(likely(one.max(other), one.min(other))),
            _ => None,
        };
        let row = |one: f64| -> Vec<Option<f64>> {
            let row = rewards.iter().map(|other| Some(likely(one, *other)));
            row.collect()
        };
        Ok(Preference {
            places: rewards.iter().map(better).collect(),
            certainty,
            beats: rewards.iter().map(|one| row(*one)).collect(),
            reason: String::new(),
        })
    }
}
