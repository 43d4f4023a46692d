//! CodeContests+ rows → Problem with stdin tests and a testlib checker.
//!
//! The default configuration has no tests, only their generators; the ones named `1x` to `5x` do. Checkers are C++
//! and include `testlib.h`, which is no part of this project: the judge takes it from `RLEF_TESTLIB`.

use rlef_sandbox::Language;
use serde_json::Value;

use super::common::limits_of;
use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};
use crate::comparator::{Checker, Comparison, Protocol};
use crate::program::language_of_tag;

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "id",
        "description",
        "checker",
        "test_cases",
        "test_cases.input",
        "test_cases.output",
        "time_limit",
        "memory_limit",
        "correct_submissions",
        "correct_submissions.code",
        "correct_submissions.language",
        "incorrect_submissions",
        "incorrect_submissions.code",
        "incorrect_submissions.language",
        "source",
        "title",
        "true_positive_rate",
        "true_negative_rate",
    ],
    harmless: &[
        (
            "validator",
            "checks the inputs, which are made, not the answers",
        ),
        ("generator", "has made test_cases"),
        ("generator_cmd", "has made test_cases"),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let comparison = match fields.text_or_empty("checker")? {
        "" => Comparison::Contest,
        source => checker(fields, source)?,
    };
    let tests = fields
        .items("test_cases")?
        .iter()
        .map(|value| {
            let case = fields.below("test_cases", value)?;
            Ok(TestCase::Stdin {
                input: case.text("input")?.to_owned(),
                expected: case.text("output")?.to_owned(),
            })
        })
        .collect::<Result<Vec<_>, ProblemError>>()?;
    let megabytes = fields.amount("memory_limit")?;
    Ok(Problem {
        id: fields.name("id")?,
        statement: fields.text("description")?.to_owned(),
        private_tests: tests,
        limits: limits_of(
            fields
                .amount("time_limit")?
                .map(|milliseconds| milliseconds as u64),
            megabytes.map(|megabytes| (megabytes * 1_048_576.0) as u64),
        ),
        comparison,
        references: programs(fields, "correct_submissions")?,
        wrong: programs(fields, "incorrect_submissions")?,
        labels: fields.labels(&[
            "source",
            "title",
            "true_positive_rate",
            "true_negative_rate",
        ]),
        ..Problem::default()
    })
}

/// A testlib checker in C++.
pub(super) fn checker(fields: &Fields<'_>, source: &str) -> Result<Comparison, ProblemError> {
    if !source.contains("testlib.h") {
        return Err(fields.wrong_text(
            "checker",
            "a checker that includes testlib.h (write any other as `comparison` of rlef's own schema, which says how it is called)",
            "another program",
        ));
    }
    let language = language_of_tag("cpp", Language::Python).ok_or_else(|| {
        let expected = "an empty string: checkers in C++ need a build that runs C++";
        fields.wrong_text("checker", expected, "a program")
    })?;
    Ok(Comparison::Checker(Checker {
        language,
        source: source.to_owned(),
        protocol: Protocol::Testlib,
        flags: Vec::new(),
    }))
}

/// `[{"code", "language"}]`; languages by name or by CodeContests' numbers; others are left out.
fn programs(fields: &Fields<'_>, name: &str) -> Result<Vec<Reference>, ProblemError> {
    let mut programs = Vec::new();
    for value in fields.items(name)? {
        let program = fields.below(name, value)?;
        let tag = match program.get("language") {
            Some(Value::String(tag)) => tag.to_ascii_lowercase(),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(2) => "cpp".to_owned(),
                Some(3) => "python3".to_owned(),
                Some(4) => "java".to_owned(),
                _ => continue,
            },
            _ => continue,
        };
        let tag = match tag.as_str() {
            "py3" => "python3",
            "c++" => "cpp",
            other => other,
        };
        if let Some(language) = Some(tag)
            .filter(|tag| !tag.is_empty())
            .and_then(|tag| language_of_tag(tag, Language::Python))
        {
            programs.push(Reference {
                language,
                source: program.text("code")?.to_owned(),
            });
        }
    }
    Ok(programs)
}
