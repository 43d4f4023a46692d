//! APPS as MapCoder ships it (`name`, `sample_io`, `test_list`, `starter_code`) → Problem with stdin or call tests.
//!
//! Arguments stand one a line without quotation marks, so `13` may be a number or a string. Where the starter code
//! annotates the parameter as `str` it is taken as one, else as the JSON value or Python literal it spells, else as a
//! string. Results are lists of one. `sample_io` is public, `test_list` only grades.

use serde_json::Value;

use super::common::{COMPARISON, IMPORTS, with_starter};
use super::known::Known;
use super::python_literal::json_or_literal;
use super::row::Fields;
use super::{Problem, ProblemError, TestCase};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "name",
        "description",
        "starter_code",
        "difficulty",
        "sample_io",
        "sample_io.input",
        "sample_io.output",
        "test_list",
        "test_list.input",
        "test_list.output",
    ],
    harmless: &[("id", "the name once more")],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let starter = fields.text_or_empty("starter_code")?;
    let function = Function::of(starter);
    let tests = |name: &str| -> Result<Vec<TestCase>, ProblemError> {
        fields
            .items(name)?
            .iter()
            .map(|value| {
                let case = fields.below(name, value)?;
                let (input, output) = (case.text("input")?, case.items("output")?);
                match &function {
                    Some(function) => function.call(&case, input, output),
                    None => Ok(TestCase::Stdin {
                        input: input.to_owned(),
                        expected: case.texts("output")?.join("\n"),
                    }),
                }
            })
            .collect()
    };
    Ok(Problem {
        id: format!("APPS/{}", fields.name("name")?),
        statement: with_starter(fields.text("description")?, starter),
        public_tests: tests("sample_io")?,
        private_tests: tests("test_list")?,
        comparison: COMPARISON,
        preamble: if function.is_some() {
            IMPORTS.to_owned()
        } else {
            String::new()
        },
        labels: fields.labels(&["difficulty"]),
        ..Problem::default()
    })
}

/// The function that starter code begins.
struct Function<'a> {
    name: &'a str,
    /// Whether each parameter is annotated as a string.
    strings: Vec<bool>,
}

impl<'a> Function<'a> {
    fn of(starter: &'a str) -> Option<Self> {
        let (_, head) = starter.rsplit_once("def ")?;
        let (name, parameters) = head.split_once('(')?;
        let (parameters, _) = parameters.split_once(')')?;
        let parameters = parameters.split(',').map(str::trim);
        Some(Self {
            name: name.trim(),
            strings: parameters
                .filter(|parameter| *parameter != "self" && !parameter.is_empty())
                .map(|parameter| {
                    parameter
                        .split_once(':')
                        .is_some_and(|(_, kind)| kind.trim_start().starts_with("str"))
                })
                .collect(),
        })
    }

    fn call(
        &self,
        case: &Fields<'_>,
        input: &str,
        output: &[Value],
    ) -> Result<TestCase, ProblemError> {
        let [expected] = output else {
            return Err(case.wrong_text(
                "output",
                "a list of one result",
                &format!("{} of them", output.len()),
            ));
        };
        // One parameter takes the whole input, lines and all.
        let lines: Vec<&str> = if self.strings.len() == 1 {
            vec![input]
        } else {
            input.lines().collect()
        };
        let value = |(place, line): (usize, &&str)| {
            let parsed = json_or_literal(line).unwrap_or_else(|_| Value::from(*line));
            match (self.strings.get(place), parsed) {
                (Some(true), parsed) if !parsed.is_string() => Value::from(*line),
                (_, parsed) => parsed,
            }
        };
        Ok(TestCase::Call {
            function: self.name.to_owned(),
            arguments: lines.iter().enumerate().map(value).collect(),
            expected: expected.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starter_code_tells_the_function_and_its_strings() {
        let starter = "class Solution:\n    def f(self, s: str, n: int, t) -> str:\n        ";
        let function = Function::of(starter).unwrap();
        assert_eq!(
            (function.name, function.strings),
            ("f", vec![true, false, false])
        );
        assert!(Function::of("").is_none());
    }
}
