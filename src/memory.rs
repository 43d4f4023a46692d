//! What a training run needs of the machine's memory at its peak, counted by hand from the shapes before anything is
//! loaded. Counts floats that stand at the same time; knows no allocator and no program under judgement.

use std::fmt;

use crate::config::{TrainConfig, ValueHead};
use crate::model::decoder::{Head, ModelConfig};
use crate::model::lora::{LoraConfig, LoraError};
use crate::model::shape::is_vector;
use crate::objective::{Needs, Source};
use crate::prompt::PromptStyle;

/// Bytes of a number: all training is in f32.
const FLOAT: u64 = 4;
/// What the program holds beside tensors: itself, tokenizer, problems, episodes.
const PROGRAM: u64 = 64 << 20;
/// Logits that exist at the same time in a training pass, and the fewest and most rows of them.
const LOGITS: u64 = 1 << 24;
const LOGIT_ROWS: (u64, u64) = (16, 512);
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
    /// The program itself.
    pub program: u64,
}

impl Estimate {
    /// The estimate for a decoder of this shape, an objective with these needs, and prompts and units that are at most so long.
    ///
    /// An episode is taken to be as long as that, all its answers, and between them the feedback of one failing test
    /// with all its fields full, at four characters a token.
    pub fn new(
        shape: &ModelConfig,
        config: &TrainConfig,
        needs: &Needs,
        lora: Option<&LoraConfig>,
        longest: Longest,
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
        let rows = config.resources.sampling_batch.min(sampled) as u64;
        let samples = u64::from(rows > 0);
        let (layers, vocabulary) = (shape.num_hidden_layers as u64, shape.vocab_size as u64);
        let widths = Widths::of(shape);
        let kept = if config.resources.recompute {
            // The inputs of all blocks and the last one's output, and what one block keeps.
            (layers + 1) * widths.residual + widths.kept()
        } else {
            layers * widths.kept()
        } + 3 * widths.residual;
        let logits = vocabulary * (LOGITS / vocabulary).clamp(LOGIT_ROWS.0, LOGIT_ROWS.1);
        // A frozen head has no gradient.
        let head = match adapter {
            Some(_) => 0,
            None => 2 * vocabulary * widths.residual,
        };
        // Rows of one group hold their prompt once.
        let prompt = (longest.prompt as u64).min(episode);
        let groups = rows.div_ceil(config.rollout.group as u64);
        Ok(Self {
            weights: FLOAT * policy,
            reference: FLOAT * reference,
            value: FLOAT * value,
            optimizer: FLOAT * 2 * (trained + value),
            gradients: FLOAT * 2 * trained.max(value),
            activations: product(&[FLOAT, tokens, kept + widths.working()])
                .saturating_add(FLOAT * (2 * logits + head)),
            matrices: samples * FLOAT * (count(&multiplied) + adapter.unwrap_or(0)),
            // A row's own memory grows by doubling: between once and twice what it holds.
            cache: product(&[
                FLOAT * layers * 2 * widths.keys,
                groups * prompt + rows * (episode - prompt) * 3 / 2,
            ]),
            prompts: samples
                * FLOAT
                * (PROMPT_TOKENS.max(episode) * widths.working() + 2 * rows * vocabulary),
            program: PROGRAM,
        })
    }

    /// Bytes that stand at the same time at most: sampling and learning take turns.
    pub fn peak(&self) -> u64 {
        let always = self.weights + self.reference + self.value + self.optimizer + self.program;
        let learning = self.gradients.saturating_add(self.activations);
        let sampling = self.matrices.saturating_add(self.cache);
        always.saturating_add(learning.max(sampling.saturating_add(self.prompts)))
    }

    /// What to change so that less is needed: the largest part decides.
    pub fn advice(&self, config: &TrainConfig, adapted: bool) -> String {
        let resources = &config.resources;
        let fixed = self.weights
            + self.reference
            + self.value
            + self.optimizer
            + self.gradients.max(self.matrices);
        let (learning, sampling) = (self.activations, self.cache.saturating_add(self.prompts));
        if fixed >= learning.max(sampling) {
            return if adapted {
                "take a smaller policy, or a smaller lora.rank".to_owned()
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
            "{} at its peak: weights {}, reference {}, value network {}, optimizer {}, program {}; then either gradients {} and activations {}, or matrices once more {}, keys and values {} and prompts {}",
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

/// Floats a token.
struct Widths {
    residual: u64,
    queries: u64,
    keys: u64,
    inner: u64,
    normed: u64,
}

impl Widths {
    fn of(shape: &ModelConfig) -> Self {
        let queries = (shape.num_attention_heads * shape.head_dim) as u64;
        let keys = (shape.num_key_value_heads * shape.head_dim) as u64;
        Self {
            residual: shape.hidden_size as u64,
            queries,
            keys,
            inner: shape.intermediate_size as u64,
            normed: if shape.extras.query_key_norm {
                queries + keys
            } else {
                0
            },
        }
    }

    /// What one block keeps for the way back: the input and the output of both norms, queries, keys and values, the
    /// attention's output, gate, up and their product; queries and keys before their own norm where there is one.
    fn kept(&self) -> u64 {
        4 * self.residual + 2 * self.queries + 2 * self.keys + 3 * self.inner + self.normed
    }

    /// What is needed beside it while one block is computed, there or back.
    fn working(&self) -> u64 {
        2 * self.residual + (3 * self.inner).max(2 * self.queries + 2 * self.keys)
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

/// Bytes this process may use: the machine's memory, or the smallest limit of the control groups it is in.
pub fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine = field(&text, "MemTotal:")?;
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = group.lines().filter_map(|line| {
        let path = line.strip_prefix("0::/")?;
        let mut folder = std::path::PathBuf::from("/sys/fs/cgroup").join(path);
        let mut least: Option<u64> = None;
        while folder.starts_with("/sys/fs/cgroup") {
            let limit = std::fs::read_to_string(folder.join("memory.max")).ok();
            let limit = limit.and_then(|text| text.trim().parse().ok());
            least = limit.into_iter().chain(least).min();
            folder.pop();
        }
        least
    });
    limits.chain([machine]).min()
}

/// The most memory this process has had so far, in bytes.
pub fn peak_so_far() -> Option<u64> {
    field(
        &std::fs::read_to_string("/proc/self/status").ok()?,
        "VmHWM:",
    )
}

/// Bytes of a line `NAME   123 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests;
