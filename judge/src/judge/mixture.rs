//! A judge over judges: the verdict of the one that gives one, and the scores of all. An error of one is the error of all.

use rlef_sandbox::Cancel;

use super::checked::Checked;
use super::{Asks, Judge, JudgeError, Judgement, Keys, OnJudgement, Preference, Reads, Submission};
use crate::problem::Problem;
use crate::verdict::Scope;

/// Judges side by side, each with the weight that its word has where answers are compared.
pub struct Mixture {
    members: Vec<(Box<dyn Judge>, f64)>,
    name: String,
}

impl Mixture {
    /// A mixture of these judges; the reason where they can't be mixed.
    pub fn of(members: Vec<(Box<dyn Judge>, f64)>) -> Result<Self, String> {
        if members.is_empty() {
            return Err("there is no judge; name one at least".to_owned());
        }
        let names: Vec<&str> = members.iter().map(|(judge, _)| judge.name()).collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return Err(format!(
                    "judge `{name}` is named twice, and its scores could not be told apart; keep one"
                ));
            }
        }
        let deciders: Vec<&str> = (members.iter())
            .filter(|(judge, _)| judge.gives_verdicts())
            .map(|(judge, _)| judge.name())
            .collect();
        if let [one, other, ..] = deciders[..] {
            return Err(format!(
                "both `{one}` and `{other}` give verdicts, and they may differ; keep one of them"
            ));
        }
        let name = names.join("+");
        let checked = |(judge, weight)| (Box::new(Checked(judge)) as Box<dyn Judge>, weight);
        let members = members.into_iter().map(checked).collect();
        Ok(Self { members, name })
    }

    /// The members that a submission is handed to, the one that gives verdicts last: what it says is handed over at once.
    fn asked(&self, asks: Asks) -> Vec<usize> {
        let mut asked: Vec<usize> = (0..self.members.len())
            .filter(|&member| asks == Asks::Everything || self.members[member].0.gives_verdicts())
            .collect();
        asked.sort_by_key(|&member| self.members[member].0.gives_verdicts());
        asked
    }

    fn judges(&self) -> impl Iterator<Item = &(dyn Judge + 'static)> {
        self.members.iter().map(|(judge, _)| &**judge)
    }
}

/// What members said of one submission, by member.
type Heard = Result<Vec<(usize, Judgement)>, JudgeError>;

/// One judgement of what members said, in the order in which they are named.
fn joined(mut heard: Vec<(usize, Judgement)>) -> Judgement {
    heard.sort_by_key(|(member, _)| *member);
    let mut all = Judgement::of_scores(Vec::new());
    for (_, judgement) in heard {
        all.verdict = all.verdict.or(judgement.verdict);
        all.scores.extend(judgement.scores);
        all.repeatable &= judgement.repeatable;
    }
    all
}

