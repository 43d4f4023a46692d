//! Fields that one form of a schema honours and another would drop, tests that no program fails, and languages that nobody
//! runs: refused by name.

use super::*;

/// The message of a refusal, and that it names the field.
fn refused(row: &serde_json::Value, field: &str) {
    match told(&row.to_string()) {
        Ok((problems, _)) => panic!("{row} is read as {problems:?}"),
        Err(error) => {
            let message = error.to_string();
            assert!(
                message.contains(field) && message.contains("line 1"),
                "{row}: {message}"
            );
        }
    }
}

#[test]
fn a_function_that_is_named_is_called_or_the_row_is_refused() {
    let row = |tests: serde_json::Value| json!({"problem": "p", "tests": tests});
    let pair = |more: serde_json::Value| {
        let mut test = json!({"input": "1", "output": "2"});
        test.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        row(json!([test]))
    };
    refused(&pair(json!({"fn_name": "f"})), "testtype");
    refused(
        &pair(json!({"fn_name": "f", "type": "stdin_stdout"})),
        "fn_name",
    );
    refused(
        &pair(json!({"assert_case": ["assert f(1) == 2"]})),
        "assert_case",
    );
    refused(&pair(json!({"inputs": ["1"]})), "inputs");
    let mut named = pair(json!({}));
    named["metadata"] = json!({"func_name": "f"});
    refused(&named, "testtype");
    named["tests"] = json!({"inputs": ["1"], "outputs": ["2"]});
    refused(&named, "fn_name");
    let lists = |more: &str, value: serde_json::Value| {
        row(json!({"inputs": ["1"], "outputs": ["2"], more: value}))
    };
    refused(&lists("testtype", json!("functional")), "fn_name");
    refused(&lists("input", json!("1")), "tests.input");
    let mut row = json!({"question_content": "q", "public_test_cases": [{"input": "1", "output": "2"}], "metadata": {"func_name": "f"}});
    refused(&row, "testtype");
    row["metadata"]["func_name"] = json!(null);
    assert!(told(&row.to_string()).is_ok());
    for (name, value) in [
        ("assert_case", json!(["assert f(1) == 2"])),
        ("fn_name", json!("f")),
    ] {
        let mut row = json!({"id": 1, "content": "c", "test": [{"input": {"stdin": "1"}, "output": {"stdout": "2"}}]});
        row["test"][0][name] = value;
        refused(&row, name);
    }
}

#[test]
fn beside_tests_only_what_describes_them_is_ignored() {
    for name in [
        "weight",
        "group",
        "type",
        "call_type",
        "continuous",
        "args",
        "stderr",
        "exit_code",
        "files",
        "score",
        "io_mode",
    ] {
        for row in [
            json!({"problem": "p", "tests": {"inputs": ["1"], "outputs": ["2"], "fn_name": "", "x": 1}}),
            json!({"id": "1", "description": "d", "checker": "", "test_cases": [{"input": "1", "output": "2", "x": 1}]}),
            json!({"data_source": "d", "prompt": "p", "reward_model": {"ground_truth": {"inputs": ["1"], "outputs": ["2"]}, "x": 1}}),
        ] {
            let row = row.to_string().replace("\"x\"", &json!(name).to_string());
            assert!(told(&row).is_err(), "{row}");
        }
    }
    let row = json!({"problem": "p", "tests": [{"input": "1", "output": "2", "explanation": "x", "id": 3}]});
    assert_eq!(told(&row.to_string()).unwrap().1.len(), 2);
}

#[test]
fn tests_that_no_program_fails_are_refused() {
    refused(
        &json!({"task_id": 1, "text": "t", "code": "def f(x):\n  return x", "test_list": ["f(1) == 1"]}),
        "test_list",
    );
    for test in [
        "METADATA = {}\n",
        "def check(candidate):\n    candidate(1) == 1\n",
    ] {
        refused(
            &json!({"task_id": "H/0", "prompt": "def f(x):\n", "entry_point": "f", "test": test}),
            "`test`",
        );
    }
}

#[test]
fn a_column_that_is_empty_gives_way_to_the_other() {
    let row = json!({"task_id": 1, "text": null, "prompt": "P", "code": "def f(x):\n  return x", "test_list": ["assert f(1) == 1"]});
    assert!(one(&row).statement.starts_with('P'));
}

