//! Programs that do nothing in two ways, which no tests of a problem should both accept.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rlef_sandbox::Language;

use crate::problem::{Problem, Reference, TestCase};

/// What a function does that doesn't do what it should.
const BODIES: [&str; 2] = ["raise NotImplementedError", "return None"];
/// What a program prints that doesn't read its input.
const PROGRAMS: [&str; 2] = ["pass\n", "print('nothing')\n"];

/// One program that prints nothing, or whose functions raise, and one that prints what nobody expects, or whose functions return
/// nothing: a right answer may be like one of them, and none like both. Nothing where the tests are of another language.
pub(super) fn programs(problem: &Problem) -> Option<[Reference; 2]> {
    let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut functions = Vec::new();
    let tests = problem.public_tests.iter().chain(&problem.private_tests);
    let mut reads = 0;
    for test in tests {
        let name = match test {
            TestCase::Stdin { .. } => {
                reads += 1;
                continue;
            }
            TestCase::Call { function, .. } => function,
            TestCase::Asserted {
                entry_point,
                language: Language::Python,
                ..
            } => entry_point,
            TestCase::Asserted { .. } => return None,
        };
        match name.split_once('.') {
            Some((class, method)) => methods.entry(class).or_default().push(method),
            None => functions.push(name.as_str()),
        }
    }
    let sources = if functions.is_empty() && methods.is_empty() {
        if reads == 0 || problem.files.is_some() {
            return None;
        }
        PROGRAMS.map(str::to_owned)
    } else {
        BODIES.map(|body| {
            let mut text = String::new();
            for name in &functions {
                let _ = writeln!(text, "def {name}(*given, **named):\n    {body}\n");
            }
            for (class, names) in &methods {
                let _ = writeln!(text, "class {class}:");
                for name in names {
                    let _ = writeln!(
                        text,
                        "    def {name}(self, *given, **named):\n        {body}\n"
                    );
                }
            }
            text
        })
    };
    let python = |source| Reference {
        language: Language::Python,
        source,
    };
    Some(sources.map(python))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(tests: Vec<TestCase>) -> Option<[String; 2]> {
        let problem = Problem {
            private_tests: tests,
            ..Problem::default()
        };
        programs(&problem).map(|both| both.map(|one| one.source))
    }

    #[test]
    fn they_have_what_the_tests_call_and_do_nothing() {
        let call = |function: &str| TestCase::Call {
            function: function.into(),
            arguments: vec![json!(1)],
            expected: json!(2),
        };
        let [raises, returns] = of(vec![call("f"), call("Solution.g")]).unwrap();
        assert!(raises.contains("def f(") && raises.contains("class Solution:\n    def g(self"));
        assert!(raises.contains("raise") && returns.contains("return None"));
        let stdin = TestCase::Stdin {
            input: "1".into(),
            expected: "2".into(),
        };
        assert_eq!(of(vec![stdin]), Some(PROGRAMS.map(str::to_owned)));
        let other = TestCase::Asserted {
            entry_point: "f".into(),
            code: String::new(),
            language: Language::Rust,
        };
        assert_eq!(of(vec![other]), None);
        assert_eq!(of(vec![]), None);
    }
}
