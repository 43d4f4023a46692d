//! What is checked of a round before a weight is moved: that enough was played, that sampler and trainer agree, and that all
//! numbers are finite.

use super::TrainError;
use super::metrics::{Gap, RoundMetrics};
use crate::config::TrainConfig;
use crate::episode::Turn;
use crate::objective::Material;
use crate::prompt::PromptStyle;
use crate::rollout::{Group, RolloutStats};

/// Refuses a round that lost more than is allowed, counted by what was played, or all there was to learn from.
pub(super) fn enough_was_played(
    metrics: &RoundMetrics,
    stats: &RolloutStats,
    groups: &[Group],
    material: &Material<'_>,
    config: &TrainConfig,
) -> Result<(), TrainError> {
    let played = groups.iter().map(|group| group.episodes.len()).sum();
    enough(metrics, stats, played, material.candidates().len(), config)
}

fn enough(
    metrics: &RoundMetrics,
    stats: &RolloutStats,
    played: usize,
    usable: usize,
    config: &TrainConfig,
) -> Result<(), TrainError> {
    let rate = config.resources.max_infra_rate;
    let too_many = metrics.aborted as f64 > rate * played as f64;
    if !too_many && usable > 0 {
        return Ok(());
    }
    let bound = if too_many {
        format!("; resources.max_infra_rate allows {rate} of them to be lost")
    } else {
        "; nothing is left to learn from".to_owned()
    };
    Err(TrainError::Lost {
        round: metrics.round,
        played,
        answers: stats.lost_answers,
        verdicts: stats.lost_verdicts,
        unsupported: metrics.unsupported,
        no_opinion: metrics.no_opinion,
        bound,
    })
}

/// Refuses to begin where most of what the policy says is cut at the token limit or holds no program: nothing would be learnt,
/// and the settings are at fault.
pub(super) fn usable(groups: &[Group], config: &TrainConfig) -> Result<(), TrainError> {
    let episodes = groups.iter().flat_map(|group| &group.episodes);
    let turns: Vec<&Turn> = episodes.flat_map(|episode| &episode.turns).collect();
    let cut = turns.iter().filter(|turn| turn.is_cut()).count();
    let silent = turns
        .iter()
        .filter(|turn| turn.is_without_program() && !turn.is_cut())
        .count();
    let bound = config.resources.max_unusable_rate;
    if (cut + silent) as f64 <= bound * turns.len() as f64 {
        return Ok(());
    }
    let rollout = &config.rollout;
    let mut advice = Vec::new();
    if cut > silent {
        let limit = rollout.sampling.max_tokens;
        advice.push(format!("raise rollout.sampling.max_tokens (now {limit})"));
    }
    if rollout.style == PromptStyle::Compact {
        let words = "set rollout.style = \"full\", which asks for a fenced program";
        advice.push(words.to_owned());
    } else if silent >= cut {
        let words = "take a policy that answers with a fenced program, or teach it that first with an objective that learns from texts";
        advice.push(words.to_owned());
    }
    Err(TrainError::Unusable {
        answers: turns.len(),
        cut,
        limit: rollout.sampling.max_tokens,
        silent,
        bound,
        advice: advice.join(", "),
    })
}

/// Records how far sampler and trainer are apart, and refuses two policies that are too far from each other. Single tokens that
/// stand out are counted, and an objective's correction masks them.
pub(super) fn compare(
    trainer: &[f32],
    sampler: &[f32],
    config: &TrainConfig,
    round: usize,
    metrics: &mut RoundMetrics,
) -> Result<(), TrainError> {
    // Each in its own name: a difference alone would not say whose fault it is.
    finite(sampler, "the sampler's log-probability of a token", round)?;
    finite(trainer, "the policy's log-probability of a token", round)?;
    let gap = Gap::of(trainer, sampler);
    metrics.sampler_gap_max = gap.largest;
    metrics.sampler_gap_mean = gap.mean;
    metrics.sampler_kl = gap.kl;
    metrics.sampler_gap_q99 = gap.q99;
    metrics.sampler_outliers = gap.outliers;
    if config.rollout.max_staleness > 0 && round > 0 {
        // They are other versions of the policy by then, which is what the correction is for.
        return Ok(());
    }
    let [mean, kl] = gap.judged;
    let (bound, kl_bound) = (
        config.objective.max_sampler_gap,
        config.objective.max_sampler_kl,
    );
    if mean <= bound && kl <= kl_bound {
        return Ok(());
    }
    Err(TrainError::SamplerGap {
        round,
        mean,
        kl,
        largest: gap.largest,
        outliers: gap.outliers,
        tokens: trainer.len(),
        bound,
        kl_bound,
    })
}

