//! Training on a server of the Tinker API: a fake that holds real weights, learns for real, and finds fault with whatever a real one
//! would take in silence and be ruined by. What a real one does is tried by `.ci/outside tinker`.

mod fake;
mod messages;
mod passes;

use std::path::Path;

use burn::tensor::Device;
use rlef::batch::{Action, Batch, TurnSpan};
use rlef::config::TrainConfig;
use rlef::journal::{self, EpisodeRecord};
use rlef::learner::MicroBatch;
use rlef::objective::{self, Asked, AskedLoss, Credit, Known, LossInputs, Totals};
use rlef::train::RoundMetrics;

use crate::cli::{refused, rlef, starter, write};
use fake::serve;

fn config(at: &Path, url: &str, rounds: usize, more: &str) {
    let text = format!(
        "policy = {:?}\nrounds = {rounds}\nproblems_per_round = 4\nupdates_per_round = 2\n[objective]\nalgorithm = \"turn_group\"\n\
         [evaluation]\nproblems = \"\"\n[validation]\nproblems = \"\"\n[lora]\nrank = 4\n[policy_optimizer]\nlearning_rate = 1e-3\n\
         warmup_steps = 0\n[engine]\nkind = \"tinker\"\nurl = \"{url}\"\ntries = 3\nconcurrency = 8\n{more}",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
}

fn train(at: &Path, run: &str) -> std::process::Output {
    rlef(at, &["train", "--config", "run.toml", "--run", run])
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn metrics(at: &Path, run: &str) -> Vec<RoundMetrics> {
    let text = std::fs::read_to_string(at.join(run).join("metrics.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_server_samples_and_trains_and_meets_no_trap() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, fake) = serve(&starter(), &at.join("server"));
    {
        let mut fake = fake.lock().unwrap();
        (fake.flaky, fake.slow) = (true, 3);
    }
    config(at, &url, 3, "[resources]\ncheckpoint_every = 2\n");
    let output = train(at, "run");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rounds = metrics(at, "run");
    assert_eq!(rounds.len(), 3);
    for round in &rounds {
        assert!(
            round.sampler_gap_max < 1e-3 && round.tokens > 0,
            "{round:?}"
        );
        assert!(
            round.gradient_norm > 0.0 && round.entropy > 0.0,
            "{round:?}"
        );
        assert_eq!((round.aborted, round.skipped_updates), (0, 0), "{round:?}");
        // The server's own pass finds the old policy at the first update.
        assert!(round.first_ratio_gap < 1e-4, "{round:?}");
    }
    assert_eq!(rounds[2].step, 6);
    let episodes: Vec<EpisodeRecord> = journal::read(&at.join("run")).unwrap();
    let versions: Vec<usize> = episodes.iter().map(|one| one.step).collect();
    assert!(
        [0, 2, 4].iter().all(|version| versions.contains(version)),
        "{versions:?}"
    );
    let fake = fake.lock().unwrap();
    assert_eq!(fake.faults, Vec::<String>::new());
    assert_eq!(fake.unloaded, 1, "its place is given back");
    // What is kept here is what the server has learnt.
    let exported = rlef(
        at,
        &[
            "export",
            "--policy",
            starter().to_str().unwrap(),
            "--adapter",
            "run/checkpoints/000003",
            "--out",
            "merged",
        ],
    );
    assert_eq!(exported.status.code(), Some(0), "{}", said(&exported));
    assert!(at.join("merged/model.safetensors").is_file());
}

/// The same loss by the server's reduction as by ours, whichever it has: the gradients are the same to rounding.
#[test]
fn reductions_of_backends_are_undone() {
    let norms: Vec<Vec<f64>> = [false, true]
        .into_iter()
        .map(|sums| {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path();
            let (url, fake) = serve(&starter(), &at.join("server"));
            fake.lock().unwrap().backend_sums = sums;
            let backend = if sums { "backend = \"fsdp\"\n" } else { "" };
            config(at, &url, 1, backend);
            let output = train(at, "run");
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            let round = metrics(at, "run").remove(0);
            vec![round.gradient_norm, round.policy_loss]
        })
        .collect();
    for (jax, fsdp) in norms[0].iter().zip(&norms[1]) {
        assert!((jax - fsdp).abs() < 1e-4 * (1.0 + jax.abs()), "{norms:?}");
    }
}

/// What an objective says that it can ask for is its own loss, of the same numbers.
#[test]
fn what_is_asked_for_is_the_loss_that_is_learnt_here() {
    let rows = [vec![5, 6, 7, 8, 9, 4], vec![5, 6, 3], vec![5, 9, 9, 9, 3]];
    // The second row of two turns: its third token is feedback.
    let learnt = [vec![2, 3, 5], vec![2], vec![1, 2, 3, 4]];
    let (mut actions, mut turns) = (Vec::new(), Vec::new());
    for (row, places) in learnt.iter().enumerate() {
        let start = actions.len();
        actions.extend(places.iter().map(|&place| Action {
            row,
            position: place - 1,
            target: rows[row][place],
            turn: turns.len(),
            sampler_logprob: Some(-1.0),
        }));
        turns.push(TurnSpan {
            row,
            prompt_last: places[0] - 1,
            start,
            end: actions.len(),
        });
    }
    let batch = Batch::of_rows(rows.to_vec(), actions, turns);
    let old = [-1.0, -0.5, -2.0, -0.1, -3.0, -1.5, -0.7, -0.2];
    // Ratios inside and outside of every clip, on both sides.
    let new: [f32; 8] = [-1.05, -0.1, -3.0, -0.12, -1.0, -1.45, -0.9, -0.21];
    let advantages = [0.5, 0.5, -1.0, 2.0, -0.25, -0.25, 1.0, 1.0];
    let known = Known {
        policy: Some(old.to_vec()),
        behaviour: Some(old.to_vec()),
        credit: Credit {
            advantages: advantages.to_vec(),
            returns: Vec::new(),
        },
        ..Known::default()
    };
    let units = [0, 1, 2];
    let micro = MicroBatch::new(&batch, &units);
    let totals = Totals::of(&batch, &units);
    let counts = batch.row_actions();
    let mut asking = Vec::new();
    let cases = objective::names().into_iter();
    // Some have the reference in their loss, and some no such key at all.
    let cases = cases.flat_map(|(name, _)| [(name, None), (name, Some(0.0))]);
    for (name, beta) in cases {
        let mut config = TrainConfig::default();
        config.objective.algorithm = name.into();
        config.reward.kl_beta = beta.unwrap_or(config.reward.kl_beta);
        let Ok(objective) = config.objective() else {
            continue;
        };
        let Ok(Asked { loss, share }) = objective.asked() else {
            continue;
        };
        let own = objective.loss(&LossInputs {
            micro: &micro,
            new: &micro.of_actions(&new, &Device::default()),
            known: &known,
            totals,
        });
        let parts = (0..new.len()).map(|at| {
            let advantage = f64::from(advantages[at]);
            let (now, ratio) = (f64::from(new[at]), f64::from(new[at] - old[at]).exp());
            let cut = |low: f64, high: f64| ratio.clamp(1.0 - low, 1.0 + high);
            let part = match loss {
                AskedLoss::ImportanceSampling => -ratio * advantage,
                AskedLoss::Ppo(clip) => {
                    -(ratio * advantage).min(cut(clip.low, clip.high) * advantage)
                }
                AskedLoss::Cispo(clip) => -cut(clip.low, clip.high) * now * advantage,
            };
            part * share.of(totals, counts[batch.actions[at].row])
        });
        let (asked, own) = (
            parts.sum::<f64>(),
            f64::from(own.value.into_scalar::<f32>()),
        );
        assert!((asked - own).abs() < 1e-5, "{name}: {asked} and {own}");
        asking.push(name);
    }
    let all = [
        "grpo",
        "dr_grpo",
        "dapo",
        "cispo",
        "reinforce_pp",
        "turn_group",
    ];
    assert!(all.iter().all(|name| asking.contains(name)), "{asking:?}");
}

#[test]
fn a_server_that_is_started_again_is_a_clear_stop_and_the_same_journal_after_it() {
    let mut journals = Vec::new();
    for dies in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(&starter(), &at.join("server"));
        config(at, &url, 4, "[resources]\ncheckpoint_every = 1\n");
        if dies {
            // In the third round, between two updates.
            fake.lock().unwrap().dies_after = 5;
            let output = train(at, "run");
            assert_eq!(output.status.code(), Some(4), "{}", said(&output));
            for words in ["lost the model", "train --resume"] {
                assert!(said(&output).contains(words), "{}", said(&output));
            }
            let again = rlef(at, &["train", "--resume", "--run", "run"]);
            assert_eq!(again.status.code(), Some(0), "{}", said(&again));
        } else {
            let output = train(at, "run");
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        }
        let fake = fake.lock().unwrap();
        assert_eq!(fake.faults, Vec::<String>::new());
        assert_eq!(fake.paths.contains(&"load_weights".to_owned()), dies);
        journals.push(std::fs::read(at.join("run/journal.jsonl.zst")).unwrap());
    }
    assert!(journals[0] == journals[1], "the journals differ");
}

#[test]
fn a_gradient_that_is_none_ends_the_run_and_keeps_no_checkpoint_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, fake) = serve(&starter(), &at.join("server"));
    fake.lock().unwrap().ruined = true;
    config(at, &url, 2, "");
    let output = train(at, "run");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("the norm of its gradient is no number"),
        "{}",
        said(&output)
    );
    let kept = std::fs::read_dir(at.join("run/checkpoints")).map_or(0, Iterator::count);
    assert_eq!(kept, 0);
}

