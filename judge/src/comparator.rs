//! Expected bytes vs printed bytes: one rule per dataset family. Pure.
//!
//! Knows nothing of programs or tests; a rule that is itself a program (a checker, an interactor) is only described
//! here, and run by `verdict`. Every rule looks at the whole of both texts, so a correct prefix
//! is never enough, and two integers are compared digit by digit, so 2^53 and 2^53 + 1 differ.

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

mod begun;
mod order;

pub use begun::contradicts;

/// How printed output is compared with the expected output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparison {
    /// Byte for byte.
    Exact,
    /// Line by line after trimming each line's end and trailing blank lines.
    #[default]
    Lines,
    /// Whitespace-separated tokens.
    Tokens,
    /// Tokens; numbers of which at least one is written as a non-integer, within either tolerance.
    Floats {
        /// Largest absolute difference.
        absolute: f64,
        /// Largest difference relative to the expected value; only where the expected token is a non-integer.
        relative: f64,
    },
    /// CodeContests: tokens in any ASCII case, numbers within 1e-5 (absolute).
    ///
    /// The reference grader (`tester_sandboxer.cc`) reads integers as doubles too and so takes 2^53 + 1 for
    /// 2^53; here two integers must be equal.
    Contest,
    /// LiveCodeBench: as many lines, each trimmed on both sides, equal as text or word by word as decimal numbers
    /// of exactly the same value. Where the expected one is no whole number, [`DECIMAL_ABSOLUTE`] and [`DECIMAL_RELATIVE`]
    /// are allowed besides, of which the benchmark knows nothing: a right program that prints a double in fewer or more
    /// digits than the reference is right.
    Decimals,
    /// The default output validator of the Kattis problem package format, with its flags. Where there is a tolerance, every
    /// expected word that is a number takes it, a whole one, too; a problem whose whole numbers must be exact has none.
    Kattis {
        /// Letters differ by case.
        #[serde(default)]
        case_sensitive: bool,
        /// White space counts, byte for byte.
        #[serde(default)]
        space_change_sensitive: bool,
        /// Largest absolute difference; 0 where words must be equal.
        #[serde(default)]
        float_absolute_tolerance: f64,
        /// Largest difference relative to the expected value; 0 where words must be equal.
        #[serde(default)]
        float_relative_tolerance: f64,
    },
    /// The same lines (words trimmed and separated by one space) or words, each as often, in any order.
    AnyOrder {
        /// What may change places.
        unit: Unit,
    },
    /// A program decides, in a sandbox of its own.
    Checker(Checker),
    /// A program that talks with the one judged decides, each in a sandbox of its own.
    Interactor(Checker),
}

/// Who says whether a program's output answers a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decider<'a> {
    /// A rule over expected and printed bytes.
    Bytes(ByteRule<'a>),
    /// A program that is given both.
    Checker(&'a Checker),
    /// A program that talks with the one judged.
    Interactor(&'a Checker),
}

/// A [`Comparison`] that compares bytes. There is none of a checker or an interactor, so nobody can take the comparison of
/// their bytes for their word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByteRule<'a>(&'a Comparison);

impl Comparison {
    /// Who decides by this.
    pub const fn decider(&self) -> Decider<'_> {
        match self {
            Self::Checker(checker) => Decider::Checker(checker),
            Self::Interactor(interactor) => Decider::Interactor(interactor),
            _ => Decider::Bytes(ByteRule(self)),
        }
    }

    /// The rule over bytes, unless a program decides.
    pub const fn byte_rule(&self) -> Option<ByteRule<'_>> {
        match self.decider() {
            Decider::Bytes(rule) => Some(rule),
            Decider::Checker(_) | Decider::Interactor(_) => None,
        }
    }
}

/// What may change places under [`Comparison::AnyOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Whole lines.
    Lines,
    /// Words.
    Tokens,
}

