//! SYNTHETIC-1 and verifiable-coding-problems rows → Problem with stdin or call tests.
//!
//! `verification_info` is an object, JSON in a string, or a Python literal in a string. Lines are compared without
//! their trailing space, results of calls as values. `gold_standard_solution`, mostly in a fence, is the reference.

use rlef_sandbox::Language;

use super::cases::{FUNCTION_CALL, calls_are_wrapped, function_call, stdin_text};
use super::common::{IMPORTS, is_shown, prompt, words};
use super::known::Known;
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, Reference, TestCase};
use crate::comparator::Comparison;
use crate::program::{Program, Wanted, language_of_tag};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "problem_id",
        "prompt",
        "prompt.role",
        "prompt.content",
        "task_type",
        "source",
        "gold_standard_solution",
        "verification_info",
        "verification_info.language",
        "verification_info.test_cases",
        "verification_info.test_cases.type",
        "verification_info.test_cases.input",
        "verification_info.test_cases.output",
        "verification_info.test_cases.fn_name",
    ],
    harmless: &[
        ("in_source_id", "says where it comes from"),
        ("metadata", "says where it comes from"),
        (
            "metadata.time_limit",
            "the set's own grader knows no limits",
        ),
        (
            "metadata.memory_limit",
            "the set's own grader knows no limits",
        ),
        ("llm_response", "an answer of a model"),
        ("response_id", "names an answer of a model"),
        ("model_name", "names a model"),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let kind = fields.text_or_empty("task_type")?;
    if !matches!(kind, "" | "verifiable_code") {
        return Err(fields.wrong_text("task_type", "`verifiable_code`", &format!("`{kind}`")));
    }
    let statement = prompt(fields)?;
    let info = fields.required("verification_info", "an object with test_cases")?;
    let info = unwrap_json(fields, "verification_info", info)?;
    let info = fields.below("verification_info", &info)?;
    let tag = info.text_or_empty("language")?;
    let language = language_of_tag(tag, Language::Python)
        .ok_or_else(|| info.wrong_text("language", "a supported language", &format!("`{tag}`")))?;
    let cases = info.items("test_cases")?;
    let wrapped = calls_are_wrapped(cases);
    let tests = cases
        .iter()
        .map(|value| test(&info.below("test_cases", value)?, wrapped))
        .collect::<Result<Vec<_>, ProblemError>>()?;
    let calls = matches!(tests.first(), Some(TestCase::Call { .. }));
    let shown = words(&statement);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    let references = match fields.text_or_empty("gold_standard_solution")? {
        "" => Vec::new(),
        text => {
            let program = Program::find(text, &Wanted::any(language))
                .map_or_else(|_| Program::bare(text, language), |found| found.program);
            vec![Reference {
                language: program.language,
                source: program.source,
            }]
        }
    };
    Ok(Problem {
        id: fields.name("problem_id")?,
        statement,
        public_tests,
        private_tests,
        comparison: Comparison::Lines,
        preamble: if calls {
            IMPORTS.to_owned()
        } else {
            String::new()
        },
        references,
        labels: fields.labels(&["source"]),
        ..Problem::default()
    })
}

fn test(case: &Fields<'_>, wrapped: bool) -> Result<TestCase, ProblemError> {
    let (input, output) = (
        case.required("input", "the input")?,
        case.required("output", "the output")?,
    );
    match case.text("type")? {
        "stdin_stdout" => Ok(TestCase::Stdin {
            input: stdin_text(case, "input", input)?,
            expected: stdin_text(case, "output", output)?,
        }),
        FUNCTION_CALL => function_call(case, case.text("fn_name")?, wrapped),
        other => Err(case.wrong_text(
            "type",
            "`stdin_stdout` or `function_call`",
            &format!("`{other}`"),
        )),
    }
}
