//! GSPO (Zheng et al. 2025, arXiv 2507.18071): the ratio and its clip are of a whole sequence, the geometric mean of its
//! tokens', so that one unlikely token does not clip alone. Advantages as in GRPO, no reference.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored, Setup,
    Unasked,
};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "gspo",
    older: &[],
    about: "GRPO with the ratio and the clip of whole sequences",
    keys: &["objective.correction"],
    build: |setup| Ok(Box::new(Gspo::new(setup)?)),
};

/// GSPO's own settings; defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How far a sequence's ratio may fall below 1.
    pub clip_low: f64,
    /// How far it may rise above 1.
    pub clip_high: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clip_low: 3e-4,
            clip_high: 4e-4,
        }
    }
}

/// GSPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Gspo {
    clip: Clip,
    correction: Option<Correction>,
}

impl Gspo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        Ok(Self {
            clip: Clip::new(settings.clip_low, settings.clip_high)?,
            correction: setup.config.correction,
        })
    }
}

impl Objective for Gspo {
    fn needs(&self) -> Needs {
        Needs {
            least_group: 2,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&Settings {
            clip_low: self.clip.low,
            clip_high: self.clip.high,
        })
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        Credit {
            advantages: stats::against_group(scored, stats::standardised),
            ..Credit::default()
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = policy_loss(tokens, inputs.spans(), self.clip, inputs.totals.rows);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Err("its ratio is of whole episodes, and such a server has one of each token")
    }
}

/// `-Σ min(s A, clip(s, 1 - low, 1 + high) A) / rows` with `s = exp(mean over the row's tokens of log(π/π_old))`. Inputs
/// `[n]`, one entry a sampled token; a row's advantages are all the same. `rows` are all of the update.
pub fn policy_loss(
    tokens: Tokens,
    spans: &Spans,
    clip: Clip,
    rows: usize,
) -> (Tensor<1>, PpoStats) {
    let of_tokens = tokens.plain_log_ratio();
    let of_rows = spans.means(tokens.new.clone() - tokens.old.clone());
    let mut seen = PpoStats::of(&of_tokens, clip);
    // What is clipped is a row, with all its tokens.
    seen.clipped = PpoStats::of(&spans.to_actions(of_rows.clone().inner()), clip).clipped;
    let advantages = spans.firsts(tokens.advantages.clone());
    let each = clip.surrogate(of_rows.exp(), advantages);
    (
        tokens.weighted_rows(each, spans).sum().neg() / rows as f64,
        seen,
    )
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    const CLIP: Clip = Clip {
        low: 0.1,
        high: 0.15,
    };

    #[test]
    fn hand_worked_loss() {
        // Log-ratios 0.5 and -0.1 of the first row: mean 0.2, s = 1.2214, cut to 1.15 by A = 1. Second row: -0.05, s = 0.9512.
        let at = tokens(row(&[-0.5, -1.1, -1.05]), &[-1.0; 3], &[1.0, 1.0, -2.0]);
        let spans = Spans::of_counts(&[2, 1], &[1, 1]);
        let (loss, seen) = policy_loss(at, &spans, CLIP, 2);
        near(number(loss), -(1.15 - 2.0 * 0.951_229) / 2.0);
        assert_eq!(seen.clipped, 2.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3, -0.4], [0.7, 0.7, -1.2, -1.2]);
        let spans = Spans::of_counts(&[2, 2], &[1, 1]);
        let loss = |x: Tensor<1>| policy_loss(tokens(x, &old, &advantages), &spans, CLIP, 2).0;
        differences(&[-0.95, -0.8, -1.2, -0.45], loss, |x| number(loss(row(x))));
    }
}
