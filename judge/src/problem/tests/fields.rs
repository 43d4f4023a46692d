//! Fields that decide: honoured or refused by name, in every schema, at every depth; and which schema is meant.

use super::*;

mod forms;

/// A small row of each schema that is told from its fields.
fn rows() -> Vec<(&'static str, serde_json::Value)> {
    let io = json!([{"input": "1", "output": "2"}]);
    let lists = json!({"input": ["1"], "output": ["2"]});
    let pairs = json!({"inputs": ["1"], "outputs": ["2"]});
    vec![
        (
            "evalplus",
            json!({"task_id": "Mbpp/1", "prompt": "p", "entry_point": "f", "canonical_solution": "def f(x): return x",
                   "base_input": [[1]], "plus_input": [[2]], "atol": 0, "contract": "", "assertion": "assert f(1) == 1"}),
        ),
        (
            "bigcodebench",
            json!({"task_id": "B/1", "complete_prompt": "def f():", "entry_point": "f", "instruct_prompt": "i",
                   "test": "class TestCases: pass", "libs": "[]"}),
        ),
        (
            "humaneval",
            json!({"task_id": "HumanEval/0", "prompt": "def f(x):\n", "entry_point": "f", "canonical_solution": " return x",
                   "test": "def check(c):\n    assert c(1) == 1\n"}),
        ),
        (
            "leetcode",
            json!({"task_id": "one", "prompt": "import math", "entry_point": "Solution().m", "problem_description": "d",
                   "test": "def check(candidate):\n    assert candidate(1) == 1\n", "meta": {"lang": "python"}}),
        ),
        (
            "mbpp",
            json!({"task_id": 1, "text": "t", "code": "def f(x):\n  return x", "test_list": ["assert f(1) == 1"]}),
        ),
        (
            "codecontests-plus",
            json!({"id": "1", "description": "d", "checker": "", "test_cases": io,
                   "correct_submissions": [{"code": "print(2)", "language": 3}]}),
        ),
        (
            "codecontests",
            json!({"name": "n", "description": "d", "public_tests": lists, "private_tests": lists,
                   "time_limit": {"seconds": 1, "nanos": 0}, "solutions": {"language": [3], "solution": ["print(2)"]}}),
        ),
        (
            "mapcoder",
            json!({"name": "n", "description": "d", "sample_io": [], "test_list": [{"input": "1", "output": ["2"]}]}),
        ),
        (
            "taco",
            json!({"question": "q", "input_output": pairs, "raw_tags": "[]", "time_limit": "1 second"}),
        ),
        ("apps", json!({"question": "q", "input_output": pairs})),
        (
            "livecodebench",
            json!({"question_content": "q", "public_test_cases": io, "private_test_cases": io,
                   "metadata": {"func_name": null, "origin": "x"}}),
        ),
        ("deepcoder", json!({"problem": "p", "tests": pairs})),
        ("deepcoder", json!({"problem": "p", "tests": io})),
        (
            "common-oj",
            json!({"id": 1, "content": "c", "test": [{"input": {"stdin": "1"}, "output": {"stdout": "2"}}]}),
        ),
        (
            "prime",
            json!({"data_source": "d", "prompt": [{"role": "user", "content": "c"}],
                   "reward_model": {"style": "rule", "ground_truth": pairs}, "extra_info": {"index": 1}}),
        ),
        (
            "synthetic-1",
            json!({"problem_id": "p", "prompt": "p", "verification_info": {"language": "python",
                   "test_cases": [{"type": "stdin_stdout", "input": "1", "output": "2"}]}}),
        ),
        (
            "codeforces",
            json!({"id": "1/A", "description": "d", "official_tests": io, "examples": io}),
        ),
        (
            "cruxeval",
            json!({"id": "s", "code": "def f(x):\n    return x", "input": "1", "output": "1"}),
        ),
    ]
}

