//! How long a number Python reads from text or writes as text, by set: a part of a problem's limits.
//!
//! Since 3.11, and in late releases before, Python refuses more than 4300 digits. Solutions and tests of older sets know
//! no such rule, and what they were made with had none: there it is lifted, so that a verdict doesn't hang on the
//! interpreter of a host. A newer set keeps what its own judge had.

use super::Problem;

/// Sets whose programs and tests are older than the rule, or were collected from such sets.
const OLDER: [&str; 13] = [
    "apps",
    "taco",
    "codecontests",
    "codecontests-plus",
    "codeforces",
    "common-oj",
    "deepcoder",
    "evalplus",
    "humaneval",
    "mapcoder",
    "mbpp",
    "prime",
    "synthetic-1",
];
/// What LiveCodeBench's judge sets.
const LIVECODEBENCH: u32 = 50_000;

/// The problem with the rule of the schema that it was read in.
pub(super) fn ruled(mut problem: Problem, schema: &str) -> Problem {
    problem.limits.int_digits = match schema {
        "livecodebench" => Some(LIVECODEBENCH),
        older if OLDER.contains(&older) => Some(0),
        // rlef's own says it in a problem's limits.
        _ => problem.limits.int_digits,
    };
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::SCHEMAS;

    #[test]
    fn older_sets_know_no_rule_and_newer_ones_keep_theirs() {
        let of = |schema| ruled(Problem::default(), schema).limits.int_digits;
        assert_eq!([of("taco"), of("codecontests")], [Some(0), Some(0)]);
        assert_eq!(of("livecodebench"), Some(50_000));
        assert_eq!([of("bigcodebench"), of("cruxeval"), of("rlef")], [None; 3]);
        for name in OLDER {
            assert!(SCHEMAS.iter().any(|schema| schema.name == name), "{name}");
        }
        let mut own = Problem::default();
        own.limits.int_digits = Some(700);
        assert_eq!(ruled(own, "rlef").limits.int_digits, Some(700));
    }
}
