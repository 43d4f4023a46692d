//! What single fields decide, schema by schema.

use super::*;

fn codes(tests: &[TestCase]) -> Vec<&str> {
    tests
        .iter()
        .map(|test| match test {
            TestCase::Asserted { code, .. } => code.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn mbpp_plus_of_the_hub_is_graded_by_its_test() {
    let problem = one(&json!({
        "task_id": 5, "code": "def half(x):\r\n\treturn x / 2", "prompt": "Halve.", "source_file": "a", "test_imports": ["import math"],
        "test_list": ["assert half (4) == 2"], "test": "for x in [1, 2]:\n    assert half(x) == x / 2\n",
    }));
    assert_eq!(
        codes(&problem.public_tests),
        ["import math\nassert half (4) == 2\n"]
    );
    assert_eq!(
        codes(&problem.private_tests),
        ["import math\nfor x in [1, 2]:\n    assert half(x) == x / 2\n\n"]
    );
}

#[test]
fn assert_case_decides() {
    let row = |truth: serde_json::Value| json!({"data_source": "s", "prompt": "Double.", "reward_model": {"ground_truth": truth.to_string(), "style": "rule"}});
    let problem = one(&row(
        json!({"inputs": ["", ""], "outputs": ["", null], "assert_case": ["assert two(2) == 4", "assert two(0) == 0"]}),
    ));
    assert_eq!(
        codes(&problem.private_tests),
        ["assert two(2) == 4\n", "assert two(0) == 0\n"]
    );
    let problem = one(&row(
        json!({"fn_name": "two", "inputs": ["2"], "outputs": ["4"], "assert_case": ["assert two(3) == 6"]}),
    ));
    assert_eq!(problem.private_tests.len(), 2);
    let problem = one(&row(
        json!({"inputs": ["1"], "outputs": ["2"], "assert_case": "assert two(1) == 2"}),
    ));
    assert_eq!(problem.private_tests[0], stdin("1", "2"));
    assert_eq!(problem.private_tests.len(), 2);
    for unclear in [
        json!({"inputs": [""], "outputs": [""], "assert_case": ["assert two(2) == four()"]}),
        json!({"inputs": [""], "outputs": [""], "assert_case": ["assert True"]}),
        json!({"inputs": [""], "outputs": [""], "assert_case": [1]}),
        json!({"inputs": [""], "outputs": [""], "assert_case": ["two(2)"]}),
    ] {
        let message = told(&row(unclear).to_string()).unwrap_err().to_string();
        assert!(message.contains("ground_truth.assert_case"), "{message}");
    }
}

#[test]
fn tests_that_any_silent_program_passes_are_none() {
    let row = json!({"problem": "p", "tests": {"inputs": ["", " "], "outputs": ["\n", ""]}});
    let message = told(&row.to_string()).unwrap_err().to_string();
    assert!(message.contains("empty inputs and outputs"), "{message}");
}

#[test]
fn codecontests_takes_corner_cases_and_a_testlib_checker() {
    let row = |checker: &str| {
        json!({"name": "n", "description": "d", "public_tests": {"input": ["1"], "output": ["2"]}, "checker": checker,
               "corner_cases": [{"input": {"stdin": "5"}, "output": {"stdout": "9"}}]})
    };
    let problem = one(&row("#include \"testlib.h\"\nint main() {}"));
    assert_eq!(problem.private_tests, [stdin("5", "9")]);
    assert!(matches!(problem.comparison, Comparison::Checker(_)));
    let message = told(&row("int main(){return 0;}").to_string())
        .unwrap_err()
        .to_string();
    assert!(message.contains("`checker`"), "{message}");
}

#[test]
fn leetcode_rows_call_a_method_and_show_their_task() {
    let row = json!({
        "task_id": "twice", "prompt": "import math\n", "entry_point": "Solution().twice", "problem_description": "Double it.",
        "starter_code": "class Solution:\n    def twice(self, n: int) -> int:\n        ", "completion": "class Solution:\n    def twice(self, n):\n        return 2 * n\n",
        "test": "def check(candidate):\n    assert candidate(n = 2) == 4\n", "input_output": [{"input": "n = 2", "output": "4"}],
        "query": "Answer.", "response": "```python\n```",
    });
    let problem = one(&row);
    assert!(problem.statement.contains("Double it.") && problem.statement.contains("def twice"));
    assert_eq!(problem.preamble, "import math\n");
    assert_eq!(
        problem.private_tests,
        [TestCase::Asserted {
            entry_point: "Solution.twice".into(),
            code: "def check(candidate):\n    assert candidate(n = 2) == 4\n\ncheck(candidate)\n"
                .into(),
            language: Language::Python,
        }]
    );
    assert_eq!(problem.references.len(), 1);
}

#[test]
fn cruxeval_of_other_languages_is_refused() {
    let row = |code: &str, input: &str, output: &str| json!({"id": "x_0", "code": code, "input": input, "output": output});
    for (code, input, output) in [
        ("long f(long n) { return n; }", "1", "1"),
        (
            "def f(n):\n    return n",
            "assert f(????) == 1",
            "assert f(1) == ????",
        ),
        ("function f(n) return n end", "f(1)", "1"),
        ("def f(n):\n    return n", "1", "assert f(1) == 1"),
        ("def f(n)\n  n\nend", "candidate(????)", "1"),
    ] {
        assert!(
            told(&row(code, input, output).to_string()).is_err(),
            "{code}"
        );
    }
    let mut with_truth = row("def f(n):\n    return n", "1", "1");
    with_truth["gt"] = json!("assert f(1) == 1");
    let message = told(&with_truth.to_string()).unwrap_err().to_string();
    assert!(
        message.contains("expected Python or JavaScript"),
        "{message}"
    );
}

#[test]
fn what_the_judge_cannot_call_is_unreadable() {
    let humaneval = |entry: &str| json!({"task_id": "H/0", "prompt": "", "entry_point": entry, "test": "def check(c):\n    assert c(1)"});
    let native =
        |test: serde_json::Value| json!({"id": "a", "statement": "", "private_tests": [test]});
    let call = |name: &str| {
        native(json!({"kind": "call", "function": name, "arguments": [], "expected": 1}))
    };
    for row in [
        humaneval("Solution().m"),
        humaneval("a.b.c"),
        humaneval(""),
        humaneval("f(x)"),
        call("Solution().m"),
        call("import os"),
        call("lambda"),
        json!({"question": "q", "input_output": {"fn_name": "Solution().f", "inputs": [[1]], "outputs": [1]}}),
        native(
            json!({"kind": "asserted", "entry_point": "f", "code": "assert f()", "language": "php"}),
        ),
        json!({"id": "a", "statement": "", "private_tests": [
            {"kind": "call", "function": "f", "arguments": [], "expected": 1},
            {"kind": "asserted", "entry_point": "f", "code": "int main() {}", "language": "cpp"}]}),
    ] {
        let error = told(&row.to_string()).unwrap_err();
        assert!(matches!(error, ProblemError::Field { .. }), "{row} {error}");
    }
    let TestCase::Asserted { code, .. } = &one(&humaneval("Solution.m")).private_tests[0] else {
        panic!()
    };
    assert!(code.ends_with("check(candidate)\n"), "{code}");
}

#[test]
fn limits_under_which_nothing_can_run_are_the_problems_fault() {
    for (name, value) in [
        ("cpu_ms", 0),
        ("wall_ms", 0),
        ("memory_bytes", 0),
        ("output_bytes", 0),
        ("wall_ms", 9_999),
        ("processes", 0),
        ("open_files", 0),
        ("open_files", 1),
        ("open_files", 7),
        ("stack_bytes", 0),
    ] {
        let row = json!({"id": "a", "statement": "", "limits": {name: value},
                         "private_tests": [{"kind": "stdin", "input": "", "expected": "1"}]});
        let message = told(&row.to_string()).unwrap_err().to_string();
        assert!(
            message.contains(&format!("`limits.{name}`")) && message.contains("line 1"),
            "{message}"
        );
    }
}

#[test]
fn files_that_no_program_can_be_given_are_the_problems_fault() {
    for (input, output) in [
        ("../in", "out.txt"),
        ("in.txt", "/tmp/out"),
        ("", "out.txt"),
        ("in.txt", ".."),
        ("a\0b", "out.txt"),
        ("same", "same"),
    ] {
        let row = json!({"id": "a", "statement": "", "files": {"input": input, "output": output},
                         "private_tests": [{"kind": "stdin", "input": "", "expected": "1"}]});
        let message = told(&row.to_string()).unwrap_err().to_string();
        assert!(
            message.contains("`files`") && message.contains("line 1"),
            "{message}"
        );
    }
}

#[test]
fn parquet_columns_of_json_text_are_read() {
    let (_, mut row) = rows().swap_remove(14);
    let plain = told(&row.to_string()).unwrap().0;
    for name in ["reward_model", "extra_info", "prompt"] {
        row[name] = row[name].to_string().into();
    }
    assert_eq!(told(&row.to_string()).unwrap().0, plain);
    row["reward_model"] =
        json!({"style": "model", "ground_truth": {"inputs": ["1"], "outputs": ["2"]}});
    assert!(told(&row.to_string()).is_err());
}

#[test]
fn labels_and_files_that_may_decide_are_refused() {
    let mut row = json!({"id": 1, "content": "c", "labels": {"difficulty": "easy", "programming_language": "python"},
                         "test": [{"input": {"stdin": "1"}, "output": {"stdout": "2"}}]});
    assert_eq!(told(&row.to_string()).unwrap().1, []);
    row["labels"]["checker"] = json!("int main() {}");
    let message = told(&row.to_string()).unwrap_err().to_string();
    assert!(message.contains("`labels.checker`"), "{message}");
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("0001");
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("question.txt", "Add.");
    write(
        "input_output.json",
        r#"{"inputs": ["1"], "outputs": ["2"]}"#,
    );
    write("notes.md", "Nothing.");
    let (_, notices) = read(directory.path(), None).unwrap();
    assert_eq!((notices.len(), notices[0].field.as_str()), (1, "notes.md"));
    write("checker.cpp", "int main() {}");
    let message = read(directory.path(), None).unwrap_err().to_string();
    assert!(message.contains("`checker.cpp`"), "{message}");
    std::fs::remove_file(folder.join("checker.cpp")).unwrap();
    write(
        "metadata.json",
        r#"{"difficulty": "easy", "time_limit": 1}"#,
    );
    let message = read(directory.path(), None).unwrap_err().to_string();
    assert!(message.contains("`time_limit`"), "{message}");
}

#[test]
fn a_field_that_is_there_twice_is_an_error() {
    for row in [
        r#"{"problem": "p", "tests": {"inputs": ["1"], "outputs": ["2"]}, "tests": {"inputs": ["1"], "outputs": ["3"]}}"#,
        r#"{"problem": "p", "tests": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"], \"outputs\": [\"3\"]}"}"#,
    ] {
        let message = told(row).unwrap_err().to_string();
        assert!(message.contains("twice"), "{message}");
    }
}
