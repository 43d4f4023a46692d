//! A policy that a server of the Tinker API samples, from the very weights that it trains: ids in, ids and log-probabilities out.

use super::queue::{SampleQueue, fitting};
use super::side_by_side::{self, Asking, Taken};
use super::{Ids, LostAnswer, Policy, PolicyError, SampleRequest};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::completion::{Completion, FinishReason, Sampled, Sampling};
use crate::server::{Outcome, ServerError, Usage};
use crate::tinker::{Said, TinkerError, Trainer};

/// Log-probabilities may be this much above 0 by rounding.
const ROUNDING: f32 = 1e-3;

/// A policy whose answers a server samples that trains it, too.
pub struct TinkerPolicy<'a> {
    /// Who samples.
    pub trainer: &'a Trainer,
    /// The policy's tokenizer.
    pub tokenizer: &'a Tokenizer,
}

impl TinkerPolicy<'_> {
    fn context(&self) -> usize {
        self.trainer.config().context
    }

    fn ask(&self, request: &SampleRequest, sampling: &Sampling) -> Taken {
        let prompt = request.prefix.as_deref().unwrap_or_default();
        let ends = &self.tokenizer.ends;
        let said = fitting(request, sampling, self.context())
            .map_err(Outcome::Lost)
            .and_then(|()| {
                (self.trainer)
                    .say(prompt, request.seed, sampling.max_tokens, ends)
                    .map_err(outcome)
            })
            .and_then(|said| {
                self.completion(said, sampling.max_tokens)
                    .map_err(|reason| Outcome::Lost(LostAnswer::Unusable(reason)))
            });
        match said {
            Ok(completion) => Taken {
                usage: Usage::of_answer(
                    1,
                    Some((prompt.len() as u64, completion.tokens.unwrap_or(0) as u64)),
                ),
                outcome: Outcome::Said(Ok(completion)),
            },
            Err(outcome) => Taken {
                outcome,
                usage: Usage::of_failure(1),
            },
        }
    }

    /// What can be learnt from, or why it can't.
    fn completion(&self, said: Said, most: usize) -> Result<Completion, String> {
        let Said {
            ids,
            log_probs,
            cut,
        } = said;
        if ids.is_empty() || ids.len() > most || ids.len() != log_probs.len() {
            return Err(format!(
                "the answer has {} tokens and {} log-probabilities; 1 to {most} were asked for",
                ids.len(),
                log_probs.len()
            ));
        }
        let vocabulary = self.trainer.config().vocabulary;
        if let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(format!("the answer holds the id {id} of {vocabulary}"));
        }
        let unlikely = |value: &&f32| !value.is_finite() || **value > ROUNDING;
        if let Some(value) = log_probs.iter().find(unlikely) {
            return Err(format!("the answer holds the log-probability {value}"));
        }
        let ended = ids
            .last()
            .is_some_and(|id| self.tokenizer.ends.contains(id));
        let stop = match (ended, cut) {
            (true, _) => FinishReason::End,
            (false, true) => FinishReason::Length,
            (false, false) => {
                return Err("the server left out the token that ended the answer".to_owned());
            }
        };
        let text = self
            .tokenizer
            .decode(&ids)
            .map_err(|error| error.to_string())?;
        let text = format!("{}{text}", self.tokenizer.begun());
        Ok(Completion::of_sampled(
            text,
            Sampled { ids, log_probs },
            stop,
        ))
    }
}

impl Policy for TinkerPolicy<'_> {
    fn ids(&self) -> Option<Ids<'_>> {
        Some(Ids {
            tokenizer: self.tokenizer,
            context: self.context(),
        })
    }

    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError> {
        let config = self.trainer.config();
        let gone = |last: &LostAnswer| ServerError::NoAnswer {
            url: config.url.clone(),
            tries: config.tries,
            reason: last.to_string(),
        };
        let asking = Asking {
            // It has made a snapshot.
            has_served: true,
            concurrency: config.concurrency,
            gone: &gone,
        };
        let silent = side_by_side::sample(&asking, queue, &|request| self.ask(request, sampling))?;
        silent.map_or(Ok(()), |last| Err(gone(&last).into()))
    }
}

/// How an error ends one request: alone, or all of them with it.
fn outcome(error: TinkerError) -> Outcome<super::Sample> {
    match error {
        TinkerError::Server(ServerError::NoAnswer { tries, reason, .. }) => {
            Outcome::Unanswered(LostAnswer::Unanswered { tries, reason })
        }
        TinkerError::Broken { .. } | TinkerError::Unsound { .. } => {
            Outcome::Lost(LostAnswer::Unusable(error.to_string()))
        }
        // A request that the server refuses may have been given up with others of its batch; one that names the model's loss is
        // the end of all.
        TinkerError::Server(ServerError::Refused {
            status: 400,
            message,
            ..
        }) => Outcome::Lost(LostAnswer::Refused {
            status: 400,
            message,
        }),
        TinkerError::Server(error) => Outcome::Fatal(error),
        error => Outcome::Fatal(ServerError::Unusable(Box::new(error))),
    }
}
