//! What several objectives share: statistics of ratios and of groups, the clipped surrogate, the estimate of the KL
//! divergence. No objective needs another one's file.

use burn::tensor::{Device, Tensor};

use super::correction::Correction;
use super::inputs::{LossInputs, Scored};
use super::needs::{Needs, Old};
use super::table::Fault;
use crate::learner::Spans;

/// What one policy loss saw, summed over its tokens; divide by the number of tokens for means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PpoStats {
    /// Σ of the estimator `(π/π_old - 1) - log(π/π_old)` (Schulman's k3), never negative.
    pub kl: f64,
    /// Tokens whose ratio left the clip's range.
    pub clipped: f64,
    /// Largest distance of a ratio from 1.
    pub ratio_gap: f64,
}

impl PpoStats {
    /// Reads them off the logarithms of the ratios; `clip` is how far a ratio may fall below 1 and rise above it.
    pub fn of(log_ratio: &Tensor<1>, clip: Clip) -> Self {
        let mut stats = Self::default();
        for value in floats(log_ratio).into_iter().map(f64::from) {
            let away = value.exp() - 1.0;
            stats.kl += away - value;
            stats.clipped += f64::from(u8::from(away > clip.high || -away > clip.low));
            stats.ratio_gap = stats.ratio_gap.max(away.abs());
        }
        stats
    }

    /// Adds those of another micro-batch.
    pub fn add(&mut self, other: Self) {
        self.kl += other.kl;
        self.clipped += other.clipped;
        self.ratio_gap = self.ratio_gap.max(other.ratio_gap);
    }
}

/// The numbers of a tensor.
pub(super) fn floats(tensor: &Tensor<1>) -> Vec<f32> {
    tensor
        .to_data()
        .try_to_vec::<f32>()
        .expect("log-probabilities are f32")
}

/// How far a ratio may fall below 1 and rise above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// Below.
    pub low: f64,
    /// Above.
    pub high: f64,
}

impl From<f64> for Clip {
    fn from(both: f64) -> Self {
        Self {
            low: both,
            high: both,
        }
    }
}

impl Clip {
    /// Bounds of a table of settings, `clip_low` and `clip_high`.
    pub(super) fn new(low: f64, high: f64) -> Result<Self, Fault> {
        for (name, bound) in [("clip_low", low), ("clip_high", high)] {
            if !(bound > 0.0 && bound.is_finite()) {
                return Err(Fault {
                    key: format!("objective.settings.{name}"),
                    found: bound.to_string(),
                    expected: "a finite number above 0".to_owned(),
                });
            }
        }
        Ok(Self { low, high })
    }

    /// `min(r A, clip(r, 1 - low, 1 + high) A)` of every entry.
    pub fn surrogate(self, ratio: Tensor<1>, advantages: Tensor<1>) -> Tensor<1> {
        let clipped = ratio.clone().clamp(1.0 - self.low, 1.0 + self.high);
        (ratio * advantages.clone()).min_pair(clipped * advantages)
    }
}

/// What a token-wise policy loss is made of, one entry a sampled token.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The policy's log-probabilities, with the gradient.
    pub new: Tensor<1>,
    /// Those from before the update.
    pub old: Tensor<1>,
    /// What each token is worth.
    pub advantages: Tensor<1>,
    /// What each token's part counts, where there is a correction for the sampler.
    pub correction: Option<Tensor<1>>,
}

impl Tokens {
    /// Those of a micro-batch.
    pub fn of(inputs: &LossInputs<'_>) -> Self {
        Self {
            new: inputs.new.clone(),
            old: inputs.old(),
            advantages: inputs.advantages(),
            correction: None,
        }
    }

