//! Two journals of the same play → where they part. Pure: judges nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::EpisodeRecord;
use crate::problem::printable;
use crate::verdict::Grade;

/// A verdict as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The grade; absent where the sandbox gave none.
    pub grade: Option<Grade>,
    /// Tests passed and tests there are, where both sides count alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<(usize, usize)>,
}

/// One place where two sides part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Policy version.
    pub step: usize,
    /// The problem.
    pub problem_id: String,
    /// The episode.
    pub sample: usize,
    /// The turn, from one; absent where it is about all tests on the last answer, or the whole episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<usize>,
    /// What parts.
    pub what: What,
    /// More of it, in words; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The same answer is judged otherwise.
    Verdict {
        /// By the first side.
        was: Told,
        /// By the second.
        is: Told,
    },
    /// The policy said something else; what follows is another episode.
    Answer,
    /// The same answer was followed by other feedback.
    Feedback,
    /// One side has more turns.
    Turns,
    /// Only the first side has the episode.
    Missing,
    /// Only the second has it.
    New,
}

impl std::fmt::Display for Told {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let grade = self.grade.map_or("lost to the sandbox", Grade::name);
        match self.tests {
            Some((passed, total)) => write!(out, "{} {passed}/{total}", grade.replace('_', " ")),
            None => write!(out, "{}", grade.replace('_', " ")),
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} step {} sample {}",
            printable(&self.problem_id),
            self.step,
            self.sample
        )?;
        match (&self.what, self.turn) {
            (What::Verdict { .. }, None) => write!(out, ", all tests")?,
            (_, Some(turn)) => write!(out, ", turn {turn}")?,
            _ => {}
        }
        match &self.what {
            What::Verdict { was, is } => write!(out, ": was {was}, is {is}")?,
            What::Answer => write!(out, ": another answer")?,
            What::Feedback => write!(out, ": other feedback to the same answer")?,
            What::Turns => write!(out, ": another number of turns")?,
            What::Missing => write!(out, ": only in the first journal")?,
            What::New => write!(out, ": only in the second journal")?,
        }
        if !self.detail.is_empty() {
            write!(out, "; {}", printable(&self.detail))?;
        }
        Ok(())
    }
}

/// Where `new` parts from `old`, the first place of each episode only: after it the two are different plays.
pub fn diff(old: &[EpisodeRecord], new: &[EpisodeRecord]) -> Vec<Change> {
    let key = |record: &EpisodeRecord| (record.step, record.problem_id.clone(), record.sample);
    let mut theirs: BTreeMap<_, &EpisodeRecord> =
        new.iter().map(|record| (key(record), record)).collect();
    let mut changes = Vec::new();
    for record in old {
        let change = match theirs.remove(&key(record)) {
            Some(other) => parting(record, other),
            None => Some((None, What::Missing)),
        };
        changes.extend(change.map(|(turn, what)| named(record, turn, what)));
    }
    changes.extend(
        theirs
            .into_values()
            .map(|record| named(record, None, What::New)),
    );
    changes
}

/// A change of an episode.
pub fn named(record: &EpisodeRecord, turn: Option<usize>, what: What) -> Change {
    Change {
        step: record.step,
        problem_id: record.problem_id.clone(),
        sample: record.sample,
        turn,
        what,
        detail: String::new(),
    }
}

fn parting(old: &EpisodeRecord, new: &EpisodeRecord) -> Option<(Option<usize>, What)> {
    for (index, (one, other)) in old.turns.iter().zip(&new.turns).enumerate() {
        // Counts of a turn that ended at its first failure are of fewer tests than those of one that did not.
        let alike = one.stopped == other.stopped;
        let told = |turn: &super::TurnRecord| Told {
            grade: Some(turn.grade),
            tests: alike.then_some((turn.passed, turn.total)),
        };
        let turn = Some(index + 1);
        if one.text != other.text {
            return Some((turn, What::Answer));
        }
        if told(one) != told(other) {
            return Some((
                turn,
                What::Verdict {
                    was: told(one),
                    is: told(other),
                },
            ));
        }
        let goes_on = index + 1 < old.turns.len().min(new.turns.len());
        if goes_on && one.feedback != other.feedback {
            return Some((turn, What::Feedback));
        }
    }
    if old.turns.len() != new.turns.len() {
        return Some((None, What::Turns));
    }
    let told = |record: &EpisodeRecord| Told {
        grade: record.outcome,
        tests: None,
    };
    (old.outcome != new.outcome).then(|| {
        (
            None,
            What::Verdict {
                was: told(old),
                is: told(new),
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;

    fn record(grades: &[Grade], solved: bool) -> EpisodeRecord {
        EpisodeRecord::new(3, &played(grades, solved))
    }

    #[test]
    fn equal_journals_do_not_part() {
        let one = [record(&[Grade::WrongAnswer, Grade::Accepted], true)];
        assert!(diff(&one, &one).is_empty());
    }

    #[test]
    fn each_kind_is_named_at_its_first_place() {
        let old = record(&[Grade::WrongAnswer, Grade::Accepted], true);
        let said = |change: &dyn Fn(&mut EpisodeRecord)| {
            let mut new = old.clone();
            change(&mut new);
            let changes = diff(std::slice::from_ref(&old), &[new]);
            changes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(
            said(&|new| new.turns[0].grade = Grade::TimeLimit),
            "p step 3 sample 0, turn 1: was wrong answer 0/1, is time limit 0/1"
        );
        assert_eq!(
            said(&|new| {
                new.turns[1].text = "x".to_owned();
                new.outcome = None;
            }),
            "p step 3 sample 0, turn 2: another answer"
        );
        assert_eq!(
            said(&|new| new.turns[0].feedback = "x".to_owned()),
            "p step 3 sample 0, turn 1: other feedback to the same answer"
        );
        assert_eq!(
            said(&|new| new.outcome = Some(Grade::MemoryLimit)),
            "p step 3 sample 0, all tests: was accepted, is memory limit"
        );
        assert_eq!(
            said(&|new| drop(new.turns.pop())),
            "p step 3 sample 0: another number of turns"
        );
        assert_eq!(
            said(&|new| new.sample = 7),
            "p step 3 sample 0: only in the first journal\np step 3 sample 7: only in the second journal"
        );
    }
}
