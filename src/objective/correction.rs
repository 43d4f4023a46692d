//! The correction for what samples not being what trains: `ρ = π_old/π_b` of every answer token, truncated (TIS, Yao et al.
//! 2025) or masked (MIS, Liu et al. 2025). It multiplies a token's part of the loss as a constant. Where sampler and
//! trainer are the same to rounding, it is 1 to rounding.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::inputs::LossInputs;
use super::stats::floats;
use super::table::Fault;
use crate::learner::{Spans, numbers};

/// What happens to a weight past the cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// It is cut to the cap: truncated importance sampling.
    #[default]
    Tis,
    /// What it belongs to is not learnt from: masked importance sampling.
    Mis,
}

/// Of what a weight is the ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Of each token: biased, with little variance.
    #[default]
    Token,
    /// Of an episode's tokens together, the product of theirs: unbiased, with much variance.
    Sequence,
    /// Of an episode's tokens together, their geometric mean.
    Geometric,
}

/// The correction's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Correction {
    /// `tis` or `mis`.
    pub kind: Past,
    /// `token`, `sequence` or `geometric`.
    pub level: Level,
    /// The largest weight: 1.5 to 5 are usual for tokens, 2 to 10 for sequences, 1.0001 to 1.001 for geometric means.
    pub cap: f64,
    /// The smallest weight; with `mis`, what lies below it is not learnt from. 0 for none.
    pub floor: f64,
    /// An episode with a token whose ratio is below this is not learnt from; 1e-4 is usual, 0 for none.
    pub veto: f64,
}

impl Default for Correction {
    fn default() -> Self {
        Self {
            kind: Past::Tis,
            level: Level::Token,
            cap: 2.0,
            floor: 0.0,
            veto: 0.0,
        }
    }
}

/// Weights, and what they were like.
#[derive(Clone, Debug)]
pub struct Weights {
    /// One a token.
    pub each: Tensor<1>,
    /// Their sum.
    pub sum: f64,
    /// Tokens whose weight was changed.
    pub changed: usize,
}

impl Correction {
    /// The veto that is usual.
    pub const USUAL_VETO: f64 = 1e-4;

