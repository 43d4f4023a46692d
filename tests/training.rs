//! What `rlef train` refuses or stops at, and what sampling settings do to `rlef eval`, on the starter.

use std::path::Path;

use rlef::journal::EpisodeRecord;

use crate::cli::{refused, rlef, starter, write};

/// A `run.toml` of one small round with more settings.
fn config(at: &Path, more: &str) {
    let text = format!(
        "policy = \"{}\"\nrounds = 1\nproblems_per_round = 8\n[evaluation]\nproblems = \"\"\n{more}",
        starter().display()
    );
    write(at, "run.toml", &text);
}

const TRAIN: [&str; 5] = ["train", "--config", "run.toml", "--run", "run"];

#[test]
fn a_run_that_cannot_fit_is_refused_with_advice_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "[resources]\nmemory_mib = 100\n");
    let parts = [
        "memory",
        "100 MiB",
        "resources.tokens_per_pass (now 8192)",
        "resources.memory_mib",
    ];
    refused(at, &TRAIN, 2, &parts);
    // A shape that no machine of today holds; its weights need not even be there.
    let huge = at.join("huge");
    std::fs::create_dir(&huge).unwrap();
    std::fs::copy(
        starter().join("tokenizer.json"),
        huge.join("tokenizer.json"),
    )
    .unwrap();
    let text = std::fs::read(starter().join("config.json")).unwrap();
    let mut shape: serde_json::Value = serde_json::from_slice(&text).unwrap();
    shape["hidden_size"] = 1_048_576.into();
    shape["num_hidden_layers"] = 500.into();
    write(&huge, "config.json", &shape.to_string());
    config(at, "");
    let arguments = [&TRAIN[..], &["--policy", "huge"]].concat();
    let parts = ["failed to start", "GiB", "lower resources.tokens_per_pass"];
    refused(at, &arguments, 2, &parts);
    assert!(
        !at.join("run").exists(),
        "a refused run left a folder behind"
    );
}

#[test]
fn a_run_says_what_memory_it_will_need_and_what_it_needed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "[objective]\nalgorithm = \"grpo\"\n");
    let output = rlef(at, &[&TRAIN[..], &["-v"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "memory: ",
        "value network 0 MiB",
        " estimated, ",
        " measured",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let text = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    let metrics: rlef::train::RoundMetrics = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((metrics.step, metrics.value_loss), (4, 0.0));
    assert_eq!(metrics.first_ratio_gap, 0.0);
    assert!(metrics.gradient_norm > 0.0 && metrics.sampler_gap_max < 1e-3);
}

#[test]
fn a_sampler_that_is_not_the_trainer_s_ends_the_run_with_4() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Below what rounding alone gives.
    config(at, "[objective]\nmax_sampler_gap = 1e-12\n");
    let parts = [
        "round 0",
        "max_sampler_gap is 0.000000000001",
        "No weight was moved",
    ];
    refused(at, &TRAIN, 4, &parts);
}

/// The episodes of one evaluation, with a journal of its own.
fn episodes(at: &Path, more: &[&str]) -> Vec<EpisodeRecord> {
    let policy = starter().display().to_string();
    let journal = format!("journal{}.jsonl", more.concat());
    let shared = [
        "eval",
        "--policy",
        &policy,
        "--problems",
        "some.jsonl",
        "--rollouts",
        "3",
        "--turns",
        "2",
        "--journal",
        &journal,
    ];
    let output = rlef(at, &[&shared[..], more].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    rlef::journal::read(&at.join(&journal)).unwrap()
}

fn texts(episodes: &[EpisodeRecord], turn: usize) -> Vec<&str> {
    let turns = episodes
        .iter()
        .filter_map(|episode| episode.turns.get(turn));
    turns.map(|turn| turn.text.as_str()).collect()
}

#[test]
fn eval_honours_top_k_and_stop_texts() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let all = rlef(at, &["contest", "--split", "test", "--out", "all.jsonl"]);
    assert_eq!(all.status.code(), Some(0));
    let all = std::fs::read_to_string(at.join("all.jsonl")).unwrap();
    let some: Vec<&str> = all.lines().take(6).collect();
    write(at, "some.jsonl", &some.join("\n"));

    let plain = episodes(at, &[]);
    let stopped = episodes(at, &["--stop", "never said", "--stop", "print"]);
    let cut = |text: &&str| text[..text.find("print").unwrap_or(text.len())].to_owned();
    let expected: Vec<String> = texts(&plain, 0).iter().map(cut).collect();
    assert_eq!(texts(&stopped, 0), expected);
    assert_ne!(texts(&stopped, 0), texts(&plain, 0), "nothing was cut");
    assert!(
        texts(&stopped, 1)
            .iter()
            .all(|text| !text.contains("print"))
    );
    for turn in stopped.iter().flat_map(|episode| &episode.turns) {
        let sampled = turn.sampled().unwrap();
        assert_eq!(sampled.ids.len(), sampled.log_probs.len());
    }

    let one = episodes(at, &["--top-k", "1"]);
    let greedy = episodes(at, &["--temperature", "0"]);
    assert_eq!(texts(&one, 0), texts(&greedy, 0));
    assert_ne!(texts(&one, 0), texts(&plain, 0));
    let turns = one.iter().flat_map(|episode| &episode.turns);
    assert!(
        turns
            .flat_map(|turn| turn.sampled().unwrap().log_probs)
            .all(|x| x == 0.0)
    );
    refused(at, &["eval", "--stop", ""], 2, &["--stop"]);
}