/// Refuses numbers that are not finite, by their name.
pub(super) fn finite(numbers: &[f32], what: &'static str, round: usize) -> Result<(), TrainError> {
    let remedy = if what.starts_with("the sampler") {
        "what samples gives a log-probability that is none: see its own log"
    } else {
        "the weights have left the range in which they compute anything, or a setting has: lower the learning rate, and continue from an earlier checkpoint"
    };
    numbers
        .iter()
        .find(|number| !number.is_finite())
        .map_or(Ok(()), |&found| {
            Err(TrainError::NotFinite {
                round,
                what,
                found,
                remedy,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_blamed_on_whose_it_is() {
        let config = TrainConfig::default();
        let mut metrics = RoundMetrics::default();
        let mut message = |trainer: &[f32], sampler: &[f32]| {
            let found = compare(trainer, sampler, &config, 3, &mut metrics);
            found.unwrap_err().to_string()
        };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let said = message(&[-1.0, -1.0], &[-1.0, bad]);
            assert!(said.contains("round 3: the sampler's"), "{said}");
            let said = message(&[-1.0, bad], &[-1.0, -1.0]);
            assert!(said.contains("round 3: the policy's"), "{said}");
        }
        let said = message(&[-1.0], &[-2.0]);
        assert!(said.contains("sampler and trainer differ by"), "{said}");
        let said = finite(&[0.0, f32::NAN], "the return of a turn", 1);
        let said = said.unwrap_err().to_string();
        assert!(said.contains("the return of a turn is NaN"), "{said}");
    }

    #[test]
    fn a_policy_that_says_nothing_usable_is_stopped_with_what_to_set() {
        use crate::completion::FinishReason;
        use crate::episode::tests::played;
        use crate::verdict::Grade;

        let mut config = TrainConfig::default();
        let said = |answers: &[(Grade, bool)], config: &TrainConfig| {
            let episodes = answers.iter().map(|&(grade, cut)| {
                let mut episode = played(&[grade], false);
                if cut {
                    episode.turns[0].finish = FinishReason::Length;
                }
                episode
            });
            let group = Group {
                problem_id: "p".to_owned(),
                episodes: episodes.collect(),
            };
            usable(&[group], config).map_err(|error| error.to_string())
        };
        let (silent, wrong) = (Grade::NoProgram, Grade::WrongAnswer);
        // Half of them is allowed.
        said(&[(silent, false), (wrong, false)], &config).unwrap();
        said(&[(silent, true), (wrong, false)], &config).unwrap();
        let both = [
            (silent, false),
            (wrong, true),
            (silent, true),
            (wrong, false),
        ];
        let words = said(&both, &config).unwrap_err();
        assert!(
            words.contains("first 4 answers 2 were cut at the limit of 96 tokens and 1 more"),
            "{words}"
        );
        assert!(
            words.contains("raise rollout.sampling.max_tokens (now 96)"),
            "{words}"
        );
        assert!(words.contains("rollout.style = \"full\""), "{words}");
        config.rollout.style = PromptStyle::Full;
        let words = said(&[(silent, false)], &config).unwrap_err();
        assert!(
            !words.contains("max_tokens (now") && words.contains("teach it"),
            "{words}"
        );
        config.resources.max_unusable_rate = 1.0;
        said(&both, &config).unwrap();
        assert!(said(&[], &config).is_ok());
    }

    #[test]
    fn no_bound_on_the_gap_lets_no_infinite_one_through() {
        let mut config = TrainConfig::default();
        config.objective.max_sampler_gap = f64::INFINITY;
        config.objective.max_sampler_kl = f64::INFINITY;
        let mut metrics = RoundMetrics::default();
        let bad = [f32::NEG_INFINITY];
        assert!(compare(&[-1.0], &bad, &config, 0, &mut metrics).is_err());
        assert!(compare(&[-1.0], &[-9.0], &config, 0, &mut metrics).is_ok());
    }

    #[test]
    fn policies_are_judged_and_not_their_farthest_token() {
        let config = TrainConfig::default();
        let mut metrics = RoundMetrics::default();
        // One token in fifty is far off: it is counted, and the rest is learnt from.
        let sampler = vec![-1.0; 200];
        let mut trainer = vec![-1.01; 200];
        for place in [3, 70, 111, 199] {
            trainer[place] = -9.0;
        }
        compare(&trainer, &sampler, &config, 0, &mut metrics).unwrap();
        assert_eq!(
            (metrics.sampler_gap_max, metrics.sampler_outliers),
            (8.0, 0.02)
        );
        assert!(metrics.sampler_gap_q99 > 7.0, "{metrics:?}");
        // All are a little off, by the temperature, say.
        let said = compare(&[-1.2; 200], &sampler, &config, 0, &mut metrics);
        let said = said.unwrap_err().to_string();
        assert!(said.contains("differ by 2.000e-1"), "{said}");
        // A mean within its bound, a KL beyond its own.
        let mut config = TrainConfig::default();
        config.objective.max_sampler_kl = 1e-6;
        let said = compare(&[-1.01; 200], &sampler, &config, 0, &mut metrics);
        let said = said.unwrap_err().to_string();
        assert!(said.contains("max_sampler_kl is 0.000001"), "{said}");
    }

    #[test]
    fn the_bound_counts_what_was_played() {
        let config = TrainConfig::default();
        let check = |lost, unsupported, played: usize| {
            let metrics = RoundMetrics {
                aborted: lost,
                unsupported,
                ..RoundMetrics::default()
            };
            let stats = RolloutStats {
                lost_answers: lost,
                ..RolloutStats::default()
            };
            let usable = played - lost - unsupported;
            enough(&metrics, &stats, played, usable, &config)
        };
        // 12 are 5% of 256 episodes, but all of those that were played.
        let said = check(12, 0, 12).unwrap_err().to_string();
        assert!(
            said.contains("of 12 episodes 12 were lost because the policy"),
            "{said}"
        );
        assert!(said.contains("max_infra_rate allows 0.05"), "{said}");
        assert!(check(1, 0, 20).is_ok());
        assert!(check(2, 0, 20).is_err());
        // What the isolation lacks is no loss, unless nothing is left.
        assert!(check(0, 19, 20).is_ok());
        let said = check(0, 20, 20).unwrap_err().to_string();
        assert!(said.contains("nothing is left"), "{said}");
        let mut all = config.clone();
        all.resources.max_infra_rate = 1.0;
        let metrics = RoundMetrics {
            aborted: 20,
            ..RoundMetrics::default()
        };
        let stats = RolloutStats::default();
        assert!(enough(&metrics, &stats, 20, 0, &all).is_err());
    }
}
