//! CRUXEval rows → Problem with one asserted test: what a function returns, or what makes it return that.
//!
//! The program defines `answer()`. As `cruxeval` (output prediction) it returns what `f` returns for the given
//! arguments; as `cruxeval-input` it returns a tuple of arguments for which `f` returns the given result, and any that
//! does is right. The test code evaluates `f` in the tester's sandbox.

use rlef_sandbox::Language;
use serde_json::Value;

use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};

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
