//! PPO as it is used against a reward model (Stiennon et al. 2020, arXiv 2009.01325; Ouyang et al. 2022, arXiv 2203.02155,
//! section 3.5 and appendix C): a value before every token, the reference in the reward of every token, what an answer is worth
//! at its last one, and generalised advantage estimates. The pretraining loss beside it (PPO-ptx) is `[objective.second]`,
//! which any objective takes.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::{self, Tokens};
use super::{
    Asked, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Old, Scored,
    Setup, Unasked, Values, pairs,
};
use crate::advantage::{self, Normalisation};
use crate::batch::ValuesAt;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "rlhf_ppo",
    older: &[],
    about: "PPO against a reward model: a value and the reference at every token, GAE",
    keys: &[
        "objective.clip",
        "objective.value_clip",
        "objective.value_coefficient",
        "objective.value_from",
        "objective.normalisation",
        "objective.correction",
        "reward.kl_beta",
    ],
    build: |setup| Ok(Box::new(RlhfPpo::new(setup)?)),
};

/// Its own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// γ, what a later reward counts (1 in both papers: no discount).
    pub gamma: f64,
    /// λ of the advantage estimates (Schulman et al. 2015, arXiv 1506.02438, equation 16; 0.95 in lm-human-preferences).
    pub lambda: f64,
    /// Whether rewards are brought to deviation 1 before advantages are estimated, their mean kept (The N Implementation Details
    /// of RLHF with PPO, general detail 9; off in TRL).
    pub whiten_rewards: bool,
    /// What judges' scores of the steps of an answer count, each at the last token of its step, beside what the answer is worth at its
    /// own (`process_model` gives such scores); 0 for none.
    pub step_weight: f64,
    /// What of a step is rewarded.
    pub step_reward: StepReward,
    /// What is taken off the reward of an answer that was cut before its end (TRL's missing_eos_penalty; 1 there in its recipes).
    pub missing_end_penalty: f64,
    /// The KL divergence of an episode, in nats, that `reward.kl_beta` is moved towards; 0 leaves it where it is (Ziegler et al.
    /// 2019, arXiv 1909.08593, section 2.2: 6 and 10).
    pub kl_target: f64,
    /// Episodes over which it is moved: `β ← β (1 + clip(KL / target - 1, -0.2, 0.2) · episodes / horizon)` (10,000 there).
    pub kl_horizon: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gamma: 1.0,
            lambda: 0.95,
            whiten_rewards: false,
            step_weight: 0.0,
            step_reward: StepReward::Score,
            missing_end_penalty: 1.0,
            kl_target: 0.0,
            kl_horizon: 10_000.0,
        }
    }
}

/// What of a step is rewarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepReward {
    /// The score itself (Wang et al. 2023, arXiv 2312.08935, section 3.4). Where scores are above 0, an answer of more steps is worth more.
    #[default]
    Score,
    /// By how much it is above the step's before: the sum is the last score, however many steps there are (Ng et al. 1999).
    Difference,
}

/// What moves along a run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    /// β of the next round.
    kl_beta: f64,
}

/// The same on disk: a text, for a number of JSON is not read back to the last bit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Weight of the reference in the next round's rewards, as a text.
    kl_beta: String,
}

/// What was found in the last round.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    kl_beta: f64,
    kl: f64,
}

/// PPO against a reward model with the settings of a run.
#[derive(Debug)]
pub struct RlhfPpo {
    settings: Settings,
    clip: f64,
    normalisation: Normalisation,
    values: Values,
    correction: Option<Correction>,
    moving: Mutex<(State, Seen)>,
}

impl RlhfPpo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let (settings, config): (Settings, _) = (setup.settings()?, setup.config);
        pairs::share("gamma", settings.gamma)?;
        pairs::share("lambda", settings.lambda)?;
        pairs::not_negative("missing_end_penalty", settings.missing_end_penalty)?;
        pairs::not_negative("step_weight", settings.step_weight)?;
        pairs::not_negative("kl_target", settings.kl_target)?;
        pairs::positive("kl_horizon", settings.kl_horizon)?;
        if settings.kl_target > 0.0 && setup.kl_beta == 0.0 {
            return Err(Fault {
                key: "reward.kl_beta".to_owned(),
                found: "0".to_owned(),
                expected: "a number above 0 where objective.settings.kl_target moves it: 0 stays 0"
                    .to_owned(),
            });
        }
        let state = State {
            kl_beta: setup.kl_beta,
        };
        Ok(Self {
            settings,
            clip: config.clip,
            normalisation: config.normalisation,
            values: Values {
                head: config.value_head,
                at: ValuesAt::Tokens,
                clip: config.value_clip,
                coefficient: config.value_coefficient,
                warmup_rounds: config.value_warmup_rounds,
            },
            correction: config.correction,
            moving: Mutex::new((state, Seen::default())),
        })
    }

    fn moving(&self) -> std::sync::MutexGuard<'_, (State, Seen)> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reward of every token: what holds it near the reference, and at an answer's last one what the answer is worth.
    fn rewards(&self, scored: &Scored<'_>, kl_beta: f64) -> Vec<f64> {
        let held = stats::held(scored, kl_beta);
        let mut rewards: Vec<f64> = held.into_iter().map(|held| -held).collect();
        let mut turns = scored.batch.turns.iter();
        for candidate in scored.candidates() {
            for (turn, reward) in candidate.rewards.iter().enumerate() {
                let Some(span) = turns.next() else { break };
                let said = candidate
                    .episode
                    .and_then(|episode| episode.turns.get(turn));
                let penalty = self.penalty(said);
                // An answer without a token has its reward where the one before it ends.
                let last = span.end.checked_sub(1);
                let last = last.filter(|&last| scored.batch.actions[last].row == span.row);
                if let Some(last) = last {
                    rewards[last] += reward - penalty;
                }
                let steps = said.map_or(&[][..], |said| &said.steps);
                for (token, reward) in self.of_steps(steps) {
                    rewards[span.start + token] += reward;
                }
            }
        }
        if self.settings.whiten_rewards {
            return advantage::scaled(&rewards);
        }
        rewards
    }

    /// What is taken off the reward of an answer that was cut.
    fn penalty(&self, said: Option<&crate::episode::Turn>) -> f64 {
        if said.is_some_and(crate::episode::Turn::is_cut) {
            self.settings.missing_end_penalty
        } else {
            0.0
        }
    }

    /// The rewards of the steps of an answer, each with the token that ends its step.
    fn of_steps(&self, steps: &[(usize, f64)]) -> impl Iterator<Item = (usize, f64)> {
        let Settings {
            step_weight,
            step_reward,
            ..
        } = self.settings;
        let mut before = 0.0;
        steps.iter().map(move |&(token, score)| {
            let reward = score - before;
            if step_reward == StepReward::Difference {
                before = score;
            }
            (token, step_weight * reward)
        })
    }
}