    /// The first setting that makes no sense.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let settings = [
            (
                "cap",
                self.cap,
                self.cap > 0.0 && self.cap.is_finite(),
                "a finite number above 0",
            ),
            (
                "floor",
                self.floor,
                self.floor >= 0.0 && self.floor < self.cap,
                "a number of at least 0, below the cap",
            ),
            (
                "veto",
                self.veto,
                (0.0..1.0).contains(&self.veto),
                "a number from 0 to below 1",
            ),
        ];
        let bad = settings.into_iter().find(|(_, _, good, _)| !good);
        bad.map_or(Ok(()), |(name, found, _, expected)| {
            Err(Fault {
                key: format!("objective.correction.{name}"),
                found: found.to_string(),
                expected: expected.to_owned(),
            })
        })
    }

    /// The weights of a micro-batch.
    pub fn of(&self, inputs: &LossInputs<'_>) -> Weights {
        self.weights(inputs.old(), inputs.behaviour(), inputs.spans())
    }

    /// The weight of every token, from the log-probabilities `[n]` of the trainer's old policy and of the sampler.
    pub fn weights(&self, old: Tensor<1>, behaviour: Tensor<1>, spans: &Spans) -> Weights {
        let device = old.device();
        let log_ratios = floats(&(old - behaviour));
        let mut rest = log_ratios.as_slice();
        let (mut all, mut sum, mut changed) = (Vec::with_capacity(rest.len()), 0.0, 0);
        for count in spans.counts() {
            let (row, after) = rest.split_at(count);
            rest = after;
            let vetoed = row.iter().any(|&x| f64::from(x).exp() < self.veto);
            let together: f64 = row.iter().map(|&x| f64::from(x)).sum();
            for &log_ratio in row {
                let ratio = match self.level {
                    Level::Token => f64::from(log_ratio),
                    Level::Sequence => together,
                    Level::Geometric => together / count as f64,
                }
                .exp();
                let weight = if vetoed { 0.0 } else { self.bounded(ratio) };
                changed += usize::from(weight != ratio);
                sum += weight;
                all.push(weight as f32);
            }
        }
        Weights {
            each: numbers(all, &device),
            sum,
            changed,
        }
    }

    fn bounded(&self, ratio: f64) -> f64 {
        let within = ratio <= self.cap && ratio >= self.floor;
        match self.kind {
            Past::Tis => ratio.clamp(self.floor, self.cap),
            Past::Mis if within => ratio,
            Past::Mis => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{near, row};
    use super::*;

    /// Two episodes: ratios e^0.5 = 1.6487 and e^1 = 2.7183, product e^1.5 = 4.4817, geometric mean e^0.75 = 2.1170; and
    /// e^-0.5 = 0.6065 alone.
    #[track_caller]
    fn weights(correction: Correction, expected: [f64; 3]) {
        let spans = Spans::of_counts(&[2, 1], &[1, 1]);
        let (old, behaviour) = (row(&[-1.0, -1.0, -1.5]), row(&[-1.5, -2.0, -1.0]));
        let found = correction.weights(old, behaviour, &spans);
        for (found, expected) in floats(&found.each).into_iter().zip(expected) {
            near(f64::from(found), expected);
        }
        near(found.sum, expected.iter().sum());
    }

    fn of(kind: Past, level: Level) -> Correction {
        Correction {
            kind,
            level,
            ..Correction::default()
        }
    }

    #[test]
    fn hand_worked_weights() {
        weights(of(Past::Tis, Level::Token), [1.648_721, 2.0, 0.606_531]);
        weights(of(Past::Mis, Level::Token), [1.648_721, 0.0, 0.606_531]);
        weights(of(Past::Tis, Level::Sequence), [2.0, 2.0, 0.606_531]);
        weights(of(Past::Mis, Level::Sequence), [0.0, 0.0, 0.606_531]);
        let wide = |kind| Correction {
            cap: 2.5,
            ..of(kind, Level::Geometric)
        };
        weights(wide(Past::Tis), [2.117, 2.117, 0.606_531]);
        weights(of(Past::Mis, Level::Geometric), [0.0, 0.0, 0.606_531]);
    }

    #[test]
    fn a_floor_and_a_veto() {
        let floor = |kind| Correction {
            floor: 0.7,
            ..of(kind, Level::Token)
        };
        weights(floor(Past::Tis), [1.648_721, 2.0, 0.7]);
        weights(floor(Past::Mis), [1.648_721, 0.0, 0.0]);
        let veto = Correction {
            veto: 0.61,
            ..Correction::default()
        };
        weights(veto, [1.648_721, 2.0, 0.0]);
    }

    #[test]
    fn an_agreeing_sampler_changes_nothing() {
        let spans = Spans::of_counts(&[3], &[1]);
        let at = [-0.1, -2.0, -7.0];
        for kind in [Past::Tis, Past::Mis] {
            for level in [Level::Token, Level::Sequence, Level::Geometric] {
                let found = of(kind, level).weights(row(&at), row(&at), &spans);
                assert_eq!(floats(&found.each), [1.0; 3]);
                assert_eq!((found.sum, found.changed), (3.0, 0));
            }
        }
    }

    #[test]
    fn senseless_settings_are_refused_by_name() {
        for (name, correction) in [
            (
                "cap",
                Correction {
                    cap: 0.0,
                    ..Correction::default()
                },
            ),
            (
                "floor",
                Correction {
                    floor: 2.0,
                    ..Correction::default()
                },
            ),
            (
                "veto",
                Correction {
                    veto: f64::NAN,
                    ..Correction::default()
                },
            ),
        ] {
            let fault = correction.check().unwrap_err();
            assert_eq!(fault.key, format!("objective.correction.{name}"));
        }
        Correction::default().check().unwrap();
    }
}
