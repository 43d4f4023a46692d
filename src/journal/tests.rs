//! Journals that were killed at any byte, indices that say too little or something else, and the first form.

mod damaged;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::name_of;
use super::*;
use crate::episode::Opening;
use crate::episode::tests::played;
use crate::policy::replay::ReplayPolicy;
use crate::rollout::Group;
use crate::verdict::Grade;

/// Three rounds of two problems.
fn rounds() -> Vec<Vec<Group>> {
    let group = |round: usize, problem: &str| {
        let episodes = (0..2).map(|sample| {
            let mut episode = played(&[Grade::WrongAnswer, Grade::Accepted], sample == 0);
            episode.problem_id = problem.to_owned();
            episode.sample = sample;
            episode.turns[0].text = format!("round {round}");
            episode.opening = Opening {
                text: format!("What is {problem}?").into(),
                public_tests: 1,
            };
            episode
        });
        Group {
            problem_id: problem.to_owned(),
            episodes: episodes.collect(),
        }
    };
    let problems = [["a", "b"], ["b", "c"], ["a", "d"]];
    let rounds = problems.into_iter().enumerate();
    rounds
        .map(|(round, names)| names.map(|name| group(round, name)).into())
        .collect()
}

fn records(rounds: &[Vec<Group>]) -> Vec<EpisodeRecord> {
    let groups = rounds.iter().enumerate();
    groups
        .flat_map(|(step, groups)| {
            let episodes = groups.iter().flat_map(|group| &group.episodes);
            episodes.map(move |episode| EpisodeRecord::new(step, episode))
        })
        .collect()
}

/// Writes rounds from one on and gives the length after each.
fn write(folder: &Path, bytes: u64, from: usize) -> Vec<u64> {
    let mut journal = RunJournal::after(folder, bytes).unwrap();
    let rounds = rounds();
    let written = rounds.iter().enumerate().skip(from).map(|(step, groups)| {
        journal.append(step, groups).unwrap();
        journal.sync().unwrap()
    });
    written.collect()
}

struct Whole {
    _folder: tempfile::TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    index: Vec<u8>,
    ends: Vec<u64>,
}

fn whole() -> Whole {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let ends = write(folder.path(), 0, 0);
    Whole {
        bytes: fs::read(&path).unwrap(),
        index: fs::read(folder.path().join(INDEX)).unwrap(),
        path,
        ends,
        _folder: folder,
    }
}

/// What a reader finds of a journal with these bytes and this index.
fn found(folder: &Path, bytes: &[u8], index: Option<&[u8]>) -> Vec<EpisodeRecord> {
    let path = folder.join(NAME);
    fs::write(&path, bytes).unwrap();
    let index_path = folder.join(INDEX);
    let _ = fs::remove_file(&index_path);
    if let Some(index) = index {
        fs::write(index_path, index).unwrap();
    }
    read(&path).unwrap()
}

#[test]
fn a_journal_is_an_ordinary_file_of_zstd_whose_lines_say_its_form() {
    let whole = whole();
    assert_eq!(
        read::<EpisodeRecord>(&whole.path).unwrap(),
        records(&rounds())
    );
    let text = zstd::stream::decode_all(&whole.bytes[..]).unwrap();
    let text = String::from_utf8(text).unwrap();
    let first = text.lines().next().unwrap();
    assert_eq!(first, r#"{"event":"journal","schema":"rlef-journal/2"}"#);
    // Each prompt once, before its first episode.
    let prompts = text
        .lines()
        .filter(|line| line.contains(r#""event":"prompt""#));
    assert_eq!(prompts.count(), 4);
    assert_eq!(super::text(&whole.path).unwrap(), text);
    let reader = FrameReader::open(&whole.path).unwrap();
    for problem in ["a", "b", "c", "d"] {
        let text = format!("What is {problem}?");
        assert_eq!(reader.prompt(&name_of(&text)).unwrap(), Some(text));
    }
    assert_eq!(reader.prompt("none").unwrap(), None);
}

#[test]
fn the_answers_of_a_round_are_a_policy_that_says_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = RunJournal::after(folder.path(), 0).unwrap();
    journal.append(0, &rounds()[0]).unwrap();
    for path in [folder.path().to_owned(), folder.path().join(FIRST_FORM)] {
        let policy = ReplayPolicy::load(&path).unwrap();
        assert_eq!((policy.samples_of("a"), policy.samples_of("b")), (2, 2));
    }
}

#[test]
fn a_journal_that_was_killed_at_any_byte_reads_up_to_its_last_whole_frame() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let all = records(&rounds());
    for cut in 0..=whole.bytes.len() {
        let frames = whole.ends.iter().filter(|&&end| end <= cut as u64).count();
        // With the index as it was a moment later, and with none.
        for index in [Some(&whole.index[..]), None] {
            let found = found(folder.path(), &whole.bytes[..cut], index);
            assert_eq!(found, all[..4 * frames], "cut at {cut}");
        }
    }
}

#[test]
fn a_journal_that_was_killed_at_any_byte_goes_on_to_the_same_bytes() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let (path, index) = (folder.path().join(NAME), folder.path().join(INDEX));
    let starts: Vec<u64> = [0].into_iter().chain(whole.ends.clone()).collect();
    for cut in 0..=whole.bytes.len() {
        // From the last checkpoint before it.
        let from = starts.iter().rposition(|&end| end <= cut as u64).unwrap();
        fs::write(&path, &whole.bytes[..cut]).unwrap();
        // An index may be behind its journal by any part of it.
        fs::write(&index, &whole.index[..whole.index.len() * (cut % 97) / 96]).unwrap();
        write(folder.path(), starts[from], from);
        assert!(fs::read(&path).unwrap() == whole.bytes, "cut at {cut}");
        assert!(
            fs::read(&index).unwrap() == whole.index || from == 3,
            "cut at {cut}"
        );
        if let Some(&later) = starts.iter().find(|&&end| end > cut as u64) {
            fs::write(&path, &whole.bytes[..cut]).unwrap();
            let error = RunJournal::after(folder.path(), later).err().unwrap();
            assert!(
                error.to_string().contains("put back what was there"),
                "{error}"
            );
        }
    }
    // Where it was left is where a frame ends, or something is wrong.
    fs::write(&path, &whole.bytes).unwrap();
    let error = RunJournal::after(folder.path(), whole.ends[1] - 1)
        .err()
        .unwrap();
    assert!(error.to_string().contains("within a frame"), "{error}");
}

