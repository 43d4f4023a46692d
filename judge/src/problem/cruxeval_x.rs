//! CRUXEval-X rows → Problem with one asserted test: what a function of Python or JavaScript returns.
//!
//! `output` (or `output_reasoning`) is test code in which `????` stands for the answer. The program defines `answer()`, which
//! returns it; the test code calls that in its place, in the tester's sandbox, where the function itself runs. In languages
//! that want the answer's type declared, and in those that nobody runs, rows are refused by name.

use rlef_sandbox::Language;

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &["id", "code", "output", "gt", "output_reasoning", "language"],
    harmless: &[
        ("input", "the other task: an input that gives the output"),
        (
            "input_reasoning",
            "the other task: an input that gives the output",
        ),
        ("__internal_uuid__", "a name"),
    ],
    refused: &[],
};

/// What stands for the answer.
const HOLE: &str = "????";

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let id = fields.name("id")?;
    let stem = fields
        .place
        .path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let said = fields.text_or_empty("language")?;
    let tag = if said.is_empty() {
        id.rsplit_once('_').map_or(stem.as_str(), |(tag, _)| tag)
    } else {
        said
    };
    let language = match tag.to_ascii_lowercase().as_str() {
        "py" | "python" => Language::Python,
        "js" | "javascript" | "nodejs" => Language::JavaScript,
        _ => {
            let expected = "Python or JavaScript (py_0, js_0, or the file's name), whose answers need no declared type";
            return Err(fields.wrong_text("id", expected, &format!("`{tag}`")));
        }
    };
    let field = if fields.get("output_reasoning").is_some() {
        "output_reasoning"
    } else {
        "output"
    };
    let (code, masked) = (fields.text("code")?, fields.text(field)?);
    let Some((before, after)) = masked
        .split_once(HOLE)
        .filter(|(_, after)| !after.contains(HOLE))
    else {
        return Err(fields.wrong_text(
            field,
            "test code with `????` in place of the answer, once",
            "none, or several",
        ));
    };
    let is_apart = |letter: Option<char>| {
        letter.is_none_or(|letter| letter.is_whitespace() || "(),;=]".contains(letter))
    };
    if !is_apart(before.chars().next_back()) || !is_apart(after.chars().next()) {
        return Err(fields.wrong_text(field, "`????` in place of a whole value", "a part of one"));
    }
    // The set's other form has the function and its tests in one.
    let (function, whole) = match code.find(before) {
        Some(at) if !before.is_empty() => (&code[..at], Some(code[at..].to_owned())),
        _ => (code, None),
    };
    let whole = match whole {
        Some(whole) => whole,
        None => fields.text_or_empty("gt")?.to_owned(),
    };
    let answer = whole
        .strip_prefix(before)
        .and_then(|rest| rest.trim_end().strip_suffix(after.trim_end()));
    let source = |answer: &str| match language {
        Language::Python => format!("def answer():\n    return {answer}\n"),
        _ => format!("function answer() {{\n  return {answer};\n}}\n"),
    };
    let call = "answer()";
    Ok(Problem {
        id,
        statement: format!(
            "{function}\n{masked}\n\nWhat belongs in place of ????? Write a function answer() without parameters that returns \
             this value as a literal.\n"
        ),
        private_tests: vec![TestCase::Asserted {
            entry_point: "answer".to_owned(),
            code: format!("{function}\n{before}{call}{after}\n"),
            language,
        }],
        references: answer
            .map(|answer| Reference {
                language,
                source: source(answer),
            })
            .into_iter()
            .collect(),
        labels: std::iter::once(("language".to_owned(), language.name().to_owned())).collect(),
        ..Problem::default()
    })
}
