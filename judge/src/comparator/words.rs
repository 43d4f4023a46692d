//! A rule in words, for people.

use super::{CONTEST_TOLERANCE, Comparison, DECIMAL_ABSOLUTE, Unit};

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
            Self::ExactDecimals => formatter.write_str("trimmed lines, numbers by value"),
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
