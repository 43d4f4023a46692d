//! Whoever has an opinion on an answer: the tests of a problem, rules about its text, and whatever else the table in
//! `judge/table.rs` lists. `cached`, `reruns` and `mixture` are judges over judges.
//!
//! A judge that fails says so by an error; an error is never a score and never a verdict.

mod against;
mod cached;
mod checked;
mod compiles;
mod counts;
mod distinct;
mod error;
mod hard_coded;
mod judgement;
mod key;
mod lints;
mod mixture;
mod pool;
mod reruns;
mod rules;
mod speed;
mod submission;
mod table;
mod wrapper;

use rlef_sandbox::Cancel;

pub use against::{Against, StoredAnswers};
pub use cached::Cached;
pub use compiles::Compiles;
pub use counts::JudgeCounts;
pub(crate) use counts::Tally;
pub use distinct::{all, distinct};
pub(crate) use error::is_of_library;
pub use error::{JudgeError, chain};
pub use hard_coded::{HardCoded, HardCodedConfig};
pub use judgement::{Judgement, Preference, Score};
pub use key::{JudgementKey, Keys};
pub use lints::{Lints, LintsConfig};
pub use mixture::Mixture;
#[cfg(test)]
pub(crate) use pool::AHEAD;
pub use pool::side_by_side;
pub use reruns::Reruns;
pub(crate) use reruns::timeout;
pub use rules::{Format, Rules, RulesConfig};
pub use speed::{Speed, SpeedConfig};
pub use submission::{Asks, Reads, Submission};
pub use table::{
    Build, JudgeConfig, Judges, Members, Parts, Row, Settings, SettingsError, read as read_settings,
};
pub use wrapper::Wrapper;

use crate::problem::Problem;
use crate::verdict::Scope;

/// Takes each judgement as it comes, with the place of its submission.
pub type OnJudgement<'a> = &'a mut dyn FnMut(usize, Result<Judgement, JudgeError>);

/// Whoever has an opinion on an answer.
///
/// Only `name`, `supports`, `stamp` and `judge` are needed of a new one; the rest says what it can do besides.
pub trait Judge: Send + Sync {
    /// A short name, under which its scores are kept and weighed.
    fn name(&self) -> &str;

    /// Whether it can judge answers to this problem. Runs nothing.
    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError>;

    /// Names everything that its judgements depend on besides the submission: versions, settings, weights. Two judges with
    /// equal stamps give equal judgements.
    fn stamp(&self) -> String;

    /// The judgement on one answer. May end early, with an error, once it is cancelled.
    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError>;

    /// [`Judge::judge`], for whoever keeps the hashes of the problems that it asks about: a judge that looks something up by
    /// them hashes none again.
    fn judge_with(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let _ = keys;
        self.judge(submission, cancel)
    }

    /// The stamp for this answer alone, where that says more: which compiler its language needs.
    fn stamp_on(&self, _submission: &Submission<'_>) -> String {
        self.stamp()
    }

    /// What the judgement on this answer depends on, as a hash; none where it isn't worth keeping.
    fn key<'a>(&self, keys: &Keys<'a>, submission: &Submission<'a>) -> Option<JudgementKey> {
        keys.of(submission, self.reads(), &self.stamp_on(submission))
    }

    /// What of a submission its judgement depends on. Answers that agree in it are judged once.
    fn reads(&self) -> Reads {
        Reads::Text
    }

    /// Whether its judgements hold a verdict, so that an episode can stop and be graded by it.
    fn gives_verdicts(&self) -> bool {
        false
    }

    /// Answers it judges side by side.
    fn workers(&self) -> usize {
        1
    }

    /// Whether it judges many answers by one computation, so that whoever wraps it should hand over all it has at once.
    fn is_batched(&self) -> bool {
        false
    }

    /// Judges all answers and hands over each judgement as soon as it is there. Once it is cancelled it begins and hands
    /// over no more, and returns when what was under way has ended.
    fn judge_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        side_by_side(
            submissions,
            self.workers(),
            cancel,
            on_judgement,
            &|submission, cancel| self.judge(submission, cancel),
        );
    }

    /// Is told what all who judge an answer have said of it together, this one among them: a judge that keeps watch over itself
    /// compares that with what it said. Nothing that it says later may depend on it.
    fn told(&self, _submission: &Submission<'_>, _all: &Judgement) {}

    /// What people should know of its judgements so far, a line each: what they cost, and how far they can be trusted.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it can say which of several answers is better.
    fn compares(&self) -> bool {
        false
    }

    /// Whether it compares and says nothing of one answer alone.
    fn only_compares(&self) -> bool {
        false
    }

    /// Which of several answers to one problem is better, where that is its nature.
    fn compare(
        &self,
        submissions: &[Submission<'_>],
        _cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        Err(JudgeError::NoComparison {
            judge: self.name().to_owned(),
            answers: submissions.len(),
        })
    }
}

#[cfg(test)]
mod tests;
