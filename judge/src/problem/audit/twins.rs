//! Problems → those that were seen before, in the same set or in another: what was trained on says nothing when it's asked
//! again. Pure.
//!
//! Two problems are taken for one where their statements are the same but for case and white space, or where all their
//! tests are the same. Punctuation counts: HumanEval asks for matching brackets twice, once `()` and once `<>`.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Bytes of a statement below which it says too little to be compared.
const LEAST_STATEMENT: usize = 20;

/// Bytes of tests below which equal ones may be chance.
const LEAST_TESTS: usize = 60;

/// Statements and tests seen so far, with the name of whose they are.
#[derive(Debug, Default)]
pub struct Seen {
    statements: HashMap<[u8; 32], String>,
    tests: HashMap<[u8; 32], String>,
}

impl Seen {
    /// What an earlier problem has in common with this one, in words; without any, it's remembered by `name`.
    pub fn twin(&mut self, problem: &Problem, name: &str) -> Option<String> {
        let statement = statement(problem);
        let tests = tests(problem);
        let of = |seen: &HashMap<[u8; 32], String>, key: Option<[u8; 32]>| seen.get(&key?).cloned();
        if let Some(first) = of(&self.statements, statement) {
            return Some(format!("the statement of {first}"));
        }
        if let Some(first) = of(&self.tests, tests) {
            return Some(format!("the tests of {first}"));
        }
        if let Some(key) = statement {
            self.statements.insert(key, name.to_owned());
        }
        if let Some(key) = tests {
            self.tests.insert(key, name.to_owned());
        }
        None
    }
}

/// A statement without case and white space.
fn statement(problem: &Problem) -> Option<[u8; 32]> {
    let text: String = problem.statement.split_whitespace().collect();
    (text.len() >= LEAST_STATEMENT).then(|| Sha256::digest(text.to_lowercase()).into())
}

/// All tests, in any order.
fn tests(problem: &Problem) -> Option<[u8; 32]> {
    let all = problem.public_tests.iter().chain(&problem.private_tests);
    // Plain texts and numbers always serialise.
    let mut texts: Vec<String> = all
        .map(|test| serde_json::to_string(test).unwrap_or_default())
        .collect();
    texts.sort();
    let text = texts.join("\n");
    (text.len() >= LEAST_TESTS + 50 * texts.len()).then(|| Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::TestCase;

    fn problem(statement: &str, inputs: &[&str]) -> Problem {
        let test = |input: &&str| TestCase::Stdin {
            input: (*input).into(),
            expected: "a long enough answer".into(),
        };
        Problem {
            statement: statement.into(),
            public_tests: inputs.iter().map(test).collect(),
            ..Problem::default()
        }
    }

    const LONG: &str = "Print the sum of two numbers that are given on one line.";

    #[test]
    fn the_same_words_or_the_same_tests_are_one_problem() {
        let brackets =
            |pair: &str| problem(&format!("Whether every {pair} is closed again."), &["1"]);
        let mut apart = Seen::default();
        assert_eq!(apart.twin(&brackets("("), "a"), None);
        assert_eq!(apart.twin(&brackets("<"), "b"), None);
        let mut seen = Seen::default();
        let inputs = ["1 2 3 4 5 6 7 8 9 10 11 12", "2 3 4 5 6 7 8 9 10 11 12 13"];
        assert_eq!(seen.twin(&problem(LONG, &inputs), "a"), None);
        let spaced = LONG.to_uppercase().replace(' ', "\n\n");
        let twin = seen.twin(&problem(&spaced, &["other"]), "b");
        assert_eq!(twin.unwrap(), "the statement of a");
        let reversed = [inputs[1], inputs[0]];
        let other = "Something else, which is long enough to tell.";
        let twin = seen.twin(&problem(other, &reversed), "c");
        assert_eq!(twin.unwrap(), "the tests of a");
        assert_eq!(seen.twin(&problem(other, &inputs[..1]), "d"), None);
    }

    #[test]
    fn what_says_too_little_is_compared_with_nothing() {
        let mut seen = Seen::default();
        for name in ["a", "b"] {
            assert_eq!(seen.twin(&problem("Go.", &["1"]), name), None);
        }
    }
}
