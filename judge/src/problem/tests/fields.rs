//! Fields that decide: honoured or refused by name, in every schema, at every depth; and which schema is meant.

use super::*;

mod decided;
mod forms;
mod spellings;

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
                   "test": "class TestCases:\n    def test(self): assert f() == 1", "libs": "[]"}),
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
