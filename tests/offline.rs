//! Learning from a data set: from pairs alone, and from texts beside what is played.

use std::path::{Path, PathBuf};

use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::config::TrainConfig;
use rlef::examples::{self, Example};
use rlef::objective::{SecondConfig, Shape};
use rlef::train::{self, Data, RoundMetrics};

use crate::learning::{ToyGrader, answer, bits, config, learner, problems};
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
            train::round(&mut learner, &ToyGrader, data, &config, round).unwrap();
        assert!(groups.is_empty() && metrics.examples == 12);
        all.push(metrics);
    }
    // DPO moves answers apart; at this rate both become less likely, so that what is sampled is no measure of it.
    let margins: Vec<f64> = all
        .iter()
        .map(|metrics| metrics.own.get("pair_margin").unwrap())
        .collect();
    assert!(margins[11] > margins[0] + 0.1, "{margins:?}");
    let accuracy = all[11].own.get("pair_accuracy").unwrap();
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
        let (_, metrics, _) = train::round(&mut with, &ToyGrader, data, &config, round).unwrap();
        losses.push(metrics.own.get("second_loss").unwrap());
    }
    assert!(losses[7] < 0.8 * losses[0], "{losses:?}");
    let (_, metrics, _) = train::round(&mut without, &ToyGrader, &problems, &plain, 0).unwrap();
    assert!(metrics.own.is_empty());
    assert_ne!(bits(&with.policy), bits(&without.policy));
    config.objective.second.as_mut().unwrap().weight = 0.0;
    let message = config.check().unwrap_err().to_string();
    assert!(
        message.contains("objective.second.weight is 0"),
        "{message}"
    );
}
