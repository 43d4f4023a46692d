//! Every objective of the table against PyTorch: what it makes of rewards, its loss, and the gradient with respect to the
//! log-probabilities. The numbers were made by `golden/losses.py` from the rows of `golden/objectives.json`.

use burn::tensor::{Device, Tensor};
use rlef::batch::Batch;
use rlef::completion::{FinishReason, Sampled};
use rlef::episode::{Episode, Standing, StopReason, Turn};
use rlef::learner::MicroBatch;
use rlef::objective::{
    self, Correction, Credit, Known, LossInputs, Material, Objective, ObjectiveConfig, Scored,
    Setup, Totals,
};
use rlef::reward::RewardConfig;
use rlef::rollout::Group;
use rlef::verdict::{Grade, Verdict};
use serde::Deserialize;

use crate::golden::{GoldenAction, GoldenTurn, batch_of, close, numbers, path};

#[derive(Deserialize)]
struct Inputs {
    models: std::collections::HashMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    rows: Vec<Vec<u32>>,
    actions: Vec<GoldenAction>,
    turns: Vec<GoldenTurn>,
    old: Vec<f32>,
    behaviour: Vec<f32>,
    reference: Vec<f32>,
    new: Vec<f32>,
}

#[derive(Deserialize)]
struct Golden {
    group: usize,
    clip: f64,
    kl_beta: f64,
    longest: usize,
    solved: Vec<bool>,
    /// What the stored answer to each group's problem is worth.
    stored: Vec<f64>,
    /// Whether each row meets all constraints.
    feasible: Vec<bool>,
    silent: Vec<usize>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    algorithm: String,
    settings: toml::Table,
    correction: Option<Correction>,
    advantages: Option<Vec<f32>>,
    /// One a token, and what they are to be.
    #[serde(default)]
    values: Option<Vec<f32>>,
    #[serde(default)]
    returns: Option<Vec<f32>>,
    loss: f64,
    gradient: Vec<f32>,
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

fn model() -> Model {
    let mut inputs: Inputs = read("objectives.json");
    inputs.models.remove("qwen2").unwrap()
}

fn batch(model: &Model) -> Batch {
    batch_of(&model.rows, &model.actions, &model.turns, &model.behaviour)
}

/// Those on pairs of others, and supervised fine-tuning.
fn learns_from_data(case: &Case) -> bool {
    let is_online = ["online_dpo", "codpo"].contains(&case.algorithm.as_str());
    case.algorithm == "sft" || has_pairs(case) && !is_online
}

fn has_pairs(case: &Case) -> bool {
    let names = [
        "dpo",
        "online_dpo",
        "codpo",
        "cdpo",
        "ipo",
        "kto",
        "simpo",
        "orpo",
        "rpo",
    ];
    names.contains(&case.algorithm.as_str())
}

fn built(case: &Case, golden: &Golden) -> Box<dyn Objective> {
    let learns_from_data = learns_from_data(case);
    let config = ObjectiveConfig {
        algorithm: case.algorithm.as_str().into(),
        clip: golden.clip,
        settings: case.settings.clone(),
        correction: case.correction,
        data: learns_from_data.then(|| "data.jsonl".into()),
        ..ObjectiveConfig::default()
    };
    let setup = Setup {
        config: &config,
        kl_beta: golden.kl_beta,
        longest: golden.longest,
    };
    objective::build(&setup).unwrap()
}

#[test]
fn losses_and_gradients_of_all_objectives_are_pytorchs() {
    let (golden, model): (Golden, Model) = (read("losses.json"), model());
    let device = Device::flex();
    for case in &golden.cases {
        let objective = built(case, &golden);
        let mut batch = batch(&model);
        if has_pairs(case) {
            batch.units = vec![0..2, 2..4, 4..6];
        }
        let known = Known {
            policy: Some(model.old.clone()),
            behaviour: Some(model.behaviour.clone()),
            reference: Some(model.reference.clone()),
            values: None,
            credit: Credit {
                advantages: case.advantages.clone().unwrap_or_default(),
                returns: Vec::new(),
            },
        };
        let units: Vec<usize> = (0..batch.units.len()).collect();
        let totals = Totals::of(&batch, &units);
        // One micro-batch of all, and one of each unit.
        for tokens in [10_000, 1] {
            let (mut loss, mut gradient) = (0.0, vec![0.0; batch.actions.len()]);
            for group in batch.micro_batches(&units, tokens) {
                let micro = MicroBatch::new(&batch, &group);
                let new = micro.of_actions(&model.new, &device);
                let new = new.autodiff().require_grad();
                let inputs = LossInputs {
                    micro: &micro,
                    new: &new,
                    known: &known,
                    totals,
                };
                let found = objective.loss(&inputs).value;
                loss += found.clone().inner().into_scalar::<f32>();
                let pulled = new.grad(&found.backward()).unwrap();
                micro.put_actions(&mut gradient, pulled);
            }
            let name = format!("{} {} {:?}", case.algorithm, case.settings, case.correction);
            close(&name, &[loss], &[case.loss as f32], 1e-5);
            close(&name, &gradient, &case.gradient, 1e-5);
        }
    }
    // None of the table is left out.
    for (name, _) in objective::names() {
        let built_in = !name.starts_with("test_");
        let cases = golden.cases.iter();
        assert!(
            !built_in || cases.clone().any(|case| case.algorithm == name),
            "{name}"
        );
    }
}

fn verdict(grade: Grade) -> Verdict {
    Verdict {
        grade,
        passed: 0,
        total: 1,
        failures: Vec::new(),
        cpu_ms: 0.0,
        wall_ms: 0.0,
        fuel: None,
    }
}

/// The rows as they would have been played.
fn episodes(golden: &Golden, batch: &Batch) -> Vec<Episode> {
    let rows = batch.rows.iter().enumerate();
    rows.map(|(row, tokens)| {
        let turns = batch.turns.iter().enumerate();
        let turns = turns.filter(|(_, turn)| turn.row == row);
        let turns = turns.map(|(index, turn)| {
            let actions = &batch.actions[turn.start..turn.end];
            let grade = if golden.silent.contains(&index) {
                Grade::NoProgram
            } else {
                Grade::WrongAnswer
            };
            Turn {
                prompt_end: turn.prompt_last + 1,
                text: String::new(),
                finish: FinishReason::End,
                sampled: Some(Sampled {
                    ids: actions.iter().map(|action| action.target).collect(),
                    log_probs: vec![0.0; actions.len()],
                }),
                tokens: Some(actions.len()),
                only_thought: false,
                declined: false,
                found: None,
                verdict: verdict(grade),
                feedback: String::new(),
                full: None,
                scores: Vec::new(),
                steps: Vec::new(),
            }
        });
        let outcome = if golden.solved[row] {
            Grade::Accepted
        } else {
            Grade::WrongAnswer
        };
        let problem_id = (row / golden.group).to_string();
        let standing = Standing {
            constraints: [("rules".to_owned(), golden.feasible[row])].into(),
            stored: Some(golden.stored[row / golden.group]),
            ..Standing::default()
        };
        Episode {
            standing,
            turns: turns.collect(),
            stop: Some(StopReason::MaxTurns),
            outcome: Some(verdict(outcome)),
            ..Episode::start(problem_id, row % golden.group, tokens.clone())
        }
    })
    .collect()
}

#[test]
fn advantages_of_all_objectives_are_pytorchs() {
    let (golden, model): (Golden, Model) = (read("losses.json"), model());
    let given = batch(&model);
    let played = episodes(&golden, &given);
    let groups: Vec<Group> = played
        .chunks(golden.group)
        .map(|episodes| Group {
            problem_id: episodes[0].problem_id.clone(),
            episodes: episodes.to_vec(),
        })
        .collect();
    let material = Material::of_groups(&groups, &RewardConfig::default()).unwrap();
    let mut compared = 0;
    // PPO's and APA's are given, for they go by values; KTO's are of labels.
    let played = |case: &&Case| !["ppo", "apa", "kto"].contains(&case.algorithm.as_str());
    for case in golden.cases.iter().filter(played) {
        let Some(expected) = &case.advantages else {
            continue;
        };
        let objective = built(case, &golden);
        let units = objective.select(&material);
        let batch = Batch::of_units(material.rows_of(&units));
        // CRRAFT leaves out what is not feasible; every row is a candidate.
        let chosen: Vec<usize> = units.concat();
        let left_out = golden
            .feasible
            .iter()
            .filter(|feasible| !**feasible)
            .count();
        let rows = golden.solved.len()
            - if case.algorithm == "crraft" {
                left_out
            } else {
                0
            };
        assert_eq!(chosen.len(), rows, "{}", case.algorithm);
        let of_chosen = |all: &[f32]| -> Vec<f32> {
            let actions = given.actions.iter().zip(all);
            let kept = actions.filter(|(action, _)| chosen.contains(&action.row));
            kept.map(|(_, value)| *value).collect()
        };
        let credit = objective.credit(&Scored {
            material: &material,
            units: &units,
            batch: &batch,
            policy: Some(&of_chosen(&model.old)),
            reference: Some(&of_chosen(&model.reference)),
            values: case.values.as_deref(),
        });
        let expected = of_chosen(expected);
        close(&case.algorithm, &credit.advantages, &expected, 1e-5);
        if let Some(expected) = &case.returns {
            let returns: Vec<f32> = credit.returns.iter().map(|&value| value as f32).collect();
            close(&case.algorithm, &returns, expected, 1e-5);
        }
        compared += 1;
    }
    assert!(compared > 10);
}

/// A correction whose weights are all 1 changes no objective.
#[test]
fn a_sampler_that_agrees_is_not_corrected() {
    let (golden, model): (Golden, Model) = (read("losses.json"), model());
    let (batch, device) = (batch(&model), Device::flex());
    let units: Vec<usize> = (0..batch.units.len()).collect();
    let micro = MicroBatch::new(&batch, &units);
    let cases = golden.cases.iter();
    for case in cases.filter(|case| case.correction.is_some()) {
        let known = Known {
            policy: Some(model.old.clone()),
            behaviour: Some(model.old.clone()),
            reference: Some(model.reference.clone()),
            values: None,
            credit: Credit {
                advantages: case.advantages.clone().unwrap(),
                returns: Vec::new(),
            },
        };
        let new: Tensor<1> = micro.of_actions(&model.old, &device);
        let loss = |case: &Case| {
            let inputs = LossInputs {
                micro: &micro,
                new: &new,
                known: &known,
                totals: Totals::of(&batch, &units),
            };
            numbers(&built(case, &golden).loss(&inputs).value)
        };
        let plain = Case {
            algorithm: case.algorithm.clone(),
            settings: case.settings.clone(),
            correction: None,
            advantages: None,
            values: None,
            returns: None,
            loss: 0.0,
            gradient: Vec::new(),
        };
        close(&case.algorithm, &loss(case), &loss(&plain), 1e-6);
    }
}