#[test]
fn an_index_that_says_too_little_or_something_else_is_made_again() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let all = records(&rounds());
    let path = folder.path().join(NAME);
    let other = String::from_utf8(whole.index.clone()).unwrap();
    let other = other.replace("\"c\"", "\"x\"").replace("\"d\"", "\"y\"");
    let bad = [
        b"not an index\n".to_vec(),
        b"{\"schema\":\"rlef-journal-index/9\"}\n".to_vec(),
        other.into_bytes(),
        [&whole.index[..], b"{\"frame\":9}\n"].concat(),
    ];
    let cuts = (0..whole.index.len()).map(|cut| whole.index[..cut].to_vec());
    for index in cuts.chain(bad) {
        assert_eq!(found(folder.path(), &whole.bytes, Some(&index)), all);
        let reader = FrameReader::open(&path).unwrap();
        let names: Vec<&str> = reader.episodes().map(|(_, id, _)| &**id).collect();
        assert_eq!(
            names,
            ["a", "a", "b", "b", "b", "b", "c", "c", "a", "a", "d", "d"]
        );
        assert_eq!(reader.torn(), 0);
    }
}

#[test]
fn an_episode_is_found_without_the_frames_before_it() {
    let (mut whole, all) = (whole(), records(&rounds()));
    let chosen = Selection {
        step: Some(1),
        problem_id: Some("c".into()),
        sample: Some(1),
    };
    assert_eq!(read_chosen(&whole.path, &chosen).unwrap(), [all[7].clone()]);
    // What stands before it is not looked at.
    let reader = FrameReader::open(&whole.path).unwrap();
    let first = whole.ends[0] as usize;
    whole.bytes[first - 9] ^= 1;
    fs::write(&whole.path, &whole.bytes).unwrap();
    assert_eq!(reader.chosen(&chosen).unwrap(), [all[7].clone()]);
    let error = reader.chosen(&Selection::default()).unwrap_err();
    assert!(error.to_string().contains("frame 1, its lines"), "{error}");
    let nothing = Selection {
        sample: Some(7),
        ..Selection::default()
    };
    assert_eq!(read_chosen(&whole.path, &nothing).unwrap(), []);
}

/// A small file that grows without end fills no memory.
#[test]
fn a_journal_that_is_packed_to_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl.zst");
    let mut packer =
        zstd::stream::write::Encoder::new(fs::File::create(&path).unwrap(), 1).unwrap();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..1_100 {
        std::io::Write::write_all(&mut packer, &piece).unwrap();
    }
    packer.finish().unwrap();
    let error = read::<EpisodeRecord>(&path).unwrap_err().to_string();
    assert!(error.contains("expected at most"), "{error}");
}

