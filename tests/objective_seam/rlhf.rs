//! Objectives against a reward model and from own pairs.

use super::*;

/// The weight of the reference moves with what was found, and is where it was after a stop.
#[test]
fn a_stopped_run_against_a_reward_model_continues_with_its_weight() {
    let mut config = config();
    config.rounds = 3;
    config.objective.algorithm = "rlhf_ppo".into();
    let settings = &mut config.objective.settings;
    settings.insert("kl_target".into(), 0.5.into());
    settings.insert("kl_horizon".into(), 100.0.into());
    settings.insert("whiten_rewards".into(), true.into());
    let config = config.resolved().unwrap();
    continues(&config, Data::from(&problems()));
    let mut learner = learner(&config);
    let weight = |round, learner: &mut _| {
        let (_, metrics, _) =
            train::round(learner, &ToyJudge, &problems(), &config, round).unwrap();
        assert!(metrics.own.get("episode_kl").is_some());
        metrics.own.get("kl_beta").unwrap()
    };
    let weights = [0, 1, 2].map(|round| weight(round, &mut learner));
    // Nothing was learnt when the first round was played: there is no divergence yet, and less is enough.
    assert!((weights[0] - 0.05).abs() < 1e-6, "{weights:?}");
    assert!(
        weights[1] < weights[0] && weights[2] != weights[1],
        "{weights:?}"
    );
}

/// Both ways to learn what is rewarded that go by a reference.
#[test]
fn what_is_rewarded_is_learnt_against_a_reward_model_and_from_own_pairs() {
    let two: Vec<_> = problems()
        .into_iter()
        .filter(|problem| problem.id.ends_with('2'))
        .collect();
    for (name, settings) in [
        ("rlhf_ppo", ""),
        ("online_dpo", "pairs_per_problem = 4"),
        (
            "online_dpo",
            "pairs_per_problem = 4\nrenew_reference = true",
        ),
    ] {
        let mut config = config();
        config.rollout.group = 16;
        config.updates_per_round = 2;
        config.objective.algorithm = name.into();
        config.objective.settings = toml::from_str(settings).unwrap();
        let config = config.resolved().unwrap();
        let mut learner = learner(&config);
        let before = solve_rate(&learner, &two);
        for round in 0..config.rounds {
            train::round(&mut learner, &ToyJudge, &two, &config, round).unwrap();
        }
        let after = solve_rate(&learner, &two);
        assert!(
            after > before + 0.2,
            "{name} {settings}: {before} before and {after} after"
        );
    }
}
