//! An objective that this crate doesn't know is added from here, and found by configuration, memory estimate, training, files
//! and resuming like any other.

mod rlhf;
mod sources;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rlef::config::TrainConfig;
use rlef::eval::stamp::{PolicyStamp, SandboxStamp};
use rlef::memory::{Estimate, Longest};
use rlef::model::decoder::Held;
use rlef::objective::{
    self, Candidate, Credit, Entry, Loss, LossInputs, Needs, Objective, Old, Scored, stats,
};
use rlef::run::{Progress, Run};
use rlef::train::{self, Data, End, Event, Observer, Session, Stamps, Task};

use crate::learning::{ToyJudge, bits, config, learner, problems, solve_rate};

/// REINFORCE against the mean of the round: nothing else in this crate is like it.
struct Plain;

const PLAIN: Entry = Entry {
    name: "test_plain",
    older: &[],
    about: "REINFORCE against the mean of the round",
    keys: &[],
    build: |setup| {
        setup.no_settings()?;
        Ok(Box::new(Plain))
    },
};

impl Objective for Plain {
    fn needs(&self) -> Needs {
        Needs {
            old: Old::Never,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let totals: Vec<f64> = scored.candidates().map(Candidate::total).collect();
        let mean = totals.iter().sum::<f64>() / totals.len() as f64;
        let actions = scored.batch.actions.iter();
        let advantages = actions.map(|action| (totals[action.row] - mean) as f32);
        Credit {
            advantages: advantages.collect(),
            returns: Vec::new(),
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let each = inputs.new.clone() * inputs.advantages();
        let value = each.sum().neg() / inputs.totals.tokens as f64;
        let share = inputs.spans().rows() as f64 / inputs.totals.rows as f64;
        Loss::new(value, stats::PpoStats::default()).with(vec![("test_share", share)])
    }
}

fn plain() -> TrainConfig {
    // Tests of one binary share the table: who comes second finds the name taken.
    if let Err(fault) = objective::register(PLAIN) {
        assert_eq!(fault.found, "test_plain");
    }
    let mut config = config();
    config.objective.algorithm = "test_plain".into();
    config
}

#[test]
fn an_objective_from_elsewhere_is_found_like_any_other() {
    let mut config = plain();
    config.check().unwrap();
    let text = toml::to_string(&config).unwrap();
    assert!(text.contains("algorithm = \"test_plain\""), "{text}");
    assert!(
        objective::names()
            .iter()
            .any(|(name, _)| *name == "test_plain")
    );
    assert!(objective::register(PLAIN).is_err());

    let needs = config.objective().unwrap().needs();
    let shape = learner(&config).policy.config;
    let estimate = |needs| {
        let longest = Longest::default();
        Estimate::new(&shape, &config, needs, None, longest, Held::F32)
    };
    let ppo = TrainConfig::default().objective().unwrap().needs();
    assert!(estimate(&needs).unwrap().value == 0 && estimate(&ppo).unwrap().value > 0);

    // What it does not use is refused, as is what nobody is called.
    config.objective.clip = 0.3;
    let message = config.check().unwrap_err().to_string();
    assert!(
        message.contains("objective.clip is 0.3") && message.contains("test_plain"),
        "{message}"
    );
    config.objective.algorithm = "test_nobody".into();
    let message = config.check().unwrap_err().to_string();
    assert!(
        message.contains("objective.algorithm is test_nobody") && message.contains("any of ppo,"),
        "{message}"
    );
}

#[test]
fn an_objective_from_elsewhere_learns_what_is_rewarded() {
    let mut config = plain();
    config.rollout.group = 16;
    config.updates_per_round = 2;
    let mut learner = learner(&config);
    let two: Vec<_> = problems()
        .into_iter()
        .filter(|problem| problem.id.ends_with('2'))
        .collect();
    let before = solve_rate(&learner, &two);
    for round in 0..config.rounds {
        let (_, metrics, _) = train::round(&mut learner, &ToyJudge, &two, &config, round).unwrap();
        let share = metrics.own.get("test_share").unwrap();
        assert!((share - 1.0).abs() < 1e-9, "{share}");
        assert!(metrics.sampler_gap_max < 1e-4 && metrics.entropy > 0.0);
    }
    let after = solve_rate(&learner, &two);
    assert!(
        after > before + 0.2,
        "solves {before} before and {after} after"
    );
}

/// GRPO that wants all log-probabilities read before its updates.
struct Asking(Box<dyn Objective>);

const ASKING: Entry = Entry {
    name: "test_asking",
    older: &[],
    about: "GRPO that reads everything first",
    keys: &["objective.clip", "reward.kl_beta"],
    build: |setup| {
        let mut config = setup.config.clone();
        config.algorithm = "grpo".into();
        let setup = objective::Setup {
            config: &config,
            ..*setup
        };
        Ok(Box::new(Asking(objective::build(&setup)?)))
    },
};

impl Objective for Asking {
    fn needs(&self) -> Needs {
        Needs {
            old: Old::ForCredit,
            ..self.0.needs()
        }
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        self.0.credit(scored)
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        self.0.loss(inputs)
    }
}

/// What the first update's own pass computes is not computed before it, and is the same to the bit.
#[test]
fn no_pass_before_the_updates_reads_what_the_first_one_reads() {
    if let Err(fault) = objective::register(ASKING) {
        assert_eq!(fault.found, "test_asking");
    }
    let mut played = Vec::new();
    for (name, updates) in [
        ("grpo", 3),
        ("test_asking", 3),
        ("grpo", 1),
        ("test_asking", 1),
    ] {
        let mut config = config();
        config.updates_per_round = updates;
        config.rollout.group = 2;
        config.objective.algorithm = name.into();
        let config = config.resolved().unwrap();
        let mut learner = learner(&config);
        let mut all = Vec::new();
        for round in 0..2 {
            let (_, metrics, _) =
                train::round(&mut learner, &ToyJudge, &problems(), &config, round).unwrap();
            assert_eq!(metrics.first_ratio_gap, 0.0);
            assert!(metrics.entropy > 0.0 && metrics.sampler_gap_max > 0.0);
            all.push(metrics);
        }
        played.push((bits(&learner.policy), all));
    }
    for pair in played.chunks(2) {
        let [(weights, metrics), (others, other_metrics)] = pair else {
            panic!("they come in pairs");
        };
        assert!(weights == others, "the weights differ");
        for (one, other) in metrics.iter().zip(other_metrics) {
            assert!(
                (one.entropy - other.entropy).abs() < 1e-9,
                "{one:?} {other:?}"
            );
            let same = train::RoundMetrics {
                entropy: one.entropy,
                ..other.clone()
            };
            assert_eq!(*one, same);
        }
    }
}

/// Stops a run after so many rounds.
struct Until(usize, usize);

impl Observer for Until {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Round { rounds, .. } = event {
            self.1 = rounds;
        }
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

/// Begins a run in the folder, or goes on with it, and stops it after `until` rounds.
fn play(folder: &Path, begin: Option<&TrainConfig>, data: Data<'_>, until: usize) -> End {
    let (run, config, done) = match begin {
        Some(config) => {
            let run = Run::create(folder, config).unwrap();
            (run, config.clone(), Progress::default())
        }
        None => Run::resume(folder).unwrap(),
    };
    let mut learner = learner(&config);
    run.restore(&mut learner, &done, &Device::flex()).unwrap();
    let parts: Vec<(TrainConfig, Vec<rlef::problem::Problem>)> = (config.tasks.iter())
        .map(|task| {
            (
                config.of_task(task).unwrap(),
                crate::cgpo::of_task(&task.name),
            )
        })
        .collect();
    let tasks = parts
        .iter()
        .zip(&config.tasks)
        .map(|((config, problems), task)| {
            let objective = config.objective().unwrap().into();
            Task::whole(config, objective, &ToyJudge, problems.into()).named(task)
        });
    let tasks: Vec<Task<'_>> = tasks.collect();
    let session = Session {
        run,
        done,
        learner,
        config: &config,
        data,
        tasks: &tasks,
        held_out: &[],
        validation: &[],
        judge: &ToyJudge,
        stamps: Stamps {
            policy: PolicyStamp::of("toy", None, "cpu").unwrap(),
            sandbox: SandboxStamp {
                version: String::new(),
                isolation: "none".to_owned(),
                interpreter: "none".to_owned(),
                rules: rlef::verdict::RULES,
            },
        },
    };
    train::run(session, &mut Until(until, 0)).unwrap()
}

/// A run that was stopped and continued wrote what one did that was not.
pub(crate) fn continues(config: &TrainConfig, data: Data<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    assert_eq!(play(&whole, Some(config), data, 9), End::Done);
    let end = play(&stopped, Some(config), data, 2);
    assert_eq!(end, End::Stopped { rounds: 2 });
    assert_eq!(play(&stopped, None, data, 9), End::Done);
    let file = |run: &Path, name: &str| std::fs::read(run.join(name)).unwrap();
    let last = format!("checkpoints/{:06}/model.safetensors", config.rounds);
    for name in ["journal.jsonl.zst", "metrics.jsonl", "config.toml", &last] {
        assert!(file(&whole, name) == file(&stopped, name), "{name} differs");
    }
    let stored = last.replace("model.safetensors", "baselines.json");
    assert_eq!(whole.join(&stored).exists(), stopped.join(&stored).exists());
    if whole.join(&stored).exists() {
        assert!(file(&whole, &stored) == file(&stopped, &stored));
    }
    assert_eq!(whole.join(&stored).exists(), !config.tasks.is_empty());
}

#[test]
fn a_stopped_run_of_an_objective_from_elsewhere_continues() {
    let config = TrainConfig {
        rounds: 3,
        ..plain()
    };
    continues(&config, Data::from(&problems()));
}

#[test]
fn groups_that_say_nothing_are_drawn_again() {
    let mut config = config();
    config.problems_per_round = 8;
    config.updates_per_round = 1;
    config.rollout.group = 2;
    config.objective.algorithm = "dapo".into();
    let config = config.resolved().unwrap();
    let play = |config: &TrainConfig| {
        let mut learner = learner(config);
        train::round(&mut learner, &ToyJudge, &problems(), config, 0).unwrap()
    };
    let (groups, metrics, _) = play(&config);
    assert!(
        groups.len() > 8 && metrics.dropped_groups > 0,
        "{metrics:?}"
    );
    let mut ids: Vec<_> = groups.iter().map(|group| &group.problem_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), groups.len(), "a problem was drawn twice");
    assert!(groups.len() - metrics.dropped_groups <= 8);
    // The same again, to the last token.
    assert_eq!(play(&config).0, groups);
    let mut once = config.clone();
    once.objective.settings.insert("redraws".into(), 0.into());
    assert_eq!(play(&once).0, groups[..8]);
}

/// A round in which every group did alike moves no weight and is no failure.
#[test]
fn a_round_that_says_nothing_moves_nothing() {
    let mut config = config();
    config.objective.algorithm = "dapo".into();
    config.reward.failed = 1.0;
    config.reward.no_program = 0.0;
    let mut learner = learner(&config);
    let before = bits(&learner.policy);
    let (groups, metrics, _) =
        train::round(&mut learner, &ToyJudge, &problems(), &config, 0).unwrap();
    assert_eq!(metrics.dropped_groups, groups.len());
    assert_eq!((metrics.step, metrics.policy_loss), (0, 0.0));
    assert_eq!(bits(&learner.policy), before);
}

/// Every objective that learns from episodes, with and without a correction: a round of two updates gives finite numbers, the
/// first ratio is 1, and weights move.
#[test]
fn every_objective_on_episodes_takes_its_updates() {
    for (name, _) in objective::names() {
        for correction in [None, Some(objective::Correction::default())] {
            let mut config = config();
            config.problems_per_round = 12;
            config.updates_per_round = 2;
            config.objective.algorithm = name.into();
            config.objective.correction = correction;
            let Ok(objective) = config.objective() else {
                // It has no sampler to correct for.
                assert!(correction.is_some(), "{name}");
                continue;
            };
            if matches!(objective.needs().source, objective::Source::Examples(_)) {
                continue;
            }
            let mut learner = learner(&config);
            let before = bits(&learner.policy);
            let (_, metrics, _) =
                train::round(&mut learner, &ToyJudge, &problems(), &config, 0).unwrap();
            assert_eq!((metrics.step, metrics.skipped_updates), (2, 0), "{name}");
            assert!(metrics.first_ratio_gap < 1e-6, "{name}: {metrics:?}");
            assert!(metrics.policy_loss.is_finite() && metrics.gradient_norm > 0.0);
            assert_ne!(bits(&learner.policy), before, "{name}");
            let mean = metrics.own.get("correction_mean");
            assert_eq!(mean.is_some(), correction.is_some(), "{name}");
            if let Some(mean) = mean {
                assert!((mean - 1.0).abs() < 1e-3, "{name}: {mean}");
            }
        }
    }
}
