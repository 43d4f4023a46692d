//! Answers of journals → what people label, each with a name made of what it holds, so that it is the same thing whenever the
//! pages are started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rand::SeedableRng;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::journal::{self, EpisodeRecord, JournalError};
use crate::pairs::Asked;
use crate::problem::Problem;
use crate::problem::id::ById;
use crate::process_model;
use crate::verdict::Grade;

/// Answers of a ranking at most (InstructGPT, section 3.4: 4 to 9).
const MOST_RANKED: usize = 7;

/// What is asked of a labeller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Which of two answers is better.
    #[default]
    Pairs,
    /// The order of several.
    Rankings,
    /// What each step of an answer is.
    Steps,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Rankings => "rankings",
            Self::Steps => "steps",
        }
    }
}

/// What is labelled first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Next {
    /// Whatever is drawn.
    #[default]
    Random,
    /// That on which the judges in the journal (an ensemble of reward models) disagree most.
    Disagreement,
}

/// An answer, with what else is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// Who gave it: a policy's version.
    pub by: String,
    /// What execution said, where that is known; shown by a switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// What judges scored it, by name; never shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

/// What execution said of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The grade by its public tests, or by all where that is known.
    pub grade: Grade,
    /// Tests passed.
    pub passed: usize,
    /// Tests there are.
    pub total: usize,
    /// What failed first, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure: String,
}

/// What is labelled at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its name: a hash of prompt and answers.
    pub id: String,
    /// The problem.
    pub problem_id: String,
    /// What it was sampled together with.
    pub cluster: String,
    /// What was asked.
    pub prompt: String,
    /// One answer for steps, two for a pair, more for a ranking.
    pub answers: Vec<Answer>,
    /// The steps of the answer as bytes of it, for steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(usize, usize)>,
}

/// All there is to label, in the order in which it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What is asked.
    pub kind: Kind,
    /// What is labelled.
    pub items: Vec<Item>,
}

impl Item {
    fn of(kind: Kind, asked: &Asked, answers: Vec<Answer>) -> Self {
        let mut digest = Sha256::new();
        digest.update(kind.name());
        for text in std::iter::once(&asked.prompt).chain(answers.iter().map(|answer| &answer.text))
        {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        let id = digest.finalize();
        let id: Vec<String> = id
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let id = id.concat();
        let steps = match (kind, answers.first()) {
            (Kind::Steps, Some(answer)) => process_model::of_answer(&answer.text)
                .into_iter()
                .map(|step| (step.start, step.end))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            id,
            problem_id: asked.id.clone(),
            cluster: asked.cluster.clone(),
            prompt: asked.prompt.clone(),
            answers,
            steps,
        }
    }

    /// The text of a step.
    pub fn step(&self, number: usize) -> &str {
        let text = self.answers.first().map_or("", |answer| &answer.text);
        self.steps
            .get(number)
            .and_then(|&(start, end)| text.get(start..end))
            .unwrap_or_default()
    }

    /// How far the judges that scored all its answers disagree on the first two: the variance of how likely each finds the one
    /// better, its scores brought to the deviation that they have over all answers.
    fn disagreement(&self, deviations: &BTreeMap<String, f64>) -> f64 {
        let [one, other, ..] = &self.answers[..] else {
            return 0.0;
        };
        let likely = one.scores.iter().filter_map(|(judge, score)| {
            let deviation = deviations
                .get(judge)
                .filter(|deviation| **deviation > 0.0)?;
            let apart = (score - other.scores.get(judge)?) / deviation;
            Some(1.0 / (1.0 + (-apart).exp()))
        });
        variance(&likely.collect::<Vec<f64>>())
    }
}

fn variance(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count
}

/// The first answers of some journals, by problem, each text once. The error says what is wrong.
pub fn answers_of(
    paths: &[PathBuf],
    problems: &[Problem],
) -> Result<Vec<Vec<Answer>>, AnswersError> {
    let by_id = ById::new(problems);
    let mut all: Vec<Vec<Answer>> = vec![Vec::new(); problems.len()];
    for path in paths {
        let records: Vec<EpisodeRecord> = journal::read(path)?;
        for record in records {
            let wrong = |reason| AnswersError::Problems {
                path: path.clone(),
                reason,
            };
            let problem = by_id.find(&record.problem_id).map_err(wrong)?;
            let place = problems
                .iter()
                .position(|other| std::ptr::eq(other, problem));
            let (Some(place), Some(answer)) = (place, first_answer(&record)) else {
                continue;
            };
            let is_new = all[place]
                .iter()
                .all(|known| known.text.trim() != answer.text.trim());
            if is_new && !answer.text.trim().is_empty() {
                all[place].push(answer);
            }
        }
    }
    Ok(all)
}

/// Why there is nothing to label.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// A journal can't be read.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// It is of other problems.
    #[error("failed to use {}: {reason}", path.display())]
    Problems {
        /// The journal.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn first_answer(record: &EpisodeRecord) -> Option<Answer> {
    let turn = record.turns.first()?;
    let failure = turn.failures.first().map_or_else(String::new, |failure| {
        let told = if failure.trace.is_empty() {
            &failure.got
        } else {
            &failure.trace
        };
        format!(
            "test {}: {}: {}",
            failure.test,
            failure.grade.name().replace('_', " "),
            told.trim()
        )
    });
    let (grade, passed, total) = match (record.turns.len(), record.outcome) {
        (1, Some(outcome)) => (outcome, record.passed, record.total),
        _ => (turn.grade, turn.passed, turn.total),
    };
    let whole = turn.scores.iter().filter(|score| score.span.is_none());
    Some(Answer {
        text: turn.text.clone(),
        by: format!("version {}", record.step),
        shown: Some(Shown {
            grade,
            passed,
            total,
            failure,
        }),
        scores: whole
            .filter_map(|score| Some((score.judge.clone(), score.value?)))
            .collect(),
    })
}

impl Task {
    /// Of answers by problem. Each is in one item at most, so that what is labelled is independent within a problem's cluster.
    pub fn of(
        kind: Kind,
        answers: Vec<Vec<Answer>>,
        asked: &[Asked],
        (next, seed): (Next, u64),
    ) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x1abe1);
        let deviations = deviations(&answers);
        let mut items = Vec::new();
        for (mut answers, asked) in answers.into_iter().zip(asked) {
            answers.shuffle(&mut random);
            let size = match kind {
                Kind::Pairs => 2,
                Kind::Rankings => MOST_RANKED,
                Kind::Steps => 1,
            };
            let least = if kind == Kind::Rankings { 3 } else { size };
            let parts = answers.chunks(size).filter(|part| part.len() >= least);
            items.extend(parts.map(|part| Item::of(kind, asked, part.to_vec())));
        }
        items.retain(|item| kind != Kind::Steps || !item.steps.is_empty());
        items.shuffle(&mut random);
        if next == Next::Disagreement {
            let worth = |item: &Item| item.disagreement(&deviations);
            items.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
        }
        Self { kind, items }
    }

    /// The item of a name.
    pub fn find(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }
}

fn deviations(answers: &[Vec<Answer>]) -> BTreeMap<String, f64> {
    let mut scores: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (judge, score) in answers.iter().flatten().flat_map(|answer| &answer.scores) {
        scores.entry(judge.clone()).or_default().push(*score);
    }
    scores
        .into_iter()
        .map(|(judge, scores)| (judge, variance(&scores).sqrt()))
        .collect()
}
