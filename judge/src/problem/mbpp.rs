//! MBPP rows (`google-research-datasets/mbpp`, full and sanitized, and `evalplus/mbppplus`) → Problem with asserted tests.
//!
//! Each line of `test_list` is a test and public, as the benchmark shows them to the model; `challenge_test_list`
//! and MBPP+'s `test`, a program of its own, only grade. `test_setup_code` and `test_imports` stand before each.

use rlef_sandbox::Language;

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase, asserts};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "task_id",
        "text",
        "prompt",
        "code",
        "test_list",
        "challenge_test_list",
        "test_setup_code",
        "test_imports",
        "test",
    ],
    harmless: &[("source_file", "says where it comes from")],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let code = fields.text("code")?;
    let text = if fields.get("text").is_some() || !fields.has("prompt") {
        "text"
    } else {
        "prompt"
    };
    let mut asserts = fields.texts("test_list")?;
    asserts.retain(|text| !text.trim().is_empty());
    for name in ["test_list", "challenge_test_list"] {
        let vacuous = |test: &&str| !test.trim().is_empty() && !asserts::can_fail(test);
        if let Some(test) = fields.texts(name)?.into_iter().find(vacuous) {
            return Err(fields.wrong_text(name, "assertions", &format!("{test:?}")));
        }
    }
    let setup: Vec<&str> = fields
        .texts("test_imports")?
        .into_iter()
        .chain([fields.text_or_empty("test_setup_code")?])
        .filter(|line| !line.trim().is_empty())
        .collect();
    let expected = "assertions that call a function which `code` defines";
    let whole = fields.text_or_empty("test")?;
    let entry_point = asserts
        .iter()
        .chain([&whole])
        .find_map(|text| called(text, code))
        .ok_or_else(|| fields.wrong_text("test_list", expected, "none"))?;
    let test = |assert: &str| TestCase::Asserted {
        entry_point: entry_point.to_owned(),
        code: setup
            .iter()
            .copied()
            .chain([assert])
            .flat_map(|line| [line, "\n"])
            .collect(),
        language: Language::Python,
    };
    let shown: Vec<&str> = asserts.clone();
    Ok(Problem {
        id: format!("MBPP/{}", fields.name("task_id")?),
        statement: format!(
            "{}\nYour code should pass these tests:\n{}\n",
            fields.text(text)?.trim_end(),
            shown.join("\n")
        ),
        public_tests: asserts.into_iter().map(test).collect(),
        private_tests: fields
            .texts("challenge_test_list")?
            .into_iter()
            .chain([whole])
            .filter(|text| !text.trim().is_empty())
            .map(test)
            .collect(),
        references: vec![Reference {
            language: Language::Python,
            source: code.to_owned(),
        }],
        ..Problem::default()
    })
}

/// The first function that `text` calls and that `code` defines at its top level.
fn called<'a>(text: &'a str, code: &str) -> Option<&'a str> {
    let defines = |name: &str| {
        code.lines().any(|line| {
            let assigned = line.strip_prefix(name).map(str::trim_start);
            if assigned.is_some_and(|rest| rest.starts_with('=') && !rest.starts_with("==")) {
                return true;
            }
            ["def ", "async def ", "class "].iter().any(|keyword| {
                let rest = line
                    .strip_prefix(keyword)
                    .map(str::trim_start)
                    .and_then(|rest| rest.strip_prefix(name));
                let goes_on = |character: char| character.is_alphanumeric() || character == '_';
                rest.is_some_and(|rest| !rest.starts_with(goes_on))
            })
        })
    };
    asserts::called(text, defines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_under_test_is_the_one_the_code_defines() {
        let code = "import math\r\ndef helper(x):\n    return x\ndef area (r):\n    return r\n";
        for text in [
            "assert math.isclose(area(3), 3)",
            "assert set(area(3)) == set((3,))",
            "assert area (3) == 3",
            "assert not (area  (3))",
        ] {
            assert_eq!(called(text, code), Some("area"), "{text}");
        }
        assert_eq!(called("assert are(3) == 3", code), None);
    }
}
