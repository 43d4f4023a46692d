//! What a judgement depends on → a hash, under which caches and journals keep it.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Asks, Reads, Submission};
use crate::problem::Problem;
use crate::verdict::{RULES, SCHEMA, Scope};

/// Form of a key of what reads texts.
const OF_TEXT: &str = "rlef-judgement/1";

/// What a judgement depends on, as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JudgementKey(pub(crate) [u8; 32]);

impl std::fmt::Display for JudgementKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Keys of submissions. The tests of the problems it was made for, which may be large, are hashed once; those of others each
/// time.
///
/// It borrows these problems, so none can go away, and another come to its place, while this is in use.
#[derive(Debug, Default)]
pub struct Keys<'a> {
    problems: HashSet<ByPlace<'a>>,
    /// By where the problem lies.
    hashes: Mutex<HashMap<(usize, Part), [u8; 32]>>,
}

/// What of a problem was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Tests(Scope),
    Whole,
}

/// A problem, told from others by where it lies.
#[derive(Clone, Copy, Debug)]
struct ByPlace<'a>(&'a Problem);

impl PartialEq for ByPlace<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for ByPlace<'_> {}

impl Hash for ByPlace<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self.0).hash(state);
    }
}

impl<'a> Keys<'a> {
    /// Keys of submissions to these problems.
    pub fn among(problems: impl IntoIterator<Item = &'a Problem>) -> Self {
        Self {
            problems: problems.into_iter().map(ByPlace).collect(),
            hashes: Mutex::default(),
        }
    }

    /// The key of a submission to a judge with this stamp that reads so much of it; none where it reads programs and there is
    /// no program.
    pub fn of(
        &self,
        submission: &Submission<'_>,
        reads: Reads,
        stamp: &str,
    ) -> Option<JudgementKey> {
        let Submission {
            problem,
            text,
            program,
            turn,
            scope,
            stop,
            asks,
        } = *submission;
        let hash = match reads {
            Reads::Program => {
                let tests = self.hash(problem, Part::Tests(scope));
                hash_of(&((SCHEMA, RULES), stamp, program?, stop, tests))
            }
            Reads::Text => {
                let whole = self.hash(problem, Part::Whole);
                hash_of(&(
                    (OF_TEXT, RULES, stamp),
                    (text, program, turn),
                    (scope, stop, asks == Asks::Verdict),
                    whole,
                ))
            }
        };
        Some(JudgementKey(hash))
    }

    fn hash(&self, problem: &Problem, part: Part) -> [u8; 32] {
        if !self.problems.contains(&ByPlace(problem)) {
            return hash_of_part(problem, part);
        }
        let name = (std::ptr::from_ref(problem).addr(), part);
        let known = self.lock().get(&name).copied();
        known.unwrap_or_else(|| {
            let hash = hash_of_part(problem, part);
            self.lock().insert(name, hash);
            hash
        })
    }

    /// Whether something of this problem was hashed and is kept.
    pub fn keeps(&self, problem: &Problem) -> bool {
        let place = std::ptr::from_ref(problem).addr();
        self.lock().keys().any(|(kept, _)| *kept == place)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(usize, Part), [u8; 32]>> {
        // Entries are inserted whole, so a poisoned map is still sound.
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_of_part(problem: &Problem, part: Part) -> [u8; 32] {
    match part {
        Part::Tests(scope) => hash_of(&(
            (scope.tests(problem), problem.public_tests.len()),
            (&problem.limits, &problem.comparison),
            (&problem.preamble, &problem.files),
        )),
        Part::Whole => hash_of(problem),
    }
}

fn hash_of(parts: &impl Serialize) -> [u8; 32] {
    // Plain structs of texts and numbers always serialise.
    Sha256::digest(serde_json::to_vec(parts).unwrap_or_default()).into()
}

/// Keys don't outlive the problems they keep hashes of, so that no other takes the place of one: this does not compile.
///
/// ```compile_fail
/// use rlef_judge::judge::{Keys, Reads, Submission};
/// use rlef_judge::problem::Problem;
/// use rlef_judge::verdict::{Scope, StopAt};
///
/// let other = Problem::default();
/// let keys = {
///     let problem = Problem::default();
///     Keys::among([&problem])
/// };
/// keys.of(&Submission::of(&other, None, Scope::All, StopAt::Never), Reads::Text, "");
/// ```
///
/// With a problem that outlives the keys it does:
///
/// ```
/// use rlef_judge::judge::{Keys, Reads, Submission};
/// use rlef_judge::problem::Problem;
/// use rlef_judge::verdict::{Scope, StopAt};
///
/// let problem = Problem::default();
/// let keys = Keys::among([&problem]);
/// assert!(keys.of(&Submission::of(&problem, None, Scope::All, StopAt::Never), Reads::Text, "").is_some());
/// assert!(keys.keeps(&problem));
/// ```
#[cfg(doctest)]
struct KeysBorrowTheirProblems;
