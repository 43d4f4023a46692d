//! CodeContests rows (`deepmind/code_contests` as JSON) → Problem with stdin tests.
//!
//! `public_tests` are public; `private_tests` and `generated_tests` (mutations on which correct programs agree)
//! only grade. Limits are the problem's own where given, else the defaults, as in RLEF section 3.1.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};

use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};
use crate::comparator::Comparison;

/// `Language.PYTHON3` of `contest_problem.proto`.
const PYTHON3: u64 = 3;

/// How much longer than its CPU time a program may take on the clock, and the least it is given.
const WALL_PER_CPU: u64 = 3;
const LEAST_WALL_MS: u64 = 10_000;

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    for name in ["input_file", "output_file"] {
        if !fields.text_or_empty(name)?.is_empty() {
            let expected = "an empty string: only standard input and output are supported";
            return Err(fields.wrong_text(name, expected, &format!("`{}`", fields.text(name)?)));
        }
    }
    let public_tests = tests(fields, "public_tests")?;
    let mut private_tests = tests(fields, "private_tests")?;
    private_tests.extend(tests(fields, "generated_tests")?);
    let mut labels = BTreeMap::new();
    for name in ["source", "difficulty", "cf_rating"] {
        if let Some(code) = fields.whole(name)? {
            labels.insert(name.to_owned(), code.to_string());
        }
    }
    Ok(Problem {
        id: fields.text("name")?.to_owned(),
        statement: fields.text("description")?.to_owned(),
        public_tests,
        private_tests,
        limits: limits_of(time_ms(fields)?, fields.whole("memory_limit_bytes")?),
        comparison: Comparison::Contest,
        preamble: String::new(),
        references: references(fields)?,
        labels,
    })
}

/// Default limits with the CPU time and memory a problem states; zero means not stated.
pub(super) fn limits_of(cpu_ms: Option<u64>, memory_bytes: Option<u64>) -> Limits {
    let mut limits = Limits::default();
    if let Some(cpu_ms) = cpu_ms.filter(|&cpu_ms| cpu_ms > 0) {
        limits.cpu_ms = cpu_ms;
        limits.wall_ms = cpu_ms.saturating_mul(WALL_PER_CPU).max(LEAST_WALL_MS);
    }
    if let Some(memory_bytes) = memory_bytes.filter(|&memory_bytes| memory_bytes > 0) {
        limits.memory_bytes = memory_bytes;
    }
    limits
}

fn time_ms(fields: &Fields<'_>) -> Result<Option<u64>, ProblemError> {
    let Some(value) = fields.get("time_limit") else {
        return Ok(None);
    };
    let limit = fields.below("time_limit", value)?;
    let seconds = limit.whole("seconds")?.unwrap_or(0);
    let nanos = limit.whole("nanos")?.unwrap_or(0);
    Ok(Some(
        seconds
            .saturating_mul(1000)
            .saturating_add(nanos / 1_000_000),
    ))
}

/// Struct of lists → tests; an absent field has none.
fn tests(fields: &Fields<'_>, name: &str) -> Result<Vec<TestCase>, ProblemError> {
    let Some(value) = fields.get(name) else {
        return Ok(Vec::new());
    };
    let lists = fields.below(name, value)?;
    let (inputs, outputs) = (lists.texts("input")?, lists.texts("output")?);
    if inputs.len() != outputs.len() {
        let expected = format!("as many outputs as inputs ({})", inputs.len());
        return Err(lists.wrong_text("output", &expected, &outputs.len().to_string()));
    }
    let cases = inputs.into_iter().zip(outputs);
    Ok(cases
        .map(|(input, output)| TestCase::Stdin {
            input: input.into(),
            expected: output.into(),
        })
        .collect())
}

fn references(fields: &Fields<'_>) -> Result<Vec<Reference>, ProblemError> {
    let Some(value) = fields.get("solutions") else {
        return Ok(Vec::new());
    };
    let lists = fields.below("solutions", value)?;
    let sources = lists.texts("solution")?;
    let expected = "a list of language codes";
    let codes = match lists.get("language") {
        None => &Vec::new(),
        Some(codes) => codes
            .as_array()
            .ok_or_else(|| lists.wrong("language", expected, codes))?,
    };
    if codes.len() != sources.len() {
        let expected = format!("as many languages as solutions ({})", sources.len());
        return Err(lists.wrong_text("language", &expected, &codes.len().to_string()));
    }
    let mut references = Vec::new();
    for (code, source) in codes.iter().zip(sources) {
        let code = code
            .as_u64()
            .ok_or_else(|| lists.wrong("language", expected, code))?;
        if code == PYTHON3 {
            references.push(Reference {
                language: Language::Python,
                source: source.to_owned(),
            });
        }
    }
    Ok(references)
}
