//! A policy and a judge that look into an evaluation's journal first, and write there what they had to find themselves.

use super::EvalJournal;
use super::event::{Event, Said};
use crate::checkpoint::tokenizer::{Place, TokenizerError};
use crate::completion::Sampling;
use crate::policy::{Answer, Ask, Heard, Policy, PolicyError};
use rlef_sandbox::Cancel;

use crate::judge::{
    Judge, JudgeError, Judgement, JudgementKey, Keys, OnJudgement, Preference, Reads, Submission,
    all,
};
use crate::problem::Problem;
use crate::verdict::Scope;

/// A policy whose answers are in a journal, or get there as they come.
pub struct JournalledPolicy<'a, P: ?Sized> {
    /// Who answers what is not in the journal.
    pub policy: &'a mut P,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl<P: Policy + ?Sized> Policy for JournalledPolicy<'_, P> {
    fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.policy.message(place, text)
    }

    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError> {
        let mut answers: Vec<Option<Answer>> = {
            let mut book = self.journal.lock();
            asks.iter().map(|ask| book.answer(ask).map(Ok)).collect()
        };
        let places: Vec<usize> = (0..asks.len())
            .filter(|&place| answers[place].is_none())
            .collect();
        let rest: Vec<Ask<'_>> = places.iter().map(|&place| asks[place]).collect();
        if !rest.is_empty() {
            if self.journal.is_stopped() {
                return Err(PolicyError::Stopped);
            }
            let journal = self.journal;
            let heard: Heard<'_> = &mut |place, answer, usage| {
                let kept = match answer {
                    Ok((completion, text)) => {
                        let said = Said::new(&rest[place], completion, text, usage);
                        journal.lock().append(Event::Answer(said))
                    }
                    Err(_) => true,
                };
                kept && !journal.is_stopped()
            };
            let said = self.policy.propose_each(&rest, sampling, heard)?;
            for (place, answer) in places.into_iter().zip(said) {
                answers[place] = Some(answer);
            }
        }
        // A policy answers each ask or gives an error for all.
        answers
            .into_iter()
            .map(|answer| answer.ok_or(PolicyError::Stopped))
            .collect()
    }

    fn end(&self) -> u32 {
        self.policy.end()
    }

    fn context(&self) -> usize {
        self.policy.context()
    }
}

/// A judge whose judgements are in a journal, or get there as they come.
pub struct JournalledJudge<'a> {
    /// Who judges what is not in the journal.
    pub judge: &'a dyn Judge,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl Judge for JournalledJudge<'_> {
    fn name(&self) -> &str {
        self.judge.name()
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.judge.supports(problem, scope)
    }

    fn stamp(&self) -> String {
        self.judge.stamp()
    }

    fn stamp_on(&self, submission: &Submission<'_>) -> String {
        self.judge.stamp_on(submission)
    }

    fn key<'k>(&self, keys: &Keys<'k>, submission: &Submission<'k>) -> Option<JudgementKey> {
        self.judge.key(keys, submission)
    }

    fn reads(&self) -> Reads {
        self.judge.reads()
    }

    fn gives_verdicts(&self) -> bool {
        self.judge.gives_verdicts()
    }

    fn workers(&self) -> usize {
        self.judge.workers()
    }

    fn is_batched(&self) -> bool {
        self.judge.is_batched()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        all(self, &[*submission], cancel).remove(0)
    }

    fn judge_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        let keys = Keys::default();
        let keys: Vec<Option<String>> = submissions
            .iter()
            .map(|submission| {
                let key = self.judge.key(&keys, submission);
                key.as_ref().map(JudgementKey::to_string)
            })
            .collect();
        let found: Vec<Option<Judgement>> = {
            let mut book = self.journal.lock();
            let found: Vec<Option<Judgement>> = keys
                .iter()
                .map(|key| book.verdicts.get(key.as_ref()?).cloned())
                .collect();
            let count = found.iter().flatten().count();
            book.found.1 += count;
            book.reused.1 += count;
            found
        };
        let (mut places, mut rest) = (Vec::new(), Vec::new());
        for (place, found) in found.into_iter().enumerate() {
            if let Some(judgement) = found {
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
            let mut goes_on = true;
            let result = result.map(Judgement::shortened);
            if let (Ok(judgement), Some(key)) = (&result, &keys[place]) {
                let event = Event::Verdict {
                    key: key.clone(),
                    verdict: judgement.clone(),
                };
                goes_on = self.journal.lock().append(event);
            }
            on_judgement(place, result);
            if !goes_on || self.journal.is_stopped() {
                cancel.cancel();
            }
        });
    }

    fn compares(&self) -> bool {
        self.judge.compares()
    }

    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        self.judge.compare(submissions, cancel)
    }
}
