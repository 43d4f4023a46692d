//! Rounds that are sampled ahead of what is learnt.

use std::path::Path;

use rlef::journal::{self, EpisodeRecord};
use rlef::train::RoundMetrics;

use crate::cli::{refused, rlef, starter, write};

fn train(at: &Path, run: &str, more: &str) {
    let text = format!(
        "policy = {:?}\nrounds = 4\nproblems_per_round = 4\nupdates_per_round = 2\n[evaluation]\nproblems = \"\"\n\
         [validation]\nproblems = \"\"\n{more}",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
    let output = rlef(at, &["train", "--config", "run.toml", "--run", run]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

fn metrics(at: &Path, run: &str) -> Vec<RoundMetrics> {
    let text = std::fs::read_to_string(at.join(run).join("metrics.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The bytes of everything that a run says which holds no time.
fn bytes(at: &Path, run: &str) -> [Vec<u8>; 3] {
    ["journal.jsonl.zst", "metrics.jsonl", "config.toml"]
        .map(|name| std::fs::read(at.join(run).join(name)).unwrap())
}

#[test]
fn none_ahead_is_the_same_run_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, "without", "");
    train(at, "none", "[rollout]\nmax_staleness = 0\n");
    assert!(bytes(at, "without") == bytes(at, "none"));
    let first = &metrics(at, "none")[0];
    assert_eq!(first.own.get("staleness_rounds"), None);
}

#[test]
fn a_round_is_sampled_from_no_older_policy_than_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for most in [1, 2] {
        let run = format!("run{most}");
        train(at, &run, &format!("[rollout]\nmax_staleness = {most}\n"));
        let rounds = metrics(at, &run);
        assert_eq!(rounds.len(), 4);
        let episodes: Vec<EpisodeRecord> = journal::read(&at.join(&run)).unwrap();
        let each = episodes.len() / rounds.len();
        for (number, round) in rounds.iter().enumerate() {
            let stale = |name: &str| round.own.get(name).unwrap();
            let (behind, versions) = (stale("staleness_rounds"), stale("staleness_versions"));
            assert!(behind <= f64::from(most), "{round:?}");
            assert_eq!(versions, 2.0 * behind, "two updates a round: {round:?}");
            assert_eq!(round.step, 2 * (number + 1), "{round:?}");
            // The journal says what an episode was sampled from.
            let sampled = 2 * number - versions as usize;
            let own = &episodes[number * each..(number + 1) * each];
            assert!(
                own.iter().all(|episode| episode.step == sampled),
                "{round:?}"
            );
        }
        assert_eq!(rounds[0].own.get("staleness_rounds"), Some(0.0));
        assert!(
            rounds
                .iter()
                .any(|round| round.own.get("staleness_rounds") > Some(0.0)),
            "nothing was sampled ahead: {rounds:?}"
        );
    }
}

#[test]
fn a_run_that_is_ahead_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, "run", "[rollout]\nmax_staleness = 1\n");
    let again = rlef(at, &["train", "--resume", "--run", "run", "--rounds", "6"]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(0), "{said}");
    let rounds = metrics(at, "run");
    let numbers: Vec<usize> = rounds.iter().map(|round| round.round).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    // What was sampled ahead and not learnt is sampled again.
    assert_eq!(rounds[4].own.get("staleness_rounds"), Some(0.0));
}

#[test]
fn what_can_not_be_ahead_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = format!(
        "policy = {:?}\n[rollout]\nmax_staleness = 17\n",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
    let parts = ["rollout.max_staleness", "17", "at most 16"];
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "run"],
        2,
        &parts,
    );
    let engine = "[engine]\nkind = \"sglang\"\nurl = \"http://localhost:1\"\nweights = \"w\"\n";
    write(
        at,
        "run.toml",
        &format!(
            "{}{engine}[validation]\nproblems = \"contest:validation\"\n",
            text.replace("17", "1")
        ),
    );
    let parts = ["rollout.max_staleness", "1", "validation.problems"];
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "run"],
        2,
        &parts,
    );
}
