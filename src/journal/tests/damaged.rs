//! Journals and indices of which a byte or a line is another than was written.

use super::*;

#[test]
fn a_byte_that_changed_is_an_error_and_never_another_episode() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let all = records(&rounds());
    let path = folder.path().join(NAME);
    let mut refused = 0;
    for place in 0..whole.bytes.len() {
        let mut bytes = whole.bytes.clone();
        bytes[place] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        match read::<EpisodeRecord>(&path) {
            // A length that grew past the end looks like a frame that was never ended.
            Ok(found) => assert!(all.starts_with(&found), "byte {place}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > whole.bytes.len() / 2, "{refused}");
}

/// Zeros behind the last frame are room that a machine made before it died; a length that leads past other frames is damage.
#[test]
fn room_that_was_never_written_is_passed_over_and_a_changed_length_is_not() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let path = folder.path().join(NAME);
    let mut bytes = whole.bytes.clone();
    bytes.extend([0; 5_000]);
    fs::write(&path, &bytes).unwrap();
    let found: Vec<EpisodeRecord> = read(&path).unwrap();
    assert_eq!(found, records(&rounds()));
    let heads: Vec<usize> = (0..whole.bytes.len() - 4)
        .filter(|&at| whole.bytes[at..].starts_with(&frame::MARK))
        .collect();
    assert!(heads.len() > 2, "{heads:?}");
    for &at in &heads[..heads.len() - 1] {
        let mut bytes = whole.bytes.clone();
        // The length of the head is far too large, and still one that a head may have.
        bytes[at + 6] = 0x10;
        fs::write(&path, &bytes).unwrap();
        let error = read::<EpisodeRecord>(&path).unwrap_err().to_string();
        assert!(
            error.contains("its length leads past"),
            "byte {at}: {error}"
        );
    }
}

/// The last line of an index is held against the journal, and says what those before it were.
#[test]
fn a_line_that_was_changed_within_an_index_hides_no_episode() {
    let (whole, folder) = (whole(), tempfile::tempdir().unwrap());
    let (all, path) = (records(&rounds()), folder.path().join(NAME));
    let index = String::from_utf8(whole.index.clone()).unwrap();
    let lines: Vec<&str> = index.lines().collect();
    let places = (1..lines.len()).filter(|&line| lines[line].contains("\"c\""));
    let middle: Vec<usize> = places.filter(|&line| line + 1 < lines.len()).collect();
    assert!(!middle.is_empty(), "{index}");
    let chosen = Selection {
        problem_id: Some("c".into()),
        ..Selection::default()
    };
    for line in middle {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed[line] = changed[line].replace("\"c\"", "\"x\"");
        fs::write(&path, &whole.bytes).unwrap();
        fs::write(folder.path().join(INDEX), changed.join("\n") + "\n").unwrap();
        assert_eq!(read_chosen(&path, &chosen).unwrap(), all[6..8]);
        // Whoever appends writes it anew.
        write(folder.path(), whole.ends[1], 2);
        assert!(fs::read(folder.path().join(INDEX)).unwrap() == whole.index);
    }
}

/// A head that was changed within the journal itself is told by the one after it.
#[test]
fn a_head_that_was_changed_is_damage() {
    let whole = whole();
    fs::remove_file(whole.path.parent().unwrap().join(INDEX)).unwrap();
    let heads: Vec<usize> = (0..whole.bytes.len() - 4)
        .filter(|&at| whole.bytes[at..].starts_with(&frame::MARK))
        .collect();
    let mut bytes = whole.bytes.clone();
    let second = &whole.bytes[heads[1]..heads[2]];
    let name = (second.windows(3)).position(|part| part == b"\"b\"");
    bytes[heads[1] + name.unwrap() + 1] = b'x';
    fs::write(&whole.path, bytes).unwrap();
    let chosen = Selection {
        problem_id: Some("b".into()),
        ..Selection::default()
    };
    let error = read_chosen(&whole.path, &chosen).unwrap_err().to_string();
    assert!(error.contains("others went before it"), "{error}");
}
