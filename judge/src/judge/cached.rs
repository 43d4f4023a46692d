//! A judge whose judgements are kept on disk, so that the same answer is judged once.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::{
    Judge, JudgeError, Judgement, JudgementKey, Keys, OnJudgement, Reads, Submission, Tally,
    Wrapper, side_by_side,
};
use crate::verdict::VerdictCache;

/// A judge over another, which is asked about what is not in the cache.
#[derive(Debug)]
pub struct Cached<J> {
    judge: J,
    /// Without one judgements are only counted.
    cache: Option<Arc<VerdictCache>>,
    tally: Arc<Tally>,
}

impl<J: Judge> Cached<J> {
    /// `judge`, with a cache.
    pub fn new(judge: J, cache: Arc<VerdictCache>) -> Self {
        Self::counting(judge, Some(cache), Arc::default())
    }

    pub(crate) const fn counting(
        judge: J,
        cache: Option<Arc<VerdictCache>>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            judge,
            cache,
            tally,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> super::JudgeCounts {
        self.tally.counts()
    }

    /// The key of a submission, where something is kept.
    fn place(&self, keys: &Keys<'_>, submission: &Submission<'_>) -> Option<JudgementKey> {
        self.cache.as_ref()?;
        self.judge.key(keys, submission)
    }

    /// What is kept under this key.
    fn kept(&self, key: Option<JudgementKey>) -> Option<Judgement> {
        let found = self.cache.as_ref()?.get(&key?)?;
        self.tally.cached();
        Some(found)
    }

    /// Keeps what was found, and gives what the cache gives later, so that the two are the same.
    fn keep(
        &self,
        key: Option<JudgementKey>,
        submission: &Submission<'_>,
        judgement: Judgement,
    ) -> Judgement {
        // An answer without a program runs nothing.
        if submission.program.is_some() || self.reads() == Reads::Text {
            self.tally.judged();
        }
        match (&self.cache, key) {
            (Some(cache), Some(key)) if judgement.repeatable => {
                cache.put(&key, &judgement);
                judgement.shortened()
            }
            _ => judgement,
        }
    }

    fn found(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let key = self.place(keys, submission);
        if let Some(found) = self.kept(key) {
            return Ok(found);
        }
        let judgement = self.judge.judge_with(keys, submission, cancel)?;
        Ok(self.keep(key, submission, judgement))
    }
}

impl<J: Judge> Wrapper for Cached<J> {
    type Inner = J;

    fn inner(&self) -> &Self::Inner {
        &self.judge
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        self.found(keys, submission, cancel)
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        let keys = Keys::among(submissions.iter().map(|submission| submission.problem));
        if !self.is_batched() {
            return side_by_side(
                submissions,
                self.workers(),
                cancel,
                on_judgement,
                &|submission, cancel| self.found(&keys, submission, cancel),
            );
        }
        // One computation for all that must be found.
        let (mut places, mut rest) = (Vec::new(), Vec::new());
        for (place, submission) in submissions.iter().enumerate() {
            let key = self.place(&keys, submission);
            if let Some(found) = self.kept(key) {
                on_judgement(place, Ok(found));
            } else {
                places.push((place, key));
                rest.push(*submission);
            }
        }
        if rest.is_empty() || cancel.is_cancelled() {
            return;
        }
        self.judge.judge_all(&rest, cancel, &mut |index, result| {
            let (place, key) = places[index];
            let kept = result.map(|judgement| self.keep(key, &rest[index], judgement));
            on_judgement(place, kept);
        });
    }
}
