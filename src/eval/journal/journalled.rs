//! A policy and a judge that look into an evaluation's journal first, and write there what they had to find themselves.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rlef_sandbox::Cancel;

use super::EvalJournal;
use super::event::{Event, Said};
use crate::completion::Sampling;
use crate::judge::{
    Judge, JudgeError, Judgement, JudgementKey, Keys, OnJudgement, Submission, Wrapper,
};
use crate::policy::{
    Ids, LostAnswer, Next, Policy, PolicyError, Sample, SampleQueue, SampleRequest, Wait,
};
use crate::server::Usage;

/// A policy whose answers are in a journal, or get there as they come.
pub struct JournalledPolicy<'a> {
    /// Who answers what is not in the journal.
    pub policy: &'a dyn Policy,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl Policy for JournalledPolicy<'_> {
    fn ids(&self) -> Option<Ids<'_>> {
        self.policy.ids()
    }

    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError> {
        let queue = JournalledQueue {
            queue,
            journal: self.journal,
            asked: Mutex::default(),
        };
        self.policy.sample(&queue, sampling)?;
        if self.journal.is_stopped() {
            return Err(PolicyError::Stopped);
        }
        Ok(())
    }
}

/// Requests whose answers are not in the journal.
struct JournalledQueue<'a> {
    queue: &'a dyn SampleQueue,
    journal: &'a EvalJournal,
    /// What is under way.
    asked: Mutex<HashMap<usize, SampleRequest>>,
}

impl JournalledQueue<'_> {
    fn asked(&self) -> MutexGuard<'_, HashMap<usize, SampleRequest>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SampleQueue for JournalledQueue<'_> {
    fn next(&self, wait: Wait) -> Next {
        loop {
            let next = self.queue.next(wait);
            let Next::Request(number, request) = next else {
                return next;
            };
            let found = self.journal.lock().answer(&request);
            if let Some(found) = found {
                self.queue.on_sample(number, Ok(found), None);
            } else if self.journal.is_stopped() {
                // Nothing new is begun, and nobody waits for it.
                let stopped = Err(LostAnswer::Stopped);
                self.queue.on_sample(number, stopped, None);
            } else {
                self.asked().insert(number, request.clone());
                return Next::Request(number, request);
            }
        }
    }

    fn on_sample(&self, number: usize, sample: Sample, usage: Option<&Usage>) {
        let request = self.asked().remove(&number);
        if let (Some(request), Ok(completion)) = (request, &sample) {
            let said = Said::new(&request, completion, usage);
            if !self.journal.lock().append(Event::Answer(said)) {
                // Answers that can't be kept are not paid for.
                self.journal.stop();
            }
        }
        self.queue.on_sample(number, sample, usage);
    }
}

/// A judge whose judgements are in a journal, or get there as they come.
pub struct JournalledJudge<'a> {
    /// Who judges what is not in the journal.
    pub judge: &'a dyn Judge,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl JournalledJudge<'_> {
    /// Writes a judgement where it is worth keeping; whether that went well.
    fn keep(&self, key: Option<String>, result: &Result<Judgement, JudgeError>) -> bool {
        let (Ok(judgement), Some(key)) = (result, key) else {
            return true;
        };
        let verdict = judgement.clone();
        self.journal.lock().append(Event::Verdict { key, verdict })
    }
}

impl<'a> Wrapper for JournalledJudge<'a> {
    type Inner = dyn Judge + 'a;

    fn inner(&self) -> &Self::Inner {
        self.judge
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let key = self.judge.key(keys, submission);
        let key = key.as_ref().map(JudgementKey::to_string);
        if let Some(found) = self.journal.verdict(key.as_deref()) {
            return Ok(found);
        }
        if self.journal.is_stopped() {
            return Err(JudgeError::Stopped);
        }
        let result = self.judge.judge_with(keys, submission, cancel);
        let result = result.map(Judgement::shortened);
        if !self.keep(key, &result) || self.journal.is_stopped() {
            cancel.cancel();
        }
        result
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        let keys = Keys::among(submissions.iter().map(|submission| submission.problem));
        let keys: Vec<Option<String>> = submissions
            .iter()
            .map(|submission| {
                let key = self.judge.key(&keys, submission);
                key.as_ref().map(JudgementKey::to_string)
            })
            .collect();
        let (mut places, mut rest) = (Vec::new(), Vec::new());
        for (place, key) in keys.iter().enumerate() {
            if let Some(judgement) = self.journal.verdict(key.as_deref()) {
                on_judgement(place, Ok(judgement));
            } else {
                places.push(place);
                rest.push(submissions[place]);
            }
        }
        if rest.is_empty() || self.journal.is_stopped() {
            return;
        }
        self.judge.judge_all(&rest, cancel, &mut |index, result| {
            let place = places[index];
            let result = result.map(Judgement::shortened);
            let goes_on = self.keep(keys[place].clone(), &result);
            on_judgement(place, result);
            if !goes_on || self.journal.is_stopped() {
                cancel.cancel();
            }
        });
    }
}
