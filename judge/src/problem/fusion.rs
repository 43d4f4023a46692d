//! SandboxFusion's rows whose test is code (`id`, `content`, `test` or `test_list`, `labels`) → Problem with asserted tests.
//!
//! The test is a text, or an object with `code` in which `#<INSERT>` stands for the program, or one with `test` in the form
//! of MultiPL-E. `labels` say the language and the entry point; where they don't say the latter, the assertions do.
//! `content` is the statement, and the preamble where it is code that the program continues.

use std::collections::BTreeMap;

use rlef_sandbox::Language;
use serde_json::Value;

use super::known::Known;
use super::row::{Fields, unwrap_json};
use super::{
    Problem, ProblemError, Reference, TestCase, asserts, bigcodebench, humaneval, multipl_e,
};
use crate::program::language_of_tag;

/// Where a program goes in code that says so.
const INSERT: &str = "#<INSERT>";

/// What is done with each field of the rows with `test_list`.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "id",
        "content",
        "test_list",
        "labels",
        "labels.challenge_test_list",
        "labels.test_setup_code",
        "labels.test_imports",
        "canonical_solution",
    ],
    harmless: &[("__internal_uuid__", "a name")],
    refused: &[],
};

/// What the labels say of the tests.
struct Labels {
    language: Language,
    entry_point: String,
    all: BTreeMap<String, String>,
}

fn labels(fields: &Fields<'_>) -> Result<Labels, ProblemError> {
    let value = match fields.get("labels") {
        None => Value::Null,
        Some(value) => unwrap_json(fields, "labels", value)?,
    };
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let tag = ["execution_language", "programming_language", "language"]
        .iter()
        .map(|name| text(name))
        .find(|tag| !tag.is_empty())
        .unwrap_or_default();
    let tag = if tag == "nodejs" { "javascript" } else { tag };
    let language = language_of_tag(tag, Language::Python)
        .or_else(|| Language::from_tag(tag))
        .ok_or_else(|| fields.wrong_text("labels", "a supported language", &format!("`{tag}`")))?;
    let plain = [
        "category",
        "difficulty",
        "difficulty_type",
        "task_id",
        "source",
    ];
    let all = plain.iter().filter(|name| !text(name).is_empty());
    Ok(Labels {
        language,
        entry_point: text("entry_point").to_owned(),
        all: all
            .map(|name| ((*name).to_owned(), text(name).to_owned()))
            .collect(),
    })
}

/// A row whose test is code, as a text or as an object.
pub(super) fn read(fields: &Fields<'_>, test: &Value) -> Result<Problem, ProblemError> {
    let labels = labels(fields)?;
    let language = labels.language;
    let content = fields.text("content")?;
    let (mut before, mut code) = (String::new(), String::new());
    match test {
        Value::String(text) => code.push_str(text),
        Value::Object(object) => {
            for (name, value) in object {
                let is_known = matches!(name.as_str(), "code" | "test");
                if !is_known && !value.is_null() {
                    return Err(fields.wrong_text(
                        &format!("test.{name}"),
                        "test code without files beside it",
                        "files",
                    ));
                }
            }
            let text = ["code", "test"]
                .iter()
                .find_map(|name| object.get(*name)?.as_str());
            let text =
                text.ok_or_else(|| fields.wrong_text("test", "test code in `code`", "none"))?;
            match text.split_once(INSERT) {
                None => code.push_str(text),
                Some((start, rest)) if !rest.contains(INSERT) => {
                    before.push_str(start);
                    code.push_str(rest);
                }
                Some(_) => {
                    return Err(fields.wrong_text("test", "one place for the program", "several"));
                }
            }
        }
        other => return Err(fields.wrong("test", "a list of tests, or test code", other)),
    }
    if code.trim().is_empty() || !asserts::can_fail(&code) {
        return Err(fields.wrong_text("test", "test code that can fail", "none"));
    }
    if code.contains("def test_") && !code.contains("unittest") && code.contains("class Test") {
        return Err(fields.wrong_text("test", "test code that runs by itself", "tests of pytest"));
    }
    let fenced = fenced(content);
    // Code that a program continues, as it stands or in a fence.
    let head = [content, fenced]
        .into_iter()
        .find_map(|text| Some((text, multipl_e::called(text)?)));
    let entry_point = if labels.entry_point.is_empty() {
        let found = asserts::entry_point_of(&[&code]).map(str::to_owned);
        match (found, head) {
            (Ok(name), _) if language == Language::Python => name,
            (_, Some((_, name))) => name.to_owned(),
            (Err(found), None) => {
                let expected = "the function that the tests call as `entry_point` in the labels";
                return Err(fields.wrong_text(
                    "labels",
                    expected,
                    &format!("none, and {found} in the tests"),
                ));
            }
            (Ok(name), None) => name,
        }
    } else {
        labels.entry_point.clone()
    };
    if !before.trim().is_empty() && language != Language::Python {
        return Err(fields.wrong_text(
            "test",
            "a program in front of its tests",
            "code in front of the program",
        ));
    }
    let continues = head.is_some_and(|(text, _)| {
        text == content
            && (language != Language::Python
                || content
                    .trim_start()
                    .starts_with(['d', 'i', 'f', 'c', '@', '#', '"', '\''])
                    && content.contains(&format!("def {entry_point}(")))
    });
    let preamble = match head {
        _ if language == Language::Python && !continues => before,
        Some((text, _)) => before + text,
        None => before,
    };
    let code = match language {
        Language::Python if code.contains("class TestCases") => code + bigcodebench::RUN,
        Language::Python => humaneval::running(&code, &entry_point) + "\n",
        other => multipl_e::code(&code, other),
    };
    let mut all = labels.all;
    if language != Language::Python {
        all.insert("language".to_owned(), language.name().to_owned());
    }
    Ok(Problem {
        id: fields.name("id")?,
        statement: content.to_owned(),
        private_tests: vec![TestCase::Asserted {
            entry_point,
            code,
            language,
        }],
        preamble,
        references: references(fields, language)?,
        labels: all,
        ..Problem::default()
    })
}

