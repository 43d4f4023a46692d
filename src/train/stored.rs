//! The stored answer to each problem, which others are compared with (CGPO, Xu et al. 2024, arXiv 2409.20370, section 4.1): said
//! once, by the reference or in a file, judged like any other answer, and kept with the checkpoints. One that could not be judged
//! is not kept: nothing is compared with it, and it is asked for again when its problem is drawn again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Learner, Task, TrainError};
use crate::batch::{Answer, Row};
use crate::checkpoint::tokenizer::{Place, Tokenizer};
use crate::environment;
use crate::episode::{Episode, constrain};
use crate::judge::{Score, StoredAnswers};
use crate::objective::Stored;
use crate::policy::{ModelPolicy, PolicyError};
use crate::problem::Problem;
use crate::rollout::{self, RolloutConfig, RolloutStats};

/// A stored answer, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredAnswer {
    /// What it says.
    pub text: String,
    /// Its prompt's ids and its own.
    pub tokens: Vec<u32>,
    /// Where its own begin.
    pub start: usize,
    /// What it is worth, as a text: a number of JSON is not read back to the last bit.
    worth: String,
    /// Whether it meets each constraint, by the judge's name.
    pub constraints: BTreeMap<String, bool>,
    /// What judges said of it.
    pub scores: Vec<Score>,
}

impl StoredAnswer {
    /// What it is worth.
    pub fn worth(&self) -> f64 {
        self.worth.parse().unwrap_or(f64::NAN)
    }

    /// Whether it meets all constraints.
    pub fn is_feasible(&self) -> bool {
        self.constraints.values().all(|met| *met)
    }

    /// Its ids as what is learnt from. Nobody drew them in this round.
    pub fn row(&self) -> Row<'_> {
        Row {
            tokens: &self.tokens,
            answers: vec![Answer {
                start: self.start,
                tokens: &self.tokens[self.start..],
                sampler_logprobs: None,
            }],
        }
    }

    /// An episode of one turn as a stored answer; nothing where it could not be judged.
    fn of(
        mut episode: Episode,
        task: &Task<'_>,
        tokenizer: &Tokenizer,
    ) -> Result<Option<Self>, PolicyError> {
        let config = task.config;
        let Some(turn) = episode.turns.first_mut() else {
            return Ok(None);
        };
        // Those that only compare had nothing to hold it against but itself.
        for score in &mut turn.scores {
            if task.data.compared.contains(&score.judge) {
                score.value = Some(0.5);
                "it is the stored answer".clone_into(&mut score.reason);
            }
        }
        constrain(&mut episode, &config.judges);
        let turns = episode.turns.iter();
        let rewards = environment::rewards(
            turns.map(|turn| (turn.verdict.grade, &turn.scores[..])),
            episode.stop,
            episode.outcome.as_ref(),
            &config.reward.rule().with_weights(&config.judges),
        );
        let worth = rewards.and_then(|rewards| rewards.last().copied());
        let (Some(worth), None) = (worth, &episode.standing.withheld) else {
            return Ok(None);
        };
        let turn = &episode.turns[0];
        let (tokens, start) = if let Some(sampled) = &turn.sampled {
            let end = turn.prompt_end + sampled.ids.len();
            (episode.tokens[..end].to_vec(), turn.prompt_end)
        } else {
            let mut ids = tokenizer.message(Place::Opening, &episode.opening.text)?;
            let start = ids.len();
            ids.extend(tokenizer.encode(&turn.text)?);
            ids.push(tokenizer.end);
            (ids, start)
        };
        Ok(Some(Self {
            text: turn.text.clone(),
            tokens,
            start,
            worth: worth.to_string(),
            constraints: episode.standing.constraints,
            scores: turn.scores.clone(),
        }))
    }
}

/// The stored answers that are there so far.
#[derive(Debug, Default)]
pub struct StoredSet {
    all: BTreeMap<String, StoredAnswer>,
    /// Their texts, for judges that compare.
    texts: Arc<StoredAnswers>,
}

