//! Contest items → demonstrated episodes: what an author of middling skill would have written, turn by turn, with
//! the feedback the judge really gave. Supervised data for a starter policy; knows nothing of losses.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::checkpoint::tokenizer::Tokenizer;
use crate::completion::{Completion, Sampling};
use crate::examples::Example;
use crate::judge::Judge;
use crate::policy::{Policy, PolicyError, SampleQueue, sample_each};
use crate::problem::contest::{ContestItem, mistake};
use crate::problem::{Problem, TestCase};
use crate::prompt;
use crate::rollout::{self, RolloutConfig};

mod evaluated;

pub use evaluated::Evaluated;

/// Who demonstrates. An episode has one author, who says at the start of every answer how it was made, as people
/// do. A careful author writes a program that fits the statement and then the one the feedback asks for; the others
/// are careless in the measure of the shares below, drawn anew at every turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorConfig {
    /// Episodes by a careful author.
    pub careful_share: f64,
    /// Careless: a first answer with a planted mistake; otherwise any program that fits the statement.
    pub mistake_share: f64,
    /// Careless, after a failure: the program the feedback asks for.
    pub repair_share: f64,
    /// Careless, after a failure: the same program again. What is left is any program that fits, or a mistake.
    pub repeat_share: f64,
}

impl Default for AuthorConfig {
    fn default() -> Self {
        Self {
            careful_share: 0.2,
            mistake_share: 0.5,
            repair_share: 0.05,
            repeat_share: 0.6,
        }
    }
}

/// How careful authors open an answer.
const CAREFUL: &str = "I read it twice.\n";
/// How careless authors open an answer.
const CARELESS: &str = "Quick try.\n";

/// The texts of one author's answers to one item, should every one of them fail but the last.
fn answers(
    item: &ContestItem,
    config: &AuthorConfig,
    turns: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<String> {
    let careful = rng.random_bool(config.careful_share.clamp(0.0, 1.0));
    let opening = if careful { CAREFUL } else { CARELESS };
    let mut sources: Vec<String> = Vec::with_capacity(turns);
    for turn in 0..turns {
        let next = match (careful, turn) {
            (true, 0) => fitting(item, rng),
            (true, _) => item.variants[item.option].clone(),
            (false, 0) => careless(item, config, rng),
            (false, _) => {
                let drawn: f64 = rng.random();
                if drawn < config.repair_share {
                    item.variants[item.option].clone()
                } else if drawn < config.repair_share + config.repeat_share {
                    sources[turn - 1].clone()
                } else {
                    careless(item, config, rng)
                }
            }
        };
        sources.push(next);
    }
    sources
        .iter()
        .map(|source| opening.to_owned() + &fenced(source))
        .collect()
}

/// Any program that fits the statement.
fn fitting(item: &ContestItem, rng: &mut ChaCha8Rng) -> String {
    item.variants.choose(rng).cloned().unwrap_or_default()
}

/// A planted mistake, or any program that fits the statement.
fn careless(item: &ContestItem, config: &AuthorConfig, rng: &mut ChaCha8Rng) -> String {
    let slips = rng.random_bool(config.mistake_share.clamp(0.0, 1.0));
    slips
        .then(|| mistake(item, rng))
        .flatten()
        .unwrap_or_else(|| fitting(item, rng))
}

/// Plays one demonstrated episode of each item, and gives them as examples: nobody sampled their ids. Episodes the sandbox
/// lost are left out. What an item's own programs
/// print is evaluated, not run; `judge` is asked about the rest.
pub fn demonstrate(
    items: &[ContestItem],
    author: &AuthorConfig,
    tokenizer: &Tokenizer,
    judge: &dyn Judge,
    rollout: &RolloutConfig,
    seed: u64,
) -> Result<Vec<Example>, PolicyError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let script = items
        .iter()
        .map(|item| {
            (
                item.problem.id.clone(),
                answers(item, author, rollout.turns, &mut rng),
            )
        })
        .collect();
    let policy = ScriptedPolicy { script };
    let problems: Vec<&Problem> = items.iter().map(|item| &item.problem).collect();
    let once = RolloutConfig {
        group: 1,
        ..rollout.clone()
    };
    let judge = Evaluated::new(items, judge);
    let (groups, _) = rollout::play(&policy, &judge, &problems, &once, seed)?;
    let played = items.iter().zip(groups);
    played
        .flat_map(|(item, group)| {
            group
                .episodes
                .into_iter()
                .map(move |episode| (item, episode))
        })
        .filter(|(_, episode)| episode.outcome.is_some())
        .map(|(item, episode)| {
            let problem = &item.problem;
            let opening = prompt::statement(rollout.style, problem.language(), &problem.statement);
            let said = episode.turns.iter().map(|turn| turn.text.as_str());
            let told = episode.turns.iter().map(|turn| turn.feedback.as_str());
            let asked = std::iter::once(opening.as_str()).chain(told);
            Ok(Example::of_turns(asked.zip(said), tokenizer)?)
        })
        .collect()
}

/// Texts that hold what a tokenizer for these items should know: statements, programs, and what feedback quotes.
pub fn texts(items: &[ContestItem]) -> Vec<String> {
    items
        .iter()
        .flat_map(|item| {
            let quoted = item
                .problem
                .public_tests
                .iter()
                .filter_map(|test| match test {
                    TestCase::Stdin { input, expected } => Some(format!(
                        "input: {input}\nexpected: {expected}\ngot: {expected}\n"
                    )),
                    _ => None,
                });
            let programs = item.variants.iter().flat_map(|source| {
                [CAREFUL, CARELESS].map(|said| said.to_owned() + &fenced(source))
            });
            std::iter::once(item.problem.statement.clone())
                .chain(programs)
                .chain(quoted)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A program as an answer.
pub fn fenced(source: &str) -> String {
    format!("```python\n{source}```")
}

/// Says what was planned for each turn.
struct ScriptedPolicy {
    script: std::collections::HashMap<String, Vec<String>>,
}

impl Policy for ScriptedPolicy {
    fn sample(&self, queue: &dyn SampleQueue, _sampling: &Sampling) -> Result<(), PolicyError> {
        sample_each(queue, |request| {
            let turns = self.script.get(&request.problem_id);
            let text = turns
                .and_then(|turns| turns.get(request.turn))
                .ok_or_else(|| PolicyError::Missing {
                    problem_id: request.problem_id.clone(),
                    sample: request.sample,
                    turn: request.turn + 1,
                })?;
            Ok(Ok(Completion::of_text(text)))
        })
    }
}
