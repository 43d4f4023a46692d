//! Tests as lists of inputs and outputs, or one by one, as several schemas write them.

use serde_json::Value;

use super::integers::oversized_integer;
use super::python_literal::json_or_literal;
use super::row::{Fields, shorten, unwrap_json};
use super::{ProblemError, TestCase, asserts};

/// `{"inputs": [...], "outputs": [...], "fn_name"?, "assert_case"?}`. Where there are assertions, pairs of empty texts are
/// placeholders.
pub(super) fn paired(lists: &Fields<'_>) -> Result<Vec<TestCase>, ProblemError> {
    let only_asserted = lists.get("assert_case").is_some();
    let list = |name| match lists.get(name) {
        None if only_asserted => Ok(&[][..]),
        _ => lists
            .required(name, "a list")?
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| lists.wrong(name, "a list", lists.get(name).unwrap_or(&Value::Null))),
    };
    let (inputs, outputs) = (list("inputs")?, list("outputs")?);
    if inputs.len() != outputs.len() {
        let expected = format!("as many outputs as inputs ({})", inputs.len());
        return Err(lists.wrong_text("outputs", &expected, &outputs.len().to_string()));
    }
    let function = lists.text_or_empty("fn_name")?;
    lists.without(
        &["input", "output", "metadata"],
        "the tests are lists of inputs and outputs",
    )?;
    if let Some(is_call) = is_call(lists)?
        && is_call == function.is_empty()
    {
        let expected = "a name where the tests call a function, and none where they don't";
        return Err(lists.wrong_text("fn_name", expected, &format!("`{function}`")));
    }
    let asserted = asserts::tests(lists, function)?;
    let is_empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let cases = inputs.iter().zip(outputs).filter(|(input, output)| {
        let empty = is_empty(input) && (is_empty(output) || output.is_null());
        asserted.is_empty() || !empty
    });
    if inputs.is_empty() && !function.is_empty() {
        return Ok(asserted);
    }
    if function.is_empty() {
        let mut tests = cases
            .map(|(input, output)| {
                Ok(TestCase::Stdin {
                    input: stdin_text(lists, "inputs", input)?,
                    expected: stdin_text(lists, "outputs", output)?,
                })
            })
            .collect::<Result<Vec<_>, ProblemError>>()?;
        tests.extend(asserted);
        return Ok(tests);
    }
    let wrapped = are_wrapped(outputs);
    let mut tests = cases
        .map(|(input, output)| {
            let expected = match (wrapped, output) {
                (true, Value::Array(items)) => items.first().cloned().unwrap_or_default(),
                _ => json_text(lists, "outputs", output)?,
            };
            call(lists, function, "inputs", input, expected)
        })
        .collect::<Result<Vec<_>, ProblemError>>()?;
    tests.extend(asserted);
    Ok(tests)
}

/// Whether these results stand in lists of one. Several schemas wrap them so, or don't; only a whole column tells which.
fn are_wrapped<'a>(outputs: impl IntoIterator<Item = &'a Value>) -> bool {
    let mut outputs = outputs.into_iter();
    outputs.all(|output| output.as_array().is_some_and(|items| items.len() == 1))
}

/// Type of a test that calls a function with a list of arguments, as APPS has it, one by one.
pub(super) const FUNCTION_CALL: &str = "function_call";

/// Whether the tests of this type in a list wrap their results.
pub(super) fn calls_are_wrapped(cases: &[Value]) -> bool {
    let is_call = |case: &&Value| case.get("type").and_then(Value::as_str) == Some(FUNCTION_CALL);
    let outputs = cases
        .iter()
        .filter(is_call)
        .filter_map(|case| case.get("output"));
    are_wrapped(&outputs.map(spelled).collect::<Vec<_>>())
}

/// A test of that type: `input` is a list of arguments, or spells one, or has one value a line; `output` is the result, in a
/// list of one where they are `wrapped`.
pub(super) fn function_call(
    case: &Fields<'_>,
    function: &str,
    wrapped: bool,
) -> Result<TestCase, ProblemError> {
    let input = case.required("input", "the input")?;
    let output = case.required("output", "the output")?;
    let by_lines = |text: &str| -> Option<Vec<Value>> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| json_or_literal(line).ok()).collect()
    };
    let arguments = match (spelled(input), input) {
        (Value::Array(arguments), _) => arguments,
        (Value::String(_), Value::String(text)) if text.trim().contains('\n') => by_lines(text)
            .ok_or_else(|| {
                case.wrong("input", "a list of arguments, or one value a line", input)
            })?,
        (other, _) => vec![other],
    };
    let expected = match spelled(output) {
        Value::Array(mut items) if wrapped && items.len() == 1 => items.remove(0),
        other => other,
    };
    Ok(TestCase::Call {
        function: function.to_owned(),
        arguments,
        expected,
    })
}

