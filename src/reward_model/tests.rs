//! A reward model learns an order, is what transformers reads, and goes on where it was killed.

use std::path::PathBuf;

use super::data::Data;
use super::state::discard;
use super::*;
use crate::model::decoder::{Extras, ModelConfig};
use crate::preference::{self, Placed};

fn model() -> RewardModel {
    let texts = ["sum of two", "print(1)", "print(22)", "why"].map(str::to_owned);
    let tokenizer = Tokenizer::train(&texts, 280).unwrap();
    let shape = ModelConfig {
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 8,
        vocab_size: tokenizer.vocab_size(),
        max_position_embeddings: 64,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        extras: Extras::default(),
        tie_word_embeddings: true,
    };
    let policy = Decoder::random(&shape, 3, &Device::flex());
    RewardModel::new(&policy, tokenizer, 5)
}

fn items(lines: &[String]) -> Vec<Placed> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    preference::load(&path, None).unwrap().items
}

/// Of every prompt two pairs, in which the answer with the digit 1 is worse than two others.
fn pairs(prompts: usize) -> Vec<String> {
    let lines = (0..prompts).flat_map(|number| {
        ["2", "22"].map(|better| {
            format!(
                r#"{{"prompt": "sum of {number}", "chosen": "print({better})", "rejected": "print(1)"}}"#
            )
        })
    });
    lines.collect()
}

fn data(model: &RewardModel, prompts: usize) -> Data {
    let context = model.decoder.config.max_position_embeddings;
    Data::of(&items(&pairs(prompts)), &model.tokenizer, context).unwrap()
}

fn config() -> RewardConfig {
    let mut config = RewardConfig {
        batch: 4,
        epochs: 4,
        ..RewardConfig::default()
    };
    config.optimizer.learning_rate = 5e-3;
    config
}

#[test]
fn pairs_of_a_prompt_share_its_answers() {
    let data = data(&model(), 3);
    assert_eq!((data.prompts.len(), data.pairs()), (3, 6));
    let prompted = &data.prompts[0];
    assert_eq!(prompted.texts.len(), 3);
    let weights = prompted.weighed(4, 0.5);
    let places = weights
        .iter()
        .map(|pair| (pair.chosen, pair.rejected, pair.weight));
    let places: Vec<_> = places.collect();
    assert_eq!(places, [(4, 5, 0.25), (6, 5, 0.25)]);
}

#[test]
fn what_cannot_be_learnt_from_is_said() {
    let model = model();
    let of = |line: &str, context| {
        let items = items(&[line.to_owned()]);
        Data::of(&items, &model.tokenizer, context)
            .unwrap_err()
            .to_string()
    };
    let equal = r#"{"prompt": "why", "chosen": "print(1)", "rejected": "print(1)"}"#;
    assert!(of(equal, 64).contains("1 are of two equal answers"));
    let pair = r#"{"prompt": "why", "chosen": "print(1)", "rejected": "print(2)"}"#;
    assert!(of(pair, 3).contains("1 are longer than the model's context of 3"));
    let single = r#"{"prompt": "why", "completion": "print(1)", "label": true}"#;
    assert!(of(single, 64).contains("found an answer that stands alone"));
}

#[test]
fn it_learns_the_order_and_is_normalised() {
    let model = model();
    let train = data(&model, 12);
    for loss in [Loss::Pairs, Loss::PlackettLuce] {
        let config = RewardConfig {
            loss,
            epochs: 10,
            ..config()
        };
        let mut trainer = Trainer::new(model.decoder.clone(), &config, &train);
        let mut losses = Vec::new();
        while trainer.done < trainer.updates() {
            losses.push(trainer.update().unwrap().loss);
        }
        assert_eq!(losses.len(), 30);
        assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
        let mut learnt = RewardModel {
            decoder: trainer.decoder,
            ..model.clone()
        };
        let report = Report::of(&learnt, &train.prompts, 1000);
        assert!(
            report.accuracy.mean > 0.95 && report.pairs == 24,
            "{report}"
        );
        let texts: Vec<Vec<u32>> = train
            .prompts
            .iter()
            .flat_map(|one| one.texts.clone())
            .collect();
        learnt.normalise(&texts, 1000);
        let rewards = learnt.rewards(&texts, 1000);
        let count = rewards.len() as f64;
        let mean = rewards.iter().sum::<f64>() / count;
        let variance = rewards
            .iter()
            .map(|reward| (reward - mean).powi(2))
            .sum::<f64>()
            / count;
        assert!(
            mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3,
            "{mean} {variance}"
        );
        assert_eq!(
            Report::of(&learnt, &train.prompts, 1000).accuracy,
            report.accuracy
        );
    }
}

