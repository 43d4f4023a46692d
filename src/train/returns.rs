//! Episodes and their log-probabilities → returns, advantages against a group, and what a token counts. Knows no tensor.

use crate::advantage;
use crate::batch::Batch;
use crate::config::{Algorithm, TrainConfig};
use crate::episode::Episode;
use crate::objective::grpo;
use crate::reward;

/// The mean log-ratio to the reference over turns.
pub(super) fn reference_kl(batch: &Batch, policy: &[f32], reference: &[f32]) -> f64 {
    let ratios = batch.turns.iter().map(|span| {
        reward::mean_log_ratio(
            &policy[span.start..span.end],
            &reference[span.start..span.end],
        )
    });
    ratios.sum::<f64>() / batch.turns.len().max(1) as f64
}

/// Return of every turn, with its KL term where the objective has it in the reward.
pub(super) fn returns_of(
    episodes: &[&Episode],
    batch: &Batch,
    policy: &[f32],
    reference: &[f32],
    config: &TrainConfig,
) -> Vec<f64> {
    let mut returns = Vec::with_capacity(batch.turns.len());
    let mut spans = batch.turns.iter();
    for episode in episodes {
        let rewards = reward::score(episode, &config.reward).unwrap_or_default();
        let shaped: Vec<f64> = rewards
            .iter()
            .zip(spans.by_ref())
            .map(|(&reward, span)| match config.objective.algorithm {
                Algorithm::Rlef => {
                    let (p, r) = (
                        &policy[span.start..span.end],
                        &reference[span.start..span.end],
                    );
                    reward::shaped(reward, p, r, config.reward.kl_beta)
                }
                // GRPO holds the reference in its loss.
                Algorithm::Grpo => reward,
            })
            .collect();
        returns.extend(advantage::returns(&shaped));
    }
    returns
}

/// GRPO's advantage of every turn: its episode's whole return against those of the same problem. `returns` are by turn;
/// episodes of one problem follow each other.
pub(super) fn against_group(episodes: &[&Episode], returns: &[f64]) -> Vec<f64> {
    let mut advantages = Vec::with_capacity(returns.len());
    let mut rest = returns;
    for group in episodes.chunk_by(|one, other| one.problem_id == other.problem_id) {
        let mut totals = Vec::with_capacity(group.len());
        for episode in group {
            let (own, after) = rest.split_at(episode.turns.len());
            // A return is a sum to the end, so the first one is the episode's.
            totals.push(own.first().copied().unwrap_or(0.0));
            rest = after;
        }
        for (episode, advantage) in group.iter().zip(grpo::group_advantages(&totals)) {
            advantages.extend(std::iter::repeat_n(advantage, episode.turns.len()));
        }
    }
    advantages
}

/// Of every action, `1 / (episodes of the update · actions of its own)`.
pub(super) fn equal_episodes(batch: &Batch, episodes: usize) -> Vec<f32> {
    let mut counts = vec![0_usize; batch.rows.len()];
    for action in &batch.actions {
        counts[action.row] += 1;
    }
    let weight = |row: usize| (1.0 / (episodes * counts[row]) as f64) as f32;
    batch
        .actions
        .iter()
        .map(|action| weight(action.row))
        .collect()
}