/// A program that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checker {
    /// Its language.
    pub language: Language,
    /// Its source.
    pub source: String,
    /// How it is called and answers.
    #[serde(default)]
    pub protocol: Protocol,
}

/// How a checker or interactor is called and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// testlib: `checker input output answer` (an interactor: `interactor input output answer`); exit code 0
    /// accepts; 1, 2, 4, 7, 8, 16 and 50 to 250 (presentation, points, part of the points) reject; anything else is a
    /// failure, of the program's doing unless the checker fails on the expected answer, too.
    #[default]
    Testlib,
    /// open-r1/codeforces: `checker input answer output`; prints a score, 1 accepts.
    Printed,
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact => formatter.write_str("byte for byte"),
            Self::Lines => formatter.write_str("lines without trailing space"),
            Self::Tokens => formatter.write_str("words"),
            Self::Floats { absolute, relative } => {
                write!(
                    formatter,
                    "words, non-integers within {absolute} or {relative} relative"
                )
            }
            Self::Contest => write!(
                formatter,
                "words in any case, numbers within {CONTEST_TOLERANCE}"
            ),
            Self::Decimals => write!(
                formatter,
                "trimmed lines, numbers by value, non-integers within {DECIMAL_ABSOLUTE}"
            ),
            Self::Kattis {
                case_sensitive,
                space_change_sensitive,
                float_absolute_tolerance,
                float_relative_tolerance,
            } => {
                let case = if *case_sensitive {
                    "in this case"
                } else {
                    "in any case"
                };
                let space = if *space_change_sensitive {
                    "and white space"
                } else {
                    ""
                };
                write!(
                    formatter,
                    "words {case} {space}, numbers within {float_absolute_tolerance} or \
                     {float_relative_tolerance} relative"
                )
            }
            Self::AnyOrder { unit: Unit::Lines } => formatter.write_str("lines in any order"),
            Self::AnyOrder { unit: Unit::Tokens } => formatter.write_str("words in any order"),
            Self::Checker(checker) => write!(formatter, "a checker in {:?}", checker.language),
            Self::Interactor(checker) => {
                write!(formatter, "an interactor in {:?}", checker.language)
            }
        }
    }
}

/// Largest absolute difference of the CodeContests rule.
pub const CONTEST_TOLERANCE: f64 = 1e-5;

/// Largest absolute difference of LiveCodeBench's non-integers: the tenth decimal, where the loosest of its statements asks
/// for fewer.
pub const DECIMAL_ABSOLUTE: f64 = 1e-9;

/// Largest relative difference of them: some units in a double's last place.
pub const DECIMAL_RELATIVE: f64 = 1e-14;

/// Decimal digits up to which every integer is exact in an `f64`.
const EXACT_DIGITS: usize = 15;

/// Whether `got` answers the test as `expected` does, under `rule`.
pub fn accepts(rule: ByteRule<'_>, expected: &[u8], got: &[u8]) -> bool {
    match *rule.0 {
        Comparison::Exact => expected == got,
        Comparison::Lines => lines(expected).eq(lines(got)),
        Comparison::Tokens => tokens(expected).eq(tokens(got)),
        Comparison::Floats { absolute, relative } => same_tokens(expected, got, |one, other| {
            number_accepts(one, other, absolute, relative)
        }),
        Comparison::Contest => same_tokens(expected, got, |one, other| {
            one.eq_ignore_ascii_case(other) || number_accepts(one, other, CONTEST_TOLERANCE, 0.0)
        }),
        Comparison::Decimals => order::same_decimals(expected, got),
        Comparison::Kattis {
            case_sensitive,
            space_change_sensitive,
            float_absolute_tolerance: absolute,
            float_relative_tolerance: relative,
        } => {
            (!space_change_sensitive || order::same_spaces(expected, got))
                && same_tokens(expected, got, |one, other| {
                    (!case_sensitive && one.eq_ignore_ascii_case(other))
                        || ((absolute > 0.0 || relative > 0.0)
                            && real_accepts(one, other, absolute, relative))
                })
        }
        Comparison::AnyOrder { unit } => order::same_in_any_order(unit, expected, got),
        // No rule over bytes is made of these.
        Comparison::Checker(_) | Comparison::Interactor(_) => false,
    }
}

