//! Problem: a statement, its tests and its limits. Each file of `problem/` reads one public schema into it.
//!
//! Knows nothing of programs or how they are judged.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rlef_sandbox::{Language, Limits};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::comparator::Comparison;

mod apps;
mod asserts;
pub mod audit;
mod bigcodebench;
mod budget;
mod cases;
mod codecontests;
mod codecontests_plus;
mod codeforces;
mod common;
mod common_oj;
pub mod contest;
mod cruxeval;
mod cruxeval_x;
mod deepcoder;
mod digits;
mod error;
mod evalplus;
mod file;
mod floats;
mod fusion;
mod humaneval;
pub mod id;
mod integers;
mod introclass;
mod kattis;
mod known;
mod layouts;
mod leetcode;
mod livecodebench;
mod mapcoder;
mod mbpp;
mod multipl_e;
mod native;
mod parquet;
mod pickle;
mod prime;
mod printable;
mod prompt_io;
mod python_literal;
pub mod quarantine;
mod row;
mod schema;
mod sound;
mod synthetic1;
mod tree;
mod unique;
mod yaml;

pub use error::{Place, ProblemError, Where};
pub use known::Notice;
pub use printable::{printable, printable_json, printable_lines};
pub use schema::{SCHEMAS, Schema};

use row::Row;

/// One task: what is asked, what decides, under which limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Unique within its set, for example `HumanEval/0`.
    pub id: String,
    /// The text a policy is shown.
    pub statement: String,
    /// Tests that feed the policy; may be empty.
    #[serde(default)]
    pub public_tests: Vec<TestCase>,
    /// Tests that only grade; never in a prompt or in feedback. May be empty where there are public tests.
    #[serde(default)]
    pub private_tests: Vec<TestCase>,
    /// Limits of one test.
    #[serde(default)]
    pub limits: Limits,
    /// How printed bytes are compared with expected ones.
    #[serde(default)]
    pub comparison: Comparison,
    /// Source put before the program (HumanEval's prompt, imports); empty where the program stands alone.
    #[serde(default)]
    pub preamble: String,
    /// Known correct programs.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Programs known to be wrong: tests that accept one of them are too weak. Never shown to a policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<Reference>,
    /// Files the program reads and writes in place of its standard streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FileNames>,
    /// Where it comes from and how hard it is: free labels such as `family`, `difficulty`, `hidden`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// One test, in one of three kinds. `expected` stays outside the sandbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TestCase {
    /// Bytes in, bytes out.
    Stdin {
        /// What the program reads.
        input: String,
        /// What it should print.
        expected: String,
    },
    /// A function call: arguments in, result out.
    Call {
        /// Function name, or `Solution.method`.
        function: String,
        /// JSON array of positional arguments.
        arguments: Vec<serde_json::Value>,
        /// JSON value the call should return.
        expected: serde_json::Value,
    },
    /// Test code that calls the candidate across a pipe (HumanEval's `check(candidate)`).
    Asserted {
        /// Name of the function the program must define.
        entry_point: String,
        /// Source of the tests, which runs in its own sandbox. In Python it passes when it ends without an exception; in
        /// C++ it has a `main` and passes when that ends with 0.
        code: String,
        /// Language of tests and program.
        #[serde(default = "python", skip_serializing_if = "is_python")]
        language: Language,
    },
}

fn python() -> Language {
    Language::Python
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_python(language: &Language) -> bool {
    *language == Language::Python
}

impl Problem {
    /// The language that answers are expected in: that of its tests, else the one its labels name, else Python.
    pub fn language(&self) -> Language {
        let tests = self.public_tests.iter().chain(&self.private_tests);
        let of_tests = tests.filter_map(|test| match test {
            TestCase::Asserted { language, .. } => Some(*language),
            TestCase::Call { .. } => Some(Language::Python),
            TestCase::Stdin { .. } => None,
        });
        let label = || Language::from_tag(self.labels.get("language")?);
        of_tests
            .into_iter()
            .next()
            .or_else(label)
            .unwrap_or(Language::Python)
    }

    /// Bytes that it takes in memory, about: those of its texts, and some for each value.
    pub fn bytes(&self) -> u64 {
        budget::cost_of_problem(self)
    }

    /// What this problem was sampled together with, so that its outcomes rise and fall with theirs: the label `cluster`,
    /// else the statement without regard to blanks (as a hash), else, where there is no statement, the problem alone.
    /// Intervals draw whole clusters.
    pub fn cluster(&self) -> String {
        if let Some(label) = self.labels.get("cluster") {
            return label.clone();
        }
        let mut words = self.statement.split_whitespace().peekable();
        if words.peek().is_none() {
            return self.id.clone();
        }
        let mut digest = Sha256::new();
        for word in words {
            digest.update(word);
            digest.update(" ");
        }
        digest
            .finalize()
            .iter()
            .take(8)
            .fold("statement ".to_owned(), |text, byte| {
                format!("{text}{byte:02x}")
            })
    }
}

/// Names, without folders, of the files that stand in for standard input and output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileNames {
    /// Where the program reads its input.
    pub input: String,
    /// Where it leaves its answer.
    pub output: String,
}

