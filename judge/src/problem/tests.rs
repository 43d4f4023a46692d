//! Every schema read from a small file of its own, and every way a file can be wrong.

mod refusals;

use std::io::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;

mod borders;
mod bounds;
mod fields;
mod schemas;

fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

fn load_text(content: &str) -> Result<Vec<Problem>, ProblemError> {
    let (_directory, path) = file("set.jsonl", content);
    load(&path)
}

/// The problem of a row in any schema, which is also written in each form of our own and read again unchanged.
fn one(row: &serde_json::Value) -> Problem {
    let problem = load_text(&row.to_string()).unwrap().remove(0);
    let directory = tempfile::tempdir().unwrap();
    let mut set = vec![problem.clone()];
    for name in ["a.jsonl", "b.parquet", "c.jsonl.gz", "d.parquet"] {
        // Each is made of what was read from the one before.
        let path = directory.path().join(name);
        save(&path, &set).unwrap();
        set = load(&path).unwrap();
        assert_eq!(set, std::slice::from_ref(&problem), "{name}");
    }
    problem
}

/// The message, with the temporary directory left out.
fn refusal(content: &str) -> String {
    let (directory, path) = file("set.jsonl", content);
    let message = load(&path).unwrap_err().to_string();
    message.replace(&format!("{}/", directory.path().display()), "")
}

fn stdin(input: &str, expected: &str) -> TestCase {
    TestCase::Stdin {
        input: input.into(),
        expected: expected.into(),
    }
}

fn sample() -> Problem {
    Problem {
        id: "sum/0".into(),
        statement: "Add.".into(),
        public_tests: vec![stdin("1 2\n", "3\n")],
        private_tests: vec![TestCase::Call {
            function: "add".into(),
            arguments: vec![json!(1), json!([2, null])],
            expected: json!({"a": 1.5}),
        }],
        limits: Limits::default(),
        comparison: Comparison::Floats {
            absolute: 1e-6,
            relative: 0.0,
        },
        preamble: String::new(),
        references: vec![Reference {
            language: Language::Python,
            source: "print(3)".into(),
        }],
        wrong: Vec::new(),
        files: None,
        labels: BTreeMap::from([("family".into(), "sum".into())]),
    }
}

