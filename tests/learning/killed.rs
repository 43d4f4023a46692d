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
            &ToyGrader,
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
    // The third round is past the last checkpoint; a half-written line follows it.
    let journal = killed.join("journal.jsonl");
    let mut text = std::fs::read(&journal).unwrap();
    text.extend_from_slice(b"{\"step\": 12, \"prob");
    std::fs::write(&journal, text).unwrap();
    play(&killed, value_head, true, 5);
    for name in ["journal.jsonl", "metrics.jsonl"] {
        let (a, b) = (
            std::fs::read(whole.join(name)).unwrap(),
            std::fs::read(killed.join(name)).unwrap(),
        );
        assert!(a == b, "{name} differs");
    }
    let records: Vec<EpisodeRecord> = rlef::journal::read(&journal).unwrap();
    assert_eq!(records.len(), 5 * 24 * 4);
}
