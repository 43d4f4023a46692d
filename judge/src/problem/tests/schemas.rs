//! One small row of each further schema, and what is refused of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::comparator::{Checker, Protocol};

fn called(function: &str, arguments: serde_json::Value, expected: serde_json::Value) -> TestCase {
    TestCase::Call {
        function: function.into(),
        arguments: arguments.as_array().unwrap().clone(),
        expected,
    }
}

fn python(source: &str) -> Reference {
    Reference {
        language: Language::Python,
        source: source.into(),
    }
}

#[test]
fn apps_reads_calls_stdin_and_nothing() {
    let row = |tests: &str| {
        json!({"problem_id": 7, "question": "Add.", "solutions": "[\"def f(x): return x\"]", "input_output": tests,
               "difficulty": "interview", "starter_code": "def f(x):\n\t", "url": ""})
    };
    let problem = one(&row(
        r#"{"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [2]]}"#,
    ));
    assert_eq!(
        (problem.id.as_str(), problem.labels["difficulty"].as_str()),
        ("APPS/7", "interview")
    );
    assert_eq!(
        problem.private_tests,
        [
            called("f", json!([1]), json!(1)),
            called("f", json!([2]), json!(2))
        ]
    );
    assert_eq!(problem.references, [python("def f(x): return x")]);
    let problem = one(&row(
        r#"{"inputs": ["1\n", ["1", "2"]], "outputs": ["1\n", ["3"]]}"#,
    ));
    assert_eq!(
        problem.private_tests,
        [stdin("1\n", "1\n"), stdin("1\n2", "3")]
    );
    let message = load_text(&row("").to_string()).unwrap_err().to_string();
    assert!(
        message.contains("APPS/7") && message.contains("no tests"),
        "{message}"
    );
}

#[test]
fn taco_reads_python_literals_and_limits() {
    let problem = one(&json!({
        "question": "Add.", "solutions": "[]", "starter_code": "", "difficulty": "EASY", "raw_tags": "[]",
        "input_output": "{'inputs': ['1\\n'], 'outputs': ['it\\'s']}", "time_limit": "2.5 seconds",
        "memory_limit": "256.0 megabytes", "name": null,
    }));
    assert_eq!(problem.private_tests, [stdin("1\n", "it's")]);
    assert_eq!(
        (problem.limits.cpu_ms, problem.limits.memory_bytes),
        (2500, 256_000_000)
    );
    assert_eq!(problem.id, "TACO/0");
}

fn packed(pickle: &[u8]) -> String {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(pickle).unwrap();
    STANDARD.encode(zlib.finish().unwrap())
}

fn pickled(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    [b"\x80\x04X", length.as_slice(), text.as_bytes(), b"\x94."].concat()
}

#[test]
fn livecodebench_reads_packed_tests_and_no_other_pickle() {
    let public = r#"[{"input": "[1, 2]\n3", "output": "4", "testtype": "functional"}]"#;
    let row = |private: &str| {
        json!({"question_id": "abc_a", "question_content": "Add.", "starter_code": "class Solution:", "difficulty": "easy",
               "public_test_cases": public, "private_test_cases": private, "metadata": "{\"func_name\": \"f\"}"})
    };
    let problem = one(&row(&packed(&pickled(public))));
    assert_eq!(
        problem.public_tests,
        [called("f", json!([[1, 2], 3]), json!(4))]
    );
    assert_eq!(problem.private_tests, problem.public_tests);
    assert_eq!(
        (problem.comparison, problem.limits.cpu_ms),
        (Comparison::Decimals, 6000)
    );
    let system =
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.";
    for (private, says) in [
        (packed(system), "which writes no plain string"),
        (packed(b"\x80\x04}\x94."), "a pickled dictionary"),
        (packed(b""), "its end too early"),
        ("AAAA".to_owned(), "broken zlib data"),
        ("~".to_owned(), "broken base64"),
    ] {
        let message = load_text(&row(&private).to_string())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(says) && message.contains("`private_test_cases`"),
            "{message}"
        );
    }
}

