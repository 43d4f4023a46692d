//! Step-level beam search: an answer is written line by line, and after every line those ways to go on are kept that a process reward
//! model finds likeliest to be right (Snell et al. 2024, arXiv 2408.03314, section 5.2; as verification of steps in Dai et al. 2024,
//! arXiv 2410.17621). A policy like any other: what it says are the tokens that the policy below it drew.

use crate::checkpoint::stop_text::StopTexts;
use crate::completion::{Completion, FinishReason, Sampled, Sampling};
use crate::policy::{
    Ids, LostAnswer, ModelPolicy, Policy, PolicyError, Sample, SampleQueue, SampleRequest,
    sample_all, sample_each,
};
use crate::preference::Said;

use super::{Aggregate, ProcessModel, of_answer};

/// A policy whose lines a process reward model chooses.
pub struct StepBeam<'a> {
    /// Who draws lines.
    pub policy: ModelPolicy<'a>,
    /// Who chooses among them.
    pub model: &'a ProcessModel,
    /// Ways that are kept after every line.
    pub width: usize,
    /// Lines that are drawn to go on with each.
    pub each: usize,
    /// How what is said of the lines of a way becomes one number.
    pub aggregate: Aggregate,
}

/// A way an answer may go: what was drawn so far.
#[derive(Clone, Debug, Default, PartialEq)]
struct Way {
    sampled: Sampled,
    /// Why it has ended, once it has.
    stop: Option<FinishReason>,
    /// How likely it is right so far.
    score: f64,
}

impl Policy for StepBeam<'_> {
    fn ids(&self) -> Option<Ids<'_>> {
        self.policy.ids()
    }

    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError> {
        sample_each(queue, |request| self.search(request, sampling))
    }
}

impl StepBeam<'_> {
    fn search(&self, request: &SampleRequest, sampling: &Sampling) -> Result<Sample, PolicyError> {
        let mut ways = vec![Way::default()];
        while ways.iter().any(|way| way.stop.is_none()) {
            let mut next: Vec<Way> = Vec::new();
            for way in self.gone_on(&ways, request, sampling)? {
                match way {
                    // The first of equals: one that was drawn again is no other way.
                    Ok(way)
                        if next
                            .iter()
                            .all(|other| other.sampled.ids != way.sampled.ids) =>
                    {
                        next.push(way);
                    }
                    Ok(_) => {}
                    Err(lost) => return Ok(Err(lost)),
                }
            }
            for way in &mut next {
                match self.score(way, request)? {
                    Ok(score) => way.score = score,
                    Err(lost) => return Ok(Err(lost)),
                }
            }
            ways = kept(next, self.width);
        }
        let Some(best) = ways.into_iter().next() else {
            return Ok(Err(LostAnswer::TooLong("nothing was drawn".to_owned())));
        };
        let stops = StopTexts::new(&sampling.stop, self.policy.tokenizer);
        let text = stops.answer(&best.sampled.ids)?;
        let stop = best.stop.unwrap_or(FinishReason::Length);
        Ok(Ok(Completion::of_sampled(text, best.sampled, stop)))
    }

    /// The ways that have ended, and of each other one so many that are a line longer.
    fn gone_on(
        &self,
        ways: &[Way],
        request: &SampleRequest,
        sampling: &Sampling,
    ) -> Result<Vec<Result<Way, LostAnswer>>, PolicyError> {
        let longest = ways.iter().map(|way| way.sampled.ids.len()).max();
        let line = Sampling {
            stop: [&sampling.stop[..], &["\n".to_owned()]].concat(),
            max_tokens: sampling
                .max_tokens
                .saturating_sub(longest.unwrap_or(0))
                .max(1),
            ..sampling.clone()
        };
        let open = ways
            .iter()
            .enumerate()
            .filter(|(_, way)| way.stop.is_none());
        let requests = open.clone().flat_map(|(place, way)| {
            (0..self.each).map(move |number| {
                let prefix = request.prefix.clone().unwrap_or_default();
                let drawn = way.sampled.ids.len();
                let name = ((drawn << 20) ^ (place * self.each + number)) as u64;
                SampleRequest {
                    prefix: Some([prefix, way.sampled.ids.clone()].concat()),
                    seed: request.seed ^ name.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                    ..request.clone()
                }
            })
        });
        let said = sample_all(&self.policy, requests.collect(), &line)?;
        let stops = StopTexts::new(&sampling.stop, self.policy.tokenizer);
        let mut all: Vec<Result<Way, LostAnswer>> = Vec::new();
        for way in ways.iter().filter(|way| way.stop.is_some()) {
            all.push(Ok(way.clone()));
        }
        for ((_, way), said) in open
            .flat_map(|one| std::iter::repeat_n(one, self.each))
            .zip(said)
        {
            let said = match said {
                Ok(said) => said,
                Err(lost) => {
                    all.push(Err(lost));
                    continue;
                }
            };
            let drawn = said.sampled.unwrap_or_default();
            let mut sampled = way.sampled.clone();
            sampled.ids.extend(drawn.ids);
            sampled.log_probs.extend(drawn.log_probs);
            let text = self.policy.tokenizer.decode(&sampled.ids)?;
            let is_full = sampled.ids.len() >= sampling.max_tokens;
            let stop = match said.stop {
                FinishReason::End => Some(FinishReason::End),
                // A text of the caller's, which may have begun on the line before.
                _ if stops.before(text.clone()).len() < text.len() => Some(FinishReason::Text),
                FinishReason::Text if !is_full => None,
                FinishReason::Text | FinishReason::Length => Some(FinishReason::Length),
            };
            all.push(Ok(Way {
                sampled,
                stop,
                score: 0.0,
            }));
        }
        Ok(all)
    }

    /// How likely a way is right so far, by its lines that are whole; 1 where it has none.
    fn score(
        &self,
        way: &Way,
        request: &SampleRequest,
    ) -> Result<Result<f64, LostAnswer>, PolicyError> {
        let text = self.policy.tokenizer.decode(&way.sampled.ids)?;
        let whole = match (way.stop, text.rfind('\n')) {
            (None, Some(end)) => &text[..=end],
            (None, None) => "",
            (Some(_), _) => &text,
        };
        let steps = of_answer(whole).into_iter().map(|step| &whole[step]);
        // As it was learnt: every answer as the first to its problem.
        let asked = request
            .dialogue
            .first()
            .map_or("", |message| &*message.text);
        let read = match self.model.read(&Said::plain(asked), steps)? {
            Ok(read) => read,
            Err(reason) => return Ok(Err(LostAnswer::TooLong(reason))),
        };
        let context = self.model.decoder.config.max_position_embeddings;
        if read.ids.len() > context {
            return Ok(Err(LostAnswer::TooLong(format!(
                "an answer and its problem have {} tokens, and the process reward model's context holds {context}; take one with a longer context, or allow fewer tokens an answer",
                read.ids.len()
            ))));
        }
        let shares = self.model.shares(&[&read], 1).pop().unwrap_or_default();
        Ok(Ok(self.aggregate.of(&shares).unwrap_or(1.0)))
    }
}

/// The best of some ways, the first of equals.
fn kept(mut ways: Vec<Way>, width: usize) -> Vec<Way> {
    ways.sort_by(|one, other| other.score.total_cmp(&one.score));
    ways.truncate(width);
    ways
}