/// A string that spells a value as that value, everything else as it is.
fn spelled(value: &Value) -> Value {
    match value {
        Value::String(text) => json_or_literal(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// `metadata.func_name`, where `metadata` is an object or JSON in a string; empty where it isn't there.
pub(super) fn func_name(fields: &Fields<'_>) -> Result<String, ProblemError> {
    let Some(value) = fields.get("metadata") else {
        return Ok(String::new());
    };
    let metadata = unwrap_json(fields, "metadata", value)?;
    if metadata.is_null() {
        return Ok(String::new());
    }
    let metadata = fields.below("metadata", &metadata)?;
    Ok(metadata.text_or_empty("func_name")?.to_owned())
}

/// Whether a test calls a function, where `testtype` or `type` says so.
pub(super) fn is_call(case: &Fields<'_>) -> Result<Option<bool>, ProblemError> {
    for name in ["testtype", "type"] {
        match case.text_or_empty(name)? {
            "" => {}
            "stdin" | "stdin_stdout" => return Ok(Some(false)),
            "functional" | "function_call" => return Ok(Some(true)),
            other => {
                let expected = "`stdin` or `functional`";
                return Err(case.wrong_text(name, expected, &format!("`{other}`")));
            }
        }
    }
    Ok(None)
}

/// The same, where a function that is `named` leaves no doubt.
pub(super) fn calls(case: &Fields<'_>, named: bool) -> Result<bool, ProblemError> {
    match is_call(case)? {
        None if named => {
            let expected = "`stdin` or `functional`, for a function is named";
            Err(case.wrong_text("testtype", expected, "none"))
        }
        told => Ok(told.unwrap_or(false)),
    }
}

pub(super) fn call(
    fields: &Fields<'_>,
    function: &str,
    name: &str,
    input: &Value,
    expected: Value,
) -> Result<TestCase, ProblemError> {
    let arguments = match input {
        Value::Array(arguments) => arguments.clone(),
        Value::String(text) => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| parse(fields, name, line))
                .collect::<Result<_, _>>()?
        }
        other => {
            return Err(fields.wrong(name, "a list of arguments, or one JSON value a line", other));
        }
    };
    Ok(TestCase::Call {
        function: function.to_owned(),
        arguments,
        expected,
    })
}

pub(super) fn json_text(
    fields: &Fields<'_>,
    name: &str,
    value: &Value,
) -> Result<Value, ProblemError> {
    match value {
        Value::String(text) => parse(fields, name, text),
        other => Ok(other.clone()),
    }
}

fn parse(fields: &Fields<'_>, name: &str, text: &str) -> Result<Value, ProblemError> {
    if let Some(integer) = oversized_integer(text) {
        let integer = text.get(integer).unwrap_or_default();
        return Err(fields.wrong_text(name, "integers of at most 64 bits", &shorten(integer)));
    }
    super::floats::parse(text).map_err(|error| {
        fields.wrong_text(
            name,
            "a JSON value",
            &format!("{error} in {:?}", shorten(text)),
        )
    })
}

pub(super) fn stdin_text(
    fields: &Fields<'_>,
    name: &str,
    value: &Value,
) -> Result<String, ProblemError> {
    let wrong = |found| fields.wrong(name, "a string or a list of lines", found);
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(lines) => {
            let lines: Vec<&str> = lines
                .iter()
                .map(|line| line.as_str().ok_or_else(|| wrong(line)))
                .collect::<Result<_, _>>()?;
            Ok(lines.join("\n"))
        }
        other => Err(wrong(other)),
    }
}

/// The one stream of an input or output; files beside it aren't supported and must not be ignored.
pub(super) fn only(case: &Fields<'_>, name: &str, stream: &str) -> Result<String, ProblemError> {
    let value = case.required(name, "an object")?;
    let streams = case.below(name, value)?;
    if let Some(other) = value
        .as_object()
        .and_then(|object| object.keys().find(|key| *key != stream))
    {
        return Err(case.wrong_text(
            name,
            &format!("only `{stream}`"),
            &format!("the file `{other}`"),
        ));
    }
    Ok(streams.text(stream)?.to_owned())
}
