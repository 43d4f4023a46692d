//! DAPO (Yu et al. 2025, arXiv 2503.14476): GRPO with a wider clip upwards, a mean over all tokens of the update, no
//! reference; groups whose episodes all did alike are left out and drawn again, and episodes that were cut at the token limit
//! are not learnt from.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, AskedLoss, Correction, Credit, Entry, Fault, Loss, LossInputs, Material, Needs,
    Objective, Scored, Setup, Share, Unasked, Unit,
};
use crate::episode::Turn;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "dapo",
    older: &[],
    about: "GRPO with a wider clip upwards, a mean over tokens, and groups without variance drawn again",
    keys: &["objective.correction"],
    build: |setup| Ok(Box::new(Dapo::new(setup)?)),
};

/// DAPO's own settings; defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How far a ratio may fall below 1.
    pub clip_low: f64,
    /// How far it may rise above 1.
    pub clip_high: f64,
    /// Times at most that groups without variance are replaced in a round; the paper has no bound.
    pub redraws: usize,
    /// Whether episodes whose last answer was cut at the token limit are left out of the loss.
    pub mask_overlong: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clip_low: 0.2,
            clip_high: 0.28,
            redraws: 3,
            mask_overlong: true,
        }
    }
}

/// DAPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Dapo {
    clip: Clip,
    settings: Settings,
    correction: Option<Correction>,
}

impl Dapo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        Ok(Self {
            clip: Clip::new(settings.clip_low, settings.clip_high)?,
            settings,
            correction: setup.config.correction,
        })
    }
}

impl Objective for Dapo {
    fn needs(&self) -> Needs {
        Needs {
            least_group: 2,
            redraws: self.settings.redraws,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.settings)
    }

    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        let groups = material.groups().iter().enumerate();
        let telling = groups.filter(|(group, _)| material.varies(*group));
        let candidates = telling.flat_map(|(_, candidates)| candidates.clone());
        let kept =
            candidates.filter(|&index| !self.settings.mask_overlong || !cut(material, index));
        kept.map(|index| vec![index]).collect()
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        Credit {
            advantages: stats::against_group(scored, stats::standardised),
            ..Credit::default()
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = policy_loss(tokens, self.clip, inputs.totals.tokens);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Ok(Asked {
            loss: AskedLoss::Ppo(self.clip),
            share: Share::Tokens,
        })
    }

    fn correction(&self) -> Option<Correction> {
        self.correction
    }
}

/// Whether a candidate's last answer was cut at the token limit.
fn cut(material: &Material<'_>, index: usize) -> bool {
    let episode = material.candidates()[index].episode;
    let last = episode.and_then(|episode| episode.turns.last());
    last.is_some_and(Turn::is_cut)
}

/// `-Σ min(r A, clip(r, 1 - low, 1 + high) A) / tokens` with `r = π/π_old`, all inputs `[n]`, one entry a sampled token;
/// `count` are all tokens of the update.
pub fn policy_loss(tokens: Tokens, clip: Clip, count: usize) -> (Tensor<1>, PpoStats) {
    let seen = PpoStats::of(&tokens.plain_log_ratio(), clip);
    let each = clip.surrogate(tokens.ratio(), tokens.advantages.clone());
    (tokens.weighted(each).sum().neg() / count as f64, seen)
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;
    use crate::completion::FinishReason;
    use crate::episode::tests::played;
    use crate::reward::RewardConfig;
    use crate::rollout::Group;
    use crate::verdict::Grade;

    const CLIP: Clip = Clip {
        low: 0.2,
        high: 0.28,
    };

    #[test]
    fn hand_worked_loss() {
        // Ratios e^0.5 cut to 1.28, e^-0.5 = 0.6065 under A = -1 cut to 0.8, and e^0.25 = 1.2840 cut to 1.28.
        let at = tokens(row(&[-0.5, -1.5, -0.75]), &[-1.0; 3], &[1.0, -1.0, 0.5]);
        let (loss, seen) = policy_loss(at, CLIP, 3);
        near(number(loss), -(1.28 - 0.8 + 0.64) / 3.0);
        assert_eq!(seen.clipped, 3.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3], [0.7, -1.2, 0.4]);
        let loss = |x: Tensor<1>| policy_loss(tokens(x, &old, &advantages), CLIP, 3).0;
        differences(&[-0.85, -0.8, -1.4], loss, |x| number(loss(row(x))));
    }

    #[test]
    fn groups_that_all_did_alike_and_cut_answers_are_left_out() {
        let solved = || played(&[Grade::Accepted], true);
        let failed = || played(&[Grade::WrongAnswer], false);
        let mut overlong = failed();
        overlong.turns[0].finish = FinishReason::Length;
        let group = |episodes| Group {
            problem_id: "p".to_owned(),
            episodes,
        };
        let groups = [
            group(vec![solved(), solved()]),
            group(vec![solved(), failed(), overlong]),
            group(vec![failed(), failed()]),
        ];
        let material = Material::of_groups(&groups, &RewardConfig::default()).unwrap();
        let mut dapo = Dapo {
            clip: CLIP,
            settings: Settings::default(),
            correction: None,
        };
        assert_eq!(dapo.select(&material), [vec![2], vec![3]]);
        dapo.settings.mask_overlong = false;
        assert_eq!(dapo.select(&material), [vec![2], vec![3], vec![4]]);
    }
}
