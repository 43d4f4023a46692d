//! What a training run needs of the memory at its peak that its models are computed in, counted by hand from the shapes before
//! anything is loaded. Counts numbers that stand at the same time; knows no allocator, no driver and no program under judgement.

mod machine;
mod widths;

use std::fmt;

use crate::config::{TrainConfig, ValueHead};
use crate::model::decoder::{Arithmetic, Head, Held, ModelConfig};
use crate::model::device::Processor;
use crate::model::kernels::{SCORES, rows_at_once};
use crate::model::lora::{LoraConfig, LoraError};
use crate::model::shape::{is_frozen_matrix, is_vector};
use crate::objective::{Needs, Source};
use crate::policy::engine::EngineConfig;
use crate::prompt::PromptStyle;
pub use machine::{available, peak_so_far};
use widths::Widths;

/// Bytes of a number: what learns is f32.
const FLOAT: u64 = 4;
/// Bytes of one in bf16.
const NARROW: u64 = 2;
/// What the program holds beside tensors: itself, tokenizer, problems, episodes.
const PROGRAM: u64 = 64 << 20;
/// Tokens of prompts that are read at once.
const PROMPT_TOKENS: u64 = 2048;

/// Tokens of the longest of what a run meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Longest {
    /// First messages.
    pub prompt: usize,
    /// Units of a data set, as many tokens as if all their rows were as long as the longest.
    pub unit: usize,
}

/// Bytes by what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The policy's weights, with its adapter.
    pub weights: u64,
    /// The frozen reference, where it can't share them.
    pub reference: u64,
    /// The value network, where it can't share them.
    pub value: u64,
    /// AdamW's moments of both networks.
    pub optimizer: u64,
    /// Gradients of the larger network: the sum so far, and one pass's.
    pub gradients: u64,
    /// What one pass keeps for its way back, and works with.
    pub activations: u64,
    /// The policy's matrices once more, laid out for sampling.
    pub matrices: u64,
    /// Keys and values of all rows sampled side by side.
    pub cache: u64,
    /// What reading those rows' prompts works with.
    pub prompts: u64,
    /// The policy with its adapter merged into it, as an engine is given it that takes no adapters.
    pub merged: u64,
    /// The program itself.
    pub program: u64,
}