impl StoredSet {
    /// None yet; judges that compare are told of each by `texts`.
    pub fn telling(texts: Arc<StoredAnswers>) -> Self {
        Self {
            all: BTreeMap::new(),
            texts,
        }
    }

    /// Those there are, by problem.
    pub const fn all(&self) -> &BTreeMap<String, StoredAnswer> {
        &self.all
    }

    /// The one to a problem.
    pub fn of(&self, problem_id: &str) -> Option<&StoredAnswer> {
        self.all.get(problem_id)
    }

    /// Goes on with those that were kept, or says what is wrong with one.
    pub fn restore(&mut self, all: BTreeMap<String, StoredAnswer>) -> Result<(), String> {
        for (id, answer) in all {
            if !answer.worth().is_finite()
                || answer.start > answer.tokens.len()
                || answer.start == 0
            {
                return Err(format!(
                    "the stored answer to {id:?} is worth {:?} and begins at {} of {} ids; expected a finite number, and a place among them after the first",
                    answer.worth,
                    answer.start,
                    answer.tokens.len()
                ));
            }
            self.keep(id, answer);
        }
        Ok(())
    }

    fn keep(&mut self, id: String, answer: StoredAnswer) {
        self.texts.store(&id, &answer.text);
        self.all.insert(id, answer);
    }
}

/// Whether a task compares its answers with stored ones.
fn is_asked(task: &Task<'_>) -> bool {
    task.objective.needs().stored != Stored::Unused || !task.data.compared.is_empty()
}

/// Has the stored answers said to problems that have none, and judged.
pub(super) fn ensure(
    learner: &mut Learner,
    task: &Task<'_>,
    drawn: &[&Problem],
) -> Result<RolloutStats, TrainError> {
    let missing: Vec<&Problem> = (drawn.iter().copied())
        .filter(|problem| is_asked(task) && learner.stored.of(&problem.id).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(RolloutStats::default());
    }
    let config = task.config;
    let rollout = RolloutConfig {
        group: 1,
        turns: 1,
        ..config.rollout.clone()
    };
    let rule = config.reward.rule().with_weights(&config.judges);
    // Of the run alone: whenever a problem is first drawn, its answer is the same.
    let seed = config.seed.wrapping_mul(1_000_003) ^ 0x5709_ed00_0000_0000;
    let (groups, stats) = if let Some(file) = task.data.stored {
        rollout::play_scored(file, task.judge, &missing, &rollout, &rule, seed)?
    } else {
        let policy = ModelPolicy {
            decoder: &learner.reference,
            tokenizer: &learner.tokenizer,
            batch: config.resources.sampling_batch,
        };
        rollout::play_scored(&policy, task.judge, &missing, &rollout, &rule, seed)?
    };
    let context = learner.policy.config.max_position_embeddings;
    for (problem, group) in missing.iter().zip(groups) {
        let Some(episode) = group.episodes.into_iter().next() else {
            continue;
        };
        let Some(answer) = StoredAnswer::of(episode, task, &learner.tokenizer)? else {
            continue;
        };
        if answer.tokens.len() > context {
            return Err(TrainError::LongStored {
                problem_id: problem.id.clone(),
                tokens: answer.tokens.len(),
                context,
            });
        }
        learner.stored.keep(problem.id.clone(), answer);
    }
    Ok(stats)
}

/// Says of each episode how it stands.
pub(super) fn stand(learner: &Learner, task: &Task<'_>, groups: &mut [rollout::Group]) {
    let calibrates = task.objective.needs().stored != Stored::Unused;
    for group in groups {
        let stored = learner.stored.of(&group.problem_id);
        for episode in &mut group.episodes {
            constrain(episode, &task.config.judges);
            let standing = &mut episode.standing;
            standing.task.clone_from(&task.name);
            if calibrates {
                standing.stored = stored.map(StoredAnswer::worth);
                if stored.is_none() {
                    let words = "what the stored answer to its problem is worth is not known: it could not be judged";
                    standing.withheld.get_or_insert(words.to_owned());
                }
            }
        }
    }
}
