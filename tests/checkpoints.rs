//! Llama, Qwen2 and Qwen3 checkpoints against PyTorch's `transformers` and `peft`: the files under `golden/models/`
//! were made by `golden/checkpoints.py`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use rlef::checkpoint::{self, Precision, adapter_file, config_json, tensor_file};
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
    load_from(&folder(name))
}

pub(crate) fn load_from(folder: &Path) -> Decoder {
    let text = std::fs::read(folder.join("config.json")).unwrap();
    let (_, config, _) = config_json::parse(&text).unwrap();
    let expected = config.parameters(Head::Language);
    let tensors = tensor_file::load_model(folder, &expected, &[], &Device::flex()).unwrap();
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

/// By equations written down apart from these (`golden/gemma.py`): rows longer than the window of most blocks, and continuations
/// over its end.
#[test]
fn gemma_3_says_what_its_equations_say() {
    let decoder = load("gemma3");
    let gemma = decoder.config.extras.gemma.unwrap();
    let golden = golden("gemma3");
    assert!(
        golden
            .rows
            .iter()
            .any(|row| row.len() > gemma.sliding_window)
    );
    agrees("gemma3", &decoder, &golden);
    // Written and read, it is the same model.
    let copy = tempfile::tempdir().unwrap();
    let named = decoder.weights.names.iter().cloned();
    let named = named.zip(decoder.weights.tensors.iter().cloned());
    let path = copy.path().join("model.safetensors");
    checkpoint::save_tensors(&path, named, Precision::F32).unwrap();
    let text = config_json::render(
        config_json::Family::Gemma3,
        &decoder.config,
        &config_json::TokenIds::default(),
        "float32",
    );
    let (_, config, _) = config_json::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(config, decoder.config);
    let expected = config.parameters(Head::Language);
    let tensors = tensor_file::load_model(copy.path(), &expected, &[], &Device::flex()).unwrap();
    let weights = Weights {
        names: decoder.weights.names.clone(),
        tensors,
    };
    agrees("written and read", &Decoder { weights, ..decoder }, &golden);
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

/// A file may hold the embedding once more as the head. Another matrix there would be dropped without a word.
#[test]
fn a_head_beside_a_tied_embedding_is_the_embedding_or_refused() {
    let decoder = load("qwen2");
    assert!(decoder.config.tie_word_embeddings);
    let copy = tempfile::tempdir().unwrap();
    let embedding = decoder.weights.tensors[0].clone().inner();
    for (head, is_right) in [(embedding.clone(), true), (embedding + 1e-3, false)] {
        let names = decoder.weights.names.iter().cloned();
        let tensors = decoder
            .weights
            .tensors
            .iter()
            .map(|tensor| tensor.clone().inner());
        let named = names
            .zip(tensors)
            .chain([("lm_head.weight".to_owned(), head)]);
        let path = copy.path().join("model.safetensors");
        tensor_file::save_tensors(&path, named, Precision::F32).unwrap();
        match checkpoint::load_weights(copy.path(), &decoder.config, &Device::flex()) {
            Ok(read) => {
                assert!(is_right);
                assert_eq!(read.names, decoder.weights.names);
            }
            Err(error) => {
                let message = error.to_string();
                assert!(
                    !is_right && message.contains("field tie_word_embeddings"),
                    "{message}"
                );
            }
        }
    }
}

/// PEFT leaves the adapter's name out of the keys when it saves; what saves a module as it is keeps it.
#[test]
fn an_adapter_may_have_its_name_in_its_keys() {
    let base = load("qwen3");
    let plain = adapter_file::load(&folder("qwen3-lora"), &base, &Device::flex()).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let config = "adapter_config.json";
    std::fs::copy(folder("qwen3-lora").join(config), copy.path().join(config)).unwrap();
    let write = |rename: &dyn Fn(usize, &str) -> String| {
        let names = plain.weights.names.iter().enumerate();
        let named = names.map(|(index, name)| format!("base_model.model.{}", rename(index, name)));
        let tensors = plain
            .weights
            .tensors
            .iter()
            .map(|tensor| tensor.clone().inner());
        let path = copy.path().join("adapter_model.safetensors");
        tensor_file::save_tensors(&path, named.zip(tensors), Precision::F32).unwrap();
        adapter_file::load(copy.path(), &base, &Device::flex())
    };
    let again = write(&|_, name| name.replace(".weight", ".default.weight")).unwrap();
    for (ours, theirs) in again.weights.tensors.iter().zip(&plain.weights.tensors) {
        let numbers = |tensor: &Tensor<2>| tensor.clone().into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(numbers(ours), numbers(theirs));
    }
    let mixed = write(&|index, name| match index % 2 {
        0 => name.replace(".weight", ".default.weight"),
        _ => name.replace(".weight", ".other.weight"),
    });
    let message = mixed.map(drop).unwrap_err().to_string();
    assert!(
        message.contains("is not part of the architecture"),
        "{message}"
    );
}
