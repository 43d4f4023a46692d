//! A list of problems to leave out, and why: written by `doctor --problems`, honoured by `judge`, `eval` and `train`.
//!
//! An entry is bound to its problem by a hash, so that one that was corrected since is used again.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Problem;

/// Bytes of the largest list that is read: some hundred for each of millions of problems.
const LARGEST: u64 = 1 << 30;

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
    /// A date has another form.
    #[error("read the quarantine list {}: {problem_id} expires on {date:?}; expected a date YYYY-MM-DD", path.display())]
    Date {
        /// The list.
        path: PathBuf,
        /// The entry.
        problem_id: String,
        /// What stands there.
        date: String,
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
    /// Last day, `YYYY-MM-DD`, on which it is left out; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl Entry {
    /// Whether it still holds on the day `today`.
    pub fn holds(&self, today: &str) -> bool {
        // Dates of this form compare as texts; the last day still counts.
        self.expires.as_deref().is_none_or(|date| date >= today)
    }
}

/// Whether a text is a day of the calendar, as `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    // The library takes fewer digits and a sign as well.
    NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|day| day.to_string() == text)
}

/// Today's date in UTC.
pub fn today() -> String {
    DateTime::<Utc>::from(std::time::SystemTime::now())
        .date_naive()
        .to_string()
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

/// What a list holds: a pipe would be waited for, and a device read for ever.
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(std::io::Error::other("expected a regular file"));
    }
    if about.len() > LARGEST {
        let words = format!("expected at most {LARGEST} bytes, found {}", about.len());
        return Err(std::io::Error::other(words));
    }
    std::fs::read(path)
}

impl Quarantine {
    /// Reads a list.
    pub fn load(path: &Path) -> Result<Self, QuarantineError> {
        let bytes = bytes_of(path).map_err(|cause| QuarantineError::Read {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(path, &bytes)
    }

    /// The list that these bytes of `path` are.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, QuarantineError> {
        let list: Self = serde_json::from_slice(bytes).map_err(|cause| QuarantineError::Json {
            path: path.to_owned(),
            cause,
        })?;
        for entry in &list.entries {
            if let Some(date) = entry.expires.as_ref().filter(|date| !is_date(date)) {
                return Err(QuarantineError::Date {
                    path: path.to_owned(),
                    problem_id: entry.problem_id.clone(),
                    date: date.clone(),
                });
            }
        }
        Ok(list)
    }

    /// The problems that stay on the day `today`, how many were left out, and the ids of entries whose problem has changed
    /// since.
    pub fn apply(&self, problems: Vec<Problem>, today: &str) -> (Vec<Problem>, usize, Vec<String>) {
        let before = problems.len();
        let mut changed = Vec::new();
        let stays = |problem: &Problem| {
            let entry = self
                .entries
                .iter()
                .find(|entry| entry.problem_id == problem.id && entry.holds(today));
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
                expires: None,
            }],
        };
        let apply = |problems| list.apply(problems, "2026-11-25");
        let (kept, left_out, changed) = apply(vec![problem("a", "old"), problem("b", "")]);
        assert_eq!((kept.len(), left_out, changed.len()), (1, 1, 0));
        let (kept, left_out, changed) = apply(vec![problem("a", "new")]);
        assert_eq!(
            (kept.len(), left_out, changed),
            (1, 0, vec!["a".to_owned()])
        );
        let mut list = list;
        for (date, left_out) in [("2026-11-25", 1), ("2026-11-24", 0)] {
            list.entries[0].expires = Some(date.into());
            assert_eq!(
                list.apply(vec![problem("a", "old")], "2026-11-25").1,
                left_out
            );
        }
    }

    #[test]
    fn a_list_is_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("zero");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [link.as_path(), folder.path()] {
            let message = Quarantine::load(path).unwrap_err().to_string();
            assert!(message.contains("regular file"), "{message}");
        }
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        for date in ["1970-01-01", "2000-02-29", "2026-11-25", &today()] {
            assert!(is_date(date), "{date}");
        }
        for text in [
            "2030-13-01",
            "2030-02-31",
            "2026-02-29",
            "2030-1-001",
            "+2030-1-01",
            "20301-1-01",
            "tomorrow",
            "",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
