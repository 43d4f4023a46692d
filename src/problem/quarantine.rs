//! A list of problems to leave out, and why: written by `doctor --problems`, honoured by `judge`, `eval` and `train`.
//!
//! An entry is bound to its problem by a hash, so that one that was corrected since is used again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Problem;

/// Why a list can't be read or used. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// It can't be read.
    #[error("read the quarantine list {}: {cause}; write one with rlef doctor --problems FILE --quarantine LIST", path.display())]
    Read {
        /// The list.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is no such list.
    #[error("read the quarantine list {}: {cause}; write one with rlef doctor --problems FILE --quarantine LIST", path.display())]
    Json {
        /// The list.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// What is left out.
    pub entries: Vec<Entry>,
}

/// A problem that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id.
    pub problem_id: String,
    /// SHA-256 of the problem as rlef writes it.
    pub sha256: String,
    /// Why, in one word of `doctor --problems`.
    pub reason: String,
    /// Why, in words.
    pub detail: String,
}

/// SHA-256 of a problem as rlef writes it, in hexadecimal digits.
pub fn hash(problem: &Problem) -> String {
    use std::fmt::Write as _;

    // A problem of texts and finite numbers always serialises.
    let bytes = serde_json::to_vec(problem).unwrap_or_default();
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Quarantine {
    /// Reads a list.
    pub fn load(path: &Path) -> Result<Self, QuarantineError> {
        let bytes = std::fs::read(path).map_err(|cause| QuarantineError::Read {
            path: path.to_owned(),
            cause,
        })?;
        serde_json::from_slice(&bytes).map_err(|cause| QuarantineError::Json {
            path: path.to_owned(),
            cause,
        })
    }

    /// The problems that stay, how many were left out, and the ids of entries whose problem has changed since.
    pub fn apply(&self, problems: Vec<Problem>) -> (Vec<Problem>, usize, Vec<String>) {
        let before = problems.len();
        let mut changed = Vec::new();
        let stays = |problem: &Problem| {
            let entry = self
                .entries
                .iter()
                .find(|entry| entry.problem_id == problem.id);
            match entry {
                Some(entry) if entry.sha256 == hash(problem) => false,
                Some(_) => {
                    changed.push(problem.id.clone());
                    true
                }
                None => true,
            }
        };
        let kept: Vec<Problem> = problems.into_iter().filter(stays).collect();
        let left_out = before - kept.len();
        (kept, left_out, changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_problem_is_left_out() {
        let problem = |id: &str, statement: &str| Problem {
            id: id.into(),
            statement: statement.into(),
            ..Problem::default()
        };
        let list = Quarantine {
            entries: vec![Entry {
                problem_id: "a".into(),
                sha256: hash(&problem("a", "old")),
                reason: "fails_its_solution".into(),
                detail: String::new(),
            }],
        };
        let (kept, left_out, changed) = list.apply(vec![problem("a", "old"), problem("b", "")]);
        assert_eq!((kept.len(), left_out, changed.len()), (1, 1, 0));
        let (kept, left_out, changed) = list.apply(vec![problem("a", "new")]);
        assert_eq!(
            (kept.len(), left_out, changed),
            (1, 0, vec!["a".to_owned()])
        );
    }
}
