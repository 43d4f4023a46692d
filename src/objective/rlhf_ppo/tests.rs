//! PPO against a reward model: its rewards of tokens and steps, what moves along a run, and settings that make no sense.

use super::super::{Material, ObjectiveConfig, Unit};
use super::*;
use crate::batch::Batch;
use crate::completion::FinishReason;
use crate::episode::tests::played;
use crate::reward::RewardConfig;
use crate::rollout::Group;
use crate::verdict::Grade;

fn objective(kl_beta: f64, settings: &Settings) -> Result<RlhfPpo, Fault> {
    let config = ObjectiveConfig {
        algorithm: "rlhf_ppo".into(),
        normalisation: Normalisation::Off,
        settings: table(settings),
        ..ObjectiveConfig::default()
    };
    RlhfPpo::new(&Setup {
        config: &config,
        kl_beta,
        longest: 10,
    })
}

/// Two turns and one, with rewards of 0, 1 and -1; the last answer of the second is cut.
fn groups() -> Vec<Group> {
    let mut cut = played(&[Grade::WrongAnswer], false);
    cut.turns[0].finish = FinishReason::Length;
    let episodes = vec![played(&[Grade::WrongAnswer, Grade::Accepted], true), cut];
    vec![Group {
        problem_id: "p".to_owned(),
        episodes,
    }]
}

/// What the credit of these two episodes is, with log-ratios and values that count up.
fn credit(objective: &RlhfPpo) -> (Batch, Vec<f64>, Credit) {
    credit_of(objective, &groups())
}

fn credit_of(objective: &RlhfPpo, groups: &[Group]) -> (Batch, Vec<f64>, Credit) {
    let material = Material::of_groups(groups, &RewardConfig::default()).unwrap();
    let units: Vec<Unit> = material.each_alone();
    let batch = Batch::of_units(material.rows_of(&units)).with_values_at(ValuesAt::Tokens);
    let count = batch.actions.len();
    let away: Vec<f64> = (0..count).map(|index| 0.1 * index as f64).collect();
    let policy: Vec<f32> = away.iter().map(|away| (*away - 2.0) as f32).collect();
    let reference = vec![-2.0; count];
    let values: Vec<f32> = (0..count).map(|index| 0.05 * index as f32).collect();
    let found = objective.credit(&Scored {
        material: &material,
        units: &units,
        batch: &batch,
        policy: Some(&policy),
        reference: Some(&reference),
        values: Some(&values),
    });
    (batch, away, found)
}

#[test]
fn the_reward_is_at_the_last_token_and_the_reference_at_every_one() {
    let settings = Settings {
        lambda: 1.0,
        missing_end_penalty: 0.5,
        ..Settings::default()
    };
    let objective = objective(0.2, &settings).unwrap();
    let (batch, away, found) = credit(&objective);
    // With λ = 1 what a value is to be is the rest of its row's rewards.
    let last = |turn: usize| batch.turns[turn].end - 1;
    let mut rewards: Vec<f64> = away.iter().map(|away| -0.2 * away).collect();
    rewards[last(1)] += 1.0;
    rewards[last(2)] += -1.0 - 0.5;
    let (mut sum, mut row) = (0.0, usize::MAX);
    for index in (0..rewards.len()).rev() {
        if batch.actions[index].row != row {
            (sum, row) = (0.0, batch.actions[index].row);
        }
        sum += rewards[index];
        assert!(
            (found.returns[index] - sum).abs() < 1e-6,
            "{index}: {found:?}"
        );
        let value = 0.05 * index as f64;
        let expected = sum - value;
        assert!((f64::from(found.advantages[index]) - expected).abs() < 1e-5);
    }
    assert_eq!(found.returns.len(), batch.values());
}

