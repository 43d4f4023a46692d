//! A question to a checkpoint that is computed here, in the place of a server: nothing is sampled, the probabilities of the answers
//! that may be chosen are compared (CGPO, Xu et al. 2024, arXiv 2409.20370, section 4.1.2). And how likely it would give an answer
//! itself, by which self-preference is measured (Wataoka et al. 2024, arXiv 2410.21819).

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::answer::Choice;
use super::config::AiConfig;
use super::watch::Watch;
use crate::batch::{Answer, Batch, Row};
use crate::checkpoint;
use crate::checkpoint::tokenizer::{Place, Tokenizer, TokenizerError};
use crate::eval::stamp::PolicyStamp;
use crate::judge::{Judge, JudgeError, Judgement, Score, Submission};
use crate::model::decoder::Decoder;
use crate::problem::Problem;
use crate::prompt::{self, PromptStyle};
use crate::reward_model::passes;
use crate::server::Usage;
use crate::verdict::Scope;

/// Tokens of one pass at most.
const TOKENS: usize = 8192;
/// Decimals that a number is told with, so that what is kept as text reads back as it was.
const DECIMALS: f64 = 1e6;

/// A checkpoint that is asked.
pub(super) struct Local {
    name: &'static str,
    decoder: Decoder,
    tokenizer: Tokenizer,
    choices: Vec<Choice>,
    stamp: String,
    watch: Arc<Watch>,
}

impl Local {
    /// Reads the checkpoint that the settings name, where they name one.
    pub(super) fn new(
        name: &'static str,
        config: &AiConfig,
        choices: &[Choice],
        watch: &Arc<Watch>,
    ) -> Result<Option<Self>, String> {
        let Some(folder) = &config.policy else {
            return Ok(None);
        };
        let words = |error: &dyn std::fmt::Display| format!("policy: {error}");
        let device = config.device.open().map_err(|error| words(&error))?;
        let (decoder, tokenizer) =
            checkpoint::load(folder, &device).map_err(|error| words(&error))?;
        let called = folder.to_string_lossy();
        let stamp = PolicyStamp::of(&called, Some(folder), config.device);
        let stamp = stamp.map_err(|error| words(&error))?;
        let listed: Vec<&str> = choices.iter().map(|choice| choice.word.as_str()).collect();
        Ok(Some(Self {
            stamp: format!(
                "{name}/1 {called} {} {} choices {}",
                stamp.hash.unwrap_or_default(),
                config.device,
                listed.join(",")
            ),
            name,
            decoder,
            tokenizer,
            choices: choices.to_vec(),
            watch: Arc::clone(watch),
        }))
    }

    /// The log-probabilities of some answers to one prompt, each the sum over its tokens and its end, and how many those are.
    fn log_probs(&self, prompt: &str, answers: &[&str]) -> Result<Vec<(f64, usize)>, String> {
        let failed = |error: TokenizerError| error.to_string();
        let opening = self
            .tokenizer
            .message(Place::Opening, prompt)
            .map_err(failed)?;
        let mut texts = Vec::with_capacity(answers.len());
        for answer in answers {
            let mut ids = opening.clone();
            ids.extend(self.tokenizer.encode(answer).map_err(failed)?);
            ids.push(self.tokenizer.end);
            let context = self.decoder.config.max_position_embeddings;
            if ids.len() > context {
                return Err(format!(
                    "what it is asked has {} tokens, and its context holds {context}; take one with a longer context, or allow fewer tokens an answer",
                    ids.len()
                ));
            }
            texts.push(ids);
        }
        let start = opening.len();
        let rows = texts.iter().map(|ids| {
            vec![Row {
                tokens: ids,
                answers: vec![Answer {
                    start,
                    tokens: &ids[start..],
                    sampler_logprobs: None,
                }],
            }]
        });
        let batch = Batch::of_units(rows);
        let all: Vec<usize> = (0..batch.units.len()).collect();
        let found = passes(&batch, TOKENS).log_probs(&self.decoder, &[all]).0;
        let mut sums = vec![(0.0, 0); texts.len()];
        for (action, value) in batch.actions.iter().zip(found) {
            sums[action.row].0 += f64::from(value);
            sums[action.row].1 += 1;
        }
        match sums.iter().find(|(sum, _)| !sum.is_finite()) {
            Some((sum, _)) => Err(format!(
                "it computes {sum} for the log-probability of an answer"
            )),
            None => Ok(sums),
        }
    }

    /// How likely it would give each answer itself, a token.
    pub(super) fn own(&self, problem: &Problem, answers: &[&str]) -> Result<Vec<f64>, String> {
        let style = if self.tokenizer.templated {
            PromptStyle::Full
        } else {
            PromptStyle::Compact
        };
        let asked = prompt::statement(style, problem.language(), &problem.statement);
        let found = self.log_probs(&asked, answers)?.into_iter();
        Ok(found.map(|(sum, count)| sum / count as f64).collect())
    }

    fn failed(&self, problem: &Problem, cause: String) -> JudgeError {
        JudgeError::Failed {
            judge: self.name.to_owned(),
            id: problem.id.clone(),
            cause: Arc::new(std::io::Error::other(cause)),
        }
    }
}

/// `Σ worth · p` with p the shares of the choices among each other, and the probability that all of them have together.
fn expected(log_probs: &[f64], choices: &[Choice]) -> (f64, f64) {
    let most = log_probs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = log_probs.iter().map(|value| (value - most).exp()).collect();
    let whole: f64 = shares.iter().sum();
    let worth = shares
        .iter()
        .zip(choices)
        .map(|(share, choice)| share * choice.worth);
    (worth.sum::<f64>() / whole, whole * most.exp())
}

impl Judge for Local {
    fn name(&self) -> &'static str {
        self.name
    }

    fn supports(&self, _problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        self.stamp.clone()
    }

    /// The text of a submission is the prompt.
    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        if cancel.is_cancelled() {
            return Err(JudgeError::Stopped);
        }
        let words: Vec<&str> = self
            .choices
            .iter()
            .map(|choice| choice.word.as_str())
            .collect();
        let found = self.log_probs(submission.text, &words);
        let found = found.map_err(|cause| self.failed(submission.problem, cause))?;
        let sums: Vec<f64> = found.iter().map(|(sum, _)| *sum).collect();
        let (value, mass) = expected(&sums, &self.choices);
        self.watch.asked(&Usage::of_answer(1, None));
        self.watch.said(true);
        Ok(Judgement::of_scores(vec![Score {
            judge: self.name.to_owned(),
            value: Some((value * DECIMALS).round() / DECIMALS),
            span: None,
            reason: format!(
                "by token probabilities, {:.2}% of them on its choices",
                100.0 * mass
            ),
        }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_expectation() {
        let choices = [Choice::of("yes", 1.0), Choice::of("no", 0.0)];
        let (value, mass) = expected(&[0.06f64.ln(), 0.02f64.ln()], &choices);
        assert!((value - 0.75).abs() < 1e-12 && (mass - 0.08).abs() < 1e-12);
        // However unlikely all of them are.
        let (value, mass) = expected(&[-900.0, -900.0], &choices);
        assert!((value - 0.5).abs() < 1e-12 && mass == 0.0);
        let ratings = [
            Choice::of("1", 1.0),
            Choice::of("2", 2.0),
            Choice::of("3", 3.0),
        ];
        let (value, _) = expected(&[0.5f64.ln(), 0.25f64.ln(), 0.25f64.ln()], &ratings);
        assert!((value - 1.75).abs() < 1e-12);
    }
}
