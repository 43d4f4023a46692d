//! The public schemas: their names, the fields each is known by, and who reads it.

use super::row::{Fields, Row};
use super::{
    Problem, ProblemError, apps, bigcodebench, codecontests, codecontests_plus, codeforces,
    common_oj, cruxeval, deepcoder, evalplus, humaneval, livecodebench, mapcoder, mbpp, native,
    prime, synthetic1,
};

/// A schema that rows can be in.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Its name on the command line, for example `humaneval`.
    pub name: &'static str,
    /// Fields a row must have to be taken for it; `|` separates alternatives.
    pub fields: &'static [&'static str],
    read: fn(&Row, &Fields<'_>) -> Result<Problem, ProblemError>,
}

/// All of them; the first whose fields are all there is meant.
pub const SCHEMAS: [Schema; 18] = [
    Schema::new("rlef", &["id", "statement"], |row, _| native::read(row)),
    Schema::new(
        "evalplus",
        &["task_id", "prompt", "entry_point", "plus_input"],
        |_, fields| evalplus::read(fields),
    ),
    Schema::new(
        "bigcodebench",
        &["task_id", "complete_prompt", "entry_point", "test"],
        |_, fields| bigcodebench::read(fields),
    ),
    Schema::new(
        "humaneval",
        &["task_id", "prompt", "entry_point", "test"],
        |_, fields| humaneval::read(fields),
    ),
    Schema::new("mbpp", &["task_id", "code", "test_list"], |_, fields| {
        mbpp::read(fields)
    }),
    Schema::new(
        "codecontests-plus",
        &["id", "description", "checker", "test_cases"],
        |_, fields| codecontests_plus::read(fields),
    ),
    Schema::new(
        "codecontests",
        &["name", "description", "public_tests|private_tests"],
        |_, fields| codecontests::read(fields),
    ),
    Schema::new(
        "mapcoder",
        &["name", "description", "sample_io", "test_list"],
        |_, fields| mapcoder::read(fields),
    ),
    Schema::new(
        "taco",
        &[
            "question",
            "input_output",
            "raw_tags|skill_types|picture_num|time_limit",
        ],
        |_, fields| apps::read_taco(fields),
    ),
    Schema::new("apps", &["question", "input_output"], |_, fields| {
        apps::read(fields)
    }),
    Schema::new(
        "livecodebench",
        &["question_content", "public_test_cases|private_test_cases"],
        |_, fields| livecodebench::read(fields),
    ),
    Schema::new("deepcoder", &["problem", "tests"], |_, fields| {
        deepcoder::read(fields)
    }),
    Schema::new("common-oj", &["id", "content", "test"], |_, fields| {
        common_oj::read(fields)
    }),
    Schema::new(
        "prime",
        &["data_source", "prompt", "reward_model"],
        |_, fields| prime::read(fields),
    ),
    Schema::new(
        "synthetic-1",
        &["problem_id", "prompt", "verification_info"],
        |_, fields| synthetic1::read(fields),
    ),
    Schema::new(
        "codeforces",
        &["id", "description", "official_tests"],
        |_, fields| codeforces::read(fields),
    ),
    Schema::new(
        "cruxeval",
        &["id", "code", "input", "output"],
        |_, fields| cruxeval::read(fields),
    ),
    Schema::new(
        "cruxeval-input",
        &["id", "code", "input", "output"],
        |_, fields| cruxeval::read_input(fields),
    ),
];

impl Schema {
    const fn new(
        name: &'static str,
        fields: &'static [&'static str],
        read: fn(&Row, &Fields<'_>) -> Result<Problem, ProblemError>,
    ) -> Self {
        Self { name, fields, read }
    }

    /// The schema of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEMAS.iter().find(|schema| schema.name == name)
    }

    /// The schema that a row's fields tell.
    pub(super) fn of(fields: &Fields<'_>) -> Option<&'static Self> {
        SCHEMAS.iter().find(|schema| {
            let has = |names: &str| names.split('|').any(|name| fields.has(name));
            schema.fields.iter().copied().all(has)
        })
    }

    /// The problem that a row in this schema describes.
    pub(super) fn read(&self, row: &Row, fields: &Fields<'_>) -> Result<Problem, ProblemError> {
        (self.read)(row, fields)
    }
}

/// Every schema and its fields, for an error message.
pub(super) fn known() -> String {
    let one = |schema: &Schema| {
        format!(
            "{} ({})",
            schema.name,
            schema.fields.join(", ").replace('|', " or ")
        )
    };
    SCHEMAS.iter().map(one).collect::<Vec<_>>().join("; ")
}