/// How prompts are packed does not matter to what is learnt.
#[test]
fn the_gradient_is_one_whatever_the_passes_hold() {
    let model = model();
    let train = data(&model, 5);
    let learnt = |tokens_per_pass| {
        let config = RewardConfig {
            tokens_per_pass,
            ..config()
        };
        let mut trainer = Trainer::new(model.decoder.clone(), &config, &train);
        let first = trainer.update().unwrap().loss;
        (first, trainer.update().unwrap().loss)
    };
    let (whole, apart) = (learnt(10_000), learnt(1));
    assert!(
        (whole.0 - apart.0).abs() < 1e-5 && (whole.1 - apart.1).abs() < 1e-3,
        "{whole:?} {apart:?}"
    );
}

#[test]
fn a_training_that_was_killed_goes_on_as_if_it_had_not_been() {
    let model = model();
    let train = data(&model, 9);
    let (config, folder) = (config(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    let bits = |decoder: &Decoder| -> Vec<Vec<u32>> {
        let tensors = decoder.weights.tensors.iter();
        let numbers = tensors.map(|tensor| tensor.to_data().try_to_vec::<f32>().unwrap());
        numbers
            .map(|all| all.into_iter().map(f32::to_bits).collect())
            .collect()
    };
    let mut whole = Trainer::new(model.decoder.clone(), &config, &train);
    while whole.done < whole.updates() {
        whole.update().unwrap();
    }
    let mut killed = Trainer::new(model.decoder.clone(), &config, &train);
    for _ in 0..4 {
        killed.update().unwrap();
        killed.keep(folder, "data").unwrap();
    }
    killed.update().unwrap();
    let device = Device::flex();
    let mut again = Trainer::new(model.decoder.clone(), &config, &train);
    again.restore(folder, "data", &device).unwrap();
    assert_eq!(again.done, 4);
    while again.done < again.updates() {
        again.update().unwrap();
    }
    assert_eq!(bits(&again.decoder), bits(&whole.decoder));
    // One of the parts is left, and goes with the rest once nothing is to be continued.
    let count = || std::fs::read_dir(folder).unwrap().count();
    assert_eq!(count(), 2);
    let words = |error: StateError| error.to_string();
    assert!(
        words(again.restore(folder, "other", &device).unwrap_err())
            .contains("the data has changed")
    );
    let other = RewardConfig {
        seed: 9,
        ..config.clone()
    };
    let mut changed = Trainer::new(model.decoder.clone(), &other, &train);
    assert!(
        words(changed.restore(folder, "data", &device).unwrap_err())
            .contains("a setting has changed")
    );
    discard(folder, None);
    assert_eq!(count(), 0);
    assert!(words(again.restore(folder, "data", &device).unwrap_err()).contains("no training"));
}

#[test]
fn what_is_saved_is_a_classifier_of_one_label() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut model = model();
    let texts = vec![vec![3, 4, 5, 6], vec![7, 8]];
    model.normalise(&texts, 100);
    model.save(path, Precision::F32).unwrap();
    let read = RewardModel::load(path, &Device::flex()).unwrap();
    assert_eq!(read.scores(&texts, 100), model.scores(&texts, 100));
    assert_eq!(read.scale, model.scale);
    let config = std::fs::read_to_string(path.join("config.json")).unwrap();
    for words in [
        "LlamaForSequenceClassification",
        "\"id2label\"",
        "\"0\": \"reward\"",
    ] {
        assert!(config.contains(words), "{config}");
    }
    // A policy is none: it has no score.
    let other: PathBuf = path.join("policy");
    crate::checkpoint::save(
        &other,
        &Decoder::random(&model.decoder.config, 1, &Device::flex()),
        &model.tokenizer,
        Precision::F32,
    )
    .unwrap();
    let message = RewardModel::load(&other, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(message.contains("score.weight"), "{message}");
    // Nor is a classifier of two labels.
    let two = path.join("two");
    model.save(&two, Precision::F32).unwrap();
    let mut decoder = model.decoder.clone();
    let head = decoder.weights.tensors.last_mut().unwrap();
    *head = Tensor::cat(vec![head.clone(), head.clone()], 0);
    reward_file::save(&two, &decoder, &model.tokenizer, Precision::F32).unwrap();
    let message = RewardModel::load(&two, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("score.weight") && message.contains("expected"),
        "{message}"
    );
}
