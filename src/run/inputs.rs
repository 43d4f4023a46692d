//! What a run learns from and is measured on, by hash, so that a run is never continued on something else.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{RunError, file};
use crate::journal::write_atomically;
use crate::problem::Problem;

/// Names that one message holds at most.
const NAMED: usize = 5;

/// Hashes of a run's inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Of the policy that it starts from and that stays its reference.
    policy: Option<String>,
    /// Ids and hashes of the problems to train on, in their order: the draws go by it.
    training: Vec<(String, String)>,
    /// Of those to evaluate on.
    evaluation: Vec<(String, String)>,
    /// Of the files of examples, by their paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    examples: Vec<(String, String)>,
    /// Of the reward model that values start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_from: Option<String>,
    /// Stamps of the judges besides the tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    judges: Option<String>,
}

impl Inputs {
    /// The hashes of a policy and of two sets.
    pub fn new(policy: Option<String>, training: &[Problem], evaluation: &[Problem]) -> Self {
        let hashes = |problems: &[Problem]| problems.iter().map(hashed).collect();
        Self {
            policy,
            training: hashes(training),
            evaluation: hashes(evaluation),
            examples: Vec::new(),
            value_from: None,
            judges: None,
        }
    }

    /// The same with the hash of what values start from, and the stamps of the judges besides the tests.
    #[must_use]
    pub fn with_models(self, value_from: Option<String>, judges: Option<String>) -> Self {
        Self {
            value_from,
            judges,
            ..self
        }
    }

    /// The same with a file of examples and its hash.
    #[must_use]
    pub fn with_examples(mut self, path: &Path, hash: &str) -> Self {
        let path = path.display().to_string();
        self.examples.push((path, hash.to_owned()));
        self
    }

    /// Writes them into a new run's folder.
    pub fn save(&self, folder: &Path) -> Result<(), RunError> {
        let path = folder.join("inputs.json");
        let text = serde_json::to_vec(self).map_err(|error| file("write", &path, error))?;
        write_atomically(&path, &text).map_err(|error| RunError::of_io("write", &path, error))
    }

    /// Holds them against those a run began with; whether it has kept any, which runs of older versions have not.
    pub fn check(&self, folder: &Path) -> Result<bool, RunError> {
        let path = folder.join("inputs.json");
        if !path.exists() {
            return Ok(false);
        }
        let bytes = crate::files::read(&path).map_err(|error| file("read", &path, error))?;
        let before: Self =
            serde_json::from_slice(&bytes).map_err(|error| file("read", &path, error))?;
        let mut differences = Vec::new();
        if before.policy != self.policy {
            differences.push("the policy that it started from has changed".to_owned());
        }
        if before.value_from != self.value_from {
            differences.push("the reward model that values started from has changed".to_owned());
        }
        if before.judges != self.judges {
            differences.push("a judge besides the tests has changed".to_owned());
        }
        let examples = before.examples.iter().zip(&self.examples);
        let same = before.examples.len() == self.examples.len();
        if !same || examples.clone().any(|(was, is)| was != is) {
            let names = examples.filter(|(was, is)| was != is);
            let names: Vec<&str> = names.map(|(was, _)| was.0.as_str()).collect();
            differences.push(format!("examples have changed: {}", names.join(", ")));
        }
        differences.extend(difference("training", &before.training, &self.training));
        differences.extend(difference(
            "evaluation",
            &before.evaluation,
            &self.evaluation,
        ));
        if differences.is_empty() {
            return Ok(true);
        }
        Err(RunError::Inputs {
            folder: folder.to_owned(),
            differences,
        })
    }
}

fn hashed(problem: &Problem) -> (String, String) {
    // A problem is plain data, which always has a text.
    let text = serde_json::to_vec(problem).unwrap_or_default();
    let digest = Sha256::digest(text);
    let hash = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    (problem.id.clone(), hash.collect())
}