#[test]
fn what_a_server_can_not_do_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (from, to, parts) in [
        (
            "\"turn_group\"",
            "\"ppo\"",
            ["objective.algorithm", "value network", "turn_group"],
        ),
        (
            "\"turn_group\"",
            "\"rloo\"",
            ["objective.algorithm", "whole episodes", "dr_grpo"],
        ),
        (
            "\"turn_group\"",
            "\"grpo\"",
            ["objective.algorithm", "reward.kl_beta", "turn_group"],
        ),
        ("[lora]\nrank = 4\n", "", ["lora", "nothing", "rank"]),
        (
            "rank = 4\n",
            "rank = 4\nalpha = 8.0\n",
            ["lora", "alpha = 8", "32"],
        ),
        (
            "tries = 3",
            "weights = \"w\"",
            ["engine.weights", "set", "tinker"],
        ),
        (
            "tries = 3",
            "dtype = \"bfloat16\"",
            ["engine.dtype", "set", "tinker"],
        ),
        (
            "[lora]",
            "[rollout.sampling]\ntemperature = 0.5\n[lora]",
            ["temperature", "0.5", "tinker"],
        ),
        (
            "[lora]",
            "[rollout.sampling]\nstop = [\"x\"]\n[lora]",
            ["rollout.sampling.stop", "x", "ids"],
        ),
        (
            "[lora]",
            "[rollout]\nmax_staleness = 1\n[lora]",
            ["rollout.max_staleness", "1", "tinker"],
        ),
        (
            "warmup_steps = 0",
            "max_gradient_norm = 1.0",
            ["max_gradient_norm", "1", "inf"],
        ),
        (
            "kind = \"tinker\"",
            "kind = \"vllm\"\nweights = \"w\"\nbackend = \"jax\"",
            ["engine.backend", "set", "tinker"],
        ),
        (
            "kind = \"tinker\"",
            "kind = \"vllm\"",
            ["engine.weights", "nothing", "folder"],
        ),
    ] {
        config(at, "http://localhost:1", 1, "");
        let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        write(at, "run.toml", &text.replace(from, to));
        refused(
            at,
            &["train", "--config", "run.toml", "--run", "run"],
            2,
            &parts,
        );
    }
}

