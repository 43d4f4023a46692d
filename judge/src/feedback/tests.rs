//! Snapshots of every kind of feedback, and its bounds.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rlef_sandbox::Limits;

use super::*;
use crate::comparator::Comparison;
use crate::problem::{Problem, TestCase};

const TRACE: &str = "Traceback (most recent call last):\n  File \"program.py\", line 2, in <module>\n    print(1 // 0)\n\
                     ZeroDivisionError: integer division or modulo by zero\n";

fn problem(public: usize, private: usize) -> Problem {
    let tests = |count| {
        vec![
            TestCase::Stdin {
                input: String::new(),
                expected: String::new()
            };
            count
        ]
    };
    Problem {
        id: "p".into(),
        statement: String::new(),
        public_tests: tests(public),
        private_tests: tests(private),
        limits: Limits::default(),
        comparison: Comparison::Lines,
        preamble: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        files: None,
        labels: BTreeMap::new(),
    }
}

fn failure(test: usize, grade: Grade, got: &str, trace: &str) -> Failure {
    Failure {
        test,
        grade,
        input: format!("3\n{test} 2\n"),
        expected: "6\n".into(),
        got: got.into(),
        trace: trace.into(),
    }
}

fn public(failures: Vec<Failure>) -> PublicVerdict {
    let grade = failures
        .first()
        .map_or(Grade::Accepted, |failure| failure.grade);
    let verdict = Verdict {
        grade,
        passed: 0,
        total: 9,
        failures,
        cpu_ms: 0.0,
        wall_ms: 0.0,
        fuel: None,
    };
    PublicVerdict::of(verdict, &problem(5, 4))
}

fn every_kind() -> Vec<(&'static str, PublicVerdict)> {
    let tests = vec![
        failure(0, Grade::WrongAnswer, "5\n", ""),
        failure(1, Grade::RuntimeError, "", TRACE),
        failure(2, Grade::TimeLimit, "", ""),
        failure(3, Grade::MemoryLimit, "", ""),
        failure(4, Grade::OutputLimit, "", ""),
    ];
    vec![
        ("accepted", public(vec![])),
        ("no program", PublicVerdict::no_program(&problem(1, 0))),
        (
            "compile error",
            public(vec![failure(
                0,
                Grade::CompileError,
                "",
                "  File \"program.py\", line 1\n    if\n      ^\nSyntaxError: invalid syntax\n",
            )]),
        ),
        ("failing tests", public(tests)),
        (
            "the values of one test are wrong in type",
            public(vec![failure(
                0,
                Grade::WrongAnswer,
                "None",
                "TypeError: unsupported operand",
            )]),
        ),
    ]
}

fn rendered(options: &FeedbackOptions) -> String {
    let kinds = every_kind();
    let texts = kinds.iter().flat_map(|(name, verdict)| {
        [
            "== ".into(),
            (*name).into(),
            "\n".into(),
            render(verdict, *options),
        ]
    });
    texts.collect()
}

#[test]
fn full_style() {
    insta::assert_snapshot!(rendered(&FeedbackOptions::default()));
}

#[test]
fn compact_style() {
    insta::assert_snapshot!(rendered(&FeedbackOptions {
        style: FeedbackStyle::Compact,
        ..FeedbackOptions::default()
    }));
}

#[test]
fn cases_and_fields_are_bounded() {
    let options = FeedbackOptions {
        cases: 2,
        field_characters: 3,
        trace_characters: 12,
        ..FeedbackOptions::default()
    };
    insta::assert_snapshot!(rendered(&options));
}

#[test]
fn the_same_failure_is_said_once() {
    let same = vec![
        failure(0, Grade::WrongAnswer, "5", ""),
        failure(0, Grade::WrongAnswer, "5", ""),
    ];
    let text = render(&public(same), FeedbackOptions::default());
    assert_eq!(text.matches("Expected output").count(), 1, "{text}");
}

proptest! {
    #[test]
    fn private_failures_leave_no_trace(tests in prop::collection::vec(0usize..9, 0..9), compact: bool) {
        let failures = tests
            .iter()
            .map(|&test| Failure { input: format!("input-{test}"), ..failure(test, Grade::WrongAnswer, &format!("got-{test}"), "") })
            .collect();
        let style = if compact { FeedbackStyle::Compact } else { FeedbackStyle::Full };
        let text = render(&public(failures), FeedbackOptions { style, ..FeedbackOptions::default() });
        for test in 5..9 {
            prop_assert!(!text.contains(&format!("input-{test}")) && !text.contains(&format!("got-{test}")), "{}", text);
        }
    }

    #[test]
    fn length_is_bounded(got in ".{0,3000}", trace in ".{0,3000}", cases in 0usize..4, characters in 0usize..50) {
        let options = FeedbackOptions { cases, field_characters: characters, trace_characters: characters, ..FeedbackOptions::default() };
        let failures = (0..5).map(|test| failure(test, Grade::RuntimeError, &got, &trace)).collect();
        let text = render(&public(failures), options);
        prop_assert!(text.chars().count() <= 300 + cases.max(1) * (3 * (characters + 3) + 60), "{}", text);
    }
}
