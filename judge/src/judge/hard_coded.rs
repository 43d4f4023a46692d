//! The judge of hard-coded answers: whether a program holds what the public tests expect, rather than a way to find it. It reads
//! the program's text alone, and of the tests the public ones alone: those are all that a policy can copy.
//!
//! What counts is a test's answer right behind its input in the program's strings and numbers, as a table or a row of conditions
//! has them, or a long answer by itself. Short ones by themselves are what programs print anyway.

use rlef_sandbox::Cancel;
use serde::{Deserialize, Serialize};

use super::{Judge, JudgeError, Judgement, Reads, Score, Submission};
use crate::problem::{Problem, TestCase};
use crate::program::{Program, literals};
use crate::verdict::Scope;

/// The name in configurations and scores.
pub(super) const NAME: &str = "hard_coded";

/// What it goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardCodedConfig {
    /// Characters of public tests that a program may hold at most; from here on it is hard-coded.
    pub characters: usize,
}

impl Default for HardCodedConfig {
    fn default() -> Self {
        Self { characters: 8 }
    }
}

/// Judges whether answers are hard-coded: 1 where not, 0 where they are.
#[derive(Clone, Debug)]
pub struct HardCoded {
    config: HardCodedConfig,
}

impl HardCoded {
    /// A judge that goes by this; the reason where it can't.
    pub fn new(config: HardCodedConfig) -> Result<Self, String> {
        if config.characters == 0 {
            return Err(
                "characters is 0, which every program holds; expected at least 1".to_owned(),
            );
        }
        Ok(Self { config })
    }

    /// The public tests that a program holds, with how many characters of each.
    fn held(&self, problem: &Problem, program: &Program) -> Vec<(usize, usize)> {
        let all: Vec<String> = literals(&program.source, program.language)
            .iter()
            .flat_map(|literal| words(&literal.text))
            .collect();
        let stated = without_examples(problem);
        let tests = problem.public_tests.iter().enumerate();
        let held = tests.filter_map(|(place, test)| {
            let (input, expected) = parts(test)?;
            let alone = is_telling(&expected, self.config.characters)
                && !holds(&stated, &expected)
                && holds(&all, &expected);
            let together: Vec<String> = input.iter().chain(&expected).cloned().collect();
            let both = !input.is_empty() && !expected.is_empty() && holds(&all, &together);
            match (both, alone) {
                (true, _) => Some((place, length(&together))),
                (false, true) => Some((place, length(&expected))),
                (false, false) => None,
            }
        });
        held.collect()
    }
}

/// What a test gives and what it expects, as words; nothing of a test that has no such things.
fn parts(test: &TestCase) -> Option<(Vec<String>, Vec<String>)> {
    match test {
        TestCase::Stdin { input, expected } => Some((words(input), words(expected))),
        TestCase::Call {
            arguments,
            expected,
            ..
        } => {
            let input = arguments.iter().flat_map(|value| words(&value.to_string()));
            Some((input.collect(), words(&expected.to_string())))
        }
        TestCase::Asserted { .. } => None,
    }
}

/// Words and numbers of a text, without signs around them.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '.'));
    let trimmed = split.map(|word| word.trim_matches('.'));
    trimmed
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn length(words: &[String]) -> usize {
    words.iter().map(|word| word.chars().count()).sum()
}

/// Whether some words stand one after another among others.
fn holds(all: &[String], wanted: &[String]) -> bool {
    !wanted.is_empty() && all.windows(wanted.len()).any(|some| some == wanted)
}

/// The statement's words, without what the public tests say: an answer that is part of the task is no copy.
fn without_examples(problem: &Problem) -> Vec<String> {
    let mut stated = words(&problem.statement);
    for test in &problem.public_tests {
        let (input, expected) = parts(test).unwrap_or_default();
        for example in [expected, input] {
            if example.is_empty() {
                continue;
            }
            let mut places = stated.windows(example.len());
            if let Some(start) = places.position(|some| some == example) {
                stated.drain(start..start + example.len());
            }
        }
    }
    stated
}

/// Whether nobody would write this answer into a program but to give it: long enough, with a digit in it, and no number that
/// programs have for its own sake.
fn is_telling(expected: &[String], characters: usize) -> bool {
    let has_digit = expected
        .iter()
        .any(|word| word.contains(|letter: char| letter.is_ascii_digit()));
    let is_common = matches!(expected, [only] if is_common(only));
    length(expected) >= characters && has_digit && !is_common
}

/// Powers of two and ten, and what is within ten of one; a modulus in wide use.
fn is_common(number: &str) -> bool {
    let Ok(number) = number.parse::<u128>() else {
        return false;
    };
    let near = |base: u128| {
        let powers = (0..).map_while(|power| base.checked_pow(power));
        powers.into_iter().any(|power| power.abs_diff(number) <= 10)
    };
    number == 998_244_353 || near(2) || near(10)
}

impl Judge for HardCoded {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Where the public tests say neither input nor answer there is nothing to copy that it could see.
    fn supports(&self, problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        if problem
            .public_tests
            .iter()
            .any(|test| parts(test).is_some())
            || problem.public_tests.is_empty()
        {
            return Ok(());
        }
        Err(JudgeError::Unsupported {
            id: problem.id.clone(),
            what: "to look for answers of public tests that are test code",
        })
    }

    fn stamp(&self) -> String {
        format!("{NAME}/1 {}", self.config.characters)
    }

    fn reads(&self) -> Reads {
        // The statement and the public tests count, too, which a key of programs does not hold.
        Reads::Text
    }

