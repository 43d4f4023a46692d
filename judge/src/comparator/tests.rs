//! Every rule on hand-made pairs, and what holds for all of them.

use proptest::prelude::*;

use super::*;

const FLOATS: Comparison = Comparison::Floats {
    absolute: 1e-6,
    relative: 1e-6,
};

const KATTIS: Comparison = Comparison::Kattis {
    case_sensitive: false,
    space_change_sensitive: false,
    float_absolute_tolerance: 1e-6,
    float_relative_tolerance: 1e-6,
};

fn check(rule: &Comparison, expected: &str, got: &str) -> bool {
    accepts(
        rule.byte_rule().unwrap(),
        expected.as_bytes(),
        got.as_bytes(),
    )
}

#[test]
fn exact_sees_every_byte() {
    assert!(check(&Comparison::Exact, "1\n", "1\n"));
    assert!(!check(&Comparison::Exact, "1\n", "1"));
}

#[test]
fn lines_ignore_line_ends_and_trailing_blank_lines_only() {
    assert!(check(&Comparison::Lines, "1 2\n3\n", "1 2 \r\n3\r\n\r\n"));
    assert!(check(&Comparison::Lines, "1", "1\n"));
    assert!(!check(&Comparison::Lines, "1 2", "1  2"));
    assert!(!check(&Comparison::Lines, "1 2", " 1 2"));
    assert!(!check(&Comparison::Lines, "1\n2", "1\n\n2"));
    assert!(!check(&Comparison::Lines, "1\n2\n3\n", "1\n"));
    assert!(!check(&Comparison::Lines, "Yes", "yes"));
}

#[test]
fn empty_equals_blank_and_nothing_else() {
    for rule in [
        Comparison::Lines,
        Comparison::Tokens,
        FLOATS,
        Comparison::Contest,
    ] {
        assert!(check(&rule, "", ""));
        assert!(check(&rule, "", " \r\n\n"));
        assert!(!check(&rule, "", "0"));
        assert!(!check(&rule, "0", ""));
    }
}

#[test]
fn tokens_ignore_layout_but_not_spelling() {
    assert!(check(&Comparison::Tokens, "1 2\n3", "1\n2 3\n"));
    assert!(!check(&Comparison::Tokens, "1 2 3", "1 2"));
    assert!(!check(&Comparison::Tokens, "1 2", "1 2 3"));
    assert!(!check(&Comparison::Tokens, "1", "1.0"));
}

#[test]
fn integers_are_exact_beyond_double_precision() {
    for rule in [FLOATS, Comparison::Contest] {
        assert!(!check(&rule, "9007199254740993", "9007199254740992"));
        assert!(!check(&rule, "9007199254740993", "9007199254740992.0"));
        assert!(!check(&rule, "1000000007", "1000000000"));
        assert!(!check(&rule, "1000000007", "1000000000.0"));
        assert!(check(&rule, "7", "+007"));
        assert!(check(&rule, "0", "-0"));
        assert!(check(&rule, "3", "3.0000000001"));
        assert!(check(&rule, "12345678901234567", "12345678901234567.0"));
    }
}

#[test]
fn tolerances_hold_for_non_integers() {
    assert!(check(&FLOATS, "0.5", "0.5000009"));
    assert!(!check(&FLOATS, "0.5", "0.500002"));
    assert!(check(&FLOATS, "1000000.5", "1000000.6"));
    assert!(check(
        &Comparison::Contest,
        "YES 0.33333",
        "yes 0.333333333"
    ));
    assert!(check(&FLOATS, "1000000", "1000000.3"));
    assert!(!check(&FLOATS, "1000000", "1000003.3"));
    assert!(!check(&FLOATS, "1000000", "1000001.0"));
    assert!(!check(&Comparison::Contest, "1000000", "1000000.3"));
    assert!(!check(&Comparison::Contest, "1000000.5", "1000000.6"));
    assert!(!check(&Comparison::Contest, "yes", "no"));
}

