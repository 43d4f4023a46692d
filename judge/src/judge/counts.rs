//! What caches and re-runs did, for people.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What judges over judges did, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    cached: AtomicUsize,
    judged: AtomicUsize,
    near_limit: AtomicUsize,
    changed: AtomicUsize,
}

impl Tally {
    pub(super) fn cached(&self) {
        self.cached.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn judged(&self) {
        self.judged.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn near_limit(&self) {
        self.near_limit.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn changed(&self) {
        self.changed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> JudgeCounts {
        let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        JudgeCounts {
            cached: count(&self.cached),
            judged: count(&self.judged),
            near_limit: count(&self.near_limit),
            changed: count(&self.changed),
        }
    }
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
        write!(
            out,
            "{} of {all} verdicts were known from before",
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