impl Estimate {
    /// The estimate for a decoder of this shape, an objective with these needs, prompts and units that are at most so long, and
    /// matrices that are held so where an adapter leaves them as they are.
    ///
    /// An episode is taken to be as long as that, all its answers, and between them the feedback of one failing test
    /// with all its fields full, at four characters a token.
    pub fn new(
        shape: &ModelConfig,
        config: &TrainConfig,
        needs: &Needs,
        lora: Option<&LoraConfig>,
        longest: Longest,
        held: Held,
    ) -> Result<Self, LoraError> {
        let count = |parameters: &[(String, [usize; 2])]| -> u64 {
            let sizes = parameters.iter().map(|(_, [rows, columns])| rows * columns);
            sizes.sum::<usize>() as u64
        };
        let body = count(&shape.parameters(Head::Language));
        let value_body = count(&shape.parameters(Head::Value));
        let adapter = match lora {
            Some(lora) => Some(count(&lora.parameters(shape)?)),
            None => None,
        };
        // With an adapter all three networks share the frozen weights.
        let (policy, reference, value) = match adapter {
            Some(adapter) => (body + adapter, adapter, adapter + shape.hidden_size as u64),
            None => (body, body, value_body),
        };
        let mut trained = adapter.unwrap_or(body);
        // All but the norms, the biases, and a table of embeddings that is no head as well.
        let mut multiplied = shape.parameters(Head::Language);
        if !shape.tie_word_embeddings {
            multiplied.remove(0);
        }
        multiplied.retain(|(name, _)| !is_vector(name));
        let (value, head) = match needs.values.map(|values| values.head) {
            None => (0, 0),
            Some(ValueHead::Separate) => (value, 0),
            Some(ValueHead::Shared) => (0, shape.hidden_size as u64),
        };
        trained += head;
        let policy = policy + head;
        let episode = longest_episode(shape, config, longest.prompt) as u64;
        let (learnt, sampled) = match needs.source {
            Source::Episodes => (
                episode,
                config
                    .problems_per_round
                    .saturating_mul(config.rollout.group),
            ),
            // Whatever is sampled is so while evaluating.
            Source::Examples(_) if config.evaluation.problems.is_empty() => (0, 0),
            Source::Examples(_) => (0, usize::MAX),
        };
        // A unit is never taken apart, so that a pass holds at least the longest.
        let learnt = learnt.max(longest.unit as u64);
        let tokens = (config.resources.tokens_per_pass as u64).max(learnt);
        // An engine has a memory of its own.
        let sampled = if config.engine.is_some() { 0 } else { sampled };
        let rows = config.resources.sampling_batch.min(sampled) as u64;
        let samples = u64::from(rows > 0);
        let device = config.resources.device;
        let on_card = device != Processor::Cpu;
        let narrow = config.resources.precision == Arithmetic::Bf16;
        let mut maps = shape.parameters(Head::Language);
        maps.retain(|(name, _)| is_frozen_matrix(name));
        let held_narrow = adapter.is_some() && held == Held::Bf16;
        let saved = if held_narrow {
            (FLOAT - NARROW) * count(&maps)
        } else {
            0
        };
        let (layers, vocabulary) = (shape.num_hidden_layers as u64, shape.vocab_size as u64);
        let widths = Widths::of(shape);
        let kept = if config.resources.recompute {
            // The inputs of all blocks and the last one's output, and what one block keeps.
            (layers + 1) * widths.residual + widths.kept()
        } else {
            layers * widths.kept()
        } + 3 * widths.residual;
        let logits = vocabulary * rows_at_once(shape.vocab_size) as u64;
        // Kernels write gradients over what they are of; stock operations don't, and have attention's scores beside them.
        let (copies, scores) = if on_card {
            let of_query = (shape.num_attention_heads as u64).saturating_mul(tokens);
            (4, of_query.max(SCORES as u64).saturating_mul(5))
        } else {
            (2, 0)
        };
        let numbers = |(_, [rows, columns]): &(String, [usize; 2])| (rows * columns) as u64;
        // What is held in bf16 is f32 while it is multiplied with. What is f32 and multiplied in bf16 is kept in that, too,
        // for the way back of the blocks that stand at the same time.
        let converted = match (held_narrow, narrow) {
            (true, false) => FLOAT * maps.iter().map(numbers).max().unwrap_or(0),
            (false, true) if config.resources.recompute => NARROW * count(&maps) / layers.max(1),
            (false, true) => NARROW * count(&maps),
            _ => 0,
        };
        // Laid out anew for kernels; on a card multiplied with as they are, or in bf16 as they are not.
        let laid_out = match (on_card, narrow) {
            (false, _) => FLOAT * (count(&multiplied) + adapter.unwrap_or(0)),
            (true, true) if !held_narrow => NARROW * count(&maps),
            (true, _) => 0,
        };
        let merges = config
            .engine
            .as_ref()
            .is_some_and(EngineConfig::takes_merged);
        // A frozen head has no gradient.
        let head = match adapter {
            Some(_) => 0,
            None => 2 * vocabulary * widths.residual,
        };
        // Rows of one group hold their prompt once.
        let prompt = (longest.prompt as u64).min(episode);
        let groups = rows.div_ceil(config.rollout.group as u64);
        Ok(Self {
            weights: FLOAT * policy - saved,
            reference: FLOAT * reference,
            value: FLOAT * value,
            optimizer: FLOAT * 2 * (trained + value),
            gradients: FLOAT * 2 * trained.max(value),
            activations: product(&[FLOAT, tokens, kept + widths.working(device)])
                .saturating_add(FLOAT * (copies * logits + head))
                .saturating_add(FLOAT.saturating_mul(scores))
                .saturating_add(converted),
            matrices: samples * laid_out,
            // A row's own memory grows by doubling: between once and twice what it holds. It is the machine's in any case.
            cache: if on_card {
                0
            } else {
                product(&[
                    FLOAT * layers * 2 * widths.keys,
                    groups * prompt + rows * (episode - prompt) * 3 / 2,
                ])
            },
            prompts: samples
                * FLOAT
                * (PROMPT_TOKENS.max(episode) * widths.working(device) + 2 * rows * vocabulary),
            merged: match adapter {
                Some(_) if merges => FLOAT * body,
                _ => 0,
            },
            program: if on_card { 0 } else { PROGRAM },
        })
    }

