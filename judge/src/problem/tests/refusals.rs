//! Files that are refused, and how that is said.

use super::*;

#[test]
fn refusals_name_file_row_field_and_remedy() {
    let tests = r#""private_tests": [{"kind": "stdin", "input": "", "expected": ""}]"#;
    let good = format!(r#"{{"id": "a", "statement": "", {tests}}}"#);
    let cases = [
        String::new(),
        format!("{good}\n\n{{\"id\": "),
        format!("{good}\n{good}"),
        r#"{"id": "a", "statement": ""}"#.to_owned(),
        r#"{"id": "a", "statement": "", "tests": []}"#.to_owned(),
        r#"{"question": "?", "answer": 42}"#.to_owned(),
        "[1]".to_owned(),
        "{}".to_owned(),
        r#"{"task_id": "Rust/0", "prompt": "", "entry_point": "f", "test": ""}"#.to_owned(),
        r#"{"task_id": "HumanEval/0", "prompt": "", "entry_point": "f", "test": "pass", "plus_input": [[1]]}"#.to_owned(),
        r#"{"task_id": "HumanEval/0", "prompt": 3, "entry_point": "f", "test": ""}"#.to_owned(),
        r#"{"name": "a", "description": "", "public_tests": {"input": ["1"], "output": []}}"#.to_owned(),
        r#"{"name": "a", "description": "", "public_tests": {"input": [1], "output": ["1"]}}"#.to_owned(),
        r#"{"name": "a", "description": "", "private_tests": {}, "input_file": "input.txt"}"#.to_owned(),
        r#"{"name": "a", "description": "", "private_tests": {}, "time_limit": {"seconds": -1}}"#.to_owned(),
        r#"{"problem": "", "tests": {"fn_name": "f", "inputs": ["99999999999999999999"], "outputs": ["1"]}}"#.to_owned(),
        format!("{good}\n{{\"id\": \"b\", \"statement\": \"\", \"private_tests\": [99999999999999999999]}}"),
        "[\n1,\n99999999999999999999]".to_owned(),
        r#"{"problem": "", "tests": {"functional": "def check(): ..."}}"#.to_owned(),
        r#"{"problem": "", "tests": {"inputs": [], "outputs": []}}"#.to_owned(),
        r#"{"id": 1, "content": "", "test": [{"input": {"stdin": "", "a.txt": ""}, "output": {"stdout": ""}}]}"#.to_owned(),
        r#"{"id": 1, "content": "", "test": "[{"}"#.to_owned(),
    ];
    let messages: Vec<String> = cases.iter().map(|case| refusal(case)).collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn unreadable_files_are_named() {
    let (_directory, path) = file("broken.gz", [0x1f, 0x8b, 8, 0, 1, 2]);
    assert!(matches!(load(&path), Err(ProblemError::Unzip { .. })));
    let (_directory, path) = file("latin.jsonl", b"\n{\"\xe9\": 1}\n");
    assert!(matches!(
        load(&path),
        Err(ProblemError::NotText { line: 2, .. })
    ));
    assert!(matches!(
        load(&path.with_file_name("missing")),
        Err(ProblemError::Read { .. })
    ));
}

#[test]
fn a_gzip_of_several_members_is_read_whole() {
    let mut bytes = Vec::new();
    for id in ["a", "b"] {
        let row = json!({"id": id, "statement": "", "public_tests": [{"kind": "stdin", "input": "", "expected": ""}]});
        let mut encoder = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::fast());
        writeln!(encoder, "{row}").unwrap();
        encoder.finish().unwrap();
    }
    let (_directory, path) = file("set.jsonl.gz", bytes);
    assert_eq!(load(&path).unwrap().len(), 2);
}

proptest! {
    #[test]
    fn no_file_panics(bytes: Vec<u8>, text in "[\\[{}\\]\":,a-z0-9\n ]{0,60}") {
        for content in [bytes.as_slice(), text.as_bytes()] {
            let (_directory, path) = file("set.jsonl", content);
            let _ = load(&path);
        }
    }

    #[test]
    fn no_row_of_a_known_schema_panics(schema in 0usize..5, values in prop::collection::vec("(\\[\\]|\\{\\}|null|3|\"x\"|\\[\"1\"\\]|\\{\"input\":\\[\"1\"\\],\"output\":\\[\"1\"\\]\\}|\\[\\{\"input\":\\{\"stdin\":\"\"\\},\"output\":\\{\"stdout\":\"\"\\}\\}\\])", 9)) {
        let names: [&[&str]; 5] = [
            &["id", "statement", "public_tests", "limits", "comparison", "labels"],
            &["task_id", "prompt", "entry_point", "test", "example_test", "canonical_solution", "import", "bug_type"],
            &["name", "description", "public_tests", "private_tests", "time_limit", "memory_limit_bytes", "solutions", "source"],
            &["problem", "tests"],
            &["id", "content", "test", "labels", "canonical_solution"],
        ];
        let fields: Vec<String> =
            names[schema].iter().zip(&values).map(|(name, value)| format!("\"{name}\": {value}")).collect();
        let _ = load_text(&format!("{{{}}}", fields.join(", ")));
    }
}