#[test]
fn a_step_is_rewarded_where_it_ends() {
    let of = |step_reward| {
        let settings = Settings {
            step_weight: 2.0,
            step_reward,
            ..Settings::default()
        };
        let objective = objective(0.0, &settings).unwrap();
        assert!(objective.needs().steps);
        objective
            .of_steps(&[(0, 0.75), (2, 0.25)])
            .collect::<Vec<_>>()
    };
    assert_eq!(of(StepReward::Score), [(0, 1.5), (2, 0.5)]);
    assert_eq!(of(StepReward::Difference), [(0, 1.5), (2, -1.0)]);
    // In an episode: two steps of its first answer of two, whose rewards are in the returns of all tokens before them.
    let settings = Settings {
        lambda: 1.0,
        missing_end_penalty: 0.0,
        step_weight: 2.0,
        ..Settings::default()
    };
    let with = objective(0.0, &settings).unwrap();
    let without = objective(
        0.0,
        &Settings {
            step_weight: 0.0,
            ..settings
        },
    )
    .unwrap();
    assert!(!without.needs().steps);
    let mut groups = groups();
    groups[0].episodes[0].turns[0].steps = vec![(0, 0.75), (2, 0.25)];
    let returns = |objective: &RlhfPpo| credit_of(objective, &groups).2.returns;
    let apart: Vec<f64> = (returns(&with).iter().zip(returns(&without)))
        .map(|(with, without)| with - without)
        .collect();
    let expected = [2.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(apart.len(), expected.len());
    for (found, expected) in apart.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{apart:?}");
    }
}

#[test]
fn the_weight_of_the_reference_follows_its_target_and_is_kept() {
    let settings = Settings {
        kl_target: 1.0,
        kl_horizon: 10.0,
        ..Settings::default()
    };
    // Twice the target: the error is cut at 0.2; 4 of 10 episodes. Just below it: -0.1.
    assert!((moved(0.5, 2.0, 4, &settings) - 0.5 * 1.08).abs() < 1e-12);
    assert!((moved(0.5, 0.9, 10, &settings) - 0.5 * 0.9).abs() < 1e-12);
    let first = objective(0.2, &settings).unwrap();
    let before = first.state().unwrap();
    let (_, away, _) = credit(&first);
    let kl = away.iter().sum::<f64>() / 2.0;
    let expected = moved(0.2, kl, 2, &settings);
    let after = first.state().unwrap();
    let found: f64 = after["kl_beta"].as_str().unwrap().parse().unwrap();
    assert!((found - expected).abs() < 1e-7, "{found} {expected}");
    assert_ne!(before, after);
    // One that is continued goes on with it.
    let second = objective(0.2, &settings).unwrap();
    second.restore(after).unwrap();
    assert_eq!(second.state(), first.state());
    let (one, other) = (credit(&first).2, credit(&second).2);
    assert_eq!(one, other);
    for bad in ["-1", "NaN", "much"] {
        assert!(second.restore(serde_json::json!({"kl_beta": bad})).is_err());
    }
    let none = objective(0.0, &Settings::default()).unwrap();
    assert!(none.state().is_none() && !none.needs().reference);
    assert!(objective(0.0, &settings).is_err());
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    type Change = fn(&mut Settings);
    let cases: [(&str, Change); 7] = [
        ("step_weight", |settings| settings.step_weight = -1.0),
        ("gamma", |settings| settings.gamma = 1.1),
        ("lambda", |settings| settings.lambda = f64::NAN),
        ("missing_end_penalty", |settings| {
            settings.missing_end_penalty = -1.0;
        }),
        ("kl_target", |settings| settings.kl_target = -1.0),
        ("kl_horizon", |settings| settings.kl_horizon = 0.0),
        ("lambda", |settings| settings.lambda = -0.1),
    ];
    for (name, change) in cases {
        let mut settings = Settings::default();
        change(&mut settings);
        let fault = objective(0.1, &settings).unwrap_err();
        assert_eq!(fault.key, format!("objective.settings.{name}"));
    }
}