/// The tolerances of `rule` for two floating-point values that were never text, as (absolute, relative).
pub fn tolerances(rule: &Comparison) -> (f64, f64) {
    match *rule {
        Comparison::Exact
        | Comparison::Lines
        | Comparison::Tokens
        | Comparison::AnyOrder { .. }
        | Comparison::Checker(_)
        | Comparison::Interactor(_) => (0.0, 0.0),
        Comparison::Floats { absolute, relative }
        | Comparison::Kattis {
            float_absolute_tolerance: absolute,
            float_relative_tolerance: relative,
            ..
        } => (absolute, relative),
        Comparison::Contest => (CONTEST_TOLERANCE, 0.0),
        Comparison::Decimals => (DECIMAL_ABSOLUTE, DECIMAL_RELATIVE),
    }
}

/// Whether two floating-point values are equal, both NaN, or finite and within either tolerance.
pub fn close(expected: f64, got: f64, absolute: f64, relative: f64) -> bool {
    if expected == got || (expected.is_nan() && got.is_nan()) {
        return true;
    }
    // An infinity is within any relative tolerance of itself only; without this it would accept everything.
    if !expected.is_finite() || !got.is_finite() {
        return false;
    }
    let difference = (expected - got).abs();
    difference <= absolute || difference <= relative * expected.abs()
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| is_space(byte))
        .filter(|token| !token.is_empty())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    trim_end(text).split(|&byte| byte == b'\n').map(trim_end)
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .rposition(|&byte| !is_space(byte))
        .map_or(0, |last| last + 1);
    &text[..end]
}

fn same_tokens(expected: &[u8], got: &[u8], same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    let mut got = tokens(got);
    tokens(expected).all(|token| {
        got.next()
            .is_some_and(|other| token == other || same(token, other))
    }) && got.next().is_none()
}

fn number_accepts(expected: &[u8], got: &[u8], absolute: f64, relative: f64) -> bool {
    if let (Some(one), Some(other)) = (integer(expected), integer(got)) {
        return one == other;
    }
    let (Some(one), Some(other)) = (number(expected), number(got)) else {
        return false;
    };
    if order::same_value(expected, got) {
        return true;
    }
    match integer(expected) {
        // Rounded to a double, a long integer would be equal to its neighbours.
        Some((_, digits)) if digits.len() > EXACT_DIGITS => false,
        Some(_) => close(one, other, absolute, 0.0),
        None => close(one, other, absolute, relative),
    }
}

/// Whether two numbers are within either tolerance, however they are written; the difference of integers is exact.
fn real_accepts(expected: &[u8], got: &[u8], absolute: f64, relative: f64) -> bool {
    let whole = |token: &[u8]| {
        integer(token)?;
        std::str::from_utf8(token).ok()?.parse::<i128>().ok()
    };
    if let (Some(one), Some(other)) = (whole(expected), whole(got)) {
        let difference = one.abs_diff(other) as f64;
        return difference <= absolute || difference <= relative * one.unsigned_abs() as f64;
    }
    match (number(expected), number(got)) {
        (Some(one), Some(other)) => close(one, other, absolute, relative),
        _ => false,
    }
}

/// Sign and digits without leading zeros; zero has no sign.
fn integer(token: &[u8]) -> Option<(bool, &[u8])> {
    let (negative, digits) = match token {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[zeros..];
    Some((negative && !digits.is_empty(), digits))
}

fn number(token: &[u8]) -> Option<f64> {
    std::str::from_utf8(token).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
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
        assert!(!check(&absolute, "9007199254740993", "9007199254740992"));
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
}
