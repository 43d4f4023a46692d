//! The problems that a server knows, by set and id, and problems that a request brings along.

use std::collections::HashMap;
use std::sync::Arc;

use rlef_judge::problem::{self, Notice, Problem, Schema, printable};
use sha2::{Digest as _, Sha256};

use crate::failure::{Failure, Kind};
use crate::json::Object;
use crate::places::{Held, Purse};

/// Problems that belong together.
#[derive(Debug)]
pub struct Set {
    name: String,
    problems: Vec<Arc<Problem>>,
    by_id: HashMap<String, usize>,
    /// By what stands behind the last slash; nothing where several end so.
    ends: HashMap<String, Option<usize>>,
}

impl Set {
    /// These problems under a name.
    pub fn new(name: impl Into<String>, problems: Vec<Problem>) -> Self {
        let by_id = problems
            .iter()
            .enumerate()
            .map(|(place, problem)| (problem.id.clone(), place));
        let by_id = by_id.collect();
        let mut ends: HashMap<String, Option<usize>> = HashMap::new();
        for (place, problem) in problems.iter().enumerate() {
            if let Some((_, end)) = problem.id.rsplit_once('/') {
                ends.entry(end.to_owned())
                    .and_modify(|found| *found = None)
                    .or_insert(Some(place));
            }
        }
        Self {
            name: name.into(),
            problems: problems.into_iter().map(Arc::new).collect(),
            by_id,
            ends,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn problems(&self) -> &[Arc<Problem>] {
        &self.problems
    }

    /// The problem of this id; a bare number also stands for the one problem whose id ends in it.
    fn find(&self, id: &str) -> Option<&Arc<Problem>> {
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let ends = || self.ends.get(id).copied().flatten().filter(|_| is_number);
        let place = self.by_id.get(id).copied().or_else(ends)?;
        self.problems.get(place)
    }
}

/// A problem, and what tells it from all others.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) problem: Arc<Problem>,
    pub(crate) key: [u8; 32],
    /// Whether the caller sent it, and so knows all of it.
    pub(crate) is_theirs: bool,
    /// The memory that it takes, for as long as anybody has it; nothing of a problem that is served.
    held: Option<Arc<Held>>,
}

impl Given {
    /// A problem that a caller sent, made of this text by reading it as `kind`.
    pub(crate) fn theirs(
        purse: &Purse,
        problem: Problem,
        kind: &str,
        text: &str,
    ) -> Result<Self, Failure> {
        let held = purse.hold(usize::try_from(problem.bytes()).unwrap_or(usize::MAX))?;
        Ok(Self {
            problem: Arc::new(problem),
            key: hash(&[b"theirs", kind.as_bytes(), text.as_bytes()]),
            is_theirs: true,
            held: Some(Arc::new(held)),
        })
    }

