//! CodeContests rows (`deepmind/code_contests` as JSON) → Problem with stdin tests.
//!
//! `public_tests` are public; `private_tests` and `generated_tests` (mutations on which correct programs agree)
//! only grade, as do the `corner_cases` of CodeContests-O. Limits are the problem's own where given, else the defaults, as in RLEF section 3.1.

use std::collections::BTreeMap;

use rlef_sandbox::Language;

use super::cases::only;
use super::common::limits_of;
use super::known::Known;
use super::row::Fields;
use super::{FileNames, Problem, ProblemError, Reference, TestCase, codecontests_plus};
use crate::comparator::Comparison;
use crate::program::language_of_tag;

/// `Language` of `contest_problem.proto`, without Python 2 (1) and the unknown (0).
const LANGUAGES: [(u64, &str); 3] = [(2, "cpp"), (3, "python3"), (4, "java")];

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "name",
        "description",
        "public_tests",
        "public_tests.input",
        "public_tests.output",
        "private_tests",
        "private_tests.input",
        "private_tests.output",
        "generated_tests",
        "generated_tests.input",
        "generated_tests.output",
        "corner_cases",
        "corner_cases.input",
        "corner_cases.input.stdin",
        "corner_cases.output",
        "corner_cases.output.stdout",
        "checker",
        "time_limit",
        "time_limit.seconds",
        "time_limit.nanos",
        "memory_limit_bytes",
        "input_file",
        "output_file",
        "solutions",
        "solutions.language",
        "solutions.solution",
        "incorrect_solutions",
        "incorrect_solutions.language",
        "incorrect_solutions.solution",
        "source",
        "difficulty",
        "cf_rating",
    ],
    harmless: &[
        ("cf_contest_id", "says where it comes from"),
        ("cf_index", "says where it comes from"),
        ("cf_points", "points in a contest, all or none here"),
        ("cf_tags", "says what it is about"),
        (
            "is_description_translated",
            "says where the text comes from",
        ),
        (
            "untranslated_description",
            "the same text in its first language",
        ),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let public_tests = tests(fields, "public_tests")?;
    let mut private_tests = tests(fields, "private_tests")?;
    private_tests.extend(tests(fields, "generated_tests")?);
    for value in fields.items("corner_cases")? {
        let case = fields.below("corner_cases", value)?;
        private_tests.push(TestCase::Stdin {
            input: only(&case, "input", "stdin")?,
            expected: only(&case, "output", "stdout")?,
        });
    }
    let mut labels = BTreeMap::new();
    for name in ["source", "difficulty", "cf_rating"] {
        if let Some(code) = fields.whole(name)? {
            labels.insert(name.to_owned(), code.to_string());
        }
    }
    Ok(Problem {
        id: fields.name("name")?,
        statement: fields.text("description")?.to_owned(),
        public_tests,
        private_tests,
        limits: limits_of(time_ms(fields)?, fields.whole("memory_limit_bytes")?),
        comparison: comparison(fields)?,
        preamble: String::new(),
        references: programs(fields, "solutions")?,
        wrong: programs(fields, "incorrect_solutions")?,
        files: files(
            fields,
            fields.text_or_empty("input_file")?,
            fields.text_or_empty("output_file")?,
        )?,
        labels,
    })
}

/// The reference grader's rule, or the checker that CodeContests-O adds: testlib's in C++, as in CodeContests+.
fn comparison(fields: &Fields<'_>) -> Result<Comparison, ProblemError> {
    match fields.text_or_empty("checker")? {
        "" => Ok(Comparison::Contest),
        source => codecontests_plus::checker(fields, source),
    }
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

/// The files that stand in for standard input and output; both names, or neither.
fn files(
    fields: &Fields<'_>,
    input: &str,
    output: &str,
) -> Result<Option<FileNames>, ProblemError> {
    let name = |field: &str, name: &str| {
        let plain = name.len() <= 100
            && !name.starts_with('.')
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
        if plain && !name.is_empty() {
            return Ok(name.to_owned());
        }
        let expected = "the plain name of a file (or both names empty)";
        Err(fields.wrong_text(field, expected, &format!("`{name}`")))
    };
    // A problem may name the standard streams themselves: then there is no file to read or write.
    let is_stream =
        |name: &str, names: [&str; 3]| names.contains(&name.trim().to_ascii_lowercase().as_str());
    if is_stream(input, ["", "stdin", "standard input"])
        && is_stream(output, ["", "stdout", "standard output"])
    {
        return Ok(None);
    }
    Ok(Some(FileNames {
        input: name("input_file", input)?,
        output: name("output_file", output)?,
    }))
}

/// Struct of lists → programs in a language that can be judged; others are left out.
fn programs(fields: &Fields<'_>, name: &str) -> Result<Vec<Reference>, ProblemError> {
    let Some(value) = fields.get(name) else {
        return Ok(Vec::new());
    };
    let lists = fields.below(name, value)?;
    let sources = lists.texts("solution")?;
    let codes = lists.items("language")?;
    if codes.len() != sources.len() {
        let expected = format!("as many languages as solutions ({})", sources.len());
        return Err(lists.wrong_text("language", &expected, &codes.len().to_string()));
    }
    let mut programs = Vec::new();
    for (code, source) in codes.iter().zip(sources) {
        let code = code
            .as_u64()
            .ok_or_else(|| lists.wrong("language", "a list of language codes", code))?;
        let tag = LANGUAGES
            .iter()
            .find(|(number, _)| *number == code)
            .map(|(_, tag)| *tag);
        if let Some(language) = tag.and_then(|tag| language_of_tag(tag, Language::Python)) {
            programs.push(Reference {
                language,
                source: source.to_owned(),
            });
        }
    }
    Ok(programs)
}
