//! The same thing spelled otherwise: results in lists of one, tests as lists or as assertions, blanks, tolerances below nought.

use super::*;

/// The tests of a row whose type is `function_call`, in the schemas that have such.
fn called(cases: &serde_json::Value) -> Vec<Vec<TestCase>> {
    let rows = [
        json!({"problem_id": "p", "prompt": "p", "verification_info": {"language": "python", "test_cases": cases}}),
        json!({"problem": "p", "tests": cases}),
        json!({"data_source": "d", "prompt": "p", "reward_model": {"ground_truth": cases.to_string(), "style": "rule"}}),
    ];
    rows.iter().map(|row| one(row).private_tests).collect()
}

#[test]
fn only_a_whole_column_says_that_results_stand_in_lists_of_one() {
    let case = |input: serde_json::Value, output: serde_json::Value| json!({"type": "function_call", "fn_name": "f", "input": input, "output": output});
    let test = |argument: i64, expected: serde_json::Value| TestCase::Call {
        function: "f".into(),
        arguments: vec![json!(argument)],
        expected,
    };
    for (cases, expected) in [
        (
            json!([
                case(json!([1]), json!([1])),
                case(json!([2]), json!([2, 2]))
            ]),
            vec![test(1, json!([1])), test(2, json!([2, 2]))],
        ),
        (
            json!([case(json!([1]), json!([2])), case(json!([2]), json!([3]))]),
            vec![test(1, json!(2)), test(2, json!(3))],
        ),
        (
            json!([case(json!("[1]"), json!("[2]"))]),
            vec![test(1, json!(2))],
        ),
        (
            json!([case(json!("1"), json!("2"))]),
            vec![test(1, json!(2))],
        ),
    ] {
        for found in called(&cases) {
            assert_eq!(found, expected, "{cases}");
        }
    }
    for found in called(&json!([case(json!("1\n[2]"), json!(3))])) {
        let TestCase::Call { arguments, .. } = &found[0] else {
            panic!("{found:?}");
        };
        assert_eq!(*arguments, [json!(1), json!([2])]);
    }
}

#[test]
fn tests_of_a_reward_may_be_a_list_of_tests_or_of_assertions() {
    let row = |truth: serde_json::Value| {
        json!({"data_source": "d", "prompt": "p", "ability": "code",
               "reward_model": {"style": "rule", "ground_truth": truth.to_string()}})
    };
    let found = one(&row(
        json!([{"input": "1", "output": "2", "type": "stdin_stdout"}]),
    ));
    assert_eq!(found.private_tests, [stdin("1", "2")]);
    let found = one(&row(json!(["assert f(1) == 2", "assert f(2) == 3"])));
    assert_eq!(found.private_tests.len(), 2);
    for (truth, field) in [
        (
            json!([{"input": "1", "output": "2", "checker": "x"}]),
            "ground_truth.checker",
        ),
        (
            json!([{"input": "1", "output": "2", "fn_name": "f"}]),
            "testtype",
        ),
        (json!(["assert f(1) == 2", 3]), "assert_case"),
        (json!(["f(1) == 2"]), "assert_case"),
    ] {
        let message = told(&row(truth).to_string()).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}

#[test]
fn rows_of_instructions_are_no_problems() {
    let row = json!({"prompt": "Add.", "input": "1 2", "output": "def add(a, b): ...", "instruction": "Write a function."});
    let message = told(&row.to_string()).unwrap_err().to_string();
    assert!(message.contains("`instruction`"), "{message}");
}

#[test]
fn what_says_how_a_test_is_run_decides_in_whichever_field() {
    for kind in ["functional", "function_call", "call-based", "pytest"] {
        let row = json!({"prompt": "p", "input": "1", "output": "2", "type": kind});
        let message = told(&row.to_string()).unwrap_err().to_string();
        assert!(message.contains("`type`"), "{message}");
    }
}

#[test]
fn a_blank_among_assertions_is_none() {
    let row = json!({"task_id": 1, "text": "t", "code": "def f(x):\n  return x", "test_list": ["assert f(1) == 1", " ", ""]});
    assert_eq!(one(&row).public_tests.len(), 1);
}

#[test]
fn a_tolerance_below_nought_is_refused() {
    for (rule, field) in [
        (
            json!({"rule": "floats", "absolute": -1e-6, "relative": 0}),
            "comparison.absolute",
        ),
        (
            json!({"rule": "floats", "absolute": 0, "relative": -1}),
            "comparison.relative",
        ),
        (
            json!({"rule": "kattis", "float_relative_tolerance": -1e-9}),
            "comparison.float_relative_tolerance",
        ),
    ] {
        let row = json!({"id": "a", "statement": "", "comparison": rule, "private_tests": [{"kind": "stdin", "input": "1", "expected": "2"}]});
        let message = told(&row.to_string()).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}