/// What stands in the last fence of a text, or nothing.
fn fenced(text: &str) -> &str {
    let Some(close) = text.rfind("```") else {
        return "";
    };
    let Some(open) = text[..close].rfind("```") else {
        return "";
    };
    let inside = &text[open..close];
    inside.find('\n').map_or("", |at| &inside[at + 1..])
}

fn references(fields: &Fields<'_>, language: Language) -> Result<Vec<Reference>, ProblemError> {
    let source = match fields.get("canonical_solution") {
        Some(Value::String(source)) if source.trim_start().starts_with("```") => {
            fenced(source).to_owned()
        }
        Some(Value::String(source)) => source.clone(),
        Some(value) => {
            let by_language = fields.below("canonical_solution", value)?;
            let text = by_language.get(language.name()).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        }
        None => String::new(),
    };
    Ok(if source.trim().is_empty() {
        Vec::new()
    } else {
        vec![Reference { language, source }]
    })
}

/// A row with MBPP's assertions.
pub(super) fn read_mbpp(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let value = fields.get("labels").cloned().unwrap_or_default();
    let value = unwrap_json(fields, "labels", &value)?;
    let texts = |name: &str| -> Vec<String> {
        match value.get(name) {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Some(Value::String(text)) if !text.trim().is_empty() => vec![text.clone()],
            _ => Vec::new(),
        }
    };
    let setup: String = [texts("test_imports"), texts("test_setup_code")]
        .concat()
        .iter()
        .flat_map(|line| [line.as_str(), "\n"])
        .collect();
    let shown = fields.texts("test_list")?;
    let challenges = texts("challenge_test_list");
    let every: Vec<&str> = shown
        .iter()
        .copied()
        .chain(challenges.iter().map(String::as_str))
        .collect();
    if let Some(other) = every.iter().find(|test| !asserts::can_fail(test)) {
        return Err(fields.wrong_text("test_list", "assertions", &format!("{other:?}")));
    }
    let solution = fields.text_or_empty("canonical_solution")?;
    let entry_point = asserts::entry_point_of(&every)
        .ok()
        .or_else(|| {
            asserts::called(every.first()?, |name| {
                solution.contains(&format!("def {name}"))
            })
        })
        .ok_or_else(|| {
            fields.wrong_text(
                "test_list",
                "assertions that call one function of the program",
                "others",
            )
        })?
        .to_owned();
    let test = |code: &str| TestCase::Asserted {
        entry_point: entry_point.clone(),
        code: format!("{setup}{code}\n"),
        language: Language::Python,
    };
    Ok(Problem {
        id: fields.name("id")?,
        statement: format!(
            "{}\nYour code should pass these tests:\n{}\n",
            fields.text("content")?.trim_end(),
            shown.join("\n")
        ),
        public_tests: shown.iter().map(|code| test(code)).collect(),
        private_tests: challenges.iter().map(|code| test(code)).collect(),
        references: references(fields, Language::Python)?,
        ..Problem::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fence_is_read() {
        assert_eq!(fenced("a\n```cpp\nint f() {\n```\nb"), "int f() {\n");
        assert_eq!(fenced("no fence"), "");
    }
}