#[test]
fn nan_and_infinity_only_equal_themselves() {
    for rule in [FLOATS, Comparison::Contest] {
        assert!(check(&rule, "nan", "NaN"));
        assert!(check(&rule, "inf", "Infinity"));
        assert!(!check(&rule, "inf", "1e300"));
        assert!(!check(&rule, "inf", "-inf"));
        assert!(!check(&rule, "1.5", "nan"));
        assert!(!check(&rule, "nan", "1.5"));
        assert!(!check(&rule, "1.5", "inf"));
    }
}

#[test]
fn decimals_are_equal_by_value_and_non_integers_nearly() {
    let rule = Comparison::Decimals;
    assert!(check(&rule, "1.0 2\n", "  1 2.00\n\n"));
    assert!(check(&rule, "1e3", "1000"));
    assert!(check(&rule, "-0", "0.0"));
    assert!(check(&rule, "0.3", "0.30000000000000004"));
    assert!(check(&rule, "2 1.4142135623730951", "2 1.414213562"));
    assert!(check(&rule, "0.333333333333333", "0.3333333333333333"));
    assert!(!check(&rule, "0.333333333333333", "0.3333333"));
    assert!(!check(&rule, "0.5", "0.500000002"));
    assert!(!check(&rule, "1000000000.5", "1000000000.6"));
    assert!(!check(&rule, "1", "1.0000000001"));
    assert!(!check(&rule, "1.5", "nan"));
    assert!(!check(&rule, "0.5", "inf"));
    assert!(!check(&rule, "1\n2", "1 2"));
    assert!(!check(&rule, "1 2", "1"));
    assert!(!check(&rule, "9007199254740993", "9007199254740992"));
    assert!(!check(&rule, "a", "A"));
    assert!(!check(&rule, "1e999999999", "1e999999998"));
}