    /// The same problem but for what `change` does to it, which `how` and `what` tell from all other changes.
    pub(crate) fn changed(
        self,
        purse: &Purse,
        how: &str,
        what: &[u8],
        change: impl FnOnce(&mut Problem),
    ) -> Result<Self, Failure> {
        let bytes = usize::try_from(self.problem.bytes()).unwrap_or(usize::MAX);
        let held = match self.held {
            Some(held) => held,
            // A copy of one that is served.
            None => Arc::new(purse.hold(bytes)?),
        };
        let mut problem = Arc::unwrap_or_clone(self.problem);
        change(&mut problem);
        Ok(Self {
            problem: Arc::new(problem),
            key: hash(&[b"changed", &self.key, how.as_bytes(), what]),
            is_theirs: self.is_theirs,
            held: Some(held),
        })
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// All sets.
#[derive(Debug, Default)]
pub struct Sets(Vec<Set>);

impl Sets {
    /// These sets; a name that is taken already gets a number behind it.
    pub fn new(sets: Vec<Set>) -> Self {
        let mut all = Self::default();
        for mut set in sets {
            let base = set.name.clone();
            let mut number = 1;
            while all.0.iter().any(|other| other.name == set.name) {
                number += 1;
                set.name = format!("{base}-{number}");
            }
            all.0.push(set);
        }
        all
    }

    pub(crate) fn all(&self) -> &[Set] {
        &self.0
    }

    /// The set of this name.
    pub(crate) fn set(&self, name: &str) -> Option<&Set> {
        self.0.iter().find(|set| set.name == name)
    }

    /// The problem of this id, in the named set or the only one that has it.
    pub(crate) fn find(&self, set: Option<&str>, id: &str) -> Result<Given, Failure> {
        let missing = |words: String| Failure::new(Kind::NotFound, words);
        let sets: Vec<&Set> = match set {
            None => self.0.iter().collect(),
            Some(name) => vec![self.set(name).ok_or_else(|| {
                missing(format!("there is no set of problems `{}`", printable(name)))
            })?],
        };
        let mut found = sets
            .iter()
            .filter_map(|set| Some((set.name(), set.find(id)?)));
        let Some((name, problem)) = found.next() else {
            let words = format!(
                "there is no problem `{}`; GET /v1/problems lists those there are",
                printable(id)
            );
            return Err(missing(words));
        };
        if let Some((other, _)) = found.next() {
            return Err(Failure::new(
                Kind::Request,
                format!(
                    "`{name}` and `{other}` both have a problem `{}`; name the set",
                    printable(id)
                ),
            ));
        }
        Ok(Given {
            problem: Arc::clone(problem),
            key: hash(&[b"ours", name.as_bytes(), problem.id.as_bytes()]),
            is_theirs: false,
            held: None,
        })
    }

    /// The problem that a request names by `problem_id` (and `set`), or brings as `problem`.
    pub(crate) fn of_request(&self, purse: &Purse, request: &Object<'_>) -> Result<Given, Failure> {
        let set = request.text("set")?;
        match (request.id("problem_id")?, request.raw("problem")) {
            (Some(id), None) => self.find(set.as_deref(), &id),
            (None, Some(raw)) => sent(purse, raw, None),
            _ => Err(Failure::new(
                Kind::Request,
                "expected either `problem_id`, the id of a problem that is served, or `problem`, a whole one",
            )),
        }
    }
}

/// A problem that a caller sent, as a row of any known schema.
pub(crate) fn sent(
    purse: &Purse,
    raw: &str,
    schema: Option<&'static Schema>,
) -> Result<Given, Failure> {
    // What it becomes while it is read, the values of texts within texts too.
    let reading = purse.hold(size(raw))?;
    let (problem, notices) = problem::of_text(raw, schema, "the request")?;
    drop(reading);
    note(&notices);
    let kind = schema.map_or("any", |schema| schema.name);
    Given::theirs(purse, problem, kind, raw)
}

/// Bytes of a value in memory.
const VALUE: usize = 32;

/// What a text becomes in memory, about, wherever in it values are.
fn size(raw: &str) -> usize {
    let commas = raw.bytes().filter(|&byte| byte == b',').count();
    raw.len().saturating_add(commas.saturating_mul(VALUE))
}

fn note(notices: &[Notice]) {
    for notice in notices {
        tracing::debug!("a problem that was sent: {notice}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, ids: &[&str]) -> Set {
        let problem = |id: &&str| Problem {
            id: (*id).to_owned(),
            ..Problem::default()
        };
        Set::new(name, ids.iter().map(problem).collect())
    }

    #[test]
    fn problems_are_found_by_set_and_id_and_never_guessed() {
        let sets = Sets::new(vec![
            set("a", &["x/1", "x/2", "same"]),
            set("a", &["y/2", "same"]),
        ]);
        let found = |set, id| {
            let found = sets.find(set, id);
            found
                .map(|given| given.problem.id.clone())
                .map_err(|error| error.kind)
        };
        assert_eq!(found(None, "x/1"), Ok("x/1".into()));
        assert_eq!(found(None, "1"), Ok("x/1".into()));
        assert_eq!(found(None, "2"), Err(Kind::Request));
        assert_eq!(found(Some("a-2"), "2"), Ok("y/2".into()));
        assert_eq!(found(None, "same"), Err(Kind::Request));
        assert_eq!(found(Some("a"), "same"), Ok("same".into()));
        assert_eq!(found(None, "none"), Err(Kind::NotFound));
        assert_eq!(found(Some("b"), "same"), Err(Kind::NotFound));
        let key = |set| sets.find(Some(set), "same").unwrap().key;
        assert_ne!(key("a"), key("a-2"));
    }
}