    /// Bytes that stand at the same time at most: sampling, or handing an engine the policy, and learning take turns.
    pub fn peak(&self) -> u64 {
        let always = self.weights + self.reference + self.value + self.optimizer + self.program;
        let learning = self.gradients.saturating_add(self.activations);
        let sampling = self.matrices.saturating_add(self.cache);
        let sampling = sampling.saturating_add(self.prompts).max(self.merged);
        always.saturating_add(learning.max(sampling))
    }

    /// What to change so that less is needed: the largest part decides.
    pub fn advice(&self, config: &TrainConfig, adapted: bool) -> String {
        let resources = &config.resources;
        let fixed = self.weights
            + self.reference
            + self.value
            + self.optimizer
            + self.gradients.max(self.matrices).max(self.merged);
        let (learning, sampling) = (self.activations, self.cache.saturating_add(self.prompts));
        if fixed >= learning.max(sampling) {
            return if self.merged > self.gradients.max(self.matrices) {
                "hand the engine adapters: engine.adapters".to_owned()
            } else if adapted {
                "take a smaller policy, a smaller lora.rank, or resources.frozen = \"bf16\" where it is not that yet"
                    .to_owned()
            } else {
                "train an adapter: a [lora] table, which may be empty, leaves the weights frozen and shared".to_owned()
            };
        }
        if learning >= sampling {
            format!(
                "lower resources.tokens_per_pass (now {}), set resources.recompute, or where one episode is longer than that, rollout.sampling.max_tokens or rollout.turns",
                resources.tokens_per_pass
            )
        } else {
            format!(
                "lower resources.sampling_batch (now {}), rollout.sampling.max_tokens or rollout.turns",
                resources.sampling_batch
            )
        }
    }
}

/// A product that stays at the largest number there is: absurd settings must not come out small.
fn product(factors: &[u64]) -> u64 {
    factors
        .iter()
        .fold(1, |all, &factor| all.saturating_mul(factor))
}

impl fmt::Display for Estimate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} at its peak: weights {}, reference {}, value network {}, optimizer {}, program {}; then either gradients {} and activations {}, or matrices once more {}, keys and values {} and prompts {}, or the policy merged {}",
            Size(self.peak()),
            Size(self.weights),
            Size(self.reference),
            Size(self.value),
            Size(self.optimizer),
            Size(self.program),
            Size(self.gradients),
            Size(self.activations),
            Size(self.matrices),
            Size(self.cache),
            Size(self.prompts),
            Size(self.merged),
        )
    }
}

/// Bytes for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 as f64 / 1_048_576.0;
        if mib < 1024.0 {
            write!(formatter, "{mib:.0} MiB")
        } else {
            write!(formatter, "{:.1} GiB", mib / 1024.0)
        }
    }
}

/// Tokens of the longest episode to be expected.
fn longest_episode(shape: &ModelConfig, config: &TrainConfig, longest_prompt: usize) -> usize {
    let rollout = &config.rollout;
    let options = match rollout.style {
        PromptStyle::Compact => crate::rollout::COMPACT_FEEDBACK,
        PromptStyle::Full => crate::feedback::FeedbackOptions::default(),
    };
    let feedback = (3 * options.field_characters + options.trace_characters) / 4;
    let answers = rollout.turns * rollout.sampling.max_tokens;
    let length = longest_prompt + answers + (rollout.turns - 1) * feedback;
    length.min(shape.max_position_embeddings)
}

#[cfg(test)]
mod tests;
