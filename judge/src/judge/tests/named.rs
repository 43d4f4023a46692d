//! Rules, and judges by name.

use rlef_sandbox::{Cancel, Language};

use super::super::*;
use super::{Length, Strict, problem, said};
use crate::program::Program;

#[test]
fn rules_say_which_of_them_an_answer_breaks_and_where() {
    let config: RulesConfig = serde_json::from_str(
        r#"{"program": true, "min_characters": 3, "max_characters": 8, "require": ["def"], "forbid": ["eval", "exec"]}"#,
    )
    .unwrap();
    let judge = Rules::new(config).unwrap();
    let set = problem("p");
    let program = Program::bare("def f(): 1", Language::Python);
    let good = Submission {
        program: Some(&program),
        ..said(&set, "def f():")
    };
    let judged = |submission: &Submission<'_>| judge.judge(submission, &Cancel::never()).unwrap();
    let score = |value, span, reason: &str| Score {
        judge: "rules".into(),
        value,
        span,
        reason: reason.into(),
    };
    assert_eq!(judged(&good).scores, [score(1.0, None, "")]);
    let bad = judged(&said(&set, "é eval(input())"));
    assert_eq!(bad.verdict, None);
    let reasons = "it holds no program; it has 15 characters, more than 8; it does not hold \"def\"; it holds \"eval\"";
    assert_eq!(
        bad.scores,
        [
            score(2.0 / 6.0, None, reasons),
            // The é has two bytes.
            score(0.0, Some(9..16), "it has 15 characters, more than 8"),
            score(0.0, Some(3..7), "it holds \"eval\""),
        ]
    );
}

#[test]
fn rules_that_say_nothing_or_contradict_each_other_are_refused() {
    let cases = [
        ("{}", "no rule"),
        (r#"{"forbid": [""]}"#, "forbid has an empty text"),
        (
            r#"{"min_characters": 3, "max_characters": 2}"#,
            "no answer has both",
        ),
        (r#"{"minimum": 3}"#, "unknown field `minimum`"),
    ];
    let parts = Parts {
        tests: std::sync::Arc::new(Strict),
    };
    for (settings, words) in cases {
        let config = JudgeConfig {
            kind: "rules".into(),
            weight: 1.0,
            settings: serde_json::from_str(settings).unwrap(),
        };
        let error = Judges::default()
            .build(&[config], &parts)
            .map(drop)
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("`rules`"), "{text}");
    }
}

#[test]
fn a_row_from_outside_is_a_judge_like_any_other() {
    let row = Row {
        name: "length",
        about: "longer is better",
        build: |settings, _| {
            settings
                .is_empty()
                .then(|| Box::<Length>::default() as _)
                .ok_or_else(|| "it has no settings".into())
        },
    };
    let parts = Parts {
        tests: std::sync::Arc::new(Strict),
    };
    let config = |kind: &str| JudgeConfig {
        kind: kind.into(),
        weight: 1.0,
        settings: Settings::new(),
    };
    let both = [config("tests"), config("length")];
    let error = Judges::default()
        .build(&both, &parts)
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "find the judge `length`; expected one of tests, rules"
    );
    let judges = Judges::default().with(row);
    let judge = judges.build(&both, &parts).unwrap();
    assert_eq!(
        (judge.name(), judge.gives_verdicts()),
        ("strict+length", true)
    );
    // Where nothing is said the tests judge.
    assert_eq!(judges.build(&[], &parts).unwrap().name(), "strict");
}
