//! Expected bytes vs printed bytes: one rule per dataset family. Pure.
//!
//! Knows nothing of programs or tests; a rule that is itself a program (a checker, an interactor) is only described
//! here, and run by `verdict`. Every rule looks at the whole of both texts, so a correct prefix
//! is never enough, and two integers are compared digit by digit, so 2^53 and 2^53 + 1 differ (but for `kattis`).

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

mod begun;
mod numbers;
mod order;
mod words;

pub use begun::contradicts;
pub use numbers::close;
use numbers::{integer, kattis_accepts, number, number_accepts};

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
    /// The same with nothing allowed: numbers are equal by value, as the benchmark has it.
    ExactDecimals,
    /// The default output validator of the Kattis problem package format, with its flags. Where there is a tolerance, every
    /// expected word that is a number takes it, a whole one, too, as doubles; a problem whose whole numbers must be exact has
    /// none.
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
    /// Arguments behind those of the protocol, of the problem's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
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
    /// Kattis' output validators: `validator input answer folder flags`, with the output (an interactor: the program) on
    /// standard input; exit code 42 accepts, 43 rejects, anything else is a failure.
    Kattis,
}

/// Largest absolute difference of the CodeContests rule.
pub const CONTEST_TOLERANCE: f64 = 1e-5;

/// Largest absolute difference of LiveCodeBench's non-integers: the tenth decimal, where the loosest of its statements asks
/// for fewer.
pub const DECIMAL_ABSOLUTE: f64 = 1e-9;

/// Largest relative difference of them: some units in a double's last place.
pub const DECIMAL_RELATIVE: f64 = 1e-14;

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
        Comparison::Decimals => order::same_decimals(expected, got, true),
        Comparison::ExactDecimals => order::same_decimals(expected, got, false),
        Comparison::Kattis {
            case_sensitive,
            space_change_sensitive,
            float_absolute_tolerance: absolute,
            float_relative_tolerance: relative,
        } => {
            (!space_change_sensitive || order::same_spaces(expected, got))
                && same_tokens(expected, got, |one, other| {
                    kattis_accepts(one, other, case_sensitive, (absolute, relative))
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
        | Comparison::ExactDecimals
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

#[cfg(test)]
mod tests;
