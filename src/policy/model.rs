//! A policy that is sampled here: a decoder with its tokenizer.

use std::collections::HashMap;

use super::queue::{Next, SampleQueue, Wait, fitting};
use super::{Ids, Policy, PolicyError, SampleRequest};
use crate::checkpoint::stop_text::StopTexts;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::completion::{Completion, Sampling};
use crate::model::decoder::Decoder;
use crate::model::sampler::{Coming, Drawn, Feed, Joining, Request, Rules, Stream};

/// Rows below which drawing waits for answers that are being judged: a token of few rows costs nearly as much as one of many,
/// and what is judged meanwhile takes the cores that drawing leaves.
const COMPANY: usize = 32;

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
        let mut desk = Desk {
            policy: self,
            queue,
            sampling,
            stops: &stops,
            asked: HashMap::new(),
            failed: None,
        };
        let stopped = |ids: &[u32]| stops.are_reached_by(ids);
        let rules = Rules {
            sampling,
            ends: &self.tokenizer.ends,
            stopped: &stopped,
            batch: self.batch,
        };
        let mut stream = Stream::new(self.decoder, rules);
        loop {
            // Waited for here, where no thread that computes waits with it.
            let wait = if stream.live() == 0 {
                Wait::Always
            } else {
                Wait::WhileJudging
            };
            let first = match queue.next(wait) {
                Next::Request(number, request) => desk.joining(number, request),
                Next::Nothing { .. } => None,
                // Whoever closed it before all was drawn wants nothing of the rest.
                Next::Closed => return Ok(()),
            };
            stream.run(first, &mut desk);
            if let Some(error) = desk.failed {
                return Err(error);
            }
        }
    }
}

/// Requests of a queue as rows to draw, and what was drawn as samples.
struct Desk<'a> {
    policy: &'a ModelPolicy<'a>,
    queue: &'a dyn SampleQueue,
    sampling: &'a Sampling,
    stops: &'a StopTexts<'a>,
    /// Problem and turn of each row.
    asked: HashMap<usize, (String, usize)>,
    failed: Option<PolicyError>,
}

impl Desk<'_> {
    /// A request as a row; none where it leaves no room for an answer, which is said at once.
    fn joining(&mut self, number: usize, request: SampleRequest) -> Option<Joining> {
        if let Err(lost) = fitting(&request, self.sampling, self.policy.context()) {
            self.queue.on_sample(number, Err(lost), None);
            return None;
        }
        let name = (request.problem_id, request.turn + 1);
        self.asked.insert(number, name);
        Some(Joining {
            number,
            shared: request.opening,
            request: Request {
                prefix: request.prefix.unwrap_or_default(),
                seed: request.seed,
            },
        })
    }

    fn completion(&mut self, number: usize, drawn: Drawn) -> Result<Completion, PolicyError> {
        let (problem_id, turn) = self.asked.remove(&number).unwrap_or_default();
        let log_probs = &drawn.sampled.log_probs;
        // Of weights that compute no number nothing that they say means anything.
        if let Some(&found) = log_probs.iter().find(|value| !value.is_finite()) {
            return Err(PolicyError::NotFinite {
                problem_id,
                turn,
                found,
            });
        }
        let text = self.stops.answer(&drawn.sampled.ids)?;
        Ok(Completion::of_sampled(text, drawn.sampled, drawn.stop))
    }
}

impl Feed for Desk<'_> {
    fn next(&mut self, live: usize) -> Coming {
        loop {
            match self.queue.next(Wait::No) {
                Next::Request(number, request) => {
                    if let Some(joining) = self.joining(number, request) {
                        return Coming::Request(joining);
                    }
                }
                Next::Nothing { judging: true } if live < COMPANY.min(self.policy.batch) => {
                    return Coming::Pause;
                }
                Next::Nothing { .. } | Next::Closed => return Coming::Nothing,
            }
        }
    }

    fn drawn(&mut self, number: usize, drawn: Drawn) -> bool {
        match self.completion(number, drawn) {
            Ok(completion) => self.queue.on_sample(number, Ok(completion), None),
            Err(error) => self.failed = Some(error),
        }
        self.failed.is_none()
    }
}
