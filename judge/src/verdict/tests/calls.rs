//! Call tests: what the driver printed, judged outside.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn call_test(expected: serde_json::Value) -> TestCase {
    TestCase::Call {
        function: "f".into(),
        arguments: vec![json!([1, 2]), json!("a")],
        expected,
    }
}

#[test]
fn call_results_are_compared_outside() {
    let reply = r#"{"result": {"nodes": [["t", [["i", "1"], ["i", "2"]]]], "values": [["r", 0]]}, "text": "(1, 2)"}"#;
    let set = problem(
        vec![call_test(json!([1, 2])), call_test(json!([1, 3]))],
        vec![],
    );
    let verdict = judged(
        [printed(reply), printed(reply)],
        &set,
        Scope::All,
        StopAt::Never,
    )
    .unwrap();
    assert_eq!((verdict.grade, verdict.passed), (Grade::WrongAnswer, 1));
    let failure = &verdict.failures[0];
    assert_eq!(
        (
            failure.input.as_str(),
            failure.expected.as_str(),
            failure.got.as_str()
        ),
        ("f([1, 2], 'a')", "[1, 3]", "(1, 2)")
    );
}

#[test]
fn call_replies_that_are_no_result_are_failures() {
    let cases = [
        (
            printed(
                r#"{"raised": "ValueError", "builtins": [], "arguments": {}, "trace": "ValueError: no"}"#,
            ),
            Grade::RuntimeError,
        ),
        (
            printed(
                r#"{"raised": "MemoryError", "builtins": [], "arguments": {}, "trace": "MemoryError"}"#,
            ),
            Grade::MemoryLimit,
        ),
        (
            printed(r#"{"failed": "compile", "trace": "SyntaxError"}"#),
            Grade::CompileError,
        ),
        (
            printed(r#"{"failed": "missing", "trace": "NameError"}"#),
            Grade::RuntimeError,
        ),
        (printed(""), Grade::RuntimeError),
        (printed("[1, 2]"), Grade::RuntimeError),
        (printed(r#"{"result": 3}"#), Grade::RuntimeError),
        (ended(Status::TimeLimit, "", ""), Grade::TimeLimit),
    ];
    for (outcome, grade) in cases {
        let set = problem(vec![call_test(json!(1))], vec![]);
        let verdict = judged([outcome], &set, Scope::All, StopAt::Never).unwrap();
        assert_eq!(verdict.grade, grade);
        assert_ne!(
            verdict.failures[0].trace.is_empty(),
            grade != Grade::TimeLimit
        );
    }
}

proptest! {
    #[test]
    fn any_reply_of_a_program_is_judged(stdout: Vec<u8>, json in "[\\[{}\\]\":,a-z0-9]{0,60}") {
        for bytes in [stdout, json.into_bytes()] {
            let outcome = Outcome { stdout: bytes, ..printed("").unwrap() };
            let set = problem(vec![call_test(json!(1))], vec![]);
            let verdict = judged([Ok(outcome)], &set, Scope::All, StopAt::Never).unwrap();
            prop_assert!(!verdict.is_accepted());
        }
    }
}
