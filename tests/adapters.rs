//! LoRA: gradients against finite differences, and adapters written here as PEFT reads them.
//!
//! The adapters `golden/models/*-rlef` were written by the test below with `RLEF_WRITE_ADAPTERS=1`; what PEFT makes of
//! them is in their `golden.json`, by `golden/checkpoints.py adapters`.

use burn::tensor::{Device, Tensor, TensorData};
use rlef::batch::{Action, Batch};
use rlef::checkpoint::adapter_file;
use rlef::learner::Passes;
use rlef::model::decoder::Decoder;
use rlef::model::lora::{Adapter, LoraConfig};
use rlef::update::{Optimizer, OptimizerConfig, Step};

use crate::checkpoints::{agrees, folder, golden, load};
use crate::golden::numbers;

/// An adapter of all linear maps with no part at its neutral value.
pub(crate) fn adapted(base: &str, rank_stabilised: bool) -> Decoder {
    let mut decoder = load(base);
    let config = LoraConfig {
        rank: 3,
        alpha: 5.0,
        rank_stabilised,
        seed: 21,
        ..LoraConfig::default()
    };
    let mut adapter = Adapter::new(&config, &decoder).unwrap();
    for (index, tensor) in adapter.weights.tensors.iter_mut().enumerate() {
        let [rows, columns] = tensor.dims();
        // Multiples of 2^-8 are the same numbers wherever they are made and written.
        let value = |i: usize| ((i * 37 + index * 11) % 129) as f32 / 256.0 - 0.25;
        let values = (0..rows * columns).map(value).collect();
        *tensor = Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex());
    }
    decoder.adapter = Some(adapter);
    decoder
}

#[test]
fn an_adapter_written_here_is_the_same_model_in_peft() {
    let adapters = [
        ("qwen2-lora-rlef", "qwen2", false),
        ("llama-rslora-rlef", "llama", true),
    ];
    if std::env::var_os("RLEF_WRITE_ADAPTERS").is_some() {
        for (name, base, rank_stabilised) in adapters {
            let decoder = adapted(base, rank_stabilised);
            adapter_file::save(&folder(name), &decoder, base).unwrap();
        }
    }
    for (name, base, rank_stabilised) in adapters {
        let decoder = adapted(base, rank_stabilised);
        let written = tempfile::tempdir().unwrap();
        adapter_file::save(written.path(), &decoder, base).unwrap();
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            let [now, read_by_peft] =
                [written.path(), &folder(name)].map(|at| std::fs::read(at.join(file)).unwrap());
            assert!(
                now == read_by_peft,
                "{name}: {file} is not what PEFT has read"
            );
        }
        agrees(name, &decoder, &golden(name));
        agrees(name, &decoder.merged(), &golden(name));
    }
}

pub(crate) fn batch() -> Batch {
    let rows: Vec<Vec<u32>> = vec![vec![5, 17, 80, 3, 41, 9, 77, 2], vec![90, 1, 33, 8, 8]];
    let mut actions = Vec::new();
    for (row, ids) in rows.iter().enumerate() {
        actions.extend((1..ids.len() - 1).map(|position| Action {
            row,
            position,
            target: ids[position + 1],
            turn: 0,
            sampler_logprob: None,
        }));
    }
    Batch::of_rows(rows, actions, Vec::new())
}

fn passes(batch: &Batch) -> Passes<'_> {
    Passes {
        batch,
        tokens: 100,
        temperature: 1.0,
        recompute: false,
    }
}

/// A smooth loss of all log-probabilities, computed in f64 from them.
fn loss(decoder: &Decoder, batch: &Batch) -> f64 {
    let rows: Vec<usize> = (0..batch.rows.len()).collect();
    let (log_probs, _) = passes(batch).log_probs(decoder, &[rows]);
    let each = log_probs.iter().enumerate();
    each.map(|(i, &x)| f64::from(x) * (0.2 + 0.1 * i as f64))
        .sum()
}

#[test]
fn gradients_of_an_adapter_agree_with_finite_differences() {
    for (base, rank_stabilised) in [("qwen2", false), ("llama", true), ("qwen3", false)] {
        let decoder = adapted(base, rank_stabilised);
        let batch = batch();
        let rows: Vec<usize> = (0..batch.rows.len()).collect();
        let (gradients, _) = passes(&batch).gradients(&decoder, &rows, |micro, decoder| {
            let weights: Vec<f32> = (0..batch.actions.len())
                .map(|i| 0.2 + 0.1 * i as f32)
                .collect();
            let weights = micro.of_actions(&weights, &Device::flex());
            (micro.log_probs(decoder, 1.0).0 * weights).sum()
        });
        let names = &decoder.trained().names;
        assert_eq!(gradients.tensors().len(), names.len());
        assert_eq!(names.len(), 2 * 7 * 2, "two blocks of seven maps, A and B");
        for (index, gradient) in gradients.tensors().iter().enumerate() {
            // Along the gradient itself the slope is its norm: all entries count, and rounding least.
            let values = numbers(gradient);
            let norm = values
                .iter()
                .map(|&x| f64::from(x).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(norm > 1e-3, "{}: nothing flows", names[index]);
            let step = 4e-3 / norm;
            let moved = |sign: f64| {
                let mut other = decoder.clone();
                let tensor = &mut other.trained_mut().tensors[index];
                *tensor = tensor.clone() + gradient.clone() * (sign * step);
                loss(&other, &batch)
            };
            let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step * norm);
            assert!(
                (slope - norm).abs() < 0.01 * norm,
                "{base} {}: a slope of {slope}, a gradient of {norm}",
                names[index]
            );
        }
    }
}

#[test]
fn an_update_moves_the_adapter_and_no_frozen_weight() {
    let mut decoder = adapted("qwen2", false);
    let before = decoder.clone();
    let batch = batch();
    let rows: Vec<usize> = (0..batch.rows.len()).collect();
    let (gradients, _) = passes(&batch).gradients(&decoder, &rows, |micro, decoder| {
        micro.log_probs(decoder, 1.0).0.sum().neg()
    });
    let config = OptimizerConfig {
        learning_rate: 1e-2,
        weight_decay: 0.0,
        warmup_steps: 0,
        beta_1: 0.9,
        beta_2: 0.95,
        epsilon: 1e-8,
        max_gradient_norm: f64::INFINITY,
    };
    let mut optimizer = Optimizer::new(config, decoder.trained().tensors.len());
    let step = optimizer.step(&mut decoder, &gradients);
    assert!(
        matches!(step, Step::Taken { norm } if norm > 0.0),
        "{step:?}"
    );
    let pairs = |a: &Decoder, b: &Decoder| {
        let all = a.weights.tensors.iter().zip(&b.weights.tensors);
        all.filter(|(a, b)| numbers(*a) != numbers(*b)).count()
    };
    assert_eq!(pairs(&before, &decoder), 0, "a frozen weight moved");
    for (a, b) in before
        .trained()
        .tensors
        .iter()
        .zip(&decoder.trained().tensors)
    {
        assert_ne!(numbers(a), numbers(b), "a part of the adapter stayed");
    }
    let value = |decoder: &Decoder| {
        let (all, _) = passes(&batch).log_probs(decoder, std::slice::from_ref(&rows));
        all.iter().sum::<f32>()
    };
    assert!(value(&decoder) > value(&before));
}
