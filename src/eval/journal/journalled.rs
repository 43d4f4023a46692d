//! A policy and a judge that look into an evaluation's journal first, and write there what they had to find themselves.

use super::EvalJournal;
use super::event::{Event, Said};
use crate::policy::sampler::Sampling;
use crate::policy::tokenizer::{Place, TokenizerError};
use crate::policy::{Answer, Ask, Heard, Policy, PolicyError};
use crate::rollout::{Grader, Work, tasks_of};
use crate::verdict::{HostJudge, JudgeError, Task, Verdict, VerdictKey, shortened};

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

/// A judge whose verdicts are in a journal, or get there as they come.
pub struct JournalledJudge<'a> {
    /// Who judges what is not in the journal.
    pub judge: &'a HostJudge,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl Grader for JournalledJudge<'_> {
    fn grade(&self, work: &[Work<'_>]) -> Vec<Result<Verdict, JudgeError>> {
        let tasks = tasks_of(work);
        let keys: Vec<Option<String>> = self
            .judge
            .keys(&tasks)
            .into_iter()
            .map(|key| key.as_ref().map(VerdictKey::to_string))
            .collect();
        let mut verdicts: Vec<Option<Result<Verdict, JudgeError>>> = {
            let mut book = self.journal.lock();
            let found: Vec<Option<Verdict>> = keys
                .iter()
                .map(|key| book.verdicts.get(key.as_ref()?).cloned())
                .collect();
            let count = found.iter().flatten().count();
            book.found.1 += count;
            book.reused.1 += count;
            found.into_iter().map(|verdict| verdict.map(Ok)).collect()
        };
        let places: Vec<usize> = (0..tasks.len())
            .filter(|&place| verdicts[place].is_none())
            .collect();
        let rest: Vec<Task<'_>> = places.iter().map(|&place| tasks[place]).collect();
        if !rest.is_empty() && !self.journal.is_stopped() {
            self.judge
                .judge()
                .judge_all(&rest, self.judge.workers(), &mut |index, result| {
                    let place = places[index];
                    let mut goes_on = true;
                    let result = result.map(|verdict| shortened(&verdict));
                    if let (Ok(verdict), Some(key)) = (&result, &keys[place]) {
                        let event = Event::Verdict {
                            key: key.clone(),
                            verdict: verdict.clone(),
                        };
                        goes_on = self.journal.lock().append(event);
                    }
                    verdicts[place] = Some(result);
                    goes_on && !self.journal.is_stopped()
                });
        }
        verdicts
            .into_iter()
            .map(|verdict| verdict.unwrap_or(Err(JudgeError::Stopped)))
            .collect()
    }
}