#[test]
fn exact_decimals_have_no_tolerance() {
    let rule = Comparison::ExactDecimals;
    assert!(check(&rule, "1.0 2\n", " 1 2.00"));
    assert!(!check(&rule, "0.3", "0.30000000000000004"));
    assert_eq!(tolerances(&rule), (0.0, 0.0));
    let text = serde_json::to_string(&rule).unwrap();
    assert_eq!(text, r#"{"rule":"exact_decimals"}"#);
}

#[test]
fn kattis_flags_do_what_the_format_says() {
    let flags = |case_sensitive, space_change_sensitive| Comparison::Kattis {
        case_sensitive,
        space_change_sensitive,
        float_absolute_tolerance: 0.0,
        float_relative_tolerance: 0.0,
    };
    assert!(check(&flags(false, false), "Yes 1", "yes\n1"));
    assert!(!check(&flags(true, false), "Yes", "yes"));
    assert!(!check(&flags(false, true), "a b", "a  b"));
    assert!(check(&flags(false, true), "a b\n", "A b\n"));
    assert!(!check(&flags(false, false), "0.5", "0.50"));
    assert!(check(&KATTIS, "1000000.5", "1000001"));
    for (answer, output, accepted) in [
        ("1000000", "1000001", true),
        ("1000000", "1000002", false),
        ("1000000000000", "1000000000000.000122", true),
        ("100000", "100000.01", true),
        ("100000.0", "100000.01", true),
        ("3", "2.9999999", true),
        ("1e12", "1000000000000", true),
        ("3", "3x", false),
        ("0x10", "16", true),
        ("16", "0X1p4", true),
        ("16", "0x", false),
        ("3", "inf", false),
        ("nan", "NAN", true),
        ("inf", "infinity", false),
        ("1e400", "1E400", true),
        ("1e400", "2e400", false),
        ("yes", "YES", true),
        ("x", "3", false),
    ] {
        assert_eq!(
            check(&KATTIS, answer, output),
            accepted,
            "{answer} {output}"
        );
    }
    let absolute = Comparison::Kattis {
        case_sensitive: false,
        space_change_sensitive: false,
        float_absolute_tolerance: 1e-6,
        float_relative_tolerance: 0.0,
    };
    // As doubles, which the validator reads, they are the same.
    assert!(check(&absolute, "9007199254740993", "9007199254740992"));
}

#[test]
fn order_free_counts_each_line_or_word() {
    let lines = Comparison::AnyOrder { unit: Unit::Lines };
    let words = Comparison::AnyOrder { unit: Unit::Tokens };
    assert!(check(&lines, "1 2\n3\n", "3 \n1  2\n\n"));
    assert!(!check(&lines, "1 2\n3\n", "3\n2 1\n"));
    assert!(check(&words, "1 2\n3\n", "3 2 1"));
    assert!(!check(&words, "1 1 2", "1 2 2"));
    assert!(!check(&words, "1 2", "1 2 2"));
}

#[test]
fn rules_read_back_as_written_and_say_what_they_are() {
    let checker = Checker {
        language: Language::Python,
        source: "raise SystemExit(0)".into(),
        protocol: Protocol::Testlib,
        flags: Vec::new(),
    };
    for rule in [
        KATTIS,
        Comparison::Checker(checker.clone()),
        Comparison::Interactor(checker),
    ] {
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(
            serde_json::from_str::<Comparison>(&text).unwrap(),
            rule,
            "{text}"
        );
        assert!(!rule.to_string().is_empty());
    }
}

#[test]
fn where_a_program_decides_there_is_no_rule_over_bytes() {
    let checker = Checker {
        language: Language::Python,
        source: String::new(),
        protocol: Protocol::Testlib,
        flags: Vec::new(),
    };
    let rule = Comparison::Checker(checker.clone());
    assert_eq!(
        (rule.decider(), rule.byte_rule()),
        (Decider::Checker(&checker), None)
    );
    let rule = Comparison::Interactor(checker.clone());
    assert_eq!(
        (rule.decider(), rule.byte_rule()),
        (Decider::Interactor(&checker), None)
    );
    assert!(Comparison::Exact.byte_rule().is_some());
}

#[test]
fn any_bytes_are_compared() {
    let tokens = Comparison::Tokens.byte_rule().unwrap();
    let floats = FLOATS.byte_rule().unwrap();
    assert!(accepts(tokens, b"\xff 1", b"\xff\n1"));
    assert!(!accepts(floats, b"\xff", b"\xfe"));
    assert!(!accepts(floats, b"1.5\0", b"1.5"));
}

fn rules() -> impl Strategy<Value = Comparison> {
    prop_oneof![
        Just(Comparison::Exact),
        Just(Comparison::Lines),
        Just(Comparison::Tokens),
        Just(FLOATS),
        Just(Comparison::Contest),
        Just(Comparison::Decimals),
        Just(Comparison::ExactDecimals),
        Just(KATTIS),
        Just(Comparison::AnyOrder { unit: Unit::Lines }),
        Just(Comparison::AnyOrder { unit: Unit::Tokens }),
    ]
}

proptest! {
    #[test]
    fn every_text_accepts_itself(rule in rules(), text: Vec<u8>) {
        prop_assert!(accepts(rule.byte_rule().unwrap(), &text, &text));
    }

    #[test]
    fn a_proper_prefix_of_tokens_fails(rule in rules(), words in prop::collection::vec("[a-z0-9.]{1,4}", 1..8), keep in 0usize..8) {
        let keep = keep.min(words.len() - 1);
        prop_assert!(!check(&rule, &words.join("\n"), &words[..keep].join("\n")));
        prop_assert!(!check(&rule, &words[..keep].join("\n"), &words.join("\n")));
    }

    #[test]
    fn exact_implies_lines_implies_tokens_implies_floats(expected in "[0-9a .\n\r]{0,12}", got in "[0-9a .\n\r]{0,12}") {
        let verdicts: Vec<bool> = [Comparison::Exact, Comparison::Lines, Comparison::Tokens, FLOATS]
            .into_iter()
            .map(|rule| check(&rule, &expected, &got))
            .collect();
        prop_assert!(verdicts.is_sorted());
    }

    #[test]
    fn different_integers_never_match(rule in rules(), one: i128, other: i128) {
        // Kattis' tolerances are of whole numbers, too.
        prop_assume!(rule != KATTIS);
        prop_assert_eq!(check(&rule, &one.to_string(), &other.to_string()), one == other);
    }
}
