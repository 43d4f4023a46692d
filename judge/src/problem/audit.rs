//! Problems → what state they are in: each one's own programs through a judge.
//!
//! References should be accepted and programs known to be wrong rejected, as are programs that do nothing; where they aren't, the
//! problem and not the program is looked at.

mod examine;
mod idle;
mod twins;

use std::collections::BTreeMap;

use serde::Serialize;

use super::quarantine::{Entry, hash};
use super::{Problem, ProblemError};
use crate::judge::{Judge, JudgeError};
pub use examine::examine;
pub use twins::Seen;

/// The state of a problem, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A reference passes, nothing wrong does.
    Fine,
    /// There is no reference to try.
    NoReference,
    /// Nothing decides.
    NoTests,
    /// The row can't be read.
    Unreadable,
    /// The same statement or tests as an earlier one, or as one of another set.
    Duplicate,
    /// The tests accept a program known to be wrong, or whatever does nothing.
    AcceptsWrong,
    /// A reference was accepted once and rejected once.
    Flaky,
    /// A reference needs more time than the limit allows on this machine.
    TimeTooTight,
    /// References fail, and what they print differs from what is expected in order, case or precision only.
    NeedsChecker,
    /// The program is to talk with another, and there is none.
    Interactive,
    /// No reference passes.
    FailsItsSolution,
    /// The test code or checker fails by itself.
    BrokenTest,
}

impl State {
    /// The name as JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::NoReference => "no_reference",
            Self::NoTests => "no_tests",
            Self::Unreadable => "unreadable",
            Self::Duplicate => "duplicate",
            Self::AcceptsWrong => "accepts_wrong",
            Self::Flaky => "flaky",
            Self::TimeTooTight => "time_too_tight",
            Self::NeedsChecker => "needs_checker",
            Self::Interactive => "interactive",
            Self::FailsItsSolution => "fails_its_solution",
            Self::BrokenTest => "broken_test",
        }
    }

    /// Whether figures on such a problem mean something.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Fine | Self::NoReference)
    }
}

/// What was found of one problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The problem; `?` where the row gave none.
    pub problem_id: String,
    /// In one word.
    pub state: State,
    /// The comparison in force.
    pub comparison: String,
    /// References tried.
    pub references: usize,
    /// Those accepted.
    pub references_accepted: usize,
    /// Programs known to be wrong that were tried.
    pub wrong: usize,
    /// Those rejected.
    pub wrong_rejected: usize,
    /// Why, in words.
    pub detail: String,
}

impl Finding {
    /// Its entry on a quarantine list; none where the problem can be used.
    pub fn entry(&self, problem: &Problem) -> Option<Entry> {
        (!self.state.is_usable()).then(|| Entry {
            problem_id: self.problem_id.clone(),
            sha256: hash(problem),
            reason: self.state.name().to_owned(),
            detail: self.detail.clone(),
            expires: None,
        })
    }
}

/// What an audit says as it goes.
#[derive(Debug)]
pub enum Told<'a> {
    /// What was found of the next problem.
    Found(&'a Finding),
    /// The judge failed on it, which says nothing of the problem.
    Lost(&'a Problem, JudgeError),
}

/// What an audit came to.
#[derive(Debug, Default)]
pub struct Audit {
    /// What was found, rows that gave no problem first.
    pub findings: Vec<Finding>,
    /// Problems that can't be used, for a quarantine list.
    pub entries: Vec<Entry>,
    /// Problems that the judge failed on.
    pub lost: usize,
}

impl Audit {
    /// Begins with the rows that gave no problem.
    pub fn of_unread(errors: &[ProblemError]) -> Self {
        Self {
            findings: errors.iter().map(unread).collect(),
            ..Self::default()
        }
    }

    /// Tries the programs of every problem, `most` of each list of it. `seen` knows the problems that they must not repeat.
    pub fn examine(
        &mut self,
        judge: &dyn Judge,
        problems: &[Problem],
        most: usize,
        seen: &mut Seen,
        on_told: &mut dyn FnMut(usize, Told<'_>),
    ) {
        for (index, problem) in problems.iter().enumerate() {
            let twin = seen.twin(problem, &problem.id);
            let found = examine(judge, problem, most).map(|mut finding| {
                if let Some(detail) = twin.filter(|_| finding.state.is_usable()) {
                    finding.state = State::Duplicate;
                    finding.detail = detail;
                }
                finding
            });
            match found {
                Ok(finding) => {
                    self.entries.extend(finding.entry(problem));
                    on_told(index, Told::Found(&finding));
                    self.findings.push(finding);
                }
                Err(error) => {
                    self.lost += 1;
                    on_told(index, Told::Lost(problem, error));
                }
            }
        }
    }

    /// Whether every problem can be used.
    pub fn is_usable(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.state.is_usable())
    }

    /// How many problems are in which state, and what became of their programs.
    pub fn summary(&self) -> String {
        let mut states: BTreeMap<State, usize> = BTreeMap::new();
        let mut sums = [0; 4];
        for finding in &self.findings {
            *states.entry(finding.state).or_default() += 1;
            for (sum, count) in sums.iter_mut().zip([
                finding.references_accepted,
                finding.references,
                finding.wrong_rejected,
                finding.wrong,
            ]) {
                *sum += count;
            }
        }
        let [accepted, references, rejected, wrong] = sums;
        let states: Vec<String> = states
            .iter()
            .map(|(state, count)| format!("{count} {}", state.name()))
            .collect();
        format!(
            "{} problems: {}\nreferences accepted {accepted} of {references}, wrong programs rejected {rejected} of {wrong}",
            self.findings.len(),
            states.join(", ")
        )
    }
}

/// A row that gave no problem.
fn unread(error: &ProblemError) -> Finding {
    let (problem_id, state) = match error {
        ProblemError::NoTests { id, .. } => (id.clone(), State::NoTests),
        ProblemError::DuplicateId { id, .. } => (id.clone(), State::Duplicate),
        _ => ("?".to_owned(), State::Unreadable),
    };
    Finding {
        problem_id,
        state,
        comparison: String::new(),
        references: 0,
        references_accepted: 0,
        wrong: 0,
        wrong_rejected: 0,
        detail: format!("failed to {error}"),
    }
}

#[cfg(test)]
mod tests;
