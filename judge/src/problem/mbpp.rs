//! MBPP rows (`google-research-datasets/mbpp`, full and sanitized) → Problem with asserted tests.
//!
//! Each line of `test_list` is a test and public, as the benchmark shows them to the model; `challenge_test_list`
//! only grades. `test_setup_code` and `test_imports` stand before each.

use rlef_sandbox::Language;

use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let code = fields.text("code")?;
    let text = if fields.has("text") { "text" } else { "prompt" };
    let asserts = fields.texts("test_list")?;
    let setup: Vec<&str> = fields
        .texts("test_imports")?
        .into_iter()
        .chain([fields.text_or_empty("test_setup_code")?])
        .filter(|line| !line.trim().is_empty())
        .collect();
    let expected = "assertions that call a function which `code` defines";
    let entry_point = asserts
        .first()
        .and_then(|assert| called(assert, code))
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
            .map(test)
            .collect(),
        references: vec![Reference {
            language: Language::Python,
            source: code.to_owned(),
        }],
        ..Problem::default()
    })
}

/// The first name before a parenthesis in `assert` that `code` defines at its top level.
fn called<'a>(assert: &'a str, code: &str) -> Option<&'a str> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    assert.match_indices('(').find_map(|(at, _)| {
        let before = &assert[..at];
        let start = before
            .rfind(|character| !is_name(character))
            .map_or(0, |last| last + 1);
        let name = before.get(start..)?;
        let defined = |keyword: &str| {
            code.lines().any(|line| {
                let rest = line
                    .strip_prefix(keyword)
                    .map(str::trim_start)
                    .and_then(|rest| rest.strip_prefix(name));
                rest.is_some_and(|rest| !rest.starts_with(is_name))
            })
        };
        (!name.is_empty() && (defined("def ") || defined("class "))).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_under_test_is_the_one_the_code_defines() {
        let code = "import math\ndef helper(x):\n    return x\ndef area (r):\n    return r\n";
        assert_eq!(
            called("assert math.isclose(area(3), 3)", code),
            Some("area")
        );
        assert_eq!(
            called("assert set(area(3)) == set((3,))", code),
            Some("area")
        );
        assert_eq!(called("assert are(3) == 3", code), None);
    }
}
