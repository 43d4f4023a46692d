//! Training from a serving engine: fakes of vLLM and SGLang that hold real weights, sample from them, and load others when
//! told. They speak the interfaces as documented; no real engine is asked.

mod fake;
mod handed;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::checkpoint::{self, adapter_file};
use rlef::completion::{FinishReason, Sampling};
use rlef::model::decoder::Decoder;
use rlef::model::sampler::{self, Request};
use rlef::train::RoundMetrics;
use serde_json::{Value, json};

use fake::{Fault, serve};

use crate::cli::{refused, rlef, starter, write};

fn config(at: &Path, kind: &str, url: &str, rounds: usize, more: &str) {
    let text = format!(
        "policy = {:?}\nrounds = {rounds}\nproblems_per_round = 4\nupdates_per_round = 2\n{more}[evaluation]\nproblems = \"\"\n\
         [resources]\ncheckpoint_every = 2\n[engine]\nkind = \"{kind}\"\nurl = \"{url}\"\nweights = \"weights\"\ntries = 2\n",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn train(at: &Path, run: &str) -> std::process::Output {
    rlef(at, &["train", "--config", "run.toml", "--run", run])
}

fn metrics(at: &Path, run: &str) -> Vec<RoundMetrics> {
    let text = std::fs::read_to_string(at.join(run).join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn versions(at: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(at.join("weights"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

#[test]
fn training_from_either_engine_samples_the_weights_that_are_trained() {
    let mut journals = Vec::new();
    for (kind, sglang) in [("vllm", false), ("sglang", true)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(sglang, Fault::Flaky);
        config(at, kind, &url, 3, "");
        // What a killed run left, and what is not of this program's making.
        for name in ["version-000777", "version-mine"] {
            std::fs::create_dir_all(at.join("weights").join(name)).unwrap();
        }
        let output = train(at, "run");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let rounds = metrics(at, "run");
        assert_eq!(rounds.len(), 3);
        for round in &rounds {
            assert!(
                round.sampler_gap_max < 1e-3 && round.tokens > 0,
                "{round:?}"
            );
            assert_eq!(round.aborted, 0, "{round:?}");
        }
        // Once at the start and after each round but the last; the version before the last is gone.
        let fake = fake.lock().unwrap();
        assert_eq!(fake.loads, 3);
        assert_eq!(
            versions(at),
            [
                at.join("weights/version-000004"),
                at.join("weights/version-mine")
            ]
        );
        if !sglang {
            let order: Vec<&str> = fake
                .paths
                .iter()
                .map(String::as_str)
                .filter(|path| !path.starts_with("/server_info"))
                .take(4)
                .collect();
            assert_eq!(
                order,
                [
                    "/pause?mode=wait",
                    "/collective_rpc",
                    "/reset_prefix_cache",
                    "/resume"
                ]
            );
        }
        journals.push(std::fs::read(at.join("run/journal.jsonl.zst")).unwrap());
    }
    assert!(!journals[0].is_empty());
    assert!(journals[0] == journals[1], "the journals differ");
}

/// What an engine with a short context would refuse is not asked of it, and episodes end where it would.
#[test]
fn an_engine_s_context_is_asked_for_and_kept_to() {
    for (kind, sglang) in [("vllm", false), ("sglang", true)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(sglang, Fault::None);
        // Room for a first answer, and seldom for a second.
        fake.lock().unwrap().context = Some(300);
        config(at, kind, &url, 1, "");
        let output = train(at, "run");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let episodes: Vec<rlef::journal::EpisodeRecord> =
            rlef::journal::read(&at.join("run")).unwrap();
        let cut = |stop| stop == rlef::episode::StopReason::ContextFull;
        assert!(episodes.iter().any(|one| cut(one.stop)), "{episodes:?}");
    }
}

#[test]
fn a_run_whose_engine_goes_loses_no_round_and_continues_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (good, _) = serve(true, Fault::None);
    config(at, "sglang", &good, 2, "");
    let output = train(at, "whole");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (gone, _) = serve(true, Fault::Gone);
    config(at, "sglang", &gone, 2, "");
    let output = train(at, "broken");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("check that the server runs"),
        "{}",
        said(&output)
    );
    assert_eq!(metrics(at, "broken").len(), 1);
    assert!(at.join("broken/checkpoints/000001").exists());
    // The run's own configuration names the engine.
    let resolved = at.join("broken/config.toml");
    let text = std::fs::read_to_string(&resolved)
        .unwrap()
        .replace(&gone, &good);
    write(at, "broken/config.toml", &text);
    let output = rlef(at, &["train", "--resume", "--run", "broken"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for name in ["journal.jsonl.zst", "metrics.jsonl"] {
        let read = |run: &str| std::fs::read(at.join(run).join(name)).unwrap();
        assert!(read("whole") == read("broken"), "{name} differs");
    }
}

#[test]
fn what_cannot_be_learnt_from_stops_the_run_with_the_reason() {
    for (kind, sglang, fault, words) in [
        ("vllm", false, Fault::Silent, "processed_logprobs"),
        ("sglang", true, Fault::Silent, "output_token_logprobs"),
        (
            "vllm",
            false,
            Fault::Stranger,
            "the engine serves another model",
        ),
        ("sglang", true, Fault::Stale, "sampler and trainer differ"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, _) = serve(sglang, fault);
        // Large steps, so that old weights show.
        config(
            at,
            kind,
            &url,
            3,
            "[policy_optimizer]\nlearning_rate = 0.01\nweight_decay = 0.01\nwarmup_steps = 0\nbeta_1 = 0.9\nbeta_2 = 0.95\nepsilon = 1e-8\nmax_gradient_norm = 1.0\n",
        );
        let output = train(at, "run");
        assert_eq!(
            output.status.code(),
            Some(4),
            "{fault:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(words),
            "{fault:?}: {}",
            said(&output)
        );
        // Whose fault it was is not the sandbox's, and nothing was learnt of what was left.
        if fault != Fault::Stale {
            let said = said(&output);
            assert!(!said.contains("the sandbox lost"), "{said}");
            assert!(metrics(at, "run").is_empty());
        }
    }
}

#[test]
fn two_runs_do_not_share_a_folder_for_weights() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, fake) = serve(true, Fault::None);
    config(at, "sglang", &url, 1, "");
    std::fs::create_dir(at.join("weights")).unwrap();
    let lock = std::fs::File::create(at.join("weights/lock")).unwrap();
    lock.lock().unwrap();
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(at, &arguments, 2, &["weights", "does; let it end"]);
    assert!(!at.join("run").exists());
    assert_eq!(fake.lock().unwrap().loads, 0);
}

#[test]
fn an_engine_that_is_not_there_is_a_fault_of_the_machine_s_and_leaves_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "vllm", "http://127.0.0.1:1", 1, "");
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(at, &arguments, 4, &["no answer"]);
    assert!(!at.join("run").exists());
}

#[test]
fn a_server_that_gives_no_ids_is_refused_before_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "openai", "http://127.0.0.1:1", 1, "");
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(
        at,
        &arguments,
        2,
        &["engine.kind", "no token ids", "rlef eval"],
    );
    assert!(!at.join("run").exists());
}
