//! The metrics of a round's tasks → those of the round, with each task's own below its name.

use super::super::part::Part;
use super::{Own, RoundMetrics, standing};

/// The metrics of a round; those of its only task, where it has one. Rates of answers are means over all episodes or turns, what the
/// updates were like is a mean over sampled tokens, and the loss is the one that was descended on: the weighed sum.
pub(in crate::train) fn together(parts: &[Part<'_>], mut all: Vec<RoundMetrics>) -> RoundMetrics {
    for (part, metrics) in parts.iter().zip(&mut all) {
        let candidates = part.material.candidates().iter();
        let played = candidates.filter_map(|one| Some((one.episode?, &one.rewards[..])));
        standing::tell(&played.collect::<Vec<_>>(), &mut metrics.own);
    }
    if let [part] = parts
        && part.task.name.is_none()
    {
        return all.pop().unwrap_or_default();
    }
    let named = parts.iter().map(|part| {
        let name = part.task.name.as_deref().unwrap_or_default();
        let played = part.material.candidates().iter();
        let played = played.filter(|candidate| candidate.episode.is_some());
        (name, part.task.weight, played.count())
    });
    joined(&named.zip(all).collect::<Vec<_>>())
}

/// A task's name, its weight, how many of its episodes were data, and its metrics.
type Named<'a> = ((&'a str, f64, usize), RoundMetrics);

/// The metrics of several.
fn joined(all: &[Named<'_>]) -> RoundMetrics {
    let mean = |count: &dyn Fn(&Named<'_>) -> f64, number: fn(&RoundMetrics) -> f64| {
        let whole: f64 = all.iter().map(count).sum();
        let sum: f64 = all.iter().map(|one| count(one) * number(&one.1)).sum();
        if whole > 0.0 { sum / whole } else { 0.0 }
    };
    let by_episode = |number| mean(&|((_, _, episodes), _)| *episodes as f64, number);
    let by_turn = |number| {
        mean(
            &|((_, _, episodes), one)| *episodes as f64 * one.turns,
            number,
        )
    };
    let by_token = |number| mean(&|(_, one)| one.tokens as f64, number);
    let most = |number: fn(&RoundMetrics) -> f64| {
        all.iter().map(|(_, one)| number(one)).fold(0.0, f64::max)
    };
    let sum = |count: fn(&RoundMetrics) -> usize| all.iter().map(|(_, one)| count(one)).sum();
    let mut own = Own::default();
    for ((name, _, _), one) in all {
        for (key, value) in [
            ("reward", one.reward),
            ("solve_rate", one.solve_rate),
            ("reference_kl", one.reference_kl),
            ("policy_loss", one.policy_loss),
        ]
        .into_iter()
        .chain(one.own.iter())
        {
            own.add(&format!("{name}/{key}"), value);
        }
    }
    let weighed = all
        .iter()
        .map(|((_, weight, _), one)| weight * one.policy_loss);
    RoundMetrics {
        schema: crate::schema::Schema,
        round: all.first().map_or(0, |(_, one)| one.round),
        step: 0,
        reward: by_episode(|one| one.reward),
        solve_rate: by_episode(|one| one.solve_rate),
        solve_rate_turn_1: by_episode(|one| one.solve_rate_turn_1),
        turns: by_episode(|one| one.turns),
        no_program_rate: by_turn(|one| one.no_program_rate),
        cut_rate: by_turn(|one| one.cut_rate),
        reference_kl: by_turn(|one| one.reference_kl),
        entropy: by_token(|one| one.entropy),
        policy_loss: weighed.sum(),
        value_loss: 0.0,
        explained_variance: 0.0,
        approx_kl: by_token(|one| one.approx_kl),
        clip_fraction: by_token(|one| one.clip_fraction),
        first_ratio_gap: most(|one| one.first_ratio_gap),
        gradient_norm: most(|one| one.gradient_norm),
        learning_rate: most(|one| one.learning_rate),
        sampler_gap_max: most(|one| one.sampler_gap_max),
        sampler_gap_mean: by_token(|one| one.sampler_gap_mean),
        sampler_kl: by_token(|one| one.sampler_kl),
        sampler_gap_q99: most(|one| one.sampler_gap_q99),
        sampler_outliers: by_token(|one| one.sampler_outliers),
        tokens: sum(|one| one.tokens),
        aborted: sum(|one| one.aborted),
        lost_answers: sum(|one| one.lost_answers),
        unsupported: sum(|one| one.unsupported),
        no_opinion: sum(|one| one.no_opinion),
        // All tasks share the updates.
        skipped_updates: all
            .iter()
            .map(|(_, one)| one.skipped_updates)
            .max()
            .unwrap_or(0),
        skipped_value_updates: 0,
        dropped_groups: sum(|one| one.dropped_groups),
        examples: sum(|one| one.examples),
        own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_all_episodes_and_each_task_keeps_its_own() {
        let task = |solve_rate, turns, tokens, policy_loss| {
            let mut one = RoundMetrics {
                round: 3,
                solve_rate,
                turns,
                no_program_rate: solve_rate,
                entropy: solve_rate,
                tokens,
                policy_loss,
                skipped_updates: 1,
                ..RoundMetrics::default()
            };
            one.own.add("met", 0.5);
            one
        };
        let all = [
            (("code", 2.0, 30), task(1.0, 1.0, 100, 0.25)),
            (("style", 1.0, 10), task(0.0, 3.0, 300, -0.5)),
        ];
        let found = joined(&all);
        assert_eq!(
            (found.round, found.tokens, found.skipped_updates),
            (3, 400, 1)
        );
        assert_eq!((found.solve_rate, found.no_program_rate), (0.75, 0.5));
        assert_eq!((found.entropy, found.policy_loss), (0.25, 0.0));
        assert_eq!(found.own.get("code/solve_rate"), Some(1.0));
        assert_eq!(found.own.get("style/policy_loss"), Some(-0.5));
        assert_eq!(found.own.get("style/met"), Some(0.5));
    }
}
