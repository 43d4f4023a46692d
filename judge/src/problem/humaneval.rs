//! HumanEval and HumanEvalPack (Python, C++) rows → Problem with asserted tests.
//!
//! Which tests are public:
//! - HumanEval has one hidden `test` and no machine-readable examples, so it is private and the public list is
//!   empty: nothing but the statement feeds the policy.
//! - HumanEvalPack adds `example_test` (the statement's examples) and a buggy program. Its repair task,
//!   HumanEvalFix, shows `test` itself to the model, so both are public and nothing is private. Taking only
//!   `example_test` as public would end an episode at once for 20 of the 164 buggy Python programs: 14 pass
//!   their examples and 6 problems have none.
//!
//! The statement is the prompt (imports, helpers, signature, docstring), which is also the preamble, in C++ without the
//! docstring; the reference is the body that continues it.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};

use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};
use crate::comparator::Comparison;

/// Fields copied into the labels where they are there; `buggy_solution` is a body like the reference.
const LABELS: [&str; 3] = ["bug_type", "failure_symptoms", "buggy_solution"];

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let id = fields.text("task_id")?;
    let language = match id.split_once('/') {
        Some(("CPP", _)) => Language::Cpp,
        Some(("JavaScript" | "Java" | "Go" | "Rust", _)) => {
            return Err(fields.wrong_text(
                "task_id",
                "a task in Python or C++ such as `Python/0`",
                &format!("`{id}`"),
            ));
        }
        _ => Language::Python,
    };
    let prompt = fields.text("prompt")?;
    let preamble = match language {
        Language::Cpp => declared(fields.text("declaration")?, prompt),
        _ => prompt.to_owned(),
    };
    let entry_point = fields.text("entry_point")?;
    let asserted = |setup: &str, code: &str| {
        if language == Language::Cpp {
            return TestCase::Asserted {
                entry_point: entry_point.to_owned(),
                code: code.to_owned(),
                language,
            };
        }
        // HumanEval only defines check(); HumanEvalPack calls it too.
        let code = standalone(code);
        let last_line = code.lines().next_back().unwrap_or_default();
        let call = if last_line.starts_with("check(") {
            String::new()
        } else {
            format!("\n\ncheck({entry_point})")
        };
        let setup = if setup.is_empty() {
            String::new()
        } else {
            format!("{setup}\n")
        };
        TestCase::Asserted {
            entry_point: entry_point.to_owned(),
            code: format!("{setup}{code}{call}\n"),
            language,
        }
    };
    let setup = [
        fields.text_or_empty("import")?,
        fields.text_or_empty("test_setup")?,
    ]
    .into_iter()
    .filter(|text| !text.trim().is_empty())
    .collect::<Vec<_>>()
    .join("\n");
    let test = fields.text("test")?;
    let example = fields.text_or_empty("example_test")?;
    if test.trim().is_empty() {
        return Err(fields.wrong_text("test", "test code", "an empty string"));
    }
    let (public_tests, private_tests) = if fields.get("example_test").is_some() {
        let examples = if example.trim().is_empty() {
            None
        } else {
            Some(asserted(&setup, example))
        };
        (
            examples
                .into_iter()
                .chain([asserted(&setup, test)])
                .collect(),
            Vec::new(),
        )
    } else {
        (Vec::new(), vec![asserted(&setup, test)])
    };
    let mut labels = BTreeMap::new();
    for name in LABELS {
        if fields.get(name).is_some() {
            labels.insert(name.to_owned(), fields.text(name)?.to_owned());
        }
    }
    if language == Language::Cpp {
        labels.insert("language".to_owned(), language.name().to_owned());
    }
    let references = match fields.text_or_empty("canonical_solution")? {
        "" => Vec::new(),
        source => vec![Reference {
            language,
            source: source.to_owned(),
        }],
    };
    Ok(Problem {
        id: id.to_owned(),
        statement: prompt.to_owned(),
        public_tests,
        private_tests,
        limits: Limits::default(),
        comparison: Comparison::default(),
        preamble,
        references,
        wrong: match fields.text_or_empty("buggy_solution")? {
            "" => Vec::new(),
            source => vec![Reference {
                language,
                source: source.to_owned(),
            }],
        },
        files: None,
        labels,
    })
}

/// What a C++ body continues: the declaration, which leaves one brace open. The one of `CPP/38` goes on into the body, which
/// would then be there twice; the prompt is the same without it, but lacks includes.
fn declared(declaration: &str, prompt: &str) -> String {
    let open = |text: &str| text.matches('{').count() as i64 - text.matches('}').count() as i64;
    if open(declaration) <= 1 || open(prompt) != 1 {
        return declaration.to_owned();
    }
    let includes = declaration
        .lines()
        .filter(|line| line.trim_start().starts_with("#include"));
    includes.chain([prompt]).collect::<Vec<&str>>().join("\n")
}

/// Test code without blank space around it, from its first unindented line on: the examples of HumanEvalPack's
/// `Python/119` start with a stray copy of a function body.
fn standalone(code: &str) -> &str {
    let mut rest = code.trim_end();
    while rest.starts_with(|first: char| first.is_whitespace()) {
        rest = rest.split_once('\n').map_or("", |(_, after)| after);
    }
    rest
}
