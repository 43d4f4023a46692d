//! A run that was killed goes on as if it had not been.

use super::*;

/// Plays rounds of a run as the command does, and stops without a word after `until`.
fn play(folder: &Path, value_head: ValueHead, resume: bool, until: usize) {
    let (mut run, config, mut progress) = if resume {
        Run::resume(folder).unwrap()
    } else {
        let mut config = TrainConfig {
            rounds: 5,
            ..config()
        };
        config.objective.value_head = value_head;
        (
            Run::create(folder, &config).unwrap(),
            config,
            rlef::run::Progress::default(),
        )
    };
    let mut learner = learner(&config);
    run.restore(&mut learner, &progress, &Device::flex())
        .unwrap();
    while progress.rounds < until {
        let step = learner.policy_optimizer.steps();
        let (groups, metrics, timings) = train::round(
            &mut learner,
            &ToyJudge,
            &problems(),
            &config,
            progress.rounds,
        )
        .unwrap();
        run.record(step, &groups, &metrics, &timings).unwrap();
        progress.rounds += 1;
        if progress.rounds % config.resources.checkpoint_every == 0 {
            run.checkpoint(&learner, progress.rounds).unwrap();
        }
    }
}

#[test]
fn a_killed_run_continues_as_if_it_had_not_been() {
    continues(ValueHead::Separate);
}

#[test]
fn a_killed_run_with_a_shared_body_continues_as_if_it_had_not_been() {
    continues(ValueHead::Shared);
}

fn continues(value_head: ValueHead) {
    let directory = tempfile::tempdir().unwrap();
    let (whole, killed) = (
        directory.path().join("whole"),
        directory.path().join("killed"),
    );
    play(&whole, value_head, false, 5);
    play(&killed, value_head, false, 3);
    // The third round is past the last checkpoint; a half-written frame follows it.
    let journal = killed.join("journal.jsonl.zst");
    let mut text = std::fs::read(&journal).unwrap();
    text.extend_from_slice(&text.clone()[..40]);
    std::fs::write(&journal, text).unwrap();
    play(&killed, value_head, true, 5);
    for name in ["journal.jsonl.zst", "credit.jsonl.zst", "metrics.jsonl"] {
        let (a, b) = (
            std::fs::read(whole.join(name)).unwrap(),
            std::fs::read(killed.join(name)).unwrap(),
        );
        assert!(a == b, "{name} differs");
    }
    let records: Vec<EpisodeRecord> = rlef::journal::read(&journal).unwrap();
    assert_eq!(records.len(), 5 * 24 * 4);
}

/// A run whose journal is lines, as all were before, has lines of the same episodes to its end.
#[test]
fn a_run_that_began_with_lines_goes_on_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (whole, older) = (at("whole"), at("older"));
    play(&whole, ValueHead::Shared, false, 4);
    play(&older, ValueHead::Shared, false, 3);
    let lines = |run: &Path| -> Vec<String> {
        let records: Vec<serde_json::Value> = rlef::journal::read(run).unwrap();
        let bare = records.into_iter().map(|mut record| {
            record.as_object_mut().unwrap().remove("prompt");
            for turn in record["turns"].as_array_mut().unwrap() {
                for name in ["finish", "failures", "reward"] {
                    turn.as_object_mut().unwrap().remove(name);
                }
            }
            record.to_string()
        });
        bare.collect()
    };
    let journal = lines(&older).join("\n") + "\n";
    let of_two: usize = (journal.split_inclusive('\n').take(2 * 24 * 4))
        .map(str::len)
        .sum();
    // It was killed within its last line.
    let cut = &journal[..journal.len() - 100];
    std::fs::write(older.join("journal.jsonl"), cut).unwrap();
    for name in ["journal.jsonl.zst", "journal.jsonl.zst.index"] {
        std::fs::remove_file(older.join(name)).unwrap();
    }
    assert_eq!(lines(&older).len(), journal.lines().count() - 1);
    let path = older.join("checkpoints/000002/progress.json");
    let mut progress: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    progress["journal_bytes"] = of_two.into();
    std::fs::write(&path, progress.to_string()).unwrap();
    play(&older, ValueHead::Shared, true, 4);
    assert!(!older.join("journal.jsonl.zst").exists());
    let text = std::fs::read_to_string(older.join("journal.jsonl")).unwrap();
    assert!(text.starts_with(&journal[..of_two]));
    assert!(!text.contains("\"reward\"") && !text.contains("\"prompt\""));
    assert!(lines(&older) == lines(&whole), "the episodes differ");
}