#[test]
fn another_form_is_refused_by_its_name() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let path = folder.path().join(NAME);
    let at = (whole.bytes.windows(14)).position(|part| part == b"rlef-journal/2");
    let mut bytes = whole.bytes.clone();
    bytes[at.unwrap() + 13] = b'3';
    fs::write(&path, bytes).unwrap();
    let error = read::<EpisodeRecord>(&path).unwrap_err().to_string();
    assert!(error.contains("the form is \"rlef-journal/3\""), "{error}");
}

#[test]
fn what_is_long_is_cut_into_frames_and_an_episode_is_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::after(&folder.path().join(NAME), 0).unwrap();
    let mut episodes = Vec::new();
    for sample in 0..7 {
        let mut record = records(&rounds())[0].clone();
        record.sample = sample;
        record.prompt = None;
        record.turns[0].feedback = "x".repeat(if sample == 3 { 3 << 20 } else { 400 << 10 });
        episodes.push((record, Arc::from("")));
    }
    frames.append(&episodes).unwrap();
    let reader = FrameReader::open(&folder.path().join(NAME)).unwrap();
    let chosen = |sample| {
        let sample = Some(sample);
        let chosen = Selection {
            sample,
            ..Selection::default()
        };
        reader.chosen(&chosen).unwrap()
    };
    for (record, _) in &episodes {
        assert_eq!(chosen(record.sample), std::slice::from_ref(record));
    }
    let index = fs::read_to_string(folder.path().join(INDEX)).unwrap();
    // Its first line, that of the form, and frames of two, one, one, two and one episodes.
    assert_eq!(index.lines().count(), 7, "{index}");
}

/// Lines as they were written before there were frames.
const FIRST: &str = include_str!("../../tests/golden/journal-1.jsonl");

#[test]
fn the_first_form_is_read_and_goes_on_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FIRST_FORM);
    fs::write(&path, FIRST).unwrap();
    let old: Vec<EpisodeRecord> = read(&path).unwrap();
    assert_eq!(old.len(), 4);
    for (record, line) in old.iter().zip(FIRST.lines()) {
        assert_eq!(serde_json::to_string(record).unwrap(), line);
    }
    // A run's folder leads to it, and so does the name of what a user has compressed.
    assert_eq!(read::<EpisodeRecord>(folder.path()).unwrap(), old);
    let chosen = Selection {
        problem_id: Some(old[2].problem_id.clone()),
        step: Some(old[2].step),
        sample: Some(old[2].sample),
    };
    assert_eq!(read_chosen(&path, &chosen).unwrap(), [old[2].clone()]);
    // Killed within its last line it has all before it, wherever it was cut; cut after its last character it has that, too.
    let last = FIRST.trim_end().rfind('\n').unwrap() + 1;
    for cut in last..FIRST.len() {
        fs::write(&path, &FIRST.as_bytes()[..cut]).unwrap();
        let whole = if cut == FIRST.len() - 1 { 4 } else { 3 };
        assert_eq!(read::<EpisodeRecord>(&path).unwrap(), old[..whole], "{cut}");
        assert_eq!(text(&path).unwrap().lines().count(), whole, "{cut}");
    }
    // A line within it that was cut is damage, and so is a last one that is no JSON.
    let middle = FIRST.replacen("}\n", "\n", 1);
    for damaged in [
        middle,
        [FIRST, "{\"step\":x"].concat(),
        [FIRST, "half"].concat(),
    ] {
        fs::write(&path, damaged).unwrap();
        assert!(read::<EpisodeRecord>(&path).is_err());
    }
    // It was killed within a line past its checkpoint, and goes on without the fields that it never had.
    fs::write(&path, [FIRST, "{\"step\":0,\"prob"].concat()).unwrap();
    write(folder.path(), FIRST.len() as u64, 2);
    let text = fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_at(FIRST.len());
    assert_eq!((before, after.lines().count()), (FIRST, 4));
    assert!(
        !after.contains("prompt") && !after.contains("finish"),
        "{after}"
    );
    assert!(!folder.path().join(NAME).exists());
    let error = RunJournal::after(folder.path(), 5).err().unwrap();
    assert!(error.to_string().contains("within a line"), "{error}");
    let compressed = zstd::stream::encode_all(FIRST.as_bytes(), 3).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(folder.path().join(NAME), compressed).unwrap();
    assert_eq!(read::<EpisodeRecord>(&path).unwrap(), old);
}

#[test]
fn an_index_that_is_no_file_is_not_waited_for() {
    let whole = whole();
    let folder = whole.path.parent().unwrap();
    fs::remove_file(folder.join(INDEX)).unwrap();
    nix::unistd::mkfifo(&folder.join(INDEX), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(read::<EpisodeRecord>(&whole.path).unwrap().len(), 12);
    let error = RunJournal::after(folder, 0).err().unwrap();
    assert!(error.to_string().contains("regular file"), "{error}");
}
