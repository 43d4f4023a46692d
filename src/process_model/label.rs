//! Answers → their steps with labels: exact ones, where the problem's own lines tell what every line leaves behind, or estimated ones,
//! by how many of some completions from each step pass all tests (Wang et al. 2023, "Math-Shepherd", section 3.2: hard where any does,
//! soft as their share).

use rlef_sandbox::Cancel;

use super::of_answer;
use crate::completion::Sampling;
use crate::dialogue::Message;
use crate::judge::{self, Asks, Judge, JudgeError, Submission};
use crate::pairs::{Answer, Asked, CLUSTER};
use crate::policy::{Policy, PolicyError, SampleRequest, sample_all};
use crate::preference::{Labels, Mark, Said, Steps};
use crate::problem::{Problem, contest};
use crate::program::{Program, Wanted};
use crate::verdict::{Scope, StopAt};

/// How steps are labelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Means {
    /// By what every line leaves behind; of programs made of the built-in problems' own lines alone.
    Exact,
    /// Right where any completion from it passes all tests.
    #[default]
    Hard,
    /// By the share of completions from it that pass all tests.
    Soft,
}

impl Means {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Hard => "hard",
            Self::Soft => "soft",
        }
    }
}

/// What came of some answers.
#[derive(Debug, Default)]
pub struct Found {
    /// Those with labels.
    pub items: Vec<Steps>,
    /// Answers without: none of the set's own lines, or no step at all.
    pub unlabelled: usize,
    /// Answers of which a completion or a verdict was lost.
    pub lost: Vec<(String, JudgeError)>,
    /// Completions that were sampled.
    pub completions: usize,
}

fn steps(
    answer: &Answer,
    asked: &Asked,
    marks: Vec<Mark>,
    shares: Vec<f64>,
    means: Means,
) -> Steps {
    let lines = of_answer(&answer.text).into_iter();
    let labels = Labels::from([
        ("problem".to_owned(), asked.id.clone()),
        (CLUSTER.to_owned(), asked.cluster.clone()),
        ("labelled".to_owned(), means.name().to_owned()),
        ("policy_version".to_owned(), answer.step.to_string()),
        ("sample".to_owned(), answer.sample.to_string()),
    ]);
    Steps {
        prompt: Said::plain(&asked.prompt),
        steps: lines.map(|line| answer.text[line].to_owned()).collect(),
        marks,
        shares,
        labels,
    }
}

/// Labels what can be labelled without a doubt: answers that are programs of the problem's own kind of lines, nothing beside them.
pub fn exact(answers: &[Answer], problems: &[Problem], asked: &[Asked]) -> Found {
    let mut found = Found::default();
    for answer in answers {
        match exact_marks(answer, &problems[answer.problem]) {
            Some(marks) => {
                let marks = marks.into_iter().map(mark).collect();
                let item = steps(
                    answer,
                    &asked[answer.problem],
                    marks,
                    Vec::new(),
                    Means::Exact,
                );
                found.items.push(item);
            }
            None => found.unlabelled += 1,
        }
    }
    found
}

/// Whether each step is right, where the program's lines are all the steps there are.
fn exact_marks(answer: &Answer, problem: &Problem) -> Option<Vec<bool>> {
    let found = Program::find(&answer.text, &Wanted::of(problem)).ok()?;
    let source = found.program.source;
    let steps = of_answer(&answer.text).into_iter();
    let steps = steps.map(|step| answer.text[step].trim_end());
    let lines = source.lines().map(str::trim_end);
    if !steps.eq(lines.filter(|line| !line.is_empty())) {
        return None;
    }
    contest::marks(problem, &source)
}

fn mark(is_right: bool) -> Mark {
    if is_right { Mark::Good } else { Mark::Bad }
}

/// How completions are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// From each step.
    pub completions: usize,
    /// How each is sampled.
    pub sampling: Sampling,
    /// Names all draws.
    pub seed: u64,
}