#[test]
fn evalplus_keeps_results_out_and_large_numbers_in() {
    let row = r#"{"task_id": "Mbpp/1", "prompt": "\"\"\"Adds.\"\"\"", "entry_point": "f", "canonical_solution": "def f(x):\n  return x\n",
        "base_input": [[1], [99999999999999999999]], "plus_input": [[NaN]], "atol": 0, "contract": "", "assertion": "assert f((1,)) == 1"}"#
        .replace('\n', " ");
    let problem = load_text(&row).unwrap().remove(0);
    let [
        TestCase::Asserted {
            entry_point, code, ..
        },
    ] = problem.public_tests.as_slice()
    else {
        panic!("{:?}", problem.public_tests)
    };
    assert_eq!(entry_point, "f");
    assert!(
        code.contains(r#"{\"$number\":\"99999999999999999999\"}"#),
        "{code}"
    );
    assert_eq!(problem.private_tests.len(), 1);
    assert_eq!(problem.preamble, "");
}

/// The published file has an empty object where MBPP+ 793 has no further inputs.
#[test]
fn evalplus_takes_an_empty_object_for_no_inputs() {
    let row = |inputs: serde_json::Value| {
        json!({"task_id": "Mbpp/793", "prompt": "Last.", "entry_point": "last", "canonical_solution": "def last(x): return x",
            "base_input": [[1]], "plus_input": inputs, "atol": 0, "assertion": "assert last(1) == 1"})
    };
    let problem = one(&row(json!({})));
    assert_eq!(
        (problem.public_tests.len(), problem.private_tests.len()),
        (1, 0)
    );
    let message = refusal(&row(json!({"a": 1})).to_string());
    assert!(message.contains("`plus_input`"), "{message}");
}

#[test]
fn mbpp_shows_its_assertions() {
    let problem = one(&json!({
        "task_id": 11, "text": "Add one.", "code": "def f(x):\n  return x + 1", "test_setup_code": "import math",
        "test_list": ["assert f(1) == 2"], "challenge_test_list": ["assert f(2) == 3"],
    }));
    let test = |code: &str| TestCase::Asserted {
        entry_point: "f".into(),
        code: code.into(),
        language: Language::Python,
    };
    assert_eq!(
        problem.public_tests,
        [test("import math\nassert f(1) == 2\n")]
    );
    assert_eq!(
        problem.private_tests,
        [test("import math\nassert f(2) == 3\n")]
    );
    assert!(problem.statement.contains("assert f(1) == 2"));
}

#[test]
fn codecontests_takes_wrong_programs_and_files() {
    let problem = one(&json!({
        "name": "a", "description": "", "private_tests": {"input": [""], "output": ["1"]},
        "incorrect_solutions": {"language": [3, 1], "solution": ["print(2)", "print 2"]},
        "input_file": "a.in", "output_file": "a.out",
    }));
    assert_eq!(problem.wrong, [python("print(2)")]);
    assert_eq!(problem.files.unwrap().output, "a.out");
}

#[test]
fn prime_and_synthetic_read_tests_in_strings() {
    let problem = one(&json!({
        "data_source": "taco", "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "Add."}],
        "ability": "code", "reward_model": {"ground_truth": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"]}", "style": "rule"},
        "extra_info": {"index": 5, "split": "train"},
    }));
    assert_eq!(
        (problem.id.as_str(), problem.statement.as_str()),
        ("taco/5", "Add.")
    );
    assert_eq!(problem.private_tests, [stdin("1", "2")]);
    let problem = one(&json!({
        "problem_id": "vcc_1", "prompt": "Add.", "task_type": "verifiable_code",
        "gold_standard_solution": "```python\nprint(3)\n```",
        "verification_info": "{'language': 'python', 'test_cases': [{'type': 'stdin_stdout', 'input': '1', 'output': '3', 'fn_name': None}, \
            {'type': 'function_call', 'fn_name': 'f', 'input': [1, 'a'], 'output': [3]}]}",
    }));
    assert_eq!(problem.references, [python("print(3)\n")]);
    assert_eq!(
        problem.private_tests,
        [stdin("1", "3"), called("f", json!([1, "a"]), json!(3))]
    );
    let message = load_text(
        &json!({"data_source": "numina", "prompt": "", "ability": "math", "reward_model": {}})
            .to_string(),
    );
    assert!(message.unwrap_err().to_string().contains("`ability`"));
}

