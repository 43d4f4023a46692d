//! Preferences by prompt as what a reward model is taught: batches of prompts, all their pairs or rankings at once.

use burn::tensor::Tensor;
use serde::{Deserialize, Deserializer, Serialize};

use super::batch;
use super::data::{Compared, Data, Prompted};
use super::lesson::Lesson;
use super::loss::{bradley_terry, plackett_luce};
use crate::batch::Batch;
use crate::config::ConfigError;
use crate::learner::MicroBatch;
use crate::model::lora::LoraConfig;
use crate::update::OptimizerConfig;

/// What is learnt of a ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// All its pairs, the mean over a prompt's pairs, as Ouyang et al. 2022 do.
    #[default]
    Pairs,
    /// The ranking as a whole (Plackett and Luce), as Starling does; pairs beside it as they are.
    PlackettLuce,
}

/// Everything that decides what is learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// Names all random draws.
    pub seed: u64,
    /// What is learnt of rankings.
    pub loss: Loss,
    /// Passes over the prompts; more than one overfits soon.
    pub epochs: usize,
    /// Prompts of an update.
    pub batch: usize,
    /// What the mean square of scores is held down by, so that they stay near 0 (Eisenstein et al. 2023); 0 for nothing.
    pub centre: f64,
    /// Tokens of one pass at most, counted as if its rows were all as long as the longest.
    pub tokens_per_pass: usize,
    /// Low-rank adaptation: only small matrices beside the frozen body learn, and the head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// AdamW; its rate falls to a tenth along a cosine.
    #[serde(deserialize_with = "optimizer")]
    pub optimizer: OptimizerConfig,
}

fn optimizer<'de, D: Deserializer<'de>>(table: D) -> Result<OptimizerConfig, D::Error> {
    RewardConfig::default().optimizer.changed_by(table)
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            loss: Loss::Pairs,
            epochs: 1,
            batch: 64,
            centre: 0.0,
            tokens_per_pass: 8192,
            lora: None,
            optimizer: OptimizerConfig {
                learning_rate: 3e-4,
                weight_decay: 0.0,
                warmup_steps: 5,
                beta_1: 0.9,
                beta_2: 0.95,
                epsilon: 1e-8,
                max_gradient_norm: 1.0,
            },
        }
    }
}

impl RewardConfig {
    /// Reads a TOML file; what it leaves out has its default, an unknown key is refused.
    pub fn load(path: &std::path::Path) -> Result<Self, ConfigError> {
        let text = crate::files::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The first setting that makes no sense: its key, what it is, and what is expected.
    pub fn fault(&self) -> Option<(String, String, &'static str)> {
        let counts = [
            ("epochs", self.epochs),
            ("batch", self.batch),
            ("tokens_per_pass", self.tokens_per_pass),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Some((key.to_owned(), "0".to_owned(), "at least 1"));
        }
        if !(self.centre >= 0.0 && self.centre.is_finite()) {
            let found = self.centre.to_string();
            return Some(("centre".to_owned(), found, "a finite number of at least 0"));
        }
        if let Some(lora) = &self.lora
            && (!lora.alpha.is_finite() || lora.alpha == 0.0)
        {
            let found = lora.alpha.to_string();
            return Some((
                "lora.alpha".to_owned(),
                found,
                "a finite number other than 0",
            ));
        }
        let (name, value, expected) = self.optimizer.fault()?;
        Some((format!("optimizer.{name}"), value.to_string(), expected))
    }
}

impl Lesson for Data {
    const STREAM: u64 = 0x4e3a;

    fn count(&self) -> usize {
        self.prompts.len()
    }

    fn rows(&self, items: &[usize]) -> Batch {
        batch(
            items
                .iter()
                .map(|&item| self.prompts[item].texts.as_slice()),
        )
    }

    fn loss(
        &self,
        items: &[usize],
        rows: &Batch,
        micro: &MicroBatch,
        values: Tensor<1>,
        config: &RewardConfig,
    ) -> Tensor<1> {
        let prompts: Vec<&Prompted> = items.iter().map(|&item| &self.prompts[item]).collect();
        let units = of_micro(micro, &rows.turns, &rows.units);
        loss_of(values, &units, &prompts, config)
    }
}

/// The units of a micro-batch, each with the place of its first score.
fn of_micro(
    micro: &MicroBatch,
    turns: &[crate::batch::TurnSpan],
    units: &[std::ops::Range<usize>],
) -> Vec<(usize, usize)> {
    let starts = micro.turns.iter().enumerate().filter_map(|(place, &turn)| {
        let row = turns[turn].row;
        let unit = units.iter().position(|rows| rows.start == row)?;
        Some((unit, place))
    });
    starts.collect()
}

/// The part of some prompts in the loss: a mean over all prompts of the update.
fn loss_of(
    scores: Tensor<1>,
    units: &[(usize, usize)],
    prompts: &[&Prompted],
    config: &RewardConfig,
) -> Tensor<1> {
    let each = 1.0 / prompts.len() as f64;
    let (mut pairs, mut rankings) = (Vec::new(), Vec::new());
    for &(unit, first) in units {
        let prompted = prompts[unit];
        if config.loss == Loss::Pairs {
            pairs.extend(prompted.weighed(first, each));
            continue;
        }
        let weight = each / prompted.compared.len() as f64;
        for compared in &prompted.compared {
            match compared {
                Compared::Ranking(ranks) => {
                    let placed = ranks.iter().map(|(place, rank)| (first + place, *rank));
                    rankings.push((placed.collect(), weight));
                }
                Compared::Pair(pair) => pairs.push(super::Pairwise {
                    chosen: first + pair.chosen,
                    rejected: first + pair.rejected,
                    margin: pair.margin,
                    certainty: pair.certainty,
                    weight,
                }),
            }
        }
    }
    let held = scores.clone().mul(scores.clone()).sum() * (config.centre * each);
    let mut loss = held;
    if !pairs.is_empty() {
        loss = loss + bradley_terry(scores.clone(), &pairs);
    }
    if !rankings.is_empty() {
        loss = loss + plackett_luce(scores, &rankings);
    }
    loss
}