/// Labels every step by completions from it, judged by all tests; the last one by the answer itself, of which there is nothing left
/// to complete.
pub fn estimated(
    (answers, problems, asked): (&[Answer], &[Problem], &[Asked]),
    policy: &dyn Policy,
    judge: &dyn Judge,
    drawn: &Drawn,
    means: Means,
) -> Result<Found, PolicyError> {
    let mut found = Found::default();
    for (number, answer) in answers.iter().enumerate() {
        let lines = of_answer(&answer.text);
        let problem = &problems[answer.problem];
        let asked = &asked[answer.problem];
        let Some((_, earlier)) = lines.split_last() else {
            found.unlabelled += 1;
            continue;
        };
        let mut starts: Vec<String> = Vec::new();
        for line in earlier {
            starts.push(format!("{}\n", &answer.text[..line.end]));
        }
        let requests = requests(policy, (problem, asked), &starts, drawn, number)?;
        let texts = sample_all(policy, requests, &drawn.sampling)?;
        found.completions += texts.len();
        let mut whole: Vec<String> = Vec::new();
        let mut lost = 0;
        for (place, said) in texts.into_iter().enumerate() {
            match said {
                Ok(said) => whole.push(starts[place / drawn.completions].clone() + &said.text),
                Err(_) => lost += 1,
            }
        }
        if lost > 0 {
            found.unlabelled += 1;
            continue;
        }
        whole.push(answer.text.clone());
        match passed(problem, &whole, judge) {
            Err(error) => found.lost.push((problem.id.clone(), error)),
            Ok(passed) => {
                let groups = passed.chunks(drawn.completions);
                let share = |group: &[bool]| {
                    group.iter().filter(|passed| **passed).count() as f64 / group.len() as f64
                };
                let shares: Vec<f64> = groups.map(share).collect();
                let marks = shares.iter().map(|share| mark(*share > 0.0)).collect();
                let kept = if means == Means::Soft {
                    shares
                } else {
                    Vec::new()
                };
                found.items.push(steps(answer, asked, marks, kept, means));
            }
        }
    }
    Ok(found)
}

/// So many completions of each start. Each draw is named by the seed, the answer, the step and its number alone.
fn requests(
    policy: &dyn Policy,
    (problem, asked): (&Problem, &Asked),
    starts: &[String],
    drawn: &Drawn,
    number: usize,
) -> Result<Vec<SampleRequest>, PolicyError> {
    let ids = policy.ids();
    let mut requests = Vec::with_capacity(starts.len() * drawn.completions);
    for (step, start) in starts.iter().enumerate() {
        let prefix = match &ids {
            None => None,
            Some(ids) => {
                let place = crate::checkpoint::tokenizer::Place::Opening;
                let opening = ids.message(place, &asked.prompt)?;
                let count = opening.len();
                Some(([opening, ids.tokenizer.encode(start)?].concat(), count))
            }
        };
        for completion in 0..drawn.completions {
            let place = (number * 64 + step) * drawn.completions + completion;
            requests.push(SampleRequest {
                problem_id: problem.id.clone(),
                sample: completion,
                turn: 0,
                dialogue: vec![
                    Message::user(asked.prompt.clone()),
                    Message::assistant(start.clone()),
                ],
                opening: prefix.as_ref().map_or(0, |(_, count)| *count),
                prefix: prefix.as_ref().map(|(ids, _)| ids.clone()),
                seed: drawn.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place as u64,
            });
        }
    }
    Ok(requests)
}

/// Whether each answer passes all tests. One that can't be judged is the error of all.
pub fn passed(
    problem: &Problem,
    answers: &[String],
    judge: &dyn Judge,
) -> Result<Vec<bool>, JudgeError> {
    let wanted = Wanted::of(problem);
    let programs: Vec<Option<Program>> = (answers.iter())
        .map(|text| Program::find(text, &wanted).ok().map(|found| found.program))
        .collect();
    let submissions: Vec<Submission<'_>> = (answers.iter().zip(&programs))
        .map(|(text, program)| Submission {
            text,
            asks: Asks::Verdict,
            ..Submission::of(problem, program.as_ref(), Scope::All, StopAt::FirstFailure)
        })
        .collect();
    let judged = judge::distinct(judge, &submissions, &Cancel::never());
    let accepted = judged.into_iter().map(|judged| {
        let verdict = judged?.verdict.ok_or_else(|| JudgeError::NoVerdict {
            judge: judge.name().to_owned(),
            id: problem.id.clone(),
        })?;
        Ok(verdict.is_accepted())
    });
    accepted.collect()
}