/// A program whose worth is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its language.
    pub language: Language,
    /// Its whole source, preamble not included.
    pub source: String,
}

/// Reads every problem of a file, folder or archive: JSON, JSON Lines (gzipped or not), Parquet, the layouts of APPS and
/// IntroClass. The schema is told from the content. What [`read`] has to say besides is left out.
///
/// One bad row refuses the file: a set with silently missing problems gives figures nobody can compare.
pub fn load(path: &Path) -> Result<Vec<Problem>, ProblemError> {
    load_as(path, None)
}

/// The same, in the named schema where one is given.
pub fn load_as(path: &Path, schema: Option<&'static Schema>) -> Result<Vec<Problem>, ProblemError> {
    read(path, schema).map(|(problems, _)| problems)
}

/// The same, with what there is to say of fields that nobody knows.
pub fn read(
    path: &Path,
    schema: Option<&'static Schema>,
) -> Result<(Vec<Problem>, Vec<Notice>), ProblemError> {
    let mut problems: Vec<Problem> = Vec::new();
    let notices = each(path, schema, &mut |problem| {
        problems.push(problem?);
        Ok(())
    })?;
    Ok((problems, notices))
}

/// Hands over every row, as its problem or as what is wrong with it, until `take` fails. An unreadable file fails as a
/// whole.
pub fn each(
    path: &Path,
    schema: Option<&'static Schema>,
    take: &mut dyn FnMut(Result<Problem, ProblemError>) -> Result<(), ProblemError>,
) -> Result<Vec<Notice>, ProblemError> {
    let mut seen: HashMap<String, Where> = HashMap::new();
    let mut empty = true;
    let notices = known::Notices::default();
    file::for_each_row(path, &mut |row, budget| {
        empty = false;
        let checked = checked(&row, schema, &notices, budget).and_then(|problem| {
            if let Some(&first) = seen.get(&problem.id) {
                return Err(ProblemError::DuplicateId {
                    place: row.place.clone(),
                    id: problem.id,
                    first,
                });
            }
            seen.insert(problem.id.clone(), row.place.at);
            Ok(problem)
        });
        take(checked)
    })?;
    if empty {
        return Err(ProblemError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(notices.into_list())
}

/// The problem that one JSON text describes, in the schema its fields tell or in the named one. `name` stands for a file in
/// errors. It is checked as a row of a file is.
pub fn of_text(
    text: &str,
    schema: Option<&'static Schema>,
    name: &str,
) -> Result<(Problem, Vec<Notice>), ProblemError> {
    let budget = budget::Budget::of(Path::new(name), text.len() as u64);
    let place = Place {
        path: name.into(),
        at: Where::Row(1),
    };
    // Before anything is built of it.
    budget.take_row(&place, budget::cost_of_text(text.as_bytes()))?;
    let row = file::row_of(text, Path::new(name), &budget)?;
    let notices = known::Notices::default();
    let problem = checked(&row, schema, &notices, &budget)?;
    Ok((problem, notices.into_list()))
}

/// The problem of a row, if it can be judged at all.
fn checked(
    row: &Row,
    schema: Option<&'static Schema>,
    notices: &known::Notices,
    budget: &budget::Budget,
) -> Result<Problem, ProblemError> {
    let problem = schema::problem_of(row, schema, notices, budget)?;
    if problem.public_tests.is_empty() && problem.private_tests.is_empty() {
        return Err(ProblemError::NoTests {
            place: row.place.clone(),
            id: problem.id,
        });
    }
    sound::check(&problem, &row.place)?;
    Ok(problem)
}

/// Hands over every row of a file as it is, of whatever kind, until `take` fails: what [`each`] reads problems from.
pub fn rows(
    path: &Path,
    take: &mut dyn FnMut(Place, serde_json::Value) -> Result<(), ProblemError>,
) -> Result<(), ProblemError> {
    file::for_each_row(path, &mut |row, _| take(row.place, row.value))
}

/// Writes problems as rlef JSON Lines (gzipped where the name ends in `.gz`) or as Parquet (`.parquet`), all or nothing:
/// under a temporary name first, then renamed.
pub fn save(path: &Path, problems: &[Problem]) -> Result<(), ProblemError> {
    file::save(path, problems).map_err(|cause| ProblemError::Write {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests;