/// How a set differs, by the names of what does.
fn difference(
    set: &str,
    before: &[(String, String)],
    after: &[(String, String)],
) -> Option<String> {
    if before == after {
        return None;
    }
    let was: HashMap<&str, &str> = before
        .iter()
        .map(|(id, hash)| (id.as_str(), hash.as_str()))
        .collect();
    let is: HashSet<&str> = after.iter().map(|(id, _)| id.as_str()).collect();
    let changed: Vec<&str> = after
        .iter()
        .filter(|(id, hash)| was.get(id.as_str()).is_some_and(|old| old != hash))
        .map(|(id, _)| id.as_str())
        .collect();
    let new: Vec<&str> = after
        .iter()
        .map(|(id, _)| id.as_str())
        .filter(|id| !was.contains_key(id))
        .collect();
    let gone: Vec<&str> = before
        .iter()
        .map(|(id, _)| id.as_str())
        .filter(|id| !is.contains(id))
        .collect();
    let parts: Vec<String> = [("changed", changed), ("new", new), ("gone", gone)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| {
            let more = names.len().saturating_sub(NAMED);
            let some: Vec<String> = names[..names.len() - more]
                .iter()
                .map(|name| name.escape_debug().to_string())
                .collect();
            let some = some.join(", ");
            let rest = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{word}: {some}{rest}")
        })
        .collect();
    Some(if parts.is_empty() {
        format!("the {set} problems stand in another order")
    } else {
        format!("of the {set} problems {}", parts.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(ids: &str, statement: &str) -> Vec<Problem> {
        ids.split(' ')
            .map(|id| {
                serde_json::from_value(serde_json::json!({
                    "id": id,
                    "statement": statement,
                    "public_tests": [{"kind": "stdin", "input": "1\n", "expected": "2\n"}],
                }))
                .unwrap()
            })
            .collect()
    }

    #[test]
    fn what_changed_since_a_run_began_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let set = problems("a b c", "Add.");
        let inputs = |policy: &str, set: &[Problem]| {
            Inputs::new(Some(policy.to_owned()), set, &problems("x", "Add."))
        };
        let message = |inputs: Inputs| inputs.check(folder.path()).unwrap_err().to_string();
        assert!(!inputs("p", &set).check(folder.path()).unwrap());
        inputs("p", &set).save(folder.path()).unwrap();
        assert!(inputs("p", &set).check(folder.path()).unwrap());
        let said = message(inputs("p", &problems("a d", "Add.")));
        assert!(said.contains("new: d; gone: b, c"), "{said}");
        let mut other = set.clone();
        other[1].statement.push('!');
        let said = message(inputs("p", &other));
        assert!(said.contains("training problems changed: b"), "{said}");
        let said = message(inputs("p", &problems("b a c", "Add.")));
        assert!(said.contains("another order"), "{said}");
        let said = message(inputs("q", &set));
        assert!(said.contains("the policy"), "{said}");
        let said = message(inputs("p", &problems("a b c d e f g h i j k", "Add.")));
        assert!(said.contains("new: d, e, f, g, h and 3 more"), "{said}");
        let with = |hash| inputs("p", &set).with_examples(Path::new("pairs.jsonl"), hash);
        with("1").save(folder.path()).unwrap();
        assert!(with("1").check(folder.path()).unwrap());
        let said = message(with("2"));
        assert!(
            said.contains("examples have changed: pairs.jsonl"),
            "{said}"
        );
        let judged = |by: &str| inputs("p", &set).with_models(Some("v".into()), Some(by.into()));
        judged("one").save(folder.path()).unwrap();
        assert!(judged("one").check(folder.path()).unwrap());
        let said = message(judged("other"));
        assert!(
            said.contains("a judge besides the tests has changed"),
            "{said}"
        );
        let said = message(judged("one").with_models(None, Some("one".into())));
        assert!(said.contains("values started from has changed"), "{said}");
        let none = Inputs::new(Some("p".to_owned()), &set, &[]);
        assert!(message(none).contains("evaluation problems gone: x"));
    }
}
