//! Verdicts by what they depend on: the program, the tests and how they are judged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Judge, JudgeError, Runner, Scope, StopAt, Verdict};
use crate::problem::Problem;
use crate::program::Program;

type Key = [u8; 32];

/// Verdicts already given. Policies repeat themselves, above all small ones; the same program on the same tests
/// is run once. Times are those of that one run. Errors are never kept.
#[derive(Debug)]
pub struct VerdictCache {
    verdicts: Mutex<HashMap<Key, Verdict>>,
    capacity: usize,
}

impl VerdictCache {
    /// A cache of at most `capacity` verdicts; when full it starts over.
    pub fn new(capacity: usize) -> Self {
        Self {
            verdicts: Mutex::new(HashMap::new()),
            capacity,
        }
    }

    /// The verdict from the cache, else from `judge`.
    pub fn judge<R: Runner>(
        &self,
        judge: &Judge<R>,
        program: &Program,
        problem: &Problem,
        scope: Scope,
        stop: StopAt,
    ) -> Result<Verdict, JudgeError> {
        let key = key(program, problem, scope, stop);
        if let Some(verdict) = self.lock().get(&key) {
            return Ok(verdict.clone());
        }
        // Not under the lock: two threads may judge the same program at once, and agree.
        let verdict = judge.judge(program, problem, scope, stop)?;
        let mut verdicts = self.lock();
        if verdicts.len() >= self.capacity {
            verdicts.clear();
        }
        if self.capacity > 0 {
            verdicts.insert(key, verdict.clone());
        }
        Ok(verdict)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Verdict>> {
        // A verdict is inserted whole or not at all, so a poisoned map is still sound.
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(program: &Program, problem: &Problem, scope: Scope, stop: StopAt) -> Key {
    let parts = (
        (program, scope, stop),
        (&problem.id, &problem.public_tests, &problem.private_tests),
        (&problem.limits, &problem.comparison, &problem.preamble),
    );
    let mut digest = Sha256::new();
    // Plain structs of texts and numbers always serialise.
    digest.update(serde_json::to_vec(&parts).unwrap_or_default());
    digest.finalize().into()
}
