//! HumanEval and HumanEvalPack (Python, C++, JavaScript, Java, Go, Rust) rows → Problem with asserted tests.
//!
//! Which tests are public:
//! - HumanEval has one hidden `test` and no machine-readable examples, so it is private and the public list is
//!   empty: nothing but the statement feeds the policy.
//! - HumanEvalPack adds a buggy program. Its repair task, HumanEvalFix, shows `test` itself to the model, so it is public.
//!   It also has `example_test`, the statement's examples, which the benchmark shows but does not grade by: the usual
//!   right program of `Python/10` fails them. So that scores can be compared with published ones, they don't grade here
//!   either, and feedback comes from `test`, as the model of the benchmark sees it.
//!
//! The statement is the prompt (imports, helpers, signature, docstring), which is also the preamble, in other languages than
//! Python without the docstring; the reference is the body that continues it.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase, asserts};
use crate::comparator::Comparison;

/// Fields copied into the labels where they are there; `buggy_solution` is a body like the reference.
const LABELS: [&str; 3] = ["bug_type", "failure_symptoms", "buggy_solution"];

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "task_id",
        "prompt",
        "entry_point",
        "test",
        "import",
        "test_setup",
        "declaration",
        "canonical_solution",
        "buggy_solution",
        "bug_type",
        "failure_symptoms",
    ],
    harmless: &[
        (
            "example_test",
            "the examples of the statement; HumanEvalFix grades by test alone, see above",
        ),
        ("text", "the docstring once more"),
        ("docstring", "the docstring once more"),
        ("signature", "the head of the function once more"),
        ("instruction", "the task in other words"),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let id = fields.name("task_id")?;
    let language = match id.split_once('/') {
        Some(("CPP", _)) => Language::Cpp,
        Some(("JavaScript", _)) => Language::JavaScript,
        Some(("Java", _)) => Language::Java,
        Some(("Go", _)) => Language::Go,
        Some(("Rust", _)) => Language::Rust,
        // Read as Python, it would blame the answers.
        Some((name, _)) if Language::from_tag(name).is_some_and(|one| one != Language::Python) => {
            return Err(fields.wrong_text(
                "task_id",
                "a task in Python, C++, JavaScript, Java, Go or Rust such as `Python/0`",
                &format!("`{id}`"),
            ));
        }
        _ => Language::Python,
    };
    let prompt = fields.text("prompt")?;
    let preamble = match language {
        Language::Cpp => declared(fields.text("declaration")?, prompt),
        Language::Python => prompt.to_owned(),
        // Imports stand beside it.
        Language::Go => format!(
            "{}{}",
            fields.text_or_empty("import")?,
            fields.text("declaration")?
        ),
        _ => fields.text("declaration")?.to_owned(),
    };
    let entry_point = fields.text("entry_point")?;
    let asserted = |setup: &str, code: &str| {
        let setup = if setup.is_empty() {
            String::new()
        } else {
            format!("{setup}\n")
        };
        let code = match language {
            Language::Python => running(code, entry_point) + "\n",
            _ => code.to_owned(),
        };
        TestCase::Asserted {
            entry_point: entry_point.to_owned(),
            code: setup + &code,
            language,
        }
    };
    let import = match language {
        Language::Go => "",
        _ => fields.text_or_empty("import")?,
    };
    let setup = [import, fields.text_or_empty("test_setup")?]
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n");
    let test = fields.text("test")?;
    if test.trim().is_empty() {
        return Err(fields.wrong_text("test", "test code", "an empty string"));
    }
    if !asserts::can_fail(test) {
        return Err(fields.wrong_text("test", "test code that can fail", "none"));
    }
    let tests = vec![asserted(&setup, test)];
    let (public_tests, private_tests) = if fields.get("example_test").is_some() {
        (tests, Vec::new())
    } else {
        (Vec::new(), tests)
    };
    let mut labels = BTreeMap::new();
    for name in LABELS {
        if fields.get(name).is_some() {
            labels.insert(name.to_owned(), fields.text(name)?.to_owned());
        }
    }
    if language != Language::Python {
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
        id,
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

/// Python test code that also runs: HumanEval only defines `check`, HumanEvalPack calls it, too.
pub(super) fn running(code: &str, entry_point: &str) -> String {
    let code = standalone(code);
    let last_line = code.lines().next_back().unwrap_or_default();
    if last_line.starts_with("check(") || !code.contains("def check(") {
        return code.to_owned();
    }
    // A method has no name of its own in the tests.
    let called = if entry_point.contains('.') {
        "candidate"
    } else {
        entry_point
    };
    format!("{code}\n\ncheck({called})")
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
