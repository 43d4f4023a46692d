//! APPS and TACO rows → Problem with stdin or call tests.
//!
//! Both keep tests as JSON in a string, `{"inputs", "outputs", "fn_name"?}`; TACO sometimes as a Python literal. An
//! empty string means that there are none. Stdin tests that the statement prints as examples are public (see
//! `deepcoder`), all others only grade.
//!
//! Comparison: words, non-integers as `numpy.allclose` has them. The reference graders go on where that fails, and at
//! last compare sets of words, so that order and repetition no longer count; that last step is left out on purpose,
//! and what it would have accepted can be had with `any_order`.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};
use serde_json::Value;

use super::cases::paired;
use super::common::{COMPARISON, IMPORTS, is_shown, limits_of, with_starter, words};
use super::known::Known;
use super::row::{Fields, shorten, unwrap_json};
use super::{Problem, ProblemError, Reference, TestCase};

/// What is done with each field.
pub(super) const APPS: Known = Known {
    honoured: &[
        "question",
        "solutions",
        "starter_code",
        "difficulty",
        "url",
        "input_output",
        "input_output.inputs",
        "input_output.outputs",
        "input_output.fn_name",
        "input_output.assert_case",
        "problem_id",
    ],
    harmless: &[
        (
            "baseline_solutions.json",
            "programs of a model, in the layout on disk",
        ),
        (
            "gen_solutions.json",
            "programs of a model, in the layout on disk",
        ),
        ("LICENSE", "not of the problem"),
        ("id", "a name"),
    ],
    refused: &[],
};

/// What is done with each field.
pub(super) const TACO: Known = Known {
    honoured: &[
        "question",
        "solutions",
        "starter_code",
        "difficulty",
        "url",
        "input_output",
        "input_output.inputs",
        "input_output.outputs",
        "input_output.fn_name",
        "input_output.assert_case",
        "name",
        "time_limit",
        "memory_limit",
        "source",
        "tags",
        "skill_types",
        "date",
    ],
    harmless: &[
        ("id", "a name"),
        ("raw_tags", "the tags as they were"),
        ("picture_num", "how many pictures the page has"),
        (
            "Expected Auxiliary Space",
            "what the statement says of memory; memory_limit decides",
        ),
        (
            "Expected Time Complexity",
            "what the statement says of time; time_limit decides",
        ),
    ],
    refused: &[],
};

/// The APPS row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let id = if fields.get("problem_id").is_some() {
        fields.name("problem_id")?
    } else {
        fields.number().to_string()
    };
    problem(
        fields,
        format!("APPS/{id}"),
        Limits::default(),
        &["difficulty", "url"],
    )
}

/// The TACO row as a problem.
pub(super) fn read_taco(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let id = match fields.text_or_empty("name")? {
        "" => fields.number().to_string(),
        name => format!("{}. {name}", fields.number()),
    };
    let limits = limits_of(
        quantity(
            fields,
            "time_limit",
            &[
                ("second", 1000.0),
                ("sec", 1000.0),
                ("s", 1000.0),
                ("millisecond", 1.0),
                ("ms", 1.0),
                ("minute", 60_000.0),
            ],
        )?,
        quantity(
            fields,
            "memory_limit",
            &[
                ("megabyte", 1e6),
                ("kilobyte", 1e3),
                ("gigabyte", 1e9),
                ("byte", 1.0),
                ("mb", 1e6),
                ("kb", 1e3),
                ("gb", 1e9),
                ("mib", 1_048_576.0),
                ("kib", 1024.0),
                ("gib", 1_073_741_824.0),
            ],
        )?,
    );
    let labels = ["difficulty", "source", "tags", "skill_types", "url", "date"];
    problem(fields, format!("TACO/{id}"), limits, &labels)
}

fn problem(
    fields: &Fields<'_>,
    id: String,
    limits: Limits,
    labels: &[&str],
) -> Result<Problem, ProblemError> {
    let question = fields.text("question")?;
    let tests = match fields.get("input_output") {
        None => Vec::new(),
        Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
        Some(value) => {
            let object = unwrap_json(fields, "input_output", value)?;
            paired(&fields.below("input_output", &object)?)?
        }
    };
    let calls = matches!(tests.first(), Some(TestCase::Call { .. }));
    let shown = words(question);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    let labels: BTreeMap<String, String> = fields.labels(labels);
    Ok(Problem {
        id,
        statement: with_starter(question, fields.text_or_empty("starter_code")?),
        public_tests,
        private_tests,
        limits,
        comparison: COMPARISON,
        preamble: if calls {
            IMPORTS.to_owned()
        } else {
            String::new()
        },
        references: solutions(fields)?,
        labels,
        ..Problem::default()
    })
}

/// A list of sources, maybe as JSON in a string, maybe empty.
fn solutions(fields: &Fields<'_>) -> Result<Vec<Reference>, ProblemError> {
    let value = match fields.get("solutions") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Vec::new()),
        Some(value) => unwrap_json(fields, "solutions", value)?,
    };
    let expected = "a list of programs";
    let items = value
        .as_array()
        .ok_or_else(|| fields.wrong("solutions", expected, &value))?;
    let program = |item: &Value| {
        item.as_str()
            .map(|source| Reference {
                language: Language::Python,
                source: source.to_owned(),
            })
            .ok_or_else(|| fields.wrong("solutions", expected, item))
    };
    items.iter().map(program).collect()
}

/// `2.0 seconds` in milliseconds, `256.0 megabytes` in bytes; `None` where it's absent or says nothing of the kind.
fn quantity(
    fields: &Fields<'_>,
    name: &str,
    units: &[(&str, f64)],
) -> Result<Option<u64>, ProblemError> {
    let text = fields.text_or_empty(name)?.trim();
    let end = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = units
        .iter()
        .find(|(word, _)| {
            let unit = unit.trim().trim_end_matches('.').to_ascii_lowercase();
            unit.strip_prefix(word)
                .is_some_and(|rest| matches!(rest, "" | "s"))
        })
        .map(|(_, factor)| factor);
    Ok(match (number.parse::<f64>(), factor) {
        (Ok(number), Some(factor)) => Some((number * factor) as u64),
        _ if text.is_empty() => None,
        _ => {
            let said = shorten(text);
            let what = format!(
                "says {said:?}: expected a number and a unit, such as \"2 seconds\"; the default limit applies"
            );
            fields.notice(name, &what);
            None
        }
    })
}