/// `β (1 + clip(KL / target - 1, -0.2, 0.2) · episodes / horizon)`.
fn moved(kl_beta: f64, kl: f64, episodes: usize, settings: &Settings) -> f64 {
    let error = (kl / settings.kl_target - 1.0).clamp(-0.2, 0.2);
    kl_beta * (1.0 + error * episodes as f64 / settings.kl_horizon)
}

impl Objective for RlhfPpo {
    fn needs(&self) -> Needs {
        Needs {
            reference: self.moving().0.kl_beta != 0.0,
            values: Some(self.values),
            old: Old::ForCredit,
            steps: self.settings.step_weight != 0.0,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.settings)
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let kl_beta = self.moving().0.kl_beta;
        let rewards = self.rewards(scored, kl_beta);
        let values: Vec<f64> = scored.values().iter().map(|&v| f64::from(v)).collect();
        let (mut raw, mut start) = (Vec::with_capacity(rewards.len()), 0);
        let Settings { gamma, lambda, .. } = self.settings;
        let counts = scored.batch.row_actions();
        for count in &counts {
            let row = start..start + count;
            let (rewards, values) = (&rewards[row.clone()], &values[row]);
            raw.extend(advantage::generalised(rewards, values, gamma, lambda));
            start += count;
        }
        let returns: Vec<f64> = raw.iter().zip(&values).map(|(a, v)| a + v).collect();
        let zeros = vec![0.0; raw.len()];
        let advantages = advantage::advantages(&raw, &zeros, self.normalisation);
        let episodes = counts.len();
        let kl = if kl_beta == 0.0 {
            0.0
        } else {
            stats::held(scored, 1.0).iter().sum::<f64>() / episodes.max(1) as f64
        };
        let mut moving = self.moving();
        moving.1 = Seen { kl_beta, kl };
        if self.settings.kl_target > 0.0 {
            moving.0.kl_beta = moved(kl_beta, kl, episodes, &self.settings);
        }
        Credit {
            advantages: advantages.into_iter().map(|a| a as f32).collect(),
            returns,
        }
    }

    fn terms(&self, scored: &Scored<'_>) -> Vec<(&'static str, Vec<f64>)> {
        let mut terms = stats::kl_terms(scored, self.moving().1.kl_beta);
        let candidates = scored.candidates();
        let turns = candidates.flat_map(|candidate| {
            let said = candidate.episode.map_or(&[][..], |episode| &episode.turns);
            (0..candidate.rewards.len()).map(|turn| said.get(turn))
        });
        let (mut penalties, mut steps) = (Vec::new(), Vec::new());
        for turn in turns {
            penalties.push(-self.penalty(turn));
            let said = turn.map_or(&[][..], |turn| &turn.steps);
            steps.push(self.of_steps(said).map(|(_, reward)| reward).sum());
        }
        let is_there = |all: &[f64]| all.iter().any(|&value| value != 0.0);
        if is_there(&penalties) {
            terms.push(("missing_end", penalties));
        }
        if is_there(&steps) {
            terms.push(("steps", steps));
        }
        terms
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, mut own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = stats::token_loss(tokens, self.clip, inputs.totals.tokens);
        let Seen { kl_beta, kl } = self.moving().1;
        // Each micro-batch has its rows' part of them.
        let share = inputs.spans().rows() as f64 / inputs.totals.rows as f64;
        own.push(("kl_beta", kl_beta * share));
        own.push(("episode_kl", kl * share));
        Loss::new(loss, seen).with(own)
    }

    fn state(&self) -> Option<serde_json::Value> {
        let kl_beta = self.moving().0.kl_beta.to_string();
        let moves = self.settings.kl_target > 0.0;
        moves.then(|| serde_json::json!(Kept { kl_beta }))
    }

    fn restore(&self, state: serde_json::Value) -> Result<(), String> {
        let Kept { kl_beta } = serde_json::from_value(state).map_err(|error| error.to_string())?;
        let number = kl_beta.parse().ok();
        let kl_beta = number.filter(|beta: &f64| *beta > 0.0 && beta.is_finite());
        let found = kl_beta.ok_or("kl_beta: expected a finite number above 0 as a text")?;
        self.moving().0 = State { kl_beta: found };
        Ok(())
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Err(
            "its baseline is a value network, and such a server trains none; turn_group compares a turn with the same turn of the problem's other episodes instead",
        )
    }
}

#[cfg(test)]
mod tests;