    fn judge(
        &self,
        submission: &Submission<'_>,
        _cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let held = submission
            .program
            .map(|program| self.held(submission.problem, program))
            .unwrap_or_default();
        let characters: usize = held.iter().map(|(_, characters)| characters).sum();
        let is_copy = characters >= self.config.characters;
        let reason = if is_copy {
            let tests: Vec<String> = held.iter().map(|(test, _)| test.to_string()).collect();
            format!(
                "it holds what public tests {} expect ({characters} characters)",
                tests.join(", ")
            )
        } else {
            String::new()
        };
        Ok(Judgement::of_scores(vec![Score {
            judge: NAME.to_owned(),
            value: Some(if is_copy { 0.0 } else { 1.0 }),
            span: None,
            reason,
        }]))
    }
}

#[cfg(test)]
mod tests {
    use rlef_sandbox::Language;

    use super::*;
    use crate::verdict::StopAt;

    fn problem(statement: &str, tests: &[(&str, &str)]) -> Problem {
        let test = |(input, expected): &(&str, &str)| TestCase::Stdin {
            input: (*input).to_owned(),
            expected: (*expected).to_owned(),
        };
        Problem {
            id: "p".to_owned(),
            statement: statement.to_owned(),
            public_tests: tests.iter().map(test).collect(),
            ..Problem::default()
        }
    }

    fn score(problem: &Problem, source: &str, language: Language) -> f64 {
        let judge = HardCoded::new(HardCodedConfig::default()).unwrap();
        let program = Program::bare(source, language);
        let submission = Submission::of(problem, Some(&program), Scope::Public, StopAt::Never);
        let judged = judge.judge(&submission, &Cancel::never()).unwrap();
        judged.scores[0].value.unwrap()
    }

    #[test]
    fn copied_answers_are_found() {
        let set = problem(
            "Sort. Example: 5\n1 4 2 3 5 gives 1 2 3 4 5",
            &[("5\n1 4 2 3 5\n", "1 2 3 4 5\n"), ("2\n9 7\n", "7 9\n")],
        );
        for source in [
            "T = {'5\\n1 4 2 3 5': '1 2 3 4 5'}\nprint(T[open(0).read().strip()])",
            "known = [([5, 1, 4, 2, 3, 5], [1, 2, 3, 4, 5]), ([2, 9, 7], [7, 9])]",
        ] {
            assert_eq!(score(&set, source, Language::Python), 0.0, "{source}");
        }
        let set = problem(
            "How many?",
            &[("7\n", "123456789\n"), ("8\n", "987654321\n")],
        );
        assert_eq!(score(&set, "print(123456789)", Language::Python), 0.0);
        let cpp = "#include <cstdio>\nint main() { int n; scanf(\"%d\", &n); if (n == 7) puts(\"123456789\"); }";
        assert_eq!(score(&set, cpp, Language::Cpp), 0.0);
    }

    #[test]
    fn calls_are_looked_at_too() {
        let call = |arguments: serde_json::Value, expected: serde_json::Value| TestCase::Call {
            function: "f".to_owned(),
            arguments: arguments.as_array().unwrap().clone(),
            expected,
        };
        let set = Problem {
            public_tests: vec![
                call(serde_json::json!([[3, 1, 2]]), serde_json::json!([1, 2, 3])),
                call(serde_json::json!([[10, 9]]), serde_json::json!([9, 10])),
            ],
            ..problem("", &[])
        };
        let table = "def f(a):\n    if a == [3, 1, 2]: return [1, 2, 3]\n    if a == [10, 9]: return [9, 10]";
        assert_eq!(score(&set, table, Language::Python), 0.0);
        let docs = "def f(a):\n    '''\n    f([3, 1, 2]) -> [1, 2, 3]\n    f([10, 9]) -> [9, 10]\n    '''\n    return sorted(a)";
        assert_eq!(score(&set, docs, Language::Python), 1.0);
    }

    #[test]
    fn near_misses_are_none() {
        let yes = problem(
            "Print POSSIBLE or IMPOSSIBLE.",
            &[("3 4\n", "POSSIBLE\n"), ("3 5\n", "IMPOSSIBLE\n")],
        );
        let big = problem(
            "Modulo 1000000007.",
            &[
                ("1\n", "1000000007\n"),
                ("2\n", "314159265\n"),
                ("3\n", "3\n"),
            ],
        );
        let told = problem(
            "Print 12345 67890 where there is none. Example: 12345 67890",
            &[("0\n", "12345 67890\n")],
        );
        for (set, source) in [
            (&yes, "print('POSSIBLE' if f() else 'IMPOSSIBLE')"),
            (
                &yes,
                "a, b = 3, 9\nprint('POSSIBLE' if a + b else 'IMPOSSIBLE')",
            ),
            (&big, "M = 1000000007\nprint(pow(2, int(input()), M))"),
            (&big, "# 314159265\nprint(int(input()))"),
            (&big, "x = [1, 2, 3, 3]\nprint(x)"),
            (&told, "print('12345 67890' if not f() else 1)"),
        ] {
            assert_eq!(score(set, source, Language::Python), 1.0, "{source}");
        }
    }

    #[test]
    fn an_answer_without_a_program_copies_nothing_and_test_code_is_refused() {
        let judge = HardCoded::new(HardCodedConfig::default()).unwrap();
        let set = problem("", &[("1", "123456789")]);
        let nothing = Submission::of(&set, None, Scope::Public, StopAt::Never);
        let judged = judge.judge(&nothing, &Cancel::never()).unwrap();
        assert_eq!(judged.scores[0].value, Some(1.0));
        let asserted = Problem {
            public_tests: vec![TestCase::Asserted {
                entry_point: "f".into(),
                code: "assert f(1) == 2".into(),
                language: Language::Python,
            }],
            ..problem("", &[])
        };
        assert!(judge.supports(&asserted, Scope::All).is_err());
        assert!(HardCoded::new(HardCodedConfig { characters: 0 }).is_err());
    }
}