#[test]
fn a_class_that_tests_make_objects_of_is_no_entry_point() {
    refused(
        &json!({"id": "a", "statement": "", "private_tests": [{"kind": "asserted", "entry_point": "Stack", "code": "s = Stack()\ns.push(1)\nassert s.top() == 1\n"}]}),
        "private_tests.entry_point",
    );
    refused(
        &json!({"task_id": "H/0", "prompt": "", "entry_point": "Foo", "canonical_solution": "class Foo:\n    def g(self): return 1\n", "test": "def check(c):\n    assert c().g() == 1\n"}),
        "entry_point",
    );
}

#[test]
fn a_language_that_nobody_runs_is_refused() {
    let native = |label: &str, kind: serde_json::Value| json!({"id": "a", "statement": "", "labels": {"language": label}, "private_tests": [kind]});
    let io = json!({"kind": "stdin", "input": "1", "expected": "2"});
    let call = json!({"kind": "call", "function": "f", "arguments": [1], "expected": 2});
    for label in ["cobol", "C++17 (GCC)"] {
        refused(&native(label, io.clone()), "labels.language");
    }
    refused(&native("cpp", call.clone()), "labels.language");
    for (label, test) in [
        ("cpp", &io),
        ("en", &io),
        ("python", &call),
        ("English", &call),
    ] {
        assert!(
            told(&native(label, test.clone()).to_string()).is_ok(),
            "{label}"
        );
    }
    let mut row = json!({"id": 1, "content": "c", "labels": {"programming_language": "cpp"},
                         "test": [{"input": {"stdin": "1"}, "output": {"stdout": "2"}}]});
    assert_eq!(one(&row).language(), Language::Cpp);
    row["labels"]["programming_language"] = json!("cobol");
    refused(&row, "labels.programming_language");
}

#[test]
fn checkers_that_could_not_be_called_are_refused() {
    let io = json!([{"input": "1", "output": "2"}]);
    refused(
        &json!({"id": "1", "description": "d", "checker": "print(1)", "test_cases": io}),
        "`checker`",
    );
    refused(
        &json!({"id": "1/A", "description": "d", "official_tests": io, "generated_checker": "#include <iostream>\nint main() {}"}),
        "generated_checker",
    );
}

#[test]
fn limits_in_other_units_and_streams_by_name() {
    let row = |time: &str, memory: &str| {
        json!({"question": "q", "input_output": {"inputs": ["1"], "outputs": ["2"]}, "raw_tags": "[]",
               "time_limit": time, "memory_limit": memory})
    };
    for (time, memory, cpu_ms, bytes) in [
        ("2000 ms", "256 MB", 2000, 256_000_000),
        ("1.5 Seconds", "64 MiB", 1500, 64 << 20),
        ("1 minute", "512 megabytes", 60_000, 512_000_000),
    ] {
        let limits = one(&row(time, memory)).limits;
        assert_eq!(
            (limits.cpu_ms, limits.memory_bytes),
            (cpu_ms, bytes),
            "{time}"
        );
    }
    let row = json!({"name": "n", "description": "d", "public_tests": {"input": ["1"], "output": ["2"]},
                     "input_file": "stdin", "output_file": "standard output"});
    assert_eq!(one(&row).files, None);
}

#[test]
fn a_wrong_value_in_a_row_of_our_own_names_its_field() {
    let row = |name: &str, value: serde_json::Value| {
        let mut row = json!({"id": "a", "statement": "", "private_tests": [{"kind": "stdin", "input": "1", "expected": "2"}]});
        row[name] = value;
        row
    };
    refused(&row("limits", json!({"cpu_ms": "1000"})), "`limits.cpu_ms`");
    refused(&row("labels", json!({"a": 1})), "`labels.a`");
    refused(
        &row(
            "public_tests",
            json!([{"kind": "stdin", "input": 1, "expected": "2"}]),
        ),
        "`public_tests[0]`",
    );
    refused(&row("preamble", json!(1)), "`preamble`");
    refused(
        &row("comparison", json!({"rule": "floats", "absolute": 1e-6})),
        "missing field `relative`",
    );
}
