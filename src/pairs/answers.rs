//! Journals, or a policy that is asked → answers, each the first to its problem: those answer the same prompt.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::checkpoint::tokenizer::Place;
use crate::completion::Sampling;
use crate::dialogue::Message;
use crate::journal::{self, EpisodeRecord, JournalError};
use crate::policy::{Policy, PolicyError, SampleRequest, sample_all};
use crate::problem::Problem;
use crate::problem::id::ById;
use crate::prompt::{self, PromptStyle};

/// An answer to a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which problem, by its place.
    pub problem: usize,
    /// The answer.
    pub text: String,
    /// Version of the policy that gave it.
    pub step: usize,
    /// Which of the problem's episodes.
    pub sample: usize,
}

/// Why a journal's answers can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// It can't be read.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// It is of other problems.
    #[error("failed to use {path} with {problems}: {reason}")]
    Problems {
        /// The journal.
        path: PathBuf,
        /// The name of the problems.
        problems: String,
        /// What is wrong.
        reason: String,
    },
}

/// The first answers of some journals, in their order.
pub fn of_journals(
    paths: &[PathBuf],
    problems: &[Problem],
    name: &str,
) -> Result<Vec<Answer>, AnswersError> {
    let mut all = Vec::new();
    for path in paths {
        let found = of_journal(journal::read(path)?, problems);
        all.extend(found.map_err(|reason| AnswersError::Problems {
            path: path.clone(),
            problems: name.to_owned(),
            reason,
        })?);
    }
    Ok(all)
}

/// The first answers of a journal's episodes; those whose play was lost have none that says anything. The error says which
/// problem is not known.
fn of_journal(records: Vec<EpisodeRecord>, problems: &[Problem]) -> Result<Vec<Answer>, String> {
    let by_id = ById::new(problems);
    let answers = records.into_iter().filter_map(|record| {
        let text = record.turns.into_iter().next()?.text;
        let problem = match by_id.find(&record.problem_id) {
            Ok(problem) => problem,
            Err(reason) => return Some(Err(reason)),
        };
        let place = problems
            .iter()
            .position(|other| std::ptr::eq(other, problem));
        place.map(|problem| {
            Ok(Answer {
                problem,
                text,
                step: record.step,
                sample: record.sample,
            })
        })
    });
    answers.collect()
}

/// Asks a policy for `count` answers to each problem, and how many it lost. Each draw is named by the seed, the problem and the
/// sample alone.
pub fn sampled(
    policy: &dyn Policy,
    problems: &[Problem],
    style: PromptStyle,
    sampling: &Sampling,
    (count, seed): (usize, u64),
) -> Result<(Vec<Answer>, usize), PolicyError> {
    let ids = policy.ids();
    let mut requests = Vec::with_capacity(problems.len() * count);
    for problem in problems {
        let text = prompt::statement(style, problem.language(), &problem.statement);
        let prefix = ids.map(|ids| ids.message(Place::Opening, &text));
        let prefix = prefix.transpose()?;
        let opening = prefix.as_ref().map_or(0, Vec::len);
        requests.extend((0..count).map(|sample| SampleRequest {
            problem_id: problem.id.clone(),
            sample,
            turn: 0,
            dialogue: vec![Message::user(text.clone())],
            prefix: prefix.clone(),
            opening,
            seed: stream(seed, &problem.id, sample),
        }));
    }
    let mut lost = 0;
    let mut answers = Vec::with_capacity(requests.len());
    for (place, sample) in sample_all(policy, requests, sampling)?
        .into_iter()
        .enumerate()
    {
        let Ok(completion) = sample else {
            lost += 1;
            continue;
        };
        answers.push(Answer {
            problem: place / count,
            text: completion.text,
            step: 0,
            sample: place % count,
        });
    }
    Ok((answers, lost))
}

/// The seed of one answer: a hash of what names it.
fn stream(seed: u64, problem_id: &str, sample: usize) -> u64 {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update((sample as u64).to_le_bytes())
        .chain_update(problem_id)
        .finalize();
    let first = digest.iter().take(8);
    first.fold(0, |all, &byte| all << 8 | u64::from(byte))
}