    /// Those of a micro-batch with a correction, if there is one, and what that one was like.
    pub fn corrected(
        inputs: &LossInputs<'_>,
        correction: Option<Correction>,
    ) -> (Self, Vec<(&'static str, f64)>) {
        let mut tokens = Self::of(inputs);
        let Some(correction) = correction else {
            return (tokens, Vec::new());
        };
        let weights = correction.of(inputs);
        tokens.correction = Some(weights.each);
        let count = inputs.totals.tokens as f64;
        let own = vec![
            ("correction_mean", weights.sum / count),
            ("correction_changed", weights.changed as f64 / count),
        ];
        (tokens, own)
    }

    /// A number of each token, times what the token counts.
    pub fn weighted(&self, each: Tensor<1>) -> Tensor<1> {
        match &self.correction {
            Some(weights) => each * weights.clone(),
            None => each,
        }
    }

    /// A number of each row, times the mean of what its tokens count.
    pub fn weighted_rows(&self, each: Tensor<1>, spans: &Spans) -> Tensor<1> {
        match &self.correction {
            Some(weights) => each * spans.means(weights.clone()),
            None => each,
        }
    }

    /// `log(π/π_old)` without the gradient.
    pub fn plain_log_ratio(&self) -> Tensor<1> {
        self.new.clone().inner() - self.old.clone()
    }

    /// `π/π_old`.
    pub fn ratio(&self) -> Tensor<1> {
        (self.new.clone() - self.old.clone()).exp()
    }
}

/// `k₃ = ρ/π - log(ρ/π) - 1`, an estimate of `KL(π ‖ ρ)` that is never negative, of every token.
pub fn k3(new: Tensor<1>, reference: Tensor<1>) -> Tensor<1> {
    let away = reference - new;
    away.clone().exp() - away - 1.0
}

/// Of every action, `1 / (rows of the minibatch · actions of its own row)`: a mean over rows of means over tokens.
pub fn equal_rows(spans: &Spans, rows: usize, device: &Device) -> Tensor<1> {
    let weights = spans.counts().into_iter().flat_map(|count| {
        let weight = (1.0 / (rows * count) as f64) as f32;
        std::iter::repeat_n(weight, count)
    });
    crate::learner::numbers(weights.collect(), device)
}

/// Added to a group's deviation, as in TRL.
const EPSILON: f64 = 1e-4;

/// `(r - mean) / (deviation + ε)` within one group, with the sample's deviation (n - 1) as in TRL and verl. Equal rewards,
/// a single one among them, say nothing: zeros.
pub fn standardised(rewards: &[f64]) -> Vec<f64> {
    let count = rewards.len() as f64;
    let mean = rewards.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
    rewards
        .iter()
        .map(|reward| (reward - mean) / (deviation + EPSILON))
        .collect()
}

/// The advantage of every action where an episode's whole return is compared with those of its group: `relative` makes
/// advantages of the group's returns.
pub fn against_group(scored: &Scored<'_>, relative: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f32> {
    let held = vec![0.0; scored.batch.rows.len()];
    against_group_less(scored, &held, relative)
}

/// The same with `held` taken off the return of every row of the batch before they are compared.
pub fn against_group_less(
    scored: &Scored<'_>,
    held: &[f64],
    relative: impl Fn(&[f64]) -> Vec<f64>,
) -> Vec<f32> {
    let mut less = vec![0.0; scored.material.candidates().len()];
    for (index, held) in scored.rows().zip(held) {
        less[index] = *held;
    }
    let groups = scored.material.groups().iter().enumerate();
    let by_candidate: Vec<f64> = groups
        .flat_map(|(group, candidates)| {
            let totals = scored.material.totals(group).into_iter();
            let totals: Vec<f64> = totals
                .zip(&less[candidates.clone()])
                .map(|(total, less)| total - less)
                .collect();
            relative(&totals)
        })
        .collect();
    let by_row: Vec<f32> = scored
        .rows()
        .map(|index| by_candidate[index] as f32)
        .collect();
    let actions = scored.batch.actions.iter();
    actions.map(|action| by_row[action.row]).collect()
}

/// What an objective without values needs whose reward has the reference in it, with this weight.
pub fn needs_held(kl_beta: f64) -> Needs {
    let held = kl_beta != 0.0;
    Needs {
        reference: held,
        old: if held { Old::ForCredit } else { Old::ForLoss },
        ..Needs::POLICY_GRADIENT
    }
}

/// Of every action `β (log π - log ρ)`, what its reward is lowered by so that the policy stays near the reference (Stiennon et
/// al. 2020, arXiv 2009.01325, section 3.4); nothing is read where the weight is 0.
pub fn held(scored: &Scored<'_>, kl_beta: f64) -> Vec<f64> {
    if kl_beta == 0.0 {
        return vec![0.0; scored.batch.actions.len()];
    }
    let pairs = scored.policy().iter().zip(scored.reference());
    let away = pairs.map(|(policy, reference)| f64::from(*policy) - f64::from(*reference));
    away.map(|away| kl_beta * away).collect()
}

/// What [`held`] takes off the reward of every turn, as a term that is added to it; none where the weight is 0.
pub fn kl_terms(scored: &Scored<'_>, kl_beta: f64) -> Vec<(&'static str, Vec<f64>)> {
    if kl_beta == 0.0 {
        return Vec::new();
    }
    let held = held(scored, kl_beta);
    let turns = scored.batch.turns.iter();
    let sums = turns.map(|turn| -held[turn.start..turn.end].iter().sum::<f64>());
    vec![("kl", sums.collect())]
}

/// PPO's loss without more: `-Σ min(r A, clip(r, 1 - ε, 1 + ε) A) / tokens` with `r = π/π_old`, all inputs `[n]`, one entry a
/// sampled token; `count` are all tokens of the update.
pub fn token_loss(tokens: Tokens, clip: f64, count: usize) -> (Tensor<1>, PpoStats) {
    let seen = PpoStats::of(&tokens.plain_log_ratio(), clip.into());
    let each = Clip::from(clip).surrogate(tokens.ratio(), tokens.advantages.clone());
    (tokens.weighted(each).sum().neg() / count as f64, seen)
}

/// Return of every turn of the batch, from the rewards of its row's candidate; `reward` may change each, given the turn's
/// index.
pub fn returns(scored: &Scored<'_>, reward: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    let mut all = Vec::with_capacity(scored.batch.turns.len());
    for candidate in scored.candidates() {
        let first = all.len();
        let rewards = candidate.rewards.iter().enumerate();
        let shaped: Vec<f64> = rewards
            .map(|(turn, &plain)| reward(plain, first + turn))
            .collect();
        all.extend(crate::advantage::returns(&shaped));
    }
    all
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    pub(crate) fn number(tensor: Tensor<1>) -> f64 {
        f64::from(tensor.into_scalar::<f32>())
    }

    pub(crate) fn tokens(new: Tensor<1>, old: &[f32], advantages: &[f32]) -> Tokens {
        Tokens {
            new,
            old: row(old),
            advantages: row(advantages),
            correction: None,
        }
    }

    #[track_caller]
    pub(crate) fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 2e-6, "{found} is not {expected}");
    }

    /// Compares the gradient of `loss` with central differences of `plain`, which holds what the gradient treats as constant.
    #[track_caller]
    pub(crate) fn differences(
        at: &[f32],
        loss: impl Fn(Tensor<1>) -> Tensor<1>,
        plain: impl Fn(&[f32]) -> f64,
    ) {
        let x = row(at).autodiff().require_grad();
        let gradients = loss(x.clone()).backward();
        let analytic = floats(&x.grad(&gradients).unwrap());
        for i in 0..at.len() {
            let (mut up, mut down) = (at.to_vec(), at.to_vec());
            up[i] += 1e-2;
            down[i] -= 1e-2;
            let numeric = (plain(&up) - plain(&down)) / f64::from(up[i] - down[i]);
            assert!(
                (numeric - f64::from(analytic[i])).abs() < 2e-3,
                "entry {i}: {numeric} against {}",
                analytic[i]
            );
        }
    }

    #[test]
    fn hand_worked_standard_rewards() {
        // Mean 0, sample deviation 2/√3 = 1.1547.
        let found = standardised(&[1.0, -1.0, 1.0, -1.0]);
        for (value, expected) in found.iter().zip([1.0, -1.0, 1.0, -1.0]) {
            assert!((value - expected / (1.154_700_538 + 1e-4)).abs() < 1e-9);
        }
        for rewards in [&[][..], &[0.7], &[-1.0, -1.0, -1.0]] {
            assert_eq!(standardised(rewards), vec![0.0; rewards.len()]);
        }
    }

    #[test]
    fn hand_worked_ratios() {
        // Ratios e^0.5 = 1.6487, e^-0.3 = 0.7408 and 1.
        let stats = PpoStats::of(
            &row(&[0.5, -0.3, 0.0]),
            Clip {
                low: 0.2,
                high: 0.7,
            },
        );
        assert_eq!(stats.clipped, 1.0);
        near(stats.ratio_gap, 0.648_721);
        near(stats.kl, 0.648_721 - 0.5 + 0.740_818 - 1.0 + 0.3);
        let both = PpoStats::of(&row(&[0.5, -0.3]), Clip::from(0.2));
        assert_eq!(both.clipped, 2.0);
    }

    #[test]
    fn every_row_weighs_alike() {
        let spans = Spans::of_counts(&[1, 3], &[1, 1]);
        let weights = floats(&equal_rows(&spans, 2, &Device::flex()));
        assert_eq!(weights, [0.5, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]);
    }

    #[test]
    fn k3_is_zero_where_they_agree() {
        // ρ/π = e^-1: 0.367879 + 1 - 1.
        let found = floats(&k3(row(&[-1.0, -0.5]), row(&[-1.0, -1.5])));
        near(f64::from(found[0]), 0.0);
        near(f64::from(found[1]), 0.367_879);
    }
}
