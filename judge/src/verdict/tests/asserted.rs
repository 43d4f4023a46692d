//! Asserted tests: the tester's report, the program's end, and who knows what.

use serde_json::json;

use super::*;

fn asserted() -> Problem {
    let code = "assert candidate(1) == 1\n".to_owned();
    problem(
        vec![TestCase::Asserted {
            entry_point: "f".into(),
            code,
            language: Language::Python,
        }],
        vec![],
    )
}

fn reported(report: &str) -> Result<Outcome, Broken> {
    ended(Status::Exited(0), "", &format!("NONCE{report}\n"))
}

#[test]
fn an_asserted_test_passes_on_the_report_alone() {
    let passed = r#"{"cause": "", "calls": 1}"#;
    let idle = || printed("");
    let verdict =
        |tester, candidate| judged([tester, candidate], &asserted(), Scope::All, StopAt::Never);
    assert!(verdict(reported(passed), idle()).unwrap().is_accepted());
    // Without the nonce, or with another end, it is no report, and that is not the program's fault.
    for tester in [
        printed(""),
        ended(Status::Exited(0), "", passed),
        ended(Status::Exited(1), "", &format!("NONCE{passed}")),
    ] {
        let script = [tester, idle(), printed(""), idle()];
        let error = judged(script, &asserted(), Scope::All, StopAt::Never).unwrap_err();
        assert!(
            matches!(error, JudgeError::Tester { attempts: 2, .. }),
            "{error}"
        );
    }
}

#[test]
fn causes_of_failing_asserted_tests() {
    let gone = r#"{"cause": "gone", "calls": 0, "trace": "it ended"}"#;
    let cases = [
        (
            r#"{"cause": "assertion", "calls": 1, "input": "f(1)", "expected": "1", "got": "2"}"#,
            printed(""),
            Grade::WrongAnswer,
        ),
        (
            r#"{"cause": "tests", "calls": 1, "trace": "TypeError"}"#,
            printed(""),
            Grade::WrongAnswer,
        ),
        (
            r#"{"cause": "raised", "calls": 1, "raised": "KeyError", "trace": "KeyError: 1"}"#,
            printed(""),
            Grade::RuntimeError,
        ),
        (
            r#"{"cause": "raised", "calls": 1, "raised": "MemoryError", "trace": "MemoryError"}"#,
            printed(""),
            Grade::MemoryLimit,
        ),
        (
            r#"{"cause": "load", "calls": 0, "kind": "compile", "trace": "SyntaxError"}"#,
            printed(""),
            Grade::CompileError,
        ),
        (gone, ended(Status::TimeLimit, "", ""), Grade::TimeLimit),
        (gone, ended(Status::MemoryLimit, "", ""), Grade::MemoryLimit),
        (gone, printed(""), Grade::RuntimeError),
        (
            gone,
            ended(Status::Signalled(9), "", ""),
            Grade::RuntimeError,
        ),
    ];
    for (report, candidate, grade) in cases {
        let verdict = judged(
            [reported(report), candidate],
            &asserted(),
            Scope::All,
            StopAt::Never,
        )
        .unwrap();
        assert_eq!((verdict.grade, verdict.passed), (grade, 0), "{report}");
    }
}

#[test]
fn a_tester_at_its_limit_is_the_programs_doing() {
    let script = [ended(Status::MemoryLimit, "", ""), printed("")];
    let verdict = judged(script, &asserted(), Scope::All, StopAt::Never).unwrap();
    assert_eq!(verdict.grade, Grade::MemoryLimit);
}

#[test]
fn test_code_that_fails_by_itself_is_an_error() {
    let report = r#"{"cause": "tests", "calls": 0, "trace": "NameError: name 'x' is not defined"}"#;
    let error = judged(
        [reported(report), printed("")],
        &asserted(),
        Scope::All,
        StopAt::Never,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "run test 0 of problem `p`: the test code fails before it calls the program: NameError: name 'x' is not \
         defined; correct the test"
    );
    // A module that the host lacks is no fault of the test.
    let report = r#"{"cause": "tests", "calls": 0, "trace": "ModuleNotFoundError: No module named 'numpy'"}"#;
    let error = judged(
        [reported(report), printed("")],
        &asserted(),
        Scope::All,
        StopAt::Never,
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("numpy'; install the module"), "{error}");
}

#[test]
fn no_expected_output_is_in_any_job_of_the_program() {
    let secret = "SECRET-EXPECTED";
    let call = TestCase::Call {
        function: "f".into(),
        arguments: vec![],
        expected: json!(secret),
    };
    let code = format!("assert candidate() == '{secret}'");
    let tests = vec![
        stdin_test("1", secret),
        call,
        TestCase::Asserted {
            entry_point: "f".into(),
            code,
            language: Language::Python,
        },
    ];
    let script = [
        printed(""),
        printed("{}"),
        reported(r#"{"cause": "", "calls": 1}"#),
        printed(""),
    ];
    let judge = TestJudge::new(Fake::new(script));
    judge
        .verdict(
            &program(),
            &problem(tests, vec![]),
            Scope::All,
            StopAt::Never,
        )
        .unwrap();
    let jobs = judge.runner().jobs.lock().unwrap();
    let with_secret: Vec<bool> = jobs
        .iter()
        .map(|job| String::from_utf8_lossy(&job.source).contains(secret))
        .collect();
    // Of stdin job, call job, tester and candidate only the tester, which is ours, knows it.
    assert_eq!(with_secret, [false, false, true, false]);
}