#[test]
fn what_is_saved_is_loaded_gzipped_or_not() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["set.jsonl", "set.jsonl.gz", "set.parquet"] {
        let path = directory.path().join(name);
        let mut problems = vec![sample(), sample()];
        problems[1].id = "sum/1".into();
        problems[1].files = Some(FileNames {
            input: "in.txt".into(),
            output: "out.txt".into(),
        });
        problems[1].wrong = vec![problems[1].references[0].clone()];
        save(&path, &problems).unwrap();
        assert_eq!(load(&path).unwrap(), problems);
    }
    let packed = std::fs::read(directory.path().join("set.jsonl.gz")).unwrap();
    assert_eq!(packed[..2], [0x1f, 0x8b]);
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        3,
        "a partial file is left"
    );
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_old_one() {
    let (directory, path) = file("set.jsonl", "old");
    let missing = directory.path().join("nowhere").join("set.jsonl");
    let message = save(&missing, &[sample()]).unwrap_err().to_string();
    assert!(
        message.starts_with("write problems to ") && message.contains("nowhere"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(path).unwrap(), "old");
}

#[test]
fn numbers_of_tests_are_read_and_written_exactly() {
    // Each of these is read one unit wrong by a careless reader; the last needs all its digits.
    let numbers = "[31.245270191439438, 5e-324, 1.7976931348623157e308, 0.1, 9007199254740993.0, 123456789.12345679]";
    let row = format!(
        r#"{{"id": "a", "statement": "", "private_tests": [{{"kind": "call", "function": "f", "arguments": {numbers}, "expected": {numbers}}}]}}"#
    );
    let value = floats::parse(&row).unwrap();
    let exact: Vec<f64> = numbers
        .trim_matches(['[', ']'])
        .split(", ")
        .map(|text| text.parse().unwrap())
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().join("first.jsonl");
    std::fs::write(&path, &row).unwrap();
    for name in ["a.jsonl", "b.parquet", "c.jsonl"] {
        let set = load(&path).unwrap();
        let TestCase::Call {
            arguments,
            expected,
            ..
        } = &set[0].private_tests[0]
        else {
            panic!("{set:?}");
        };
        let read: Vec<f64> = arguments
            .iter()
            .map(|value| value.as_f64().unwrap())
            .collect();
        assert_eq!(read, exact);
        assert_eq!(expected, &value["private_tests"][0]["expected"]);
        path = directory.path().join(name);
        save(&path, &set).unwrap();
    }
}

#[test]
fn native_rows_have_defaults() {
    let test = json!({"kind": "stdin", "input": "", "expected": "1"});
    let problem = one(&json!({"id": "a", "statement": "Print 1.", "private_tests": [test]}));
    assert_eq!(problem.limits, Limits::default());
    assert_eq!(problem.comparison, Comparison::Lines);
}

#[test]
fn humaneval_hides_its_test() {
    let row = json!({
        "task_id": "HumanEval/0", "prompt": "def f(x):\n", "entry_point": "f",
        "canonical_solution": "    return x\n", "test": "\n\ndef check(candidate):\n    assert candidate(1) == 1\n",
    });
    let problem = one(&row);
    let code = "def check(candidate):\n    assert candidate(1) == 1\n\ncheck(f)\n".to_owned();
    assert_eq!(problem.public_tests, []);
    assert_eq!(
        problem.private_tests,
        [TestCase::Asserted {
            entry_point: "f".into(),
            code,
            language: Language::Python,
        }]
    );
    assert_eq!(problem.preamble, "def f(x):\n");
    assert_eq!(problem.references[0].source, "    return x\n");
}

#[test]
fn humaneval_pack_shows_its_test_and_grades_by_nothing_else() {
    let row = json!({
        "task_id": "Python/0", "prompt": "def f(x):\n", "entry_point": "f", "canonical_solution": "    return x\n",
        "buggy_solution": "    return -x\n", "bug_type": "excess logic", "test_setup": "import math",
        "test": "def check(f):\n    assert f(2) == 2\n\ncheck(f)",
        "example_test": "    stray = 1\ndef check(f):\n    assert f(1) == 1\ncheck(f)\n",
    });
    let problem = one(&row);
    let codes: Vec<&str> = problem
        .public_tests
        .iter()
        .map(|test| match test {
            TestCase::Asserted { code, .. } => code.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        codes,
        ["import math\ndef check(f):\n    assert f(2) == 2\n\ncheck(f)\n"]
    );
    assert_eq!(problem.private_tests, []);
    assert_eq!(problem.labels["buggy_solution"], "    return -x\n");
}

#[test]
fn codecontests_pairs_lists_and_takes_limits() {
    let row = json!({
        "name": "1_A. Sum", "description": "Add.", "source": 2, "difficulty": 7,
        "public_tests": {"input": ["1 2\n"], "output": ["3\n"]},
        "private_tests": {"input": ["2 2\n"], "output": ["4\n"]},
        "generated_tests": {"input": ["0 0\n", "1 1\n"], "output": ["0\n", "2\n"]},
        "time_limit": {"seconds": 1, "nanos": 500_000_000}, "memory_limit_bytes": 256_000_000,
        "solutions": {"language": [2, 3], "solution": ["int main(){}", "print(3)"]},
        "input_file": "", "output_file": "",
    });
    let problem = one(&row);
    assert_eq!(problem.public_tests, [stdin("1 2\n", "3\n")]);
    assert_eq!(
        problem.private_tests,
        [
            stdin("2 2\n", "4\n"),
            stdin("0 0\n", "0\n"),
            stdin("1 1\n", "2\n")
        ]
    );
    assert_eq!(
        (problem.limits.cpu_ms, problem.limits.memory_bytes),
        (1500, 256_000_000)
    );
    assert!(problem.limits.wall_ms >= problem.limits.cpu_ms);
    assert_eq!(
        problem.references,
        [
            Reference {
                language: Language::Cpp,
                source: "int main(){}".into()
            },
            Reference {
                language: Language::Python,
                source: "print(3)".into()
            }
        ]
    );
    assert_eq!(problem.comparison, Comparison::Contest);
}

#[test]
fn deepcoder_tells_shown_tests_from_hidden_ones() {
    let statement = "Add.\n\nInput\n\n\n1 2\n\n\nOutput\n\n\n3\n\nNote\n\nTime Limit: {'seconds': 2, 'nanos': 0}\n\
                     Memory Limit: 512000000 Bytes\n";
    let tests = json!({"inputs": ["1 2\n", "2"], "outputs": ["3\n", "3"]});
    let (_directory, path) = file(
        "sums-165.json",
        json!([{"problem": statement, "tests": tests}]).to_string(),
    );
    let problem = load(&path).unwrap().remove(0);
    assert_eq!(problem.id, "sums-165/0");
    assert_eq!(problem.public_tests, [stdin("1 2\n", "3\n")]);
    assert_eq!(problem.private_tests, [stdin("2", "3")]);
    assert_eq!(
        (problem.limits.cpu_ms, problem.limits.memory_bytes),
        (2000, 512_000_000)
    );
}

#[test]
fn deepcoder_reads_calls_in_every_form() {
    let call = |arguments, expected| TestCase::Call {
        function: "f".into(),
        arguments,
        expected,
    };
    let expected = [call(vec![json!([1, 2]), json!(3)], json!([4]))];
    let forms = [
        json!({"fn_name": "f", "inputs": [[[1, 2], 3]], "outputs": [[[4]]]}),
        json!([{"input": "[1, 2]\n3", "output": "[4]", "testtype": "functional", "metadata": {"func_name": "f"}}]),
        json!("{\"fn_name\": \"f\", \"inputs\": [\"[1, 2]\\n3\"], \"outputs\": [\"[4]\"]}"),
    ];
    for form in forms {
        let problem = one(&json!({"problem": "Call.", "tests": form}));
        assert_eq!(problem.private_tests, expected, "{form}");
    }
}

#[test]
fn common_oj_reads_json_inside_strings() {
    let row = json!({
        "id": 7, "content": "Add.\nInput:\n1 2\nOutput:\n3\n", "labels": "{\"name\": \"sum\", \"rating\": 800}",
        "test": "[{\"input\": {\"stdin\": \"1 2\"}, \"output\": {\"stdout\": \"3\"}}, {\"input\": {\"stdin\": \"5\"}, \"output\": {\"stdout\": \"5\"}}]",
        "canonical_solution": {"python": ["print(3)"], "cpp": "x"},
    });
    let problem = one(&row);
    assert_eq!(problem.id, "7");
    assert_eq!(problem.public_tests, [stdin("1 2", "3")]);
    assert_eq!(problem.private_tests, [stdin("5", "5")]);
    assert_eq!(
        problem.labels,
        BTreeMap::from([
            ("name".into(), "sum".into()),
            ("rating".into(), "800".into())
        ])
    );
    assert_eq!(problem.references[0].source, "print(3)");
}

#[test]
fn a_single_object_may_span_lines() {
    let row = json!({"id": "a", "statement": "", "private_tests": [{"kind": "stdin", "input": "", "expected": ""}]});
    let (_directory, path) = file("one.json", serde_json::to_string_pretty(&row).unwrap());
    assert_eq!(load(&path).unwrap()[0].id, "a");
}
