//! Learning from a data set: from pairs alone, and from texts beside what is played.

use std::path::{Path, PathBuf};

use rlef::batch::{Batch, Row};
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::config::TrainConfig;
use rlef::examples::{self, Example};
use rlef::learner::Passes;
use rlef::objective::{Known, LossInputs, SecondConfig, Shape, Totals};
use rlef::train::{self, Data, RoundMetrics};

use crate::learning::{ToyJudge, answer, bits, config, learner, problems};
use crate::objective_seam::continues;

/// A file of pairs, one a word, in which the answer 2 is preferred to every other; and what is read of it.
fn pairs(tokenizer: &Tokenizer) -> (tempfile::TempDir, PathBuf, Vec<Example>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    let lines = problems().into_iter().filter_map(|problem| {
        let digit: usize = problem.id.chars().last()?.to_string().parse().ok()?;
        let line = serde_json::json!({
            "prompt": problem.statement,
            "chosen": answer(2),
            "rejected": answer(digit),
        });
        (digit != 2).then(|| line.to_string() + "\n")
    });
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    let found = examples::read(&path, Shape::Pairs, tokenizer, 160).unwrap();
    assert_eq!(found.kept.len(), 18);
    (folder, path, found.kept)
}

fn dpo(path: &Path) -> TrainConfig {
    let mut config = TrainConfig {
        problems_per_round: 12,
        updates_per_round: 3,
        rounds: 12,
        ..config()
    };
    config.objective.algorithm = "dpo".into();
    config.objective.data = Some(path.to_owned());
    config.check().unwrap();
    config.resolved().unwrap()
}

#[test]
fn dpo_learns_which_answers_are_preferred_from_pairs_alone() {
    let tokenizer = learner(&config()).tokenizer;
    let (_folder, path, examples) = pairs(&tokenizer);
    let config = dpo(&path);
    let text = toml::to_string(&config).unwrap();
    assert!(text.contains("beta = 0.1"), "{text}");
    let mut learner = learner(&config);
    let data = Data {
        examples: &examples,
        ..Data::default()
    };
    let mut all: Vec<RoundMetrics> = Vec::new();
    for round in 0..config.rounds {
        let (groups, metrics, _) =
            train::round(&mut learner, &ToyJudge, data, &config, round).unwrap();
        assert!(groups.is_empty() && metrics.examples == 12);
        all.push(metrics);
    }
    // DPO moves answers apart; at this rate both become less likely, so that what is sampled is no measure of it.
    let margins: Vec<f64> = all
        .iter()
        .map(|metrics| metrics.own.get("rewards/margins").unwrap())
        .collect();
    assert!(margins[11] > margins[0] + 0.1, "{margins:?}");
    let accuracy = all[11].own.get("rewards/accuracies").unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn a_stopped_run_on_pairs_continues() {
    let tokenizer = learner(&config()).tokenizer;
    let (_folder, path, examples) = pairs(&tokenizer);
    let config = TrainConfig {
        rounds: 3,
        ..dpo(&path)
    };
    let data = Data {
        examples: &examples,
        ..Data::default()
    };
    continues(&config, data);
}

/// Every other objective on pairs puts preferred answers above rejected ones, and what it tells has TRL's names.
#[test]
fn every_objective_on_pairs_orders_them() {
    let tokenizer = learner(&config()).tokenizer;
    let (_folder, path, examples) = pairs(&tokenizer);
    for name in ["cdpo", "ipo", "simpo", "orpo", "rpo"] {
        let mut config = dpo(&path);
        config.objective.algorithm = name.into();
        config.objective.settings = toml::Table::new();
        let config = config.resolved().unwrap();
        let mut learner = learner(&config);
        let data = Data {
            examples: &examples,
            ..Data::default()
        };
        let metrics: Vec<RoundMetrics> = (0..10)
            .map(|round| {
                let played = train::round(&mut learner, &ToyJudge, data, &config, round);
                played.unwrap().1
            })
            .collect();
        let told = |round: usize, key: &str| metrics[round].own.get(key).unwrap();
        let (first, last) = (told(0, "rewards/margins"), told(9, "rewards/margins"));
        assert!(last > first, "{name}: {first} then {last}");
        assert!(told(9, "rewards/accuracies") > 0.8, "{name}");
        for key in ["rewards/chosen", "logps/chosen", "logps/rejected"] {
            assert!(told(9, key).is_finite(), "{name}: {key}");
        }
    }
}

/// KTO learns from the labels alone which answers are good.
#[test]
fn kto_learns_which_answers_are_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labelled.jsonl");
    let lines = problems().into_iter().map(|problem| {
        let digit: usize = problem.id[problem.id.len() - 1..].parse().unwrap();
        let line = serde_json::json!({
            "prompt": problem.statement,
            "completion": answer(digit),
            "label": digit == 2,
        });
        line.to_string() + "\n"
    });
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    let mut config = dpo(&path);
    config.objective.algorithm = "kto".into();
    config.objective.settings = toml::Table::new();
    config.check().unwrap();
    let config = config.resolved().unwrap();
    let mut learner = learner(&config);
    let examples = examples::read(&path, Shape::Labelled, &learner.tokenizer, 160).unwrap();
    assert_eq!(examples.kept.len(), 24);
    let data = Data {
        examples: &examples.kept,
        ..Data::default()
    };
    let mut margins = Vec::new();
    for round in 0..12 {
        let (_, metrics, _) = train::round(&mut learner, &ToyJudge, data, &config, round).unwrap();
        assert!(metrics.own.get("kl").unwrap() >= 0.0);
        margins.push(metrics.own.get("rewards/margins").unwrap());
    }
    assert!(margins[11] > margins[0] + 0.05, "{margins:?}");
    let config = TrainConfig {
        rounds: 3,
        ..config
    };
    continues(&config, data);
}

