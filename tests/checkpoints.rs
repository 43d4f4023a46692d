//! Llama, Qwen2 and Qwen3 checkpoints against PyTorch's `transformers` and `peft`: the files under `golden/models/`
//! were made by `golden/checkpoints.py`.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use rlef::checkpoint::{adapter_file, config_json, tensor_file};
use rlef::completion::Sampling;
use rlef::model::decoder::{Arithmetic, Decoder, Head, Weights, gather_rows};
use rlef::model::packing::Packing;
use rlef::model::sampler::{Request, sample};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Golden {
    rows: Vec<Vec<u32>>,
    logits: Vec<Vec<f32>>,
    greedy: Vec<Vec<u32>>,
}

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/models")
        .join(name)
}

pub(crate) fn golden(name: &str) -> Golden {
    serde_json::from_slice(&std::fs::read(folder(name).join("golden.json")).unwrap()).unwrap()
}

pub(crate) fn load(name: &str) -> Decoder {
    let text = std::fs::read(folder(name).join("config.json")).unwrap();
    let (_, config, _) = config_json::parse(&text).unwrap();
    let expected = config.parameters(Head::Language);
    let tensors = tensor_file::load_model(&folder(name), &expected, &[], &Device::flex()).unwrap();
    let names = expected.into_iter().map(|(name, _)| name).collect();
    Decoder {
        config,
        weights: Weights { names, tensors },
        adapter: None,
        arithmetic: Arithmetic::F32,
    }
}

/// Logits after the last token of each row, all rows in one pass.
fn logits(decoder: &Decoder, rows: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let packing = Arc::new(Packing::new(rows.iter().map(Vec::as_slice)));
    let hidden = decoder.hidden(&packing);
    let ends = rows.iter().enumerate();
    let last: Vec<usize> = ends
        .map(|(index, row)| packing.place(index, row.len() - 1))
        .collect();
    let found = gather_rows(hidden, &last).matmul(decoder.head().transpose());
    let found = found.into_data().try_to_vec::<f32>().unwrap();
    found
        .chunks(decoder.config.vocab_size)
        .map(<[f32]>::to_vec)
        .collect()
}

pub(crate) fn agrees(name: &str, decoder: &Decoder, golden: &Golden) {
    for (ours, theirs) in logits(decoder, &golden.rows).iter().zip(&golden.logits) {
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() < 1e-4, "{name}: {a} is not PyTorch's {b}");
        }
    }
    let requests: Vec<Request> = golden
        .rows
        .iter()
        .map(|row| Request {
            prefix: row.clone(),
            seed: 0,
        })
        .collect();
    let greedy = Sampling {
        temperature: 0.0,
        max_tokens: 64,
        ..Sampling::default()
    };
    let drawn = sample(decoder, &requests, &greedy, &[], 8);
    for (ours, theirs) in drawn.iter().zip(&golden.greedy) {
        assert_eq!(&ours.sampled.ids, theirs, "{name}");
    }
}

#[test]
fn logits_and_greedy_continuations_are_transformers_s() {
    let names = [
        "llama",
        "llama-3",
        "llama-biased",
        "qwen2",
        "qwen2-yarn",
        "qwen3",
        "qwen3-untied",
    ];
    for name in names {
        agrees(name, &load(name), &golden(name));
    }
}

#[test]
fn an_adapter_of_peft_changes_a_model_as_in_peft_merged_or_not() {
    let mut decoder = load("qwen3");
    let folder = folder("qwen3-lora");
    let adapter = adapter_file::load(&folder, &decoder, &Device::flex()).unwrap();
    decoder.adapter = Some(adapter);
    let golden = golden("qwen3-lora");
    agrees("adapted", &decoder, &golden);
    agrees("merged", &decoder.merged(), &golden);

    let copy = tempfile::tempdir().unwrap();
    adapter_file::save(copy.path(), &decoder, "qwen3").unwrap();
    let again = adapter_file::load(copy.path(), &decoder, &Device::flex()).unwrap();
    decoder.adapter = Some(again);
    agrees("written and read", &decoder, &golden);
}

#[test]
fn a_model_file_that_does_not_fit_is_refused_by_tensor_and_file() {
    let decoder = load("qwen2");
    let mut expected = decoder.config.parameters(Head::Language);
    let read = |expected: &[(String, [usize; 2])]| {
        let result = tensor_file::load_model(&folder("qwen2"), expected, &[], &Device::flex());
        result.unwrap_err().to_string()
    };
    let mut other = expected.clone();
    other[0].1 = [95, 32];
    let message = read(&other);
    assert!(
        message.contains("model.embed_tokens.weight")
            && message.contains("qwen2/model.safetensors")
            && message.contains("[95, 32]")
            && message.contains("[96, 32]"),
        "{message}"
    );
    let last = expected.pop().unwrap();
    assert!(read(&expected).contains(&format!("tensor {} is not part", last.0)));
    expected.push(last);
    expected.push(("lm_head.weight".to_owned(), [96, 32]));
    assert!(read(&expected).contains("no tensor named lm_head.weight"));
}
