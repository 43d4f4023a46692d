//! HumanEval+ and MBPP+ rows (EvalPlus) → Problem with asserted tests.
//!
//! The rows hold inputs without results. What is expected is what the reference solution returns, and that is found
//! where the test code runs: in the tester's sandbox, never in the program's (`evalplus.py`). Results are compared as
//! EvalPlus does: equal, or floating-point numbers within `atol` (1e-6 where it is 0) and 1e-7 relative; a few
//! problems with several right answers have rules of their own ([`ORACLES`]).
//!
//! JSON turned the tuples, sets and complex numbers of MBPP+ into lists and strings. The calls in its `assertion` show
//! which they were, so arguments are rebuilt in the types those calls have in the same place.
//!
//! `test`, where a row has HumanEval's own tests as well, grades besides.
//!
//! The base tests of MBPP+ are public, as MBPP shows them to the model; everything else only grades. Inputs are split
//! into tests of [`CHUNK`].

use std::borrow::Cow;
use std::fmt::Write as _;

use rlef_sandbox::{Language, Limits};
use serde_json::Value;

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase, humaneval};

/// Inputs of one test.
const CHUNK: usize = 250;

/// CPU time of one test: EvalPlus gives every input at least four seconds, so a test of many needs more than ten.
const CPU_MS: u64 = 20_000;

const DRIVER: &str = include_str!("evalplus.py");

/// Entry points whose right answers are many: EvalPlus's special oracles.
const ORACLES: [(&str, &str); 14] = [
    ("find_zero", "root"),
    ("similar_elements", "set"),
    ("find_char_long", "set"),
    ("common_in_nested_lists", "set"),
    ("extract_singly", "set"),
    ("larg_nnum", "set"),
    ("intersection_array", "set"),
    ("find_dissimilar", "set"),
    ("Diff", "set"),
    ("check_str", "found"),
    ("text_match_three", "found"),
    ("text_starta_endb", "found"),
    // Their statements can be read so that one answer is always right.
    ("are_equivalent", "true"),
    ("sum_div", "zero"),
];

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "task_id",
        "prompt",
        "entry_point",
        "canonical_solution",
        "base_input",
        "plus_input",
        "atol",
        "assertion",
        "test",
    ],
    harmless: &[(
        "contract",
        "what inputs must be like, which those of the row are",
    )],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let prompt = fields.text("prompt")?;
    let entry_point = fields.text("entry_point")?;
    let canonical = fields.text("canonical_solution")?;
    // HumanEval's prompt is the head of the function; MBPP's is a docstring that stands alone.
    let continues = prompt.contains(&format!("def {entry_point}("));
    let preamble = if continues { prompt } else { "" };
    let oracle = ORACLES
        .iter()
        .find(|(name, _)| *name == entry_point)
        .map_or("", |(_, oracle)| oracle);
    let mut head = String::new();
    for (name, text) in [
        ("ENTRY_POINT", entry_point),
        ("ORACLE", oracle),
        ("ASSERTION", fields.text_or_empty("assertion")?),
        ("REFERENCE", &format!("{preamble}{canonical}")),
    ] {
        // Writing to a String can't fail; a JSON string is a Python string, too.
        let _ = writeln!(head, "{name} = {}", Value::from(text));
    }
    let _ = writeln!(
        head,
        "TOLERANCE = {:e}",
        fields.real("atol")?.unwrap_or(0.0)
    );
    let tests = |name: &str| -> Result<Vec<TestCase>, ProblemError> {
        // Where there are none, the published file has an empty object.
        let inputs = match fields.get(name) {
            Some(Value::Object(object)) if object.is_empty() => &[],
            _ => fields.items(name)?,
        };
        if let Some(other) = inputs.iter().find(|input| !input.is_array()) {
            return Err(fields.wrong(name, "a list of lists of arguments", other));
        }
        let test = |inputs: &[Value]| {
            let inputs = Value::from(Value::from(inputs.to_vec()).to_string());
            TestCase::Asserted {
                entry_point: entry_point.to_owned(),
                code: format!("{head}INPUTS = {inputs}\n{DRIVER}"),
                language: Language::Python,
            }
        };
        Ok(inputs.chunks(CHUNK).map(test).collect())
    };
    let (base, plus) = (tests("base_input")?, tests("plus_input")?);
    let (public_tests, mut private_tests) = if continues {
        (Vec::new(), base.into_iter().chain(plus).collect())
    } else {
        (base, plus)
    };
    let own = fields.text_or_empty("test")?;
    if !own.trim().is_empty() {
        private_tests.push(TestCase::Asserted {
            entry_point: entry_point.to_owned(),
            code: humaneval::running(own, entry_point) + "\n",
            language: Language::Python,
        });
    }
    Ok(Problem {
        id: fields.name("task_id")?,
        statement: prompt.to_owned(),
        public_tests,
        private_tests,
        limits: Limits {
            cpu_ms: CPU_MS,
            // The program waits while the tester finds what is expected.
            wall_ms: 6 * CPU_MS,
            ..Limits::default()
        },
        preamble: preamble.to_owned(),
        references: vec![Reference {
            language: Language::Python,
            source: canonical.to_owned(),
        }],
        ..Problem::default()
    })
}

/// Whether a line of JSON may be a row of this schema.
pub(super) fn may_be(line: &str) -> bool {
    line.contains("\"plus_input\"")
}

/// The line with every number that JSON readers round or refuse (integers past 64 bits, `NaN`, `Infinity`) as the
/// object `{"$number": "..."}`, which the driver reads back.
pub(super) fn readable_numbers(line: &str) -> Cow<'_, str> {
    let bytes = line.as_bytes();
    let mut out = String::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => {
                at += 1;
                while bytes.get(at).is_some_and(|&byte| byte != b'"') {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                at += 1;
                continue;
            }
            b'-' | b'N' | b'I' | b'0'..=b'9' => {
                let part =
                    |byte: &u8| matches!(byte, b'-' | b'+' | b'.') || byte.is_ascii_alphanumeric();
                at += bytes[at..].iter().take_while(|byte| part(byte)).count();
            }
            _ => {
                at += 1;
                continue;
            }
        }
        let word = &line[start..at];
        let digits = word.strip_prefix('-').unwrap_or(word);
        let is_named = matches!(digits, "NaN" | "Infinity");
        let is_long = digits.bytes().all(|byte| byte.is_ascii_digit())
            && word.parse::<i64>().is_err()
            && word.parse::<u64>().is_err();
        if is_named || is_long {
            out.push_str(&line[copied..start]);
            let _ = write!(out, "{{\"$number\":\"{word}\"}}");
            copied = at;
        }
    }
    if copied == 0 {
        return line.into();
    }
    out.push_str(&line[copied..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_outside_strings_are_marked() {
        let line = r#"{"a": [1, -2.5e3, 18446744073709551616, NaN, -Infinity], "b": "99999999999999999999 NaN\""}"#;
        let expected = r#"{"a": [1, -2.5e3, {"$number":"18446744073709551616"}, {"$number":"NaN"}, {"$number":"-Infinity"}], "b": "99999999999999999999 NaN\""}"#;
        assert_eq!(readable_numbers(line), expected);
        assert!(matches!(
            readable_numbers("[null, true, 1]"),
            Cow::Borrowed(_)
        ));
        assert_eq!(readable_numbers("\"unterminated\\"), "\"unterminated\\");
    }
}