/// Two rows that are equal pull at the weights in opposite ways, to nothing, where policy and reference are one.
#[test]
fn an_equal_pair_has_no_gradient_where_the_policy_is_the_reference() {
    let tokenizer = learner(&config()).tokenizer;
    let (_folder, path, found) = pairs(&tokenizer);
    let learner = learner(&dpo(&path));
    let row = found[0].rows().next().unwrap();
    let other = found[0].rows().nth(1).unwrap();
    let gradient = |rows: Vec<Row<'_>>| {
        let batch = Batch::of_units([rows]);
        let passes = Passes {
            batch: &batch,
            tokens: 1000,
            temperature: 1.0,
            recompute: false,
        };
        let (reference, _) = passes.log_probs(&learner.reference, &[vec![0]]);
        let known = Known {
            reference: Some(reference),
            ..Known::default()
        };
        let totals = Totals::of(&batch, &[0]);
        let (gradients, loss) = passes.gradients(&learner.policy, &[0], |micro, policy| {
            let (new, _) = micro.log_probs(policy, 1.0);
            let inputs = LossInputs {
                micro,
                new: &new,
                known: &known,
                totals,
            };
            learner.objective.loss(&inputs).value
        });
        assert!((loss - std::f64::consts::LN_2).abs() < 1e-6, "{loss}");
        let tensors = gradients.tensors().iter();
        let largest = tensors.map(|tensor| tensor.clone().abs().max().into_scalar::<f32>());
        largest.fold(0.0, f32::max)
    };
    // Two rows of one pass are computed to the last bit or so alike.
    assert!(gradient(vec![row.clone(), row.clone()]) < 1e-6);
    assert!(gradient(vec![row, other]) > 1e-4);
}

/// The reference is asked once for an example, whatever it is drawn with later.
#[test]
fn what_the_reference_says_is_kept() {
    let tokenizer = learner(&config()).tokenizer;
    let (_folder, path, examples) = pairs(&tokenizer);
    let config = dpo(&path);
    let data = Data {
        examples: &examples,
        ..Data::default()
    };
    let again = TrainConfig {
        problems_per_round: 18,
        ..config
    };
    let mut seen = learner(&again);
    train::round(&mut seen, &ToyJudge, data, &again, 0).unwrap();
    let before = seen.kept.len();
    assert_eq!(before, 36);
    seen.reference = seen.policy.clone();
    train::round(&mut seen, &ToyJudge, data, &again, 1).unwrap();
    assert_eq!(seen.kept.len(), before);
}

#[test]
fn a_data_set_is_asked_for_and_refused_by_name() {
    let mut config = config();
    config.objective.algorithm = "dpo".into();
    let message = config.check().unwrap_err().to_string();
    assert!(
        message.contains("objective.data is nothing; expected a file of pairs"),
        "{message}"
    );
    config.objective.data = Some("pairs.jsonl".into());
    config.check().unwrap();
    config.updates_per_round = config.problems_per_round + 1;
    let message = config.check().unwrap_err().to_string();
    assert!(message.contains("at most problems_per_round"), "{message}");
    config.updates_per_round = 1;
    config.objective.algorithm = "grpo".into();
    let message = config.check().unwrap_err().to_string();
    assert!(message.contains("objective.data is set"), "{message}");
    config.objective.data = None;
    config.objective.settings.insert("beta".into(), 1.0.into());
    let message = config.check().unwrap_err().to_string();
    assert!(message.contains("objective.settings.beta"), "{message}");
    for (algorithm, setting, words) in [
        ("dpo", "beta", "objective.settings.beta is -1"),
        ("dapo", "clip_high", "objective.settings.clip_high is -1"),
        ("gspo", "clip_low", "objective.settings.clip_low is -1"),
        ("gspo", "beta", "unknown field `beta`"),
    ] {
        config.objective.algorithm = algorithm.into();
        config.objective.data = (algorithm == "dpo").then(|| "pairs.jsonl".into());
        config.objective.settings = toml::Table::new();
        let settings = &mut config.objective.settings;
        settings.insert(setting.into(), (-1.0).into());
        let message = config.check().unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

/// Texts beside what is played: their loss falls, and is said.
#[test]
fn a_second_source_is_learnt_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.jsonl");
    let text = "{\"text\": \"expected: 3 got: 3 expected: 3 got: 3\"}\n";
    std::fs::write(&path, text.repeat(3)).unwrap();
    let mut config = config();
    config.problems_per_round = 6;
    config.updates_per_round = 2;
    let plain = config.clone();
    config.objective.second = Some(SecondConfig {
        data: path.clone(),
        weight: 0.5,
        examples: 2,
    });
    config.check().unwrap();
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config);
    let (problems, mut without) = (problems(), learner(&plain));
    let mut with = learner(&config);
    let second = examples::read(&path, Shape::Texts, &with.tokenizer, 160).unwrap();
    let data = Data {
        problems: &problems,
        second: &second.kept,
        ..Data::default()
    };
    let mut losses = Vec::new();
    for round in 0..8 {
        let (_, metrics, _) = train::round(&mut with, &ToyJudge, data, &config, round).unwrap();
        losses.push(metrics.own.get("second_loss").unwrap());
    }
    assert!(losses[7] < 0.8 * losses[0], "{losses:?}");
    let (_, metrics, _) = train::round(&mut without, &ToyJudge, &problems, &plain, 0).unwrap();
    assert!(metrics.own.is_empty());
    assert_ne!(bits(&with.policy), bits(&without.policy));
    config.objective.second.as_mut().unwrap().weight = 0.0;
    let message = config.check().unwrap_err().to_string();
    assert!(
        message.contains("objective.second.weight is 0"),
        "{message}"
    );
}
