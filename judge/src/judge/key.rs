//! What a judgement depends on → a hash, under which caches and journals keep it.

use std::collections::HashMap;
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

/// Keys of submissions; a problem's tests, which may be large, are hashed once.
///
/// It borrows every problem it was asked about, so none can go away, and another come to its place, while this is in use.
#[derive(Debug, Default)]
pub struct Keys<'a> {
    problems: Mutex<HashMap<(ByPlace<'a>, Part), [u8; 32]>>,
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
    /// The key of a submission to a judge with this stamp that reads so much of it; none where it reads programs and there is
    /// no program.
    pub fn of(
        &self,
        submission: &Submission<'a>,
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

    fn hash(&self, problem: &'a Problem, part: Part) -> [u8; 32] {
        let name = (ByPlace(problem), part);
        let known = self.lock().get(&name).copied();
        known.unwrap_or_else(|| {
            let hash = match part {
                Part::Tests(scope) => hash_of(&(
                    (scope.tests(problem), problem.public_tests.len()),
                    (&problem.limits, &problem.comparison),
                    (&problem.preamble, &problem.files),
                )),
                Part::Whole => hash_of(problem),
            };
            self.lock().insert(name, hash);
            hash
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ByPlace<'a>, Part), [u8; 32]>> {
        // Entries are inserted whole, so a poisoned map is still sound.
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_of(parts: &impl Serialize) -> [u8; 32] {
    // Plain structs of texts and numbers always serialise.
    Sha256::digest(serde_json::to_vec(parts).unwrap_or_default()).into()
}

/// A problem that another may take the place of can't be asked about: this does not compile.
///
/// ```compile_fail
/// use rlef_judge::judge::{Keys, Reads, Submission};
/// use rlef_judge::problem::Problem;
/// use rlef_judge::verdict::{Scope, StopAt};
///
/// let keys = Keys::default();
/// for id in ["one", "two"] {
///     let problem = Problem { id: id.into(), ..Problem::default() };
///     keys.of(&Submission::of(&problem, None, Scope::All, StopAt::Never), Reads::Text, "");
/// }
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
/// let keys = Keys::default();
/// assert!(keys.of(&Submission::of(&problem, None, Scope::All, StopAt::Never), Reads::Text, "").is_some());
/// ```
#[cfg(doctest)]
struct KeysBorrowTheirProblems;
