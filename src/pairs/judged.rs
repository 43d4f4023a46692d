//! Answers and a judge → what is said of each: by tests and scores, or by a judge that puts all answers to a problem in order.

use std::collections::BTreeMap;

use rlef_sandbox::Cancel;

use super::answers::Answer;
use super::{Judged, Likely, Rule};
use crate::judge::{Asks, Judge, JudgeError, Judgement, Submission};
use crate::problem::Problem;
use crate::program::{Program, Wanted};
use crate::verdict::{Grade, Scope, StopAt};

/// Answers that were judged.
#[derive(Debug, Default)]
pub struct Heard {
    /// Those of which something is said.
    pub judged: Vec<Judged>,
    /// The problems of those that a judge failed on, and why.
    pub lost: Vec<(String, JudgeError)>,
    /// Answers that a judge was to compare and has no opinion on.
    pub silent: usize,
}

impl Heard {
    /// Why a judge is not to be trusted any more, where one isn't.
    pub fn distrusted(&self) -> Option<&JudgeError> {
        let errors = self.lost.iter().map(|(_, error)| error);
        let mut distrusted = errors.filter(|error| matches!(error, JudgeError::Distrusted { .. }));
        distrusted.next()
    }
}

/// Is told how many answers are judged.
pub type OnJudged<'a> = &'a mut dyn FnMut(usize);

/// Has answers judged by all tests of their problem and by whoever else judges, as far as `rule` asks for it. `weights` say what
/// the scores of each judge count, `least` which of them a constraint is met with.
pub fn judged(
    answers: Vec<Answer>,
    problems: &[Problem],
    judge: &dyn Judge,
    (weights, least): (&BTreeMap<String, f64>, &BTreeMap<String, f64>),
    rule: Rule,
    on_judged: OnJudged<'_>,
) -> Heard {
    let programs: Vec<Option<Program>> = answers
        .iter()
        .map(|answer| {
            let wanted = Wanted::of(&problems[answer.problem]);
            let found = Program::find(&answer.text, &wanted).ok();
            found.map(|found| found.program)
        })
        .collect();
    let submissions: Vec<Submission<'_>> = (answers.iter().zip(&programs))
        .map(|(answer, program)| Submission {
            problem: &problems[answer.problem],
            text: &answer.text,
            program: program.as_ref(),
            turn: 0,
            scope: Scope::All,
            // How many tests fail is only known where all are run.
            stop: StopAt::Never,
            asks: Asks::Everything,
        })
        .collect();
    if rule == Rule::Compared {
        return compared(&answers, &submissions, judge, on_judged);
    }
    let mut heard: Vec<Option<Judgement>> = vec![None; answers.len()];
    let (mut done, mut lost) = (0, Vec::new());
    judge.judge_all(&submissions, &Cancel::default(), &mut |place, judgement| {
        done += 1;
        on_judged(done);
        match judgement {
            Ok(judgement) => heard[place] = Some(judgement),
            Err(error) => lost.push((submissions[place].problem.id.clone(), error)),
        }
    });
    let judged = answers.iter().zip(heard).filter_map(|(answer, judgement)| {
        let judgement = judgement?;
        let verdict = judgement.verdict.as_ref();
        if verdict.is_some_and(|verdict| verdict.grade == Grade::Unsupported) {
            return None;
        }
        let whole = judgement.scores.iter().filter(|score| score.span.is_none());
        let weighed: Option<Vec<f64>> = whole
            .map(|score| Some(weights.get(&score.judge).copied().unwrap_or(1.0) * score.value?))
            .collect();
        // Nobody's opinion is no number, and nothing to compare by; nor is what is left where one of them has none.
        let score = match weighed {
            Some(weighed) if !weighed.is_empty() => weighed.iter().sum(),
            _ => f64::NAN,
        };
        let solved = verdict.is_some_and(|verdict| verdict.grade == Grade::Accepted);
        let met = |(judge, least): (&String, &f64)| {
            let mut whole = judgement.scores.iter().filter(|score| score.span.is_none());
            let score = whole.find(|score| score.judge == *judge);
            match score {
                Some(score) => score.value.is_some_and(|value| value >= *least),
                // The verdict is the only word of the tests.
                None => judge == "tests" && solved,
            }
        };
        Some(Judged {
            is_unmet: !least.iter().all(met),
            tests: verdict.map(|verdict| (verdict.passed, verdict.total)),
            solved,
            score,
            ..Judged::of(answer)
        })
    });
    Heard {
        judged: judged.collect(),
        lost,
        silent: 0,
    }
}

/// Has a judge put the different answers to each problem in order.
fn compared(
    answers: &[Answer],
    submissions: &[Submission<'_>],
    judge: &dyn Judge,
    on_judged: OnJudged<'_>,
) -> Heard {
    let mut of_problems: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, answer) in answers.iter().enumerate() {
        let same = |other: &usize| answers[*other].text.trim() == answer.text.trim();
        let known = of_problems.entry(answer.problem).or_default();
        if !answer.text.trim().is_empty() && !known.iter().any(same) {
            known.push(place);
        }
    }
    let (mut found, mut done) = (Heard::default(), 0);
    for places in of_problems.into_values() {
        done += places.len();
        // One answer alone is better than none.
        if places.len() > 1 {
            let together: Vec<Submission<'_>> =
                places.iter().map(|&place| submissions[place]).collect();
            match judge.compare(&together, &Cancel::default()) {
                Ok(preference) => {
                    let certainty = preference.certainty.filter(|_| places.len() == 2);
                    let beats = preference.beats;
                    let ranked = places.iter().zip(preference.places).enumerate();
                    found
                        .judged
                        .extend(ranked.map(|(own, (&place, rank))| Judged {
                            place: Some(rank),
                            certainty,
                            likely: beats.get(own).map(|over| Likely {
                                own,
                                over: over.clone(),
                            }),
                            ..Judged::of(&answers[place])
                        }));
                }
                Err(JudgeError::NoOpinion { .. }) => found.silent += places.len(),
                // Whoever is asked next would say the same.
                Err(error @ JudgeError::Distrusted { .. }) => {
                    found.lost.push((together[0].problem.id.clone(), error));
                    break;
                }
                Err(error) => found.lost.extend(
                    places
                        .iter()
                        .map(|&place| (submissions[place].problem.id.clone(), error.clone())),
                ),
            }
        }
        on_judged(done);
    }
    found
}