#[test]
fn a_server_of_another_model_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, fake) = serve(&starter(), &at.join("server"));
    config(at, &url, 1, "model = \"another/model\"\n");
    let output = train(at, "run");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    for words in ["the/starter", "another/model", "engine.model"] {
        assert!(said(&output).contains(words), "{}", said(&output));
    }
    assert!(
        !fake
            .lock()
            .unwrap()
            .paths
            .contains(&"create_session".to_owned())
    );
}

/// A real server: `RLEF_TINKER_URL` says where, and `RLEF_TINKER_MODEL` is the folder of its model. Run by `.ci/outside tinker`.
#[test]
#[ignore = "needs a server of the Tinker API"]
fn a_real_server_samples_and_trains() {
    let url = std::env::var("RLEF_TINKER_URL").unwrap();
    let model = std::env::var("RLEF_TINKER_MODEL").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut rounds = Vec::new();
    for run in ["there", "here"] {
        config(at, &url, 1, "timeout_s = 1800\n");
        let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
        let policy = starter().to_string_lossy().into_owned();
        let mut text = text
            .replace(&policy, &model)
            .replace("updates_per_round = 2", "updates_per_round = 1")
            .replace("[engine]", "[reward]\nkl_beta = 0.05\n[engine]");
        if run == "here" {
            text.truncate(text.find("[engine]").unwrap());
        }
        write(at, "run.toml", &text);
        let output = train(at, run);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        rounds.push(metrics(at, run).remove(0));
    }
    let there = &rounds[0];
    assert!(
        there.sampler_gap_max < 1e-3 && there.first_ratio_gap < 1e-3,
        "{there:?}"
    );
    println!("{}", serde_json::to_string(there).unwrap());
}
