//! CRUXEval rows → Problem with one asserted test: what a function returns, or what makes it return that.
//!
//! The program defines `answer()`. As `cruxeval` (output prediction) it returns what `f` returns for the given
//! arguments; as `cruxeval-input` it returns a tuple of arguments for which `f` returns the given result, and any that
//! does is right. The test code evaluates `f` in the tester's sandbox.

use rlef_sandbox::Language;
use serde_json::Value;

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &["id", "code", "input", "output"],
    harmless: &[],
    refused: &[(
        "gt",
        "this is the form of CRUXEval-X, whose input and output are test code in many languages; name its schema, cruxeval-x",
    )],
};

/// The row as a problem of predicting the output.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let (code, input) = (fields.text("code")?, fields.text("input")?);
    let statement = format!(
        "{code}\n\nWhat does f({input}) return? Write a function answer() without parameters that returns this value as \
         a literal.\n"
    );
    let test = "assert candidate() == __f(*__arguments)\n";
    problem(fields, statement, test, fields.text("output")?)
}

/// The row as a problem of predicting the input.
pub(super) fn read_input(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let (code, input) = (fields.text("code")?, fields.text("input")?);
    let output = fields.text("output")?;
    let statement = format!(
        "{code}\n\nFor which arguments does f return {output}? Write a function answer() without parameters that returns \
         them as a tuple.\n"
    );
    let test = "assert __f(*candidate()) == __f(*__arguments)\n";
    problem(fields, statement, test, &tuple(input))
}

/// The arguments of a call as a Python expression; there may be none, and a comma after the last.
fn tuple(input: &str) -> String {
    format!("(lambda *all: all)({input})")
}

fn problem(
    fields: &Fields<'_>,
    statement: String,
    test: &str,
    answer: &str,
) -> Result<Problem, ProblemError> {
    let (code, input) = (fields.text("code")?, fields.text("input")?);
    // CRUXEval-X has the same fields, for other languages and with test code in place of values.
    if !code.lines().any(|line| line.starts_with("def f(")) {
        return Err(fields.wrong_text("code", "a Python function `f`", "none"));
    }
    for name in ["input", "output"] {
        let text = fields.text(name)?;
        let is_statement = text.trim_start().starts_with("assert") || text.contains("????");
        if is_statement || (name == "output" && text.trim().is_empty()) {
            let expected = "the arguments of a call, or what it returns, as Python writes them";
            return Err(fields.wrong_text(name, expected, "something else"));
        }
    }
    // A JSON string is a Python string, too. Names of the function's own stay its own.
    let setup = format!(
        "__names = {{}}\nexec({}, __names)\n__f = __names['f']\n__arguments = eval({}, __names)\n",
        Value::from(code),
        Value::from(tuple(input))
    );
    Ok(Problem {
        id: fields.name("id")?,
        statement,
        private_tests: vec![TestCase::Asserted {
            entry_point: "answer".to_owned(),
            code: format!("{setup}{test}"),
            language: Language::Python,
        }],
        references: vec![Reference {
            language: Language::Python,
            source: format!("def answer():\n    return {answer}\n"),
        }],
        ..Problem::default()
    })
}
