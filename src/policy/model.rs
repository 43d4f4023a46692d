//! A policy that is sampled here: a decoder with its tokenizer.

use super::queue::{Next, SampleQueue, Wait, fitting};
use super::{Ids, Policy, PolicyError, SampleRequest};
use crate::checkpoint::stop_text::StopTexts;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::completion::{Completion, Sampling};
use crate::model::decoder::Decoder;
use crate::model::sampler::{self, Drawn, Request};

/// A decoder with its tokenizer.
pub struct ModelPolicy<'a> {
    /// The weights it samples from.
    pub decoder: &'a Decoder,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Rows sampled side by side.
    pub batch: usize,
}

impl ModelPolicy<'_> {
    const fn context(&self) -> usize {
        self.decoder.config.max_position_embeddings
    }

    /// Takes all requests that are there now.
    fn taken(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Vec<(usize, SampleRequest)> {
        let mut taken = Vec::new();
        while taken.len() < self.batch.max(1) {
            let wait = if taken.is_empty() {
                Wait::Always
            } else {
                Wait::No
            };
            let Next::Request(number, request) = queue.next(wait) else {
                break;
            };
            match fitting(&request, sampling, self.context()) {
                Ok(()) => taken.push((number, request)),
                Err(lost) => queue.on_sample(number, Err(lost), None),
            }
        }
        taken
    }

    fn completion(
        &self,
        request: &SampleRequest,
        drawn: Drawn,
        stops: &StopTexts<'_>,
    ) -> Result<Completion, PolicyError> {
        sound(request, &drawn)?;
        let text = stops.before(self.tokenizer.decode(&drawn.sampled.ids)?);
        Ok(Completion::of_sampled(text, drawn.sampled, drawn.stop))
    }
}

impl Policy for ModelPolicy<'_> {
    fn ids(&self) -> Option<Ids<'_>> {
        Some(Ids {
            tokenizer: self.tokenizer,
            context: self.context(),
        })
    }

    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError> {
        let stops = StopTexts::new(&sampling.stop, self.tokenizer);
        loop {
            let taken = self.taken(queue, sampling);
            if taken.is_empty() {
                return Ok(());
            }
            let requests: Vec<Request> = taken
                .iter()
                .map(|(_, request)| Request {
                    prefix: request.prefix.clone().unwrap_or_default(),
                    seed: request.seed,
                })
                .collect();
            let drawn = sampler::sample_until(
                self.decoder,
                &requests,
                sampling,
                &self.tokenizer.ends,
                &|ids| stops.are_reached_by(ids),
                self.batch,
            );
            for ((number, request), drawn) in taken.iter().zip(drawn) {
                queue.on_sample(*number, Ok(self.completion(request, drawn, &stops)?), None);
            }
        }
    }
}

/// Refuses a completion whose log-probabilities are not all finite: nothing it says means anything.
fn sound(request: &SampleRequest, drawn: &Drawn) -> Result<(), PolicyError> {
    let log_probs = &drawn.sampled.log_probs;
    let bad = log_probs.iter().find(|value| !value.is_finite());
    bad.map_or(Ok(()), |&found| {
        Err(PolicyError::NotFinite {
            problem_id: request.problem_id.clone(),
            turn: request.turn + 1,
            found,
        })
    })
}