#[test]
fn codeforces_takes_the_checker_and_the_mode() {
    let problem = one(&json!({
        "id": "1/A", "title": "T", "description": "Add.", "examples": [{"input": "1", "output": "2"}], "time_limit": 1.5,
        "memory_limit": 256.0, "official_tests": [{"input": "1", "output": "2"}, {"input": "2", "output": "3"}],
        "official_tests_complete": false, "input_mode": "file", "generated_checker": "print(1)",
    }));
    assert_eq!(problem.private_tests, [stdin("2", "3")]);
    let checker = Checker {
        language: Language::Python,
        source: "print(1)".into(),
        protocol: Protocol::Printed,
        flags: Vec::new(),
    };
    assert_eq!(problem.comparison, Comparison::Checker(checker));
    assert_eq!(
        (problem.limits.cpu_ms, problem.labels["tests"].as_str()),
        (1500, "cut short")
    );
    assert!(problem.files.is_some());
}

#[test]
fn mapcoder_reads_arguments_by_line() {
    let row = |starter: &str, input: &str| {
        one(
            &json!({"name": "9", "description": "D", "id": 9, "difficulty": "interview", "starter_code": starter,
                    "sample_io": [], "test_list": [{"input": input, "output": ["3"]}]}),
        )
    };
    assert_eq!(row("", "1\n").private_tests, [stdin("1\n", "3")]);
    assert_eq!(
        row("def f(a, b):\n\t", "[1]\nx y").private_tests,
        [called("f", json!([[1], "x y"]), json!("3"))]
    );
    assert_eq!(
        row("class Solution:\n    def f(self, a: str) -> int:\n", "13").private_tests,
        [called("f", json!(["13"]), json!("3"))]
    );
}

#[test]
fn the_apps_layout_is_read_from_folders() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("0003");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in [
        ("question.txt", "Add."),
        (
            "input_output.json",
            r#"{"inputs": ["1"], "outputs": ["2"]}"#,
        ),
        ("solutions.json", r#"["print(2)"]"#),
        (
            "metadata.json",
            r#"{"difficulty": "interview", "url": "u"}"#,
        ),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let problem = load(directory.path()).unwrap().remove(0);
    assert_eq!(
        (problem.id.as_str(), problem.statement.as_str()),
        ("APPS/0003", "Add.")
    );
    assert_eq!(problem.private_tests, [stdin("1", "2")]);
    assert_eq!(load(&folder).unwrap()[0].private_tests, [stdin("1", "2")]);
    std::fs::remove_file(folder.join("question.txt")).unwrap();
    let message = load(directory.path()).unwrap_err().to_string();
    assert!(
        message.contains("APPS") && message.contains("files"),
        "{message}"
    );
}

#[test]
fn a_broken_parquet_file_is_named() {
    let (_directory, path) = file("set.parquet", b"PAR1 and nothing more PAR1");
    assert!(matches!(load(&path), Err(ProblemError::Parquet { .. })));
}

#[test]
fn a_schema_can_be_named() {
    let row = json!({"id": "s", "code": "def f(x):\n    return x", "input": "1", "output": "1"});
    let (_directory, path) = file("c.jsonl", row.to_string());
    let named = load_as(&path, Schema::named("cruxeval-input")).unwrap();
    assert!(named[0].statement.contains("For which arguments"));
    assert!(load(&path).unwrap()[0].statement.contains("What does"));
}