/// Every object of a value, by its path.
fn objects(value: &serde_json::Value, path: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            found.push(path.clone());
            for (name, inner) in fields {
                objects(inner, format!("{path}/{name}"), found);
            }
        }
        serde_json::Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                objects(inner, format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn with(row: &serde_json::Value, path: &str, name: &str, value: serde_json::Value) -> String {
    let mut row = row.clone();
    row.pointer_mut(path).unwrap()[name] = value;
    row.to_string()
}

fn told(content: &str) -> Result<(Vec<Problem>, Vec<Notice>), ProblemError> {
    let (_directory, path) = file("set.jsonl", content);
    read(&path, None)
}

#[test]
fn every_row_is_of_its_schema_and_loads_without_a_word() {
    for (name, row) in rows() {
        let serde_json::Value::Object(object) = &row else {
            panic!("{row}")
        };
        let place = Place {
            path: PathBuf::new(),
            at: Where::Line(1),
        };
        let schema = Schema::of(object, &place).unwrap().unwrap();
        assert_eq!(schema.name, name, "{row}");
        let (_, notices) = told(&row.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let known = name == "livecodebench";
        assert_eq!(notices.len(), usize::from(known), "{name}: {notices:?}");
    }
}

#[test]
fn a_field_that_may_decide_is_refused_wherever_it_stands() {
    let deciding = [
        ("hidden_tests", json!(["assert f(3) == 4"])),
        ("specialJudge", json!("int main() {}")),
        ("float_tolerance", json!(1e-6)),
        ("expected", json!(3)),
        ("validator_code", json!("x")),
        ("oracle", json!("x")),
        ("timeout_ms", json!(100)),
        ("extra", json!({"case_sensitive": true})),
        ("more", json!([{"stdin": "5", "reply": "6"}])),
        ("harness", json!({"a": "b"})),
    ];
    for (schema, row) in rows() {
        let mut paths = Vec::new();
        objects(&row, String::new(), &mut paths);
        for path in paths {
            for (name, value) in &deciding {
                let content = with(&row, &path, name, value.clone());
                let message = match told(&content) {
                    Ok(_) => panic!("{schema} ignores {path}/{name}"),
                    Err(error) => error.to_string(),
                };
                assert!(
                    message.contains(name) || path.contains("test/0/"),
                    "{schema} {path}: {message}"
                );
            }
        }
    }
}

#[test]
fn any_other_unknown_field_is_named_once() {
    for (schema, row) in rows() {
        let text = with(&row, "", "colour", json!("blue"));
        let other = with(&row, "", "colour", json!("red"));
        let (_directory, path) = file("set.jsonl", format!("{text}\n{other}\n"));
        let mut seen = 0;
        let notices = each(&path, None, &mut |_| {
            seen += 1;
            Ok(())
        })
        .unwrap();
        let of: Vec<&Notice> = notices
            .iter()
            .filter(|notice| notice.field == "colour")
            .collect();
        assert_eq!((seen, of.len(), of[0].rows), (2, 1, 2), "{schema}");
        assert!(of[0].to_string().contains(schema), "{}", of[0]);
        // Where it is empty there is nothing to say.
        for blank in [json!(null), json!(""), json!([]), json!({})] {
            let content = with(&row, "", "checker_source", blank);
            assert!(told(&content).is_ok(), "{schema} {content}");
        }
    }
}

#[test]
fn names_in_notices_and_errors_are_escaped() {
    let (_, row) = rows().swap_remove(4);
    let (_, notices) = told(&with(&row, "", "a\u{1b}[2Jb", json!(1))).unwrap();
    assert!(!notices[0].to_string().contains('\u{1b}'), "{notices:?}");
    for name in ["test\u{1b}s\n", "id\r"] {
        let text = json!({"id": "a\u{7}", "statement": "", name: 1}).to_string();
        let message = told(&text).unwrap_err().to_string();
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn two_schemas_that_fit_are_an_error_that_names_both() {
    let mut row = json!({"id": 1, "content": "c", "test": [{"input": {"stdin": "1"}, "output": {"stdout": "2"}}]});
    row["problem"] = json!("p");
    row["tests"] = json!({"inputs": ["1"], "outputs": ["3"]});
    let message = told(&row.to_string()).unwrap_err().to_string();
    assert!(
        message.contains("deepcoder and of common-oj") && message.contains("--schema"),
        "{message}"
    );
    // Even where it is named, what the other would decide by is not dropped.
    let (_directory, path) = file("set.jsonl", row.to_string());
    let message = load_as(&path, Schema::named("deepcoder"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("`test`"), "{message}");
    row["test"] = json!(null);
    let (_directory, path) = file("set.jsonl", row.to_string());
    assert_eq!(
        load_as(&path, Schema::named("deepcoder")).unwrap()[0].private_tests,
        [stdin("1", "3")]
    );
    assert_eq!(
        told(&row.to_string()).unwrap().0[0].private_tests,
        [stdin("1", "3")],
        "an empty column tells nothing"
    );
}

#[test]
fn the_order_of_the_list_of_schemas_decides_nothing() {
    for (name, row) in rows() {
        let serde_json::Value::Object(object) = row else {
            panic!("{name}")
        };
        let fits = |schema: &&Schema| {
            !schema.fields.is_empty()
                && schema
                    .fields
                    .iter()
                    .all(|names| names.split('|').any(|name| object.contains_key(name)))
        };
        let fitting: Vec<&str> = SCHEMAS
            .iter()
            .filter(fits)
            .map(|schema| schema.name)
            .collect();
        assert!(fitting.len() <= 2, "{name}: {fitting:?}");
    }
}

#[test]
fn rules_without_fields_refuse_fields() {
    let row = json!({"id": "a", "statement": "", "private_tests": [{"kind": "stdin", "input": "", "expected": "1"}],
                     "comparison": {"rule": "tokens", "case_sensitive": false}});
    let message = told(&row.to_string()).unwrap_err().to_string();
    assert!(message.contains("`comparison.case_sensitive`"), "{message}");
}

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
    assert!(message.contains("CRUXEval-X"), "{message}");
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
            json!({"kind": "asserted", "entry_point": "f", "code": "assert f()", "language": "rust"}),
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
