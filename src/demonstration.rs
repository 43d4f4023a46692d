//! Contest items → demonstrated episodes: what an author of middling skill would have written, turn by turn, with
//! the feedback the judge really gave. Supervised data for a starter policy; knows nothing of losses.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::episode::Episode;
use crate::policy::sampler::{Completion, Sampling, StopCause};
use crate::policy::tokenizer::{Tokenizer, TokenizerError};
use crate::policy::{Ask, Policy, PolicyError};
use crate::problem::contest::{ContestItem, mistake};
use crate::problem::{Problem, TestCase};
use crate::rollout::{self, Grader, RolloutConfig};

/// How good the demonstrated author is. Shares are probabilities, drawn anew at every turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorConfig {
    /// A first answer with a planted mistake; otherwise it is a program that fits the statement, any of them.
    pub mistake_share: f64,
    /// After a failure: the program the feedback asks for.
    pub repair_share: f64,
    /// After a failure: the same program again. What is left is any program that fits the statement, or a mistake.
    pub repeat_share: f64,
}

impl Default for AuthorConfig {
    fn default() -> Self {
        Self { mistake_share: 0.6, repair_share: 0.15, repeat_share: 0.5 }
    }
}

/// The texts of one author's answers to one item, should every one of them fail but the last.
fn answers(item: &ContestItem, author: &AuthorConfig, turns: usize, rng: &mut ChaCha8Rng) -> Vec<String> {
    let mut said: Vec<String> = Vec::with_capacity(turns);
    for turn in 0..turns {
        let fitting = |rng: &mut ChaCha8Rng| item.variants.choose(rng).cloned().unwrap_or_default();
        let careless = |rng: &mut ChaCha8Rng| mistake(item, rng).unwrap_or_else(|| fitting(rng));
        let drawn: f64 = rng.random();
        let next = if turn == 0 {
            if drawn < author.mistake_share { careless(rng) } else { fitting(rng) }
        } else if drawn < author.repair_share {
            item.variants[item.option].clone()
        } else if drawn < author.repair_share + author.repeat_share {
            said[turn - 1].clone()
        } else if rng.random_bool(author.mistake_share.clamp(0.0, 1.0)) {
            careless(rng)
        } else {
            fitting(rng)
        };
        said.push(next);
    }
    said
}

/// Plays one demonstrated episode of each item; episodes the sandbox lost are left out.
pub fn demonstrate(
    items: &[ContestItem],
    author: &AuthorConfig,
    tokenizer: &Tokenizer,
    grader: &dyn Grader,
    rollout: &RolloutConfig,
    seed: u64,
) -> Result<Vec<Episode>, PolicyError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let script = items.iter().map(|item| (item.problem.id.clone(), answers(item, author, rollout.turns, &mut rng))).collect();
    let mut policy = ScriptedPolicy { script, tokenizer };
    let problems: Vec<&Problem> = items.iter().map(|item| &item.problem).collect();
    let once = RolloutConfig { group: 1, ..*rollout };
    let (groups, _) = rollout::play(&mut policy, grader, &problems, &once, seed)?;
    Ok(groups.into_iter().flat_map(|group| group.episodes).filter(|episode| episode.outcome.is_some()).collect())
}

/// Texts that hold what a tokenizer for these items should know: statements, programs, and what feedback quotes.
pub fn texts(items: &[ContestItem]) -> Vec<String> {
    items
        .iter()
        .flat_map(|item| {
            let quoted = item.problem.public_tests.iter().filter_map(|test| match test {
                TestCase::Stdin { input, expected } => Some(format!("input: {input}\nexpected: {expected}\ngot: {expected}\n")),
                _ => None,
            });
            let programs = item.variants.iter().map(|source| fenced(source));
            std::iter::once(item.problem.statement.clone()).chain(programs).chain(quoted).collect::<Vec<_>>()
        })
        .collect()
}

/// A program as an answer.
pub fn fenced(source: &str) -> String {
    format!("```python\n{source}```")
}

/// Says what was planned for each turn.
struct ScriptedPolicy<'a> {
    script: std::collections::HashMap<String, Vec<String>>,
    tokenizer: &'a Tokenizer,
}

impl Policy for ScriptedPolicy<'_> {
    fn message(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        crate::prompt::message(self.tokenizer, text)
    }

    fn propose(&mut self, asks: &[Ask<'_>], _sampling: &Sampling) -> Result<Vec<(Completion, String)>, PolicyError> {
        asks.iter()
            .map(|ask| {
                let missing = || PolicyError::Missing {
                    problem_id: ask.problem_id.to_owned(),
                    sample: ask.sample,
                    turn: ask.turn + 1,
                };
                let source = self.script.get(ask.problem_id).and_then(|turns| turns.get(ask.turn)).ok_or_else(missing)?;
                let text = fenced(source);
                let mut tokens = self.tokenizer.encode(&text)?;
                tokens.push(self.tokenizer.end);
                let sampler_logprobs = vec![0.0; tokens.len()];
                Ok((Completion { tokens, sampler_logprobs, stop: StopCause::End }, text))
            })
            .collect()
    }

    fn end(&self) -> u32 {
        self.tokenizer.end
    }

    fn context(&self) -> usize {
        usize::MAX
    }
}