impl Judge for Mixture {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.judges()
            .try_for_each(|judge| judge.supports(problem, scope))
    }

    fn stamp(&self) -> String {
        let stamps: Vec<String> = (self.members.iter())
            .map(|(judge, weight)| format!("{}*{weight} {{{}}}", judge.name(), judge.stamp()))
            .collect();
        stamps.join(" ")
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        self.judge_with(&Keys::default(), submission, cancel)
    }

    fn judge_with(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let heard: Heard = (self.asked(submission.asks).into_iter())
            .map(|member| {
                let judge = &self.members[member].0;
                Ok((member, judge.judge_with(keys, submission, cancel)?))
            })
            .collect();
        let all = heard.map(joined)?;
        self.told(submission, &all);
        Ok(all)
    }

    fn stamp_on(&self, submission: &Submission<'_>) -> String {
        let stamps: Vec<String> = (self.members.iter())
            .map(|(judge, weight)| {
                let stamp = judge.stamp_on(submission);
                format!("{}*{weight} {{{stamp}}}", judge.name())
            })
            .collect();
        stamps.join(" ")
    }

    fn reads(&self) -> Reads {
        let mut all = self.judges().map(Judge::reads);
        all.find(|reads| *reads == Reads::Text)
            .unwrap_or(Reads::Program)
    }

    fn gives_verdicts(&self) -> bool {
        self.judges().any(Judge::gives_verdicts)
    }

    fn workers(&self) -> usize {
        self.judges().map(Judge::workers).max().unwrap_or(1)
    }

    /// Each member is given all it has to judge at once.
    fn is_batched(&self) -> bool {
        self.judges().any(Judge::is_batched)
    }

    fn judge_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        let mut heard: Vec<Heard> = submissions.iter().map(|_| Ok(Vec::new())).collect();
        let mut left: Vec<usize> = submissions
            .iter()
            .map(|submission| self.asked(submission.asks).len())
            .collect();
        let asked = self.asked(Asks::Everything);
        for (place, _) in left.iter().enumerate().filter(|(_, left)| **left == 0) {
            on_judgement(place, Ok(Judgement::of_scores(Vec::new())));
        }
        for member in asked {
            let judge = &self.members[member].0;
            let places: Vec<usize> = (0..submissions.len())
                .filter(|&place| {
                    let asks = submissions[place].asks;
                    heard[place].is_ok() && left[place] > 0 && self.asked(asks).contains(&member)
                })
                .collect();
            let rest: Vec<Submission<'_>> =
                places.iter().map(|&place| submissions[place]).collect();
            if rest.is_empty() || cancel.is_cancelled() {
                continue;
            }
            judge.judge_all(&rest, cancel, &mut |index, result| {
                let place = places[index];
                left[place] -= 1;
                match result {
                    Ok(judgement) => {
                        if let Ok(heard) = &mut heard[place] {
                            heard.push((member, judgement));
                        }
                    }
                    Err(error) => {
                        // Nobody else need be asked.
                        left[place] = 0;
                        heard[place] = Err(error);
                    }
                }
                if left[place] == 0 {
                    let all = std::mem::replace(&mut heard[place], Err(JudgeError::Stopped));
                    let all = all.map(joined);
                    if let Ok(all) = &all {
                        self.told(&submissions[place], all);
                    }
                    on_judgement(place, all);
                }
            });
        }
    }

    fn told(&self, submission: &Submission<'_>, all: &Judgement) {
        self.judges().for_each(|judge| judge.told(submission, all));
    }

    fn notes(&self) -> Vec<String> {
        self.judges().flat_map(Judge::notes).collect()
    }

    fn compares(&self) -> bool {
        self.judges().any(Judge::compares)
    }

    /// By votes: of two answers the one before the other gets the member's weight, and both get half of it where they tie; a
    /// member that says how likely each is better shares its weight out by that. Where only one compares, its word stands.
    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let mut able = self.members.iter().filter(|(judge, _)| judge.compares());
        if let (Some((only, weight)), None) = (able.next(), able.next())
            && *weight > 0.0
        {
            return only.compare(submissions, cancel);
        }
        let mut votes = vec![0.0; submissions.len()];
        let mut reasons = Vec::new();
        let mut all = 0.0;
        for (judge, weight) in self.members.iter().filter(|(judge, _)| judge.compares()) {
            let said = judge.compare(submissions, cancel)?;
            let places = &said.places;
            for (one, place) in places.iter().enumerate() {
                for (other, beside) in places.iter().enumerate() {
                    let likely = said.beats.get(one).and_then(|row| row[other]);
                    votes[one] += match (likely, place.cmp(beside)) {
                        _ if one == other => 0.0,
                        (Some(likely), _) => weight * likely,
                        (None, std::cmp::Ordering::Less) => *weight,
                        (None, std::cmp::Ordering::Equal) => weight / 2.0,
                        (None, std::cmp::Ordering::Greater) => 0.0,
                    };
                }
            }
            all += weight;
            if !said.reason.is_empty() {
                reasons.push(format!("{}: {}", judge.name(), said.reason));
            }
        }
        if all <= 0.0 {
            return Err(JudgeError::NoComparison {
                judge: self.name.clone(),
                answers: submissions.len(),
            });
        }
        let places = votes
            .iter()
            .map(|own| votes.iter().filter(|other| *other > own).count())
            .collect();
        Ok(Preference {
            places,
            certainty: None,
            beats: Vec::new(),
            reason: reasons.join("; "),
        })
    }
}
