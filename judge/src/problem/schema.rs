//! The public schemas: their names, the fields each is known by, and who reads it. And one row → Problem, in the schema
//! that its fields tell.

use serde_json::{Map, Value};

use crate::nearest::meant;

use super::budget::{Budget, cost_of_text};
use super::known::{Known, Notices};
use super::row::{Fields, Ledger, Row, kind};
use super::{
    Place, Problem, ProblemError, TestCase, apps, bigcodebench, codecontests, codecontests_plus,
    codeforces, common_oj, cruxeval, cruxeval_x, deepcoder, digits, evalplus, fusion, humaneval,
    leetcode, livecodebench, mapcoder, mbpp, multipl_e, native, prime, prompt_io, python_literal,
    synthetic1,
};

/// rlef's own schema.
pub(super) const OWN: &str = "rlef";

type Read = fn(&Row, &Fields<'_>) -> Result<Problem, ProblemError>;

/// A schema that rows can be in.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Its name on the command line, for example `humaneval`.
    pub name: &'static str,
    /// Fields a row must have to be taken for it; `|` separates alternatives. None where it must be named.
    pub fields: &'static [&'static str],
    /// What is done with each field.
    pub(super) known: &'static Known,
    /// Schemas that are meant only where this one is not, though a row has the fields of both.
    over: &'static [&'static str],
    read: Read,
}

/// All of them.
pub const SCHEMAS: [Schema; 24] = [
    Schema::new("rlef", &["id", "statement"], &native::KNOWN, |row, _| {
        native::read(row)
    }),
    Schema::new(
        "evalplus",
        &["task_id", "prompt", "entry_point", "plus_input"],
        &evalplus::KNOWN,
        |_, fields| evalplus::read(fields),
    )
    .over(&["humaneval"]),
    Schema::new(
        "bigcodebench",
        &["task_id", "complete_prompt", "entry_point", "test"],
        &bigcodebench::KNOWN,
        |_, fields| bigcodebench::read(fields),
    ),
    Schema::new(
        "humaneval",
        &["task_id", "prompt", "entry_point", "test"],
        &humaneval::KNOWN,
        |_, fields| humaneval::read(fields),
    ),
    Schema::new(
        "multipl-e",
        &["name", "language", "prompt", "tests|test"],
        &multipl_e::KNOWN,
        |_, fields| multipl_e::read(fields),
    )
    .over(&["humaneval"]),
    Schema::new(
        "leetcode",
        &[
            "task_id",
            "prompt",
            "entry_point",
            "test",
            "problem_description|query",
        ],
        &leetcode::KNOWN,
        |_, fields| leetcode::read(fields),
    ),
    Schema::new(
        "mbpp",
        &["task_id", "code", "test_list"],
        &mbpp::KNOWN,
        |_, fields| mbpp::read(fields),
    ),
    Schema::new(
        "codecontests-plus",
        &["id", "description", "checker", "test_cases"],
        &codecontests_plus::KNOWN,
        |_, fields| codecontests_plus::read(fields),
    ),
    Schema::new(
        "codecontests",
        &["name", "description", "public_tests|private_tests"],
        &codecontests::KNOWN,
        |_, fields| codecontests::read(fields),
    ),
    Schema::new(
        "mapcoder",
        &["name", "description", "sample_io", "test_list"],
        &mapcoder::KNOWN,
        |_, fields| mapcoder::read(fields),
    ),
    Schema::new(
        "taco",
        &[
            "question",
            "input_output",
            "raw_tags|skill_types|picture_num|time_limit",
        ],
        &apps::TACO,
        |_, fields| apps::read_taco(fields),
    ),
    Schema::new(
        "apps",
        &["question", "input_output"],
        &apps::APPS,
        |_, fields| apps::read(fields),
    ),
    Schema::new(
        "livecodebench",
        &["question_content", "public_test_cases|private_test_cases"],
        &livecodebench::KNOWN,
        |_, fields| livecodebench::read(fields),
    ),
    Schema::new(
        "deepcoder",
        &["problem", "tests"],
        &deepcoder::KNOWN,
        |_, fields| deepcoder::read(fields),
    ),
    Schema::new(
        "common-oj",
        &["id", "content", "test"],
        &common_oj::KNOWN,
        |_, fields| common_oj::read(fields),
    ),
    Schema::new(
        "prime",
        &["data_source", "prompt", "reward_model"],
        &prime::KNOWN,
        |_, fields| prime::read(fields),
    ),
    Schema::new(
        "synthetic-1",
        &["problem_id", "prompt", "verification_info"],
        &synthetic1::KNOWN,
        |_, fields| synthetic1::read(fields),
    ),
    Schema::new(
        "codeforces",
        &["id", "description", "official_tests"],
        &codeforces::KNOWN,
        |_, fields| codeforces::read(fields),
    ),
    Schema::new(
        "cruxeval",
        &["id", "code", "input", "output"],
        &cruxeval::KNOWN,
        |_, fields| cruxeval::read(fields),
    ),
    Schema::new(
        "cruxeval-x",
        &[
            "id",
            "code",
            "output|output_reasoning",
            "gt|output_reasoning",
        ],
        &cruxeval_x::KNOWN,
        |_, fields| cruxeval_x::read(fields),
    )
    .over(&["cruxeval"]),
    Schema::new(
        "common-oj-mbpp",
        &["id", "content", "test_list"],
        &fusion::KNOWN,
        |_, fields| fusion::read_mbpp(fields),
    ),
    Schema::new(
        "prompt-io",
        &["prompt", "input|inputs", "output|outputs"],
        &prompt_io::KNOWN,
        |_, fields| prompt_io::read(fields),
    ),
    Schema::new(
        "livecodebench-exact",
        &[],
        &livecodebench::KNOWN,
        |_, fields| livecodebench::read_exact(fields),
    ),
    Schema::new("cruxeval-input", &[], &cruxeval::KNOWN, |_, fields| {
        cruxeval::read_input(fields)
    }),
];

