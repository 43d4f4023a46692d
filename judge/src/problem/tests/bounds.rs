//! Files that unpack to more than they look, and files that are none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::budget::Budget;
use super::super::file::for_each_row_within;
use super::*;

/// Rows of a file, under a budget of so many bytes for all and for each.
fn rows_within(path: &Path, most: u64, row: u64) -> Result<usize, ProblemError> {
    let notices = known::Notices::default();
    let mut count = 0;
    let budget = Budget::with(path, most, row);
    for_each_row_within(path, &budget, &mut |row, budget| {
        schema::problem_of(&row, None, &notices, budget)?;
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn is_too_large(result: Result<usize, ProblemError>) -> bool {
    matches!(result, Err(ProblemError::TooLarge { .. }))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn native(id: usize, statement: &str) -> String {
    let test = json!({"kind": "stdin", "input": "", "expected": "1"});
    json!({"id": id.to_string(), "statement": statement, "private_tests": [test]}).to_string()
        + "\n"
}

/// A row of LiveCodeBench whose tests unpack to `size` bytes.
fn packed(size: usize) -> String {
    let tests = json!([{"input": "1".repeat(size), "output": "2"}]).to_string();
    let length = u32::try_from(tests.len()).unwrap().to_le_bytes();
    let pickle = [b"\x80\x04X", length.as_slice(), tests.as_bytes(), b"\x94."].concat();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&pickle).unwrap();
    let tests = STANDARD.encode(zlib.finish().unwrap());
    json!({"question_content": "q", "private_test_cases": tests}).to_string() + "\n"
}

#[test]
fn gzip_is_bounded_as_lines_and_as_a_whole() {
    let lines: String = (0..200).map(|id| native(id, &"a".repeat(1000))).collect();
    let array = format!("[{}]", lines.trim_end().replace('\n', ","));
    let (blank, empty) = (" ".repeat(300_000), "\n".repeat(300_000));
    for text in [lines.as_str(), &array, &blank, &empty] {
        let (_directory, path) = file("set.jsonl.gz", gzip(text.as_bytes()));
        assert!(is_too_large(rows_within(&path, 100_000, 100_000)));
    }
    let (_directory, path) = file("set.jsonl.gz", gzip(lines.as_bytes()));
    assert_eq!(rows_within(&path, 1 << 20, 1 << 20).unwrap(), 200);
    assert!(is_too_large(rows_within(&path, 1 << 20, 500)), "one row");
    let array = array.replace("},{\"id\"", "},\n{\"id\"");
    let (_directory, path) = file("set.jsonl.gz", gzip(array.as_bytes()));
    assert_eq!(rows_within(&path, 1 << 20, 2000).unwrap(), 200);
    assert!(
        is_too_large(rows_within(&path, 1 << 20, 1200)),
        "one element"
    );
}

#[test]
fn packed_fields_are_bounded_by_row_and_by_file() {
    let (_directory, path) = file("set.jsonl", packed(200_000).repeat(4));
    assert_eq!(rows_within(&path, 4 << 20, 1 << 20).unwrap(), 4);
    assert!(is_too_large(rows_within(&path, 4 << 20, 100_000)));
    assert!(is_too_large(rows_within(&path, 500_000, 400_000)));
}

#[test]
fn numbers_count_for_more_than_their_digits() {
    let numbers = "0,".repeat(20_000) + "0";
    let row = format!(
        r#"{{"id": "a", "statement": "", "private_tests": [{{"kind": "call", "function": "f", "arguments": [{numbers}], "expected": 1}}]}}"#
    );
    let (_directory, path) = file("set.jsonl.gz", gzip(row.as_bytes()));
    assert!(is_too_large(rows_within(&path, 100_000, 100_000)));
}

/// What a row holds is shown by its first characters.
#[test]
fn messages_are_no_longer_than_a_few_lines() {
    let digits = "7".repeat(100_000);
    let call = |outputs: &str| {
        let tests = json!({"fn_name": "f", "inputs": ["1"], "outputs": [outputs]}).to_string();
        json!({"question": "", "input_output": tests}).to_string()
    };
    for row in [
        format!(r#"{{"id": "a", "statement": "", "private_tests": [{digits}]}}"#),
        call(&digits),
        call(&format!("[{}", "a".repeat(100_000))),
    ] {
        let (_directory, path) = file("set.jsonl", row.into_bytes());
        let message = rows_within(&path, 1 << 20, 1 << 20)
            .unwrap_err()
            .to_string();
        assert!(message.len() < 500, "{} bytes", message.len());
    }
}

#[test]
fn archives_are_bounded_even_where_they_are_all_holes() {
    let mut archive = tar::Builder::new(Vec::new());
    for name in ["1/question.txt", "1/input_output.json", "2/unread.bin"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(200_000);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, &vec![b' '; 200_000][..])
            .unwrap();
    }
    let bytes = archive.into_inner().unwrap();
    for (name, bytes) in [("a.tar", bytes.clone()), ("a.tar.gz", gzip(&bytes))] {
        let (_directory, path) = file(name, bytes);
        assert!(is_too_large(rows_within(&path, 300_000, 300_000)), "{name}");
    }
    // The header alone claims more than there is.
    let mut header = tar::Header::new_gnu();
    header.set_path("1/question.txt").unwrap();
    header.set_size(u64::MAX / 4);
    header.set_cksum();
    let (_directory, path) = file("b.tar", header.as_bytes());
    assert!(is_too_large(rows_within(&path, 1 << 20, 1 << 20)));
}

#[test]
fn parquet_is_bounded_by_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("set.parquet");
    let set: Vec<Problem> = (0..100)
        .map(|id| Problem {
            id: id.to_string(),
            statement: "a".repeat(10_000),
            public_tests: vec![stdin("", "1")],
            ..Problem::default()
        })
        .collect();
    save(&path, &set).unwrap();
    assert_eq!(rows_within(&path, 4 << 20, 1 << 20).unwrap(), 100);
    assert!(is_too_large(rows_within(&path, 500_000, 100_000)));
    assert!(is_too_large(rows_within(&path, 4 << 20, 5_000)));
}

/// Bytes of a small Parquet file changed in turn: an error or problems, never a panic.
#[test]
fn a_parquet_file_with_a_wrong_byte_is_an_error_or_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("set.parquet");
    save(&path, &[sample()]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for (index, mask) in (0..bytes.len())
        .step_by(5)
        .zip([0x01, 0x80, 0xff].into_iter().cycle())
    {
        let mut bytes = bytes.clone();
        bytes[index] ^= mask;
        std::fs::write(&path, &bytes).unwrap();
        let _ = load(&path);
    }
}

#[test]
fn deep_json_is_an_error() {
    for text in [
        "[".repeat(200_000),
        format!(r#"{{"id": "a", "statement": {}"#, "[".repeat(200_000)),
        format!(r#"{{"problem": "p", "tests": "{}"}}"#, "[".repeat(200_000)),
        format!(r#"{{"problem": "p", "tests": "{}"}}"#, "(".repeat(200_000)),
    ] {
        assert!(load_text(&text).is_err());
    }
}

#[test]
fn pipes_and_devices_are_no_problem_files() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [
        PathBuf::from("/dev/zero"),
        PathBuf::from("/dev/null"),
        socket,
    ] {
        let error = load(&path).unwrap_err();
        assert!(matches!(error, ProblemError::NotAFile { .. }), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let text = native(0, "s") + &native(1, "s");
    let plain = load_text(&text).unwrap();
    let array = format!("[{}]", text.trim_end().replace('\n', ","));
    for text in [text, array] {
        let marked = format!("\u{feff}{text}");
        assert_eq!(load_text(&marked).unwrap(), plain);
        let (_directory, path) = file("set.jsonl.gz", gzip(marked.as_bytes()));
        assert_eq!(load(&path).unwrap(), plain);
    }
    let (_directory, path) = file("set.jsonl", b"\xff\xfe{\x00");
    assert!(matches!(load(&path), Err(ProblemError::NotText { .. })));
}

#[test]
fn what_is_packed_otherwise_is_named() {
    for (bytes, kind) in [
        (&b"\x28\xb5\x2f\xfd\0\0"[..], "Zstandard"),
        (b"\xfd7zXZ\0\0", "xz"),
        (b"PK\x03\x04\0", "zip"),
        (b"BZh91AY", "bzip2"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.jsonl");
        std::fs::write(&path, bytes).unwrap();
        let message = load(&path).unwrap_err().to_string();
        assert!(
            message.contains(kind) && message.contains("unpack it"),
            "{message}"
        );
    }
}
