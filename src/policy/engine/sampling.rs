//! Completions from an engine: ids in, ids and log-probabilities out, and what of them can be learnt from.

use super::Engine;
use crate::checkpoint::stop_text::StopTexts;
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::completion::{Completion, FinishReason, Sampled, Sampling};
use crate::policy::queue::{SampleQueue, fitting};
use crate::policy::side_by_side::{self, Taken};
use crate::policy::{Ids, LostAnswer, Policy, PolicyError, Sample, SampleRequest};
use crate::server::interface::{Options, Question, Reply};
use crate::server::{Outcome, Usage};

/// Log-probabilities may be this much above 0 by rounding.
const ROUNDING: f32 = 1e-3;

/// A policy whose answers an engine samples.
pub struct EnginePolicy<'a> {
    /// Who samples.
    pub engine: &'a Engine,
    /// The policy's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Ids an episode may hold.
    pub context: usize,
    /// Ids there are.
    pub vocabulary: usize,
}

impl EnginePolicy<'_> {
    /// Ids an episode may hold: what is longer the engine would refuse.
    fn room(&self) -> usize {
        self.engine
            .context
            .map_or(self.context, |served| served.min(self.context))
    }

    fn ask(
        &self,
        request: &SampleRequest,
        sampling: &Sampling,
        options: &Options,
        stops: &StopTexts<'_>,
    ) -> Taken {
        if let Err(lost) = fitting(request, sampling, self.room()) {
            return Taken {
                outcome: Outcome::Lost(lost),
                usage: Usage::default(),
            };
        }
        let question = Question {
            ids: request.prefix.as_deref().unwrap_or_default(),
            ends: &self.tokenizer.ends,
            version: self.engine.answering(),
            adapter: self.engine.adapter.as_deref(),
            ..Question::of_text(&request.dialogue, options, request.seed)
        };
        let asked = self.engine.server.ask_for(&question, &|reply| {
            sound(reply, sampling.max_tokens, self.vocabulary)
        });
        Taken::of(
            asked,
            |reply, requests| Usage::of_answer(requests, reply.usage),
            |reply| {
                let unusable = |error: TokenizerError| LostAnswer::Unusable(error.to_string());
                self.completion(reply, stops).map_err(unusable)?
            },
        )
    }

    fn completion(&self, reply: Reply, stops: &StopTexts<'_>) -> Result<Sample, TokenizerError> {
        let sampled = reply.sampled.unwrap_or_default();
        let last = sampled.ids.last();
        let stop = if last.is_some_and(|id| self.tokenizer.ends.contains(id)) {
            FinishReason::End
        } else if stops.are_reached_by(&sampled.ids) {
            FinishReason::Text
        } else if reply.cut {
            FinishReason::Length
        } else {
            return Ok(Err(LostAnswer::Unusable(
                "the engine left out the token that ended the answer".to_owned(),
            )));
        };
        let text = stops.answer(&sampled.ids)?;
        Ok(Ok(Completion::of_sampled(text, sampled, stop)))
    }
}

impl Policy for EnginePolicy<'_> {
    fn ids(&self) -> Option<Ids<'_>> {
        Some(Ids {
            tokenizer: self.tokenizer,
            context: self.room(),
        })
    }

    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError> {
        let options = Options {
            temperature: Some(sampling.temperature),
            top_p: Some(sampling.top_p),
            top_k: Some(sampling.top_k),
            max_tokens: Some(sampling.max_tokens),
            stop: sampling.stop.clone(),
            seeded: true,
            top_logprobs: None,
        };
        let stops = StopTexts::new(&sampling.stop, self.tokenizer);
        let server = &self.engine.server;
        let silent = side_by_side::sample_of(server, queue, &|request| {
            self.ask(request, sampling, &options, &stops)
        })?;
        // However few it was asked for: an engine that answers none of a round's requests is gone.
        silent.map_or(Ok(()), |last| Err(server.gone(&last).into()))
    }
}

/// Refuses what can't be learnt from.
fn sound(reply: &Reply, max_tokens: usize, vocabulary: usize) -> Result<(), String> {
    let Some(Sampled { ids, log_probs }) = &reply.sampled else {
        return Err("the answer has no ids".to_owned());
    };
    if ids.is_empty() {
        return Err("the answer has no token".to_owned());
    }
    if ids.len() != log_probs.len() {
        return Err(format!(
            "the answer has {} tokens and {} log-probabilities",
            ids.len(),
            log_probs.len()
        ));
    }
    if ids.len() > max_tokens {
        return Err(format!(
            "the answer has {} tokens; {max_tokens} were asked for",
            ids.len()
        ));
    }
    if let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) {
        return Err(format!(
            "the answer holds the id {id}, and the policy has {vocabulary}: the engine serves another model"
        ));
    }
    match log_probs
        .iter()
        .find(|value| !value.is_finite() || **value > ROUNDING)
    {
        Some(value) => Err(format!("the answer holds the log-probability {value}")),
        None => Ok(()),
    }
}