impl Schema {
    const fn new(
        name: &'static str,
        fields: &'static [&'static str],
        known: &'static Known,
        read: Read,
    ) -> Self {
        Self {
            name,
            fields,
            known,
            over: &[],
            read,
        }
    }

    const fn over(mut self, others: &'static [&'static str]) -> Self {
        self.over = others;
        self
    }

    /// The schema of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEMAS.iter().find(|schema| schema.name == name)
    }

    /// The schema that a row's fields tell: of those that fit, the one that is a special case of all others.
    pub(super) fn of(
        object: &Map<String, Value>,
        place: &Place,
    ) -> Result<Option<&'static Self>, ProblemError> {
        let filled = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
        let mut fitting = Self::fitting(&filled);
        if fitting.is_empty() {
            fitting = Self::fitting(&|name| object.contains_key(name));
        }
        let most_special: Vec<&'static Self> = fitting
            .iter()
            .copied()
            .filter(|schema| !fitting.iter().any(|other| other.is_special_case_of(schema)))
            .collect();
        match most_special.as_slice() {
            [] => Ok(None),
            [schema] => Ok(Some(schema)),
            several => Err(ProblemError::AmbiguousSchema {
                place: place.clone(),
                names: several.iter().map(|schema| schema.name).collect(),
            }),
        }
    }

    /// The schemas all of whose fields a row has.
    fn fitting(has: &dyn Fn(&str) -> bool) -> Vec<&'static Self> {
        let fits = |schema: &&Self| {
            !schema.fields.is_empty()
                && (schema.fields.iter()).all(|names| names.split('|').any(has))
        };
        SCHEMAS.iter().filter(fits).collect()
    }

    /// Whether every row of this schema has the fields of the other, and more.
    fn is_special_case_of(&self, other: &Self) -> bool {
        self.over.contains(&other.name)
            || (self.fields.len() > other.fields.len()
                && other.fields.iter().all(|name| self.fields.contains(name)))
    }

    /// The problem that a row in this schema describes.
    pub(super) fn read(&self, row: &Row, fields: &Fields<'_>) -> Result<Problem, ProblemError> {
        (self.read)(row, fields)
    }
}

