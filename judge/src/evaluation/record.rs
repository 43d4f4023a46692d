//! An evaluation as a file: per problem how many episodes there were and how many are solved by each turn, with everything
//! that must be equal before two such files may be compared. Small, one problem a line, made to be committed: a baseline is
//! such a file. Holds no wall times, so that equal evaluations are equal files.

mod check;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Report;
use super::estimators::Counts;
use super::stamp::{PlayStamp, PolicyStamp, SandboxStamp, short};
use crate::files::write_atomically;
use crate::problem::Problem;
use crate::verdict::Grade;

/// Form of the file; another number is refused.
pub const SCHEMA: &str = "rlef-evaluation/1";

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was evaluated, and how.
    pub provenance: Provenance,
    /// The distinct limits and comparison rules in force; problems point into this list.
    pub rules: Vec<Rules>,
    /// What the evaluation says, without speeds; may be left out of a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// The problems, by id.
    pub problems: Vec<ProblemRecord>,
}

/// What was evaluated, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of rlef.
    pub rlef: String,
    /// Name of the problem set.
    pub problems: String,
    /// Hash over all problems, their limits and rules.
    pub problems_hash: String,
    /// What proposed the programs.
    pub policy: PolicyStamp,
    /// How episodes were played.
    pub play: PlayStamp,
    /// What ran the programs.
    pub sandbox: SandboxStamp,
    /// Episodes per problem asked for.
    pub rollouts: usize,
    /// Seed of all draws.
    pub seed: u64,
}

/// Limits and comparison in force for some problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// How printed bytes are compared.
    pub comparison: Value,
    /// Limits of one test.
    pub limits: Value,
}

/// One problem's episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemRecord {
    /// The problem.
    pub id: String,
    /// Hash of its statement, tests and preamble.
    pub hash: String,
    /// Index into the list of rules.
    pub rules: usize,
    /// Episodes graded.
    pub n: usize,
    /// Episodes solved when stopped after turn 1, 2, ...
    pub c: Vec<usize>,
    /// Episodes whose last answer passes the public tests.
    pub public: usize,
    /// Episodes the sandbox lost, counted nowhere else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: usize,
    /// Last answers that are not accepted, by grade.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<Grade, usize>,
    /// Those of the problem: difficulty, language, its set's own. Values of more than 64 bytes are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it was sampled together with; absent where no other problem of the set was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// Why a file is no evaluation. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be read or written.
    #[error("{action} {path}: {cause}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// It has another form.
    #[error("read {path}: {reason}; expected an evaluation as `rlef eval --out FILE` writes it")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line or problem.
        reason: String,
    },
}

impl Evaluation {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let text = crate::files::read(path).map_err(|cause| RecordError::File {
            action: "read",
            path: path.to_owned(),
            cause,
        })?;
        let bad = |reason: String| RecordError::Form {
            path: path.to_owned(),
            reason,
        };
        let value: Value = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        match value.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => return Err(bad(format!("schema is {other}, not {SCHEMA}"))),
            None => {
                return Err(bad(format!(
                    "it has no field schema; it should be {SCHEMA}"
                )));
            }
        }
        // From the text again, so that an error has its line.
        let evaluation: Self =
            serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        evaluation.check().map_err(bad)?;
        Ok(evaluation)
    }

    /// Writes the file whole or not at all: the head on one line each, then one problem a line.
    pub fn save(&self, path: &Path) -> Result<(), RecordError> {
        write_atomically(path, self.text().as_bytes()).map_err(|cause| RecordError::File {
            action: "write",
            path: path.to_owned(),
            cause,
        })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        fn json<T: Serialize>(value: &T) -> String {
            // Plain structs of texts and numbers always serialise.
            serde_json::to_string(value).unwrap_or_default()
        }
        let mut text = format!(
            "{{\n\"schema\":{},\n\"provenance\":{},\n\"rules\":{},\n",
            json(&self.schema),
            json(&self.provenance),
            json(&self.rules)
        );
        if let Some(report) = &self.report {
            let _ = writeln!(text, "\"report\":{},", json(report));
        }
        let lines: Vec<String> = self.problems.iter().map(json).collect();
        let _ = write!(text, "\"problems\":[\n{}\n]\n}}\n", lines.join(",\n"));
        text
    }
}

impl ProblemRecord {
    /// Samples, public-passing and solved after `turn` turns, counted from one. Public-passing is known of the last turn
    /// alone, which is where n@k is asked for.
    pub fn counts(&self, turn: usize) -> Counts {
        Counts {
            samples: self.n,
            public: self.public,
            solved: turn
                .checked_sub(1)
                .and_then(|index| self.c.get(index))
                .copied()
                .unwrap_or(0),
        }
    }
}

/// What a problem asks, as a hash, and the rules it is judged by. Everything but labels and known solutions counts, also
/// fields that are not known here.
pub fn split(problem: &Problem) -> (String, Rules) {
    let mut value = serde_json::to_value(problem).unwrap_or_default();
    let mut take = |key: &str| {
        value
            .as_object_mut()
            .and_then(|fields| fields.remove(key))
            .unwrap_or_default()
    };
    let rules = Rules {
        comparison: take("comparison"),
        limits: take("limits"),
    };
    for key in ["labels", "references"] {
        take(key);
    }
    let mut digest = Sha256::new();
    digest.update(value.to_string());
    (short(digest), rules)
}

/// Hash over problems, their limits and rules, whatever their order.
pub fn problems_hash(problems: &[Problem]) -> String {
    let mut parts: Vec<(&str, (String, Rules))> = problems
        .iter()
        .map(|problem| (problem.id.as_str(), split(problem)))
        .collect();
    parts.sort_by(|one, other| one.0.cmp(other.0));
    hash_of(parts.iter().map(|(id, (hash, rules))| (*id, hash, rules)))
}

/// Hash over ids, hashes and rules of problems, by id.
pub fn hash_of<'a>(parts: impl Iterator<Item = (&'a str, &'a String, &'a Rules)>) -> String {
    let mut all = Sha256::new();
    for (id, hash, rules) in parts {
        all.update(id.as_bytes());
        all.update(hash.as_bytes());
        all.update(serde_json::to_vec(rules).unwrap_or_default());
    }
    short(all)
}
