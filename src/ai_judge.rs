//! Models as judges: any OpenAI-compatible server, or a checkpoint that is computed here, is asked which of two answers is better, for
//! a rating, or whether an answer meets a requirement or the points of a rubric (RLAIF, Lee et al. 2023, arXiv 2309.00267; CGPO, Xu et
//! al. 2024, arXiv 2409.20370).
//!
//! Where the server tells how likely tokens are, the number is made of those: the probability of an answer, or the expected rating.
//! A refusal, an answer cut at its limit and one that can't be read are no opinion: counted, and never a score. What such judges are
//! known for is measured on every run and told at its end (`watch.rs`): how often a comparison turns with the order in which two
//! answers are shown, whether the longer one wins, and how often the judge agrees with the tests. Past a bound the judge says no more.

mod answer;
mod config;
mod judge;
mod local;
mod prompts;
mod question;
mod tokens;
mod watch;

pub use config::{AiConfig, Kind};
pub use judge::AiJudge;

use crate::judge::{Parts, Row, Settings};

/// The rows of the table of judges.
pub const ROWS: [Row; 4] = [
    Row {
        name: Kind::Pairwise.name(),
        about: "a model on a server says which of two answers is better, both orders averaged; model, url (else OPENAI_BASE_URL), or policy (a folder) and device, prompt (a file), orders = \"both\" or \"one\", max_flips, and what all ai_ judges take: api_key_env, system, logprobs, max_tokens, temperature, concurrency, tries, timeout_s, cache, check, max_no_opinion, max_longer, min_agreement",
        build: |settings, parts| built(Kind::Pairwise, settings, parts),
    },
    Row {
        name: Kind::Rating.name(),
        about: "a model on a server rates the answer; lowest, highest, and what ai_pairwise takes",
        build: |settings, parts| built(Kind::Rating, settings, parts),
    },
    Row {
        name: Kind::Rubric.name(),
        about: "a model on a server says of each point of a rubric whether the answer meets it; points = [\"..\"] or [{ text = \"..\", weight = 2.0 }], and what ai_pairwise takes",
        build: |settings, parts| built(Kind::Rubric, settings, parts),
    },
    Row {
        name: Kind::Constraint.name(),
        about: "1 where a model on a server finds it likelier that the answer meets a requirement than that it does not, else 0; requirement, and what ai_pairwise takes",
        build: |settings, parts| built(Kind::Constraint, settings, parts),
    },
];

fn built(
    kind: Kind,
    settings: &Settings,
    parts: &Parts,
) -> Result<Box<dyn crate::judge::Judge>, String> {
    let config: AiConfig = crate::judge::read_settings(settings)?;
    Ok(Box::new(AiJudge::new(kind, config, parts)?))
}

#[cfg(test)]
mod tests;
