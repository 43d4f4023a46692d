//! Names of problem sets → the problems to train on and those to evaluate on, as far as the policy's context has room for them.

use std::path::Path;

use super::super::output::say;
use super::super::source;
use crate::checkpoint::tokenizer::Place;
use crate::config::{HELD_OUT, TrainConfig};
use crate::data;
use crate::objective::Source;
use crate::policy;
use crate::problem::Problem;
use crate::prompt;

/// What a run plays.
pub(super) struct Problems {
    /// To train on; none with a data set.
    pub(super) training: Vec<Problem>,
    /// To evaluate on; may be none.
    pub(super) held_out: Vec<Problem>,
}

impl Problems {
    /// Reads what the configuration names.
    pub(super) fn read(config: &TrainConfig) -> anyhow::Result<Self> {
        let list = Some(config.quarantine.as_str()).filter(|list| !list.is_empty());
        let read = || source::problems_without(&config.problems, list.map(Path::new));
        let plays = config.objective()?.needs().source == Source::Episodes;
        let evaluation = &config.evaluation;
        match evaluation.problems.as_str() {
            HELD_OUT if plays => {
                let parts = data::held_out(read()?, evaluation.held_out);
                say!(
                    "{} of the {} problems of {} are held out to evaluate on; {} are trained on",
                    parts.held_out.len(),
                    parts.held_out.len() + parts.training.len(),
                    config.problems,
                    parts.training.len()
                );
                Ok(Self {
                    training: parts.training,
                    held_out: parts.held_out,
                })
            }
            // Nothing of them is trained on.
            HELD_OUT => Ok(Self {
                training: Vec::new(),
                held_out: read()?,
            }),
            name => {
                let training = if plays { read()? } else { Vec::new() };
                let held_out = if name.is_empty() {
                    Vec::new()
                } else {
                    source::problems(name)?
                };
                Ok(Self { training, held_out })
            }
        }
    }

    /// Those of both whose prompts leave room for an answer.
    pub(super) fn fitting(self, config: &TrainConfig) -> anyhow::Result<Self> {
        let held_out = match config.evaluation.problems.as_str() {
            HELD_OUT => format!("the held-out part of {}", config.problems),
            name => name.to_owned(),
        };
        Ok(Self {
            held_out: fitting(self.held_out, &held_out, config)?,
            training: fitting(self.training, &config.problems, config)?,
        })
    }
}

/// The problems whose statement leaves room for an answer in the policy's context; how many do not is said.
fn fitting(
    problems: Vec<Problem>,
    name: &str,
    config: &TrainConfig,
) -> anyhow::Result<Vec<Problem>> {
    let Some((shape, tokenizer, _)) = source::shape(&config.policy)? else {
        return Ok(problems);
    };
    let (sampling, context) = (&config.rollout.sampling, shape.max_position_embeddings);
    let frame = tokenizer.message(Place::Opening, "")?.len();
    let mut kept = Vec::with_capacity(problems.len());
    let mut left_out = Vec::new();
    for problem in problems {
        let (style, language) = (config.rollout.style, problem.language());
        let text = prompt::statement(style, language, &problem.statement);
        // A token is a byte at least, so that most texts need not be cut into tokens to know that they fit.
        let fits = policy::fits(frame + text.len(), sampling, context) || {
            let ids = tokenizer.message(Place::Opening, &text)?.len();
            policy::fits(ids, sampling, context)
        };
        if fits {
            kept.push(problem);
        } else {
            left_out.push(problem.id);
        }
    }
    if let Some(first) = left_out.first() {
        say!(
            "{} of the {} problems of {name} are left out, {} the first of them: their prompts and {} tokens of an answer exceed the policy's context of {context}",
            left_out.len(),
            left_out.len() + kept.len(),
            first.escape_debug(),
            sampling.max_tokens
        );
        anyhow::ensure!(
            !kept.is_empty(),
            "failed to find a problem in {name} whose prompt leaves room for an answer of {} tokens in the policy's context of {context}; lower rollout.sampling.max_tokens, or take a policy with a longer context",
            sampling.max_tokens
        );
    }
    Ok(kept)
}
