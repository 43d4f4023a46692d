//! Program × tests → a verdict that another run would give again: from the cache where it is known, and judged more than
//! once where a test ran out of time close to its limit.
//!
//! A program that is stopped at its limit might have ended a moment later. It is run once more on that test with a quarter
//! more time; if it ends then, the whole is judged again, twice at most, and the first verdict without a timeout stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rlef_sandbox::{Cancel, Limits};

use super::cache::{Keys, languages, shortened};
use super::{Failure, VerdictKey};
use super::{Grade, Judge, JudgeError, Runner, Scope, StopAt, Task, Verdict, VerdictCache};
use crate::comparator::Comparison;
use crate::problem::Problem;
use crate::program::Program;

/// How often a verdict with a timeout near the limit is found anew at most.
const AGAIN: usize = 2;

/// Share of the limit that a program must have computed for a timeout to be its own doing; one that slept, or was kept
/// waiting, is asked again another time.
const COMPUTED: f64 = 0.9;

/// What a judge did, besides running programs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cached: AtomicUsize,
    judged: AtomicUsize,
    near_limit: AtomicUsize,
    changed: AtomicUsize,
}

/// What a judge did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JudgeCounts {
    /// Verdicts that came from the cache.
    pub cached: usize,
    /// Verdicts that were found by running programs.
    pub judged: usize,
    /// Those with a test that ran out of time but ends with a quarter more.
    pub near_limit: usize,
    /// Those of them that had no timeout when judged again.
    pub changed: usize,
}

impl std::fmt::Display for JudgeCounts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.cached + self.judged;
        let rate = 100.0 * self.cached as f64 / all.max(1) as f64;
        write!(
            out,
            "{} of {all} verdicts from the cache ({rate:.0}%)",
            self.cached
        )?;
        if self.near_limit > 0 {
            write!(
                out,
                "; {} timed out near the limit and were judged again, {} of them then in time",
                self.near_limit, self.changed
            )?;
        }
        Ok(())
    }
}

impl<R: Runner> Judge<R> {
    /// The same judge with a cache; `stamp` names whatever else verdicts depend on: versions, isolation, interpreter.
    #[must_use]
    pub fn with_cache(mut self, cache: VerdictCache, stamp: String) -> Self {
        self.cache = Some(Arc::new(cache));
        self.stamp = stamp;
        self
    }

    /// The same judge, which judges timeouts near the limit again.
    #[must_use]
    pub fn with_reruns(mut self) -> Self {
        self.reruns = true;
        self
    }

    /// What was done so far by [`Judge::judge_all`].
    pub fn counts(&self) -> JudgeCounts {
        let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        JudgeCounts {
            cached: count(&self.tally.cached),
            judged: count(&self.tally.judged),
            near_limit: count(&self.tally.near_limit),
            changed: count(&self.tally.changed),
        }
    }

    /// What the verdict on a task depends on.
    pub(super) fn key<'p>(
        &self,
        keys: &Keys<'p>,
        program: &Program,
        task: &Task<'p>,
    ) -> VerdictKey {
        let tools: Vec<String> = languages(program, task.problem)
            .into_iter()
            .map(|language| self.runner().tools(language))
            .collect();
        let decides = matches!(
            task.problem.comparison,
            Comparison::Checker(_) | Comparison::Interactor(_)
        );
        let header = self.testlib.as_deref().filter(|_| decides);
        let stamp = format!(
            "{} {} {}",
            self.stamp,
            tools.join(" "),
            header.unwrap_or_default()
        );
        keys.of(program, task.problem, task.scope, task.stop, &stamp)
    }

    /// The verdict on a task: from the cache, or found and kept.
    pub(super) fn judge_task<'p>(
        &self,
        cancel: &Cancel,
        keys: &Keys<'p>,
        task: &Task<'p>,
    ) -> Result<Verdict, JudgeError> {
        let Some(program) = task.program else {
            return Ok(Verdict::no_program(task.scope.tests(task.problem).len()));
        };
        let shelf = self
            .cache
            .as_ref()
            .map(|cache| (cache, self.key(keys, program, task)));
        if let Some((cache, key)) = &shelf
            && let Some(verdict) = cache.get(key)
        {
            self.tally.cached.fetch_add(1, Ordering::Relaxed);
            return Ok(verdict);
        }
        let (verdict, keep) = self.settle(cancel, program, task.problem, task.scope, task.stop)?;
        self.tally.judged.fetch_add(1, Ordering::Relaxed);
        Ok(match shelf {
            // What the cache gives later and what is given now are the same.
            Some((cache, key)) if keep => {
                cache.put(&key, &verdict);
                shortened(&verdict)
            }
            _ => verdict,
        })
    }

    /// The verdict, and whether another run would give it again.
    fn settle(
        &self,
        cancel: &Cancel,
        program: &Program,
        problem: &Problem,
        scope: Scope,
        stop: StopAt,
    ) -> Result<(Verdict, bool), JudgeError> {
        let first = self.judge_cancellable(cancel, program, problem, scope, stop)?;
        let Some(late) = timeout(&first) else {
            return Ok((first, true));
        };
        if !self.reruns {
            return Ok((first, false));
        }
        let tests = Scope::All.tests(problem);
        let Some(&test) = tests.get(late.test) else {
            return Ok((first, false));
        };
        let probe = Problem {
            id: problem.id.clone(),
            private_tests: vec![test.clone()],
            limits: longer(&problem.limits),
            comparison: problem.comparison.clone(),
            preamble: problem.preamble.clone(),
            files: problem.files.clone(),
            ..Problem::default()
        };
        let stop_soon = StopAt::FirstFailure;
        let probed = self.judge_cancellable(cancel, program, &probe, Scope::All, stop_soon)?;
        if timeout(&probed).is_some() {
            let computed = probed.cpu_ms >= COMPUTED * problem.limits.cpu_ms as f64;
            return Ok((first, computed));
        }
        self.tally.near_limit.fetch_add(1, Ordering::Relaxed);
        for _ in 0..AGAIN {
            let again = self.judge_cancellable(cancel, program, problem, scope, stop)?;
            if timeout(&again).is_none() {
                self.tally.changed.fetch_add(1, Ordering::Relaxed);
                return Ok((again, false));
            }
        }
        Ok((first, false))
    }
}

fn timeout(verdict: &Verdict) -> Option<&Failure> {
    let late = |failure: &&Failure| failure.grade == Grade::TimeLimit;
    verdict.failures.iter().find(late)
}

fn longer(limits: &Limits) -> Limits {
    let quarter_more = |ms: u64| ms.saturating_add(ms.div_ceil(4));
    Limits {
        cpu_ms: quarter_more(limits.cpu_ms),
        wall_ms: quarter_more(limits.wall_ms),
        ..limits.clone()
    }
}