/// A field, and that of rlef's own schema which it is nearly.
fn with_meant(name: &str) -> String {
    let own = ["statement", "public_tests", "private_tests"];
    if own.contains(&name) {
        return name.to_owned();
    }
    format!("{name}{}", meant(name, own))
}

/// The problem that a row describes, in the schema its fields tell, or in the `named` one.
pub(super) fn problem_of(
    row: &Row,
    named: Option<&'static Schema>,
    notices: &Notices,
    budget: &Budget,
) -> Result<Problem, ProblemError> {
    let unknown = |found: String| ProblemError::UnknownSchema {
        place: row.place.clone(),
        found,
        known: known(),
    };
    let Value::Object(object) = &row.value else {
        return Err(unknown(kind(&row.value).to_owned()));
    };
    let schema = match named {
        Some(schema) => schema,
        None => Schema::of(object, &row.place)?.ok_or_else(|| {
            let names: Vec<String> = object.keys().map(|name| with_meant(name)).collect();
            unknown(if names.is_empty() {
                "no fields".to_owned()
            } else {
                format!("the fields {}", names.join(", "))
            })
        })?,
    };
    let unpacked = unpacked(object, schema.known, &row.place, budget)?;
    let object = unpacked.as_ref().unwrap_or(object);
    let ledger = Ledger {
        schema: schema.name,
        known: schema.known,
        notices,
        budget,
    };
    let fields = Fields::of(&row.place, object, &ledger)?;
    let problem = digits::ruled(schema.read(row, &fields)?, schema.name);
    if schema.name != OWN && says_nothing(&problem) {
        let expected = "a test that feeds the program something or expects something of it";
        return Err(fields.wrong_text("tests", expected, "empty inputs and outputs only"));
    }
    Ok(problem)
}

/// Fields of every schema that are lists of texts or of anything, where they are there.
const LISTS: [&str; 10] = [
    "test_list",
    "challenge_test_list",
    "test_imports",
    "solutions",
    "base_input",
    "plus_input",
    "inputs",
    "outputs",
    "stop_tokens",
    "sample_io",
];

/// The row with lists and objects in place of the texts that a column holds them as; nothing where there are none.
fn unpacked(
    object: &Map<String, Value>,
    known: &Known,
    place: &Place,
    budget: &Budget,
) -> Result<Option<Map<String, Value>>, ProblemError> {
    let is_nested = |name: &str| {
        let mut patterns = known.honoured.iter();
        LISTS.contains(&name)
            || patterns.any(|pattern| {
                pattern
                    .split_once('.')
                    .is_some_and(|(parent, _)| parent == name)
            })
    };
    let mut whole: Option<Map<String, Value>> = None;
    for (name, value) in object {
        let Value::String(text) = value else { continue };
        if !text.trim_start().starts_with(['[', '{']) || !is_nested(name) {
            continue;
        }
        budget.take_row(place, cost_of_text(text.as_bytes()))?;
        // What is none is left to who reads the field.
        if let Ok(parsed @ (Value::Array(_) | Value::Object(_))) =
            python_literal::json_or_literal(text)
        {
            whole
                .get_or_insert_with(|| object.clone())
                .insert(name.clone(), parsed);
        }
    }
    Ok(whole)
}

/// Whether there are tests, but none that a program which does nothing would fail.
fn says_nothing(problem: &Problem) -> bool {
    let mut tests = problem
        .public_tests
        .iter()
        .chain(&problem.private_tests)
        .peekable();
    tests.peek().is_some()
        && tests.all(|test| match test {
            TestCase::Stdin { input, expected } => {
                input.trim().is_empty() && expected.trim().is_empty()
            }
            _ => false,
        })
}

/// Every schema and its fields, for an error message.
fn known() -> String {
    let one = |schema: &Schema| {
        let fields = schema.fields.join(", ").replace('|', " or ");
        format!("{} ({fields})", schema.name)
    };
    let told = SCHEMAS.iter().filter(|schema| !schema.fields.is_empty());
    told.map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
