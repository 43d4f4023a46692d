//! Does a GGUF file say here what it says elsewhere? Ids of texts, logits and greedy continuations against a file that
//! `.ci/gguf_peer.py` makes. Exit code 1 where ids or continuations differ, or a logit by more than 0.001.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use burn::tensor::Device;
use clap::Parser;
use rlef::checkpoint::{self, gguf};
use rlef::completion::Sampling;
use rlef::model::decoder::gather_rows;
use rlef::model::packing::Packing;
use rlef::model::sampler::{Request, sample};
use serde_json::Value;

/// Two logits are equal up to this gap.
const GAP: f32 = 1e-3;

/// Holds a GGUF file against what others make of it.
#[derive(Parser)]
struct Args {
    /// The file.
    file: PathBuf,
    /// What others make of it.
    golden: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let golden: Value = serde_json::from_slice(&std::fs::read(&args.golden)?)?;
    let folder = tempfile::tempdir()?;
    let imported = gguf::import(&args.file, folder.path(), None)?;
    println!("{:?}, {}", imported.family, imported.kinds);
    let (decoder, tokenizer) = checkpoint::load(folder.path(), &Device::flex())?;
    let rows: Vec<Vec<u32>> = serde_json::from_value(golden["rows"].clone())?;
    let ids: Vec<Vec<u32>> = serde_json::from_value(golden["ids"].clone())?;
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone())?;
    let mut same_ids = 0;
    for (text, expected) in texts.iter().zip(&ids) {
        same_ids += usize::from(&tokenizer.encode(text)? == expected);
    }
    println!("texts cut into the same ids: {same_ids} of {}", texts.len());
    let packing = Arc::new(Packing::new(rows.iter().map(Vec::as_slice)));
    let last = rows.iter().enumerate();
    let last: Vec<usize> = last
        .map(|(index, row)| packing.place(index, row.len() - 1))
        .collect();
    let hidden = gather_rows(decoder.hidden(&packing), &last);
    let found = hidden.matmul(decoder.head().transpose()).into_data();
    let found = found
        .try_to_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let expected: Vec<Vec<f32>> = serde_json::from_value(golden["logits"].clone())?;
    let gaps = found.iter().zip(expected.iter().flatten());
    let gap = gaps
        .map(|(ours, theirs)| (ours - theirs).abs())
        .fold(0.0, f32::max);
    println!("logits after {} rows: largest gap {gap:e}", rows.len());
    let requests: Vec<Request> = rows
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
    let drawn = sample(&decoder, &requests, &greedy, &tokenizer.ends, 8);
    let expected: Vec<Vec<u32>> = serde_json::from_value(golden["greedy"].clone())?;
    let drawn = drawn.iter().map(|drawn| &drawn.sampled.ids);
    let same = drawn.zip(&expected).filter(|(ours, theirs)| ours == theirs);
    let same = same.count();
    let tokens: usize = expected.iter().map(Vec::len).sum();
    println!(
        "greedy continuations that are the same, token by token: {same} of {} ({tokens} tokens)",
        rows.len()
    );
    let text = tokenizer.decode(expected.first().context("no rows")?)?;
    println!("the first one: {text:?}");
    let alike = same_ids == texts.len() && same == rows.len() && gap <= GAP;
    Ok(ExitCode::from(u8::from(!alike)))
}
