//! Rules, and judges by name.

use rlef_sandbox::{Cancel, Language};

use super::super::*;
use super::{Length, Strict, problem, said};
use crate::program::{Program, Wanted};

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
        value: Some(value),
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
fn rules_on_form_patterns_and_calls_know_near_misses() {
    let set = Problem {
        public_tests: vec![crate::problem::TestCase::Stdin {
            input: "1".into(),
            expected: "1".into(),
        }],
        ..problem("p")
    };
    let broken = |config: &str, text: &str| {
        let judge = Rules::new(serde_json::from_str(config).unwrap()).unwrap();
        let found = Program::find(text, &Wanted::of(&set)).ok();
        let submission = Submission {
            program: found.as_ref().map(|found| &found.program),
            ..said(&set, text)
        };
        let judged = judge.judge(&submission, &Cancel::never()).unwrap();
        let whole = &judged.scores[0];
        assert_eq!(whole.reason.is_empty(), whole.value == Some(1.0), "{text}");
        whole.reason.clone()
    };
    let one = r#"{"format": "one_block"}"#;
    let only = r#"{"format": "only_block"}"#;
    let block = "```python\nprint(1)\n```";
    assert_eq!(broken(one, block), "");
    assert_eq!(broken(one, &format!("Here it is:\n\n{block}\n\nDone.")), "");
    assert!(broken(one, &format!("{block}\n\nor\n\n{block}")).contains("2 blocks"));
    assert!(broken(one, "print(input())").contains("no block"));
    assert!(broken(one, "```python\nprint(1)\n").contains("it holds no program"));
    assert_eq!(broken(only, &format!("\n{block}\n")), "");
    assert!(broken(only, &format!("Here: \n{block}")).contains("words stand around"));
    assert!(broken(only, &format!("{block}\nDone.")).contains("words stand around"));

    let lines = r#"{"max_lines": 2}"#;
    assert_eq!(
        broken(lines, "one\ntwo\nthree\n```python\na = 1\n\nprint(a)\n```"),
        ""
    );
    let long = "```python\na = 1\nb = 2\nprint(a)\n```";
    assert_eq!(
        broken(lines, long),
        "its program: it has 3 lines, more than 2"
    );

    // What is said around the program is no part of it.
    let inside = r#"{"forbid_in_program": ["\\bprint\\b"], "require_in_program": ["a"]}"#;
    assert!(broken(inside, "Say print.\n```python\na = 1\n```").is_empty());
    let reason = broken(inside, "a\n```python\nprint(1)\n```");
    assert!(
        reason.contains("nothing in it matches a") && reason.contains("\"print\""),
        "{reason}"
    );
    assert!(broken(r#"{"forbid_in_program": ["print"]}"#, "no program, print").is_empty());
    let judge =
        Rules::new(serde_json::from_str(r#"{"forbid_patterns": ["(?i)sorry"]}"#).unwrap()).unwrap();
    let judged = judge
        .judge(&said(&set, "é Sorry"), &Cancel::never())
        .unwrap();
    assert_eq!(judged.scores[1].span, Some(3..8));
    assert!(broken(r#"{"require_patterns": ["^\\s*$"]}"#, "x").contains("nothing in it"));

    let calls = r#"{"forbid_calls": ["eval", "os.system"]}"#;
    assert_eq!(
        broken(calls, "I use eval(x).\n```python\nprint('eval(1)')\n```"),
        ""
    );
    let reason = broken(
        calls,
        "```python\nfrom os import system as s\ns(input())\n```",
    );
    assert_eq!(reason, "its program: it uses os.system");
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
        (
            r#"{"require_patterns": ["("]}"#,
            "which is no regular expression",
        ),
        (r#"{"forbid_in_program": ["x*"]}"#, "matches every answer"),
        (r#"{"forbid_calls": ["eval()"]}"#, "expected a name"),
        (r#"{"format": "tidy"}"#, "unknown variant `tidy`"),
    ];
    let parts = Parts {
        tests: std::sync::Arc::new(Strict),
    };
    for (settings, words) in cases {
        let config = JudgeConfig {
            kind: "rules".into(),
            weight: 1.0,
            at_least: None,
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
        at_least: None,
        settings: Settings::new(),
    };
    let both = [config("tests"), config("length")];
    let error = Judges::default()
        .build(&both, &parts)
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "find the judge `length`; expected one of tests, rules, compiles, lints, hard_coded, speed"
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
