//! Counts of an evaluation that was read: whether they can be. The file may have been edited by hand, or mean harm.

use std::collections::BTreeSet;

use super::Evaluation;
use crate::environment::FeedbackSource;

/// Episodes of one problem at most: sums over a set stay whole numbers, and nobody plays as many.
const MOST_EPISODES: usize = 1 << 24;

impl Evaluation {
    /// Refuses counts that can't be.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for record in &self.problems {
            let of = |reason: String| format!("problem {}: {reason}", record.id);
            if !seen.insert(&record.id) {
                return Err(of("it is listed twice".to_owned()));
            }
            if record.c.len() != self.provenance.play.turns {
                return Err(of(format!(
                    "c has {} entries, one a turn would be {}",
                    record.c.len(),
                    self.provenance.play.turns
                )));
            }
            let counts = [("n", record.n), ("lost", record.lost)];
            if let Some((name, found)) = counts.iter().find(|(_, count)| *count > MOST_EPISODES) {
                return Err(of(format!(
                    "{name} is {found}; expected at most {MOST_EPISODES}"
                )));
            }
            let failed = record.failures.values();
            let failed = failed.fold(0_usize, |sum, count| sum.saturating_add(*count));
            if failed > record.n {
                return Err(of(format!(
                    "failures add up to {failed} of n = {}",
                    record.n
                )));
            }
            if let Some(c) = record.c.iter().find(|&&c| c > record.n) {
                return Err(of(format!("c is {c} of n = {}", record.n)));
            }
            if self.provenance.play.feedback != FeedbackSource::SelfRepair
                && let Some(pair) = record.c.windows(2).find(|pair| pair[1] < pair[0])
            {
                return Err(of(format!(
                    "c falls from {} to {}: what was solved by a turn is so by the next, as episodes end there",
                    pair[0], pair[1]
                )));
            }
            if record.public > record.n || record.c.last().is_some_and(|&c| c > record.public) {
                return Err(of(format!(
                    "public is {}; expected between c and n = {}",
                    record.public, record.n
                )));
            }
            if record.rules >= self.rules.len() {
                return Err(of(format!(
                    "rules is {} of {}",
                    record.rules,
                    self.rules.len()
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::evaluation::record::Evaluation;
    use crate::gate::tests::evaluation;
    use crate::verdict::Grade;

    #[test]
    fn counts_that_cannot_be_are_refused_by_name() {
        type Change = fn(&mut Evaluation);
        let cases: [(Change, &str); 8] = [
            (
                |file| file.problems[0].n = 1 << 63,
                "n is 9223372036854775808",
            ),
            (|file| file.problems[1].n = usize::MAX, "problem p001: n is"),
            (|file| file.problems[0].lost = usize::MAX, "lost is"),
            (
                |file| {
                    let failures = &mut file.problems[0].failures;
                    failures.insert(Grade::TimeLimit, usize::MAX);
                    failures.insert(Grade::WrongAnswer, 2);
                },
                "failures add up to",
            ),
            (|file| file.problems[0].c = vec![4], "c is 4 of n = 3"),
            (|file| file.problems[0].c = vec![], "c has 0 entries"),
            (|file| file.problems[0].rules = 1, "rules is 1 of 1"),
            (
                |file| {
                    file.provenance.play.turns = 2;
                    file.problems[0].c = vec![1, 0];
                    file.problems[1].c = vec![2, 2];
                },
                "problem p000: c falls from 1 to 0",
            ),
        ];
        evaluation(&[(3, 1), (3, 2)]).check().unwrap();
        for (change, words) in cases {
            let mut file = evaluation(&[(3, 1), (3, 2)]);
            change(&mut file);
            let reason = file.check().unwrap_err();
            assert!(reason.contains(words), "{reason}");
        }
        // Who is told nothing may give a right answer up again.
        let mut file = evaluation(&[(3, 1)]);
        file.provenance.play.turns = 2;
        file.provenance.play.feedback = crate::environment::FeedbackSource::SelfRepair;
        file.problems[0].c = vec![2, 1];
        file.check().unwrap();
    }
}
