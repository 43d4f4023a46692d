//! Names of problem sets → the problems to train on and those to evaluate on, as far as the policy's context has room for them.

use std::path::Path;

use super::super::output::{insist, say};
use super::super::source;
use crate::checkpoint::tokenizer::Place;
use crate::config::{Decontamination, HELD_OUT, TrainConfig};
use crate::data;
use crate::objective::Source;
use crate::policy;
use crate::problem::Problem;
use crate::prompt;

/// What a run plays.
pub(super) struct Problems {
    /// To train on; none with a data set.
    pub(super) training: Vec<Problem>,
    /// How often each of them is drawn; none where all are alike.
    pub(super) weights: Vec<f64>,
    /// To evaluate on; may be none.
    pub(super) held_out: Vec<Problem>,
    /// To validate on; may be none.
    pub(super) validation: Vec<Problem>,
}

impl Problems {
    /// Reads what the configuration names, and says what became of it.
    pub(super) fn read(config: &TrainConfig) -> anyhow::Result<Self> {
        let plays = config.objective()?.needs().source == Source::Episodes;
        let named = [
            config.evaluation.problems.as_str(),
            if config.validation.is_on() {
                config.validation.problems.as_str()
            } else {
                ""
            },
        ];
        let sets_aside = named.contains(&HELD_OUT);
        let mut sets = if plays || sets_aside {
            sets(config)?
        } else {
            Vec::new()
        };
        let mut aside = Vec::new();
        if !plays {
            // Nothing of them is trained on.
            aside = sets.drain(..).flat_map(|set| set.problems).collect();
        } else if sets_aside {
            let count: usize = sets.iter().map(|set| set.problems.len()).sum();
            for set in &mut sets {
                let problems = std::mem::take(&mut set.problems);
                let parts = data::held_out(problems, config.evaluation.held_out);
                set.problems = parts.training;
                aside.extend(parts.held_out);
            }
            say!(
                "{} of the {count} problems of {} are held out to evaluate on; {} are trained on",
                aside.len(),
                config.problems,
                count - aside.len()
            );
        }
        let measured = |name: &str| match name {
            "" => Ok(Vec::new()),
            HELD_OUT => Ok(aside.clone()),
            name => source::problems(name),
        };
        let (held_out, validation) = (measured(named[0])?, measured(named[1])?);
        decontaminate(
            &mut sets,
            held_out.iter().chain(&validation).collect(),
            config,
        );
        let (training, weights) = joined(sets, config)?;
        Ok(Self {
            training,
            weights,
            held_out,
            validation,
        })
    }

    /// Those whose prompts leave room for an answer.
    pub(super) fn fitting(self, config: &TrainConfig) -> anyhow::Result<Self> {
        let part = |name: &str| match name {
            HELD_OUT => format!("the held-out part of {}", config.problems),
            name => name.to_owned(),
        };
        let held_out = part(&config.evaluation.problems);
        let validation = part(&config.validation.problems);
        let names: Vec<String> = self.training.iter().map(|one| one.id.clone()).collect();
        let training = fitting(self.training, &config.problems, config)?;
        let mut kept = training.iter().map(|problem| &problem.id).peekable();
        let weights = names
            .iter()
            .zip(self.weights)
            .filter(|(name, _)| kept.next_if(|kept| kept == name).is_some());
        let fit = Self {
            weights: weights.map(|(_, weight)| weight).collect(),
            held_out: fitting(self.held_out, &held_out, config)?,
            validation: fitting(self.validation, &validation, config)?,
            training,
        };
        fit.tell_single_turns(config);
        Ok(fit)
    }

    /// Says how many problems have one turn alone.
    fn tell_single_turns(&self, config: &TrainConfig) {
        let single = self
            .training
            .iter()
            .filter(|problem| problem.public_tests.is_empty());
        let splits = single
            .clone()
            .any(|problem| problem.private_tests.len() > 1);
        let (count, all) = (single.count(), self.training.len());
        if count > 0 && config.rollout.turns > 1 {
            let remedy = if splits {
                "data.public_from_private = 2 makes two of their private tests public"
            } else {
                "give them public_tests, which later turns are told of"
            };
            say!(
                "{count} of the {all} problems to train on have no public tests, so one turn is played of each; {remedy}"
            );
        }
    }
}

/// Problems with one weight.
struct Set {
    name: String,
    problems: Vec<Problem>,
    weight: f64,
}

/// The sets to train on, as they are read, with the tests that become public.
fn sets(config: &TrainConfig) -> anyhow::Result<Vec<Set>> {
    let list = Some(config.quarantine.as_str()).filter(|list| !list.is_empty());
    let first = std::iter::once((config.problems.as_str(), 1.0));
    let more = config
        .data
        .sets
        .iter()
        .map(|set| (set.problems.as_str(), set.weight));
    let mut sets = Vec::new();
    for (name, weight) in first.chain(more) {
        let mut problems = source::problems_without(name, list.map(Path::new))?;
        let split = data::split_public(&mut problems, config.data.public_from_private);
        if split > 0 {
            say!(
                "{split} problems of {name} have {} of their private tests made public",
                config.data.public_from_private
            );
        }
        sets.push(Set {
            name: name.to_owned(),
            problems,
            weight,
        });
    }
    Ok(sets)
}

/// Leaves out what is measured on, and says how much that is.
fn decontaminate(sets: &mut [Set], measured: Vec<&Problem>, config: &TrainConfig) {
    let share = match config.data.decontaminate {
        Decontamination::Off => return,
        Decontamination::Exact => None,
        Decontamination::Ngram => Some(config.data.overlap),
    };
    for set in sets {
        let problems = std::mem::take(&mut set.problems);
        let (kept, found) = data::decontaminate(problems, &measured, share);
        set.problems = kept;
        let first = found.equal.iter().chain(&found.overlapping).next();
        if let Some(first) = first {
            say!(
                "{} problems of {} are left out for they are measured on, and {} for their statements share much with one that is; {} is the first",
                found.equal.len(),
                set.name,
                found.overlapping.len(),
                first.escape_debug()
            );
        }
    }
}

/// All sets as one, and how often each problem is drawn.
fn joined(sets: Vec<Set>, config: &TrainConfig) -> anyhow::Result<(Vec<Problem>, Vec<f64>)> {
    let mixed = sets.len() > 1;
    let plays = !sets.is_empty();
    let (mut problems, mut weights) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for set in sets {
        if mixed {
            say!(
                "{} problems of {} with weight {}",
                set.problems.len(),
                set.name,
                set.weight
            );
            let weight = set.weight / set.problems.len().max(1) as f64;
            weights.extend(std::iter::repeat_n(weight, set.problems.len()));
        }
        for problem in set.problems {
            anyhow::ensure!(
                seen.insert(problem.id.clone()),
                "failed to mix sets of problems: {} is the id of a problem of {} and of one before it; give one of them another id",
                problem.id.escape_debug(),
                set.name
            );
            problems.push(problem);
        }
    }
    anyhow::ensure!(
        !plays || !problems.is_empty(),
        "failed to find a problem to train on in {}: all of them are measured on; name other problems to evaluate on, or set data.decontaminate = \"off\"",
        config.problems
    );
    Ok((problems, weights))
}

/// The problems whose statement leaves room for an answer in the policy's context; how many do not is said.
fn fitting(
    problems: Vec<Problem>,
    name: &str,
    config: &TrainConfig,
) -> anyhow::Result<Vec<Problem>> {
    let Some((shape, tokenizer, _)) =
        source::shape(&config.policy, config.chat_template.as_deref())?
    else {
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
        insist!(
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
