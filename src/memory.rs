//! What a training run needs of the machine's memory at its peak, counted by hand from the shapes before anything is
//! loaded. Counts floats that stand at the same time; knows no allocator and no program under judgement.

use std::fmt;

use crate::config::{Algorithm, TrainConfig, ValueHead};
use crate::policy::lora::{LoraConfig, LoraError};
use crate::policy::model::{Head, ModelConfig};
use crate::policy::shape::is_vector;
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
    /// The estimate for a decoder of this shape whose first messages have at most `longest_prompt` tokens.
    ///
    /// An episode is taken to be as long as that, all its answers, and between them the feedback of one failing test
    /// with all its fields full, at four characters a token.
    pub fn new(
        shape: &ModelConfig,
        config: &TrainConfig,
        lora: Option<&LoraConfig>,
        longest_prompt: usize,
    ) -> Result<Self, LoraError> {
        let count = |parameters: &[(String, [usize; 2])]| -> u64 {
            let sizes = parameters.iter().map(|(_, [rows, columns])| rows * columns);
            sizes.sum::<usize>() as u64
        };
        let body = count(&shape.parameters(Head::Language));
        let with_values = config.objective.algorithm == Algorithm::Rlef;
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
        let shared = with_values && config.objective.value_head == ValueHead::Shared;
        let value = if with_values && !shared { value } else { 0 };
        let head = if shared { shape.hidden_size as u64 } else { 0 };
        trained += head;
        let policy = policy + head;
        let episode = longest_episode(shape, config, longest_prompt) as u64;
        let tokens = (config.resources.tokens_per_pass as u64).max(episode);
        let episodes = config
            .problems_per_round
            .saturating_mul(config.rollout.group);
        let rows = config.resources.sampling_batch.min(episodes) as u64;
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
        let prompt = (longest_prompt as u64).min(episode);
        let groups = rows.div_ceil(config.rollout.group as u64);
        Ok(Self {
            weights: FLOAT * policy,
            reference: FLOAT * reference,
            value: FLOAT * value,
            optimizer: FLOAT * 2 * (trained + value),
            gradients: FLOAT * 2 * trained.max(value),
            activations: product(&[FLOAT, tokens, kept + widths.working()])
                .saturating_add(FLOAT * (2 * logits + head)),
            matrices: FLOAT * (count(&multiplied) + adapter.unwrap_or(0)),
            // A row's own memory grows by doubling: between once and twice what it holds.
            cache: product(&[
                FLOAT * layers * 2 * widths.keys,
                groups * prompt + rows * (episode - prompt) * 3 / 2,
            ]),
            prompts: FLOAT
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
mod tests {
    use super::*;
    use crate::sft::ShapeConfig;

    fn shape() -> ModelConfig {
        let small = ShapeConfig {
            hidden: 8,
            intermediate: 20,
            layers: 2,
            heads: 4,
            key_value_heads: 2,
            context: 512,
        };
        small.config(100)
    }

    /// Qwen2.5-0.5B's.
    fn half_billion() -> ModelConfig {
        let mut shape = ShapeConfig {
            hidden: 896,
            intermediate: 4864,
            layers: 24,
            heads: 14,
            key_value_heads: 2,
            context: 32_768,
        }
        .config(151_936);
        shape.extras.query_key_value_bias = true;
        shape
    }

    #[test]
    fn absurd_sizes_do_not_come_out_small() {
        let mut shape = shape();
        shape.max_position_embeddings = 1 << 24;
        shape.num_hidden_layers = 4096;
        shape.head_dim = 1 << 20;
        let mut config = config();
        for (turns, tokens, rows) in [
            (1 << 20, 1 << 20, 1 << 20),
            (1, 1 << 20, 1 << 20),
            (1 << 20, usize::MAX, 1),
        ] {
            config.rollout.turns = turns;
            config.problems_per_round = usize::MAX;
            config.resources.tokens_per_pass = tokens;
            config.resources.sampling_batch = rows;
            let estimate = Estimate::new(&shape, &config, None, 1 << 20).unwrap();
            assert!(estimate.peak() > 1 << 50, "{estimate}");
            assert!(!estimate.advice(&config, false).is_empty());
        }
    }

    fn config() -> TrainConfig {
        let mut config = TrainConfig::default();
        config.rollout.turns = 2;
        config.rollout.group = 8;
        config.rollout.sampling.max_tokens = 50;
        config.resources.tokens_per_pass = 1000;
        config.resources.sampling_batch = 10;
        config
    }

    #[test]
    fn a_hand_count() {
        // Heads of 2, so queries of 8 and keys of 4. A block: 2 norms of 8, q 64, k 32, v 32, o 64, three maps of 160;
        // with the table of 800 and the last norm: 800 + 2 * 688 + 8. The value network has a head of 8 more.
        let found = Estimate::new(&shape(), &config(), None, 35).unwrap();
        let (body, value) = (2184, 2192);
        assert_eq!(
            (found.weights, found.reference, found.value),
            (4 * body, 4 * body, 4 * value)
        );
        assert_eq!(found.optimizer, 4 * 2 * (body + value));
        // The table is the head as well.
        assert_eq!(found.matrices, 4 * (body - 5 * 8));
        assert_eq!(found.gradients, 4 * 2 * value);
        // 35 + 2 * 50 and one feedback of (3 * 60 + 80) / 4 tokens: 200 for each of 10 rows, in two blocks of 2 * 4; the
        // first 35 are held once a group of 8.
        assert_eq!(found.cache, 4 * 2 * 2 * 4 * (2 * 35 + 10 * 165 * 3 / 2));
        // Kept of a token: 2 * (4 * 8 + 2 * 8 + 2 * 4 + 3 * 20) + 3 * 8; working: 2 * 8 + 3 * 20.
        assert_eq!(
            found.activations,
            4 * (1000 * (256 + 76) + 2 * 512 * 100 + 2 * 800)
        );
        assert_eq!(found.prompts, 4 * (2048 * 76 + 2 * 10 * 100));
        let fixed = 4 * (4 * body + 3 * value) + found.program;
        assert!(found.activations + found.gradients > found.matrices + found.cache + found.prompts);
        let mut again = config();
        again.resources.recompute = true;
        let again = Estimate::new(&shape(), &again, None, 35).unwrap();
        // Kept of a token now: 3 * 8 of the blocks' inputs, 116 of one block, 3 * 8.
        assert_eq!(
            again.activations,
            4 * (1000 * (164 + 76) + 2 * 512 * 100 + 2 * 800)
        );
        assert_eq!(found.peak(), fixed + found.activations + found.gradients);
    }

    #[test]
    fn grpo_needs_no_value_network_and_an_adapter_no_second_copy() {
        let full = Estimate::new(&shape(), &config(), None, 35).unwrap();
        let mut grpo = config();
        grpo.objective.algorithm = Algorithm::Grpo;
        let found = Estimate::new(&shape(), &grpo, None, 35).unwrap();
        assert_eq!((found.value, found.optimizer), (0, 4 * 2 * 2184));
        let mut shared = config();
        shared.objective.value_head = ValueHead::Shared;
        let found = Estimate::new(&shape(), &shared, None, 35).unwrap();
        // A head of 8 beside the policy's, and its moments.
        assert_eq!((found.value, found.optimizer), (0, 4 * 2 * (2184 + 8)));
        assert_eq!(found.weights, full.weights + 4 * 8);
        let lora = LoraConfig {
            rank: 1,
            targets: vec!["q_proj".to_owned()],
            ..LoraConfig::default()
        };
        let found = Estimate::new(&shape(), &config(), Some(&lora), 35).unwrap();
        // Two blocks of A 8 and B 8; the value network's head is 8.
        assert_eq!((found.reference, found.value), (4 * 32, 4 * 40));
        assert_eq!(found.weights, full.weights + 4 * 32);
        assert_eq!(found.optimizer, 4 * 2 * 72);
        let unknown = LoraConfig {
            targets: vec!["nowhere".to_owned()],
            ..lora
        };
        assert!(Estimate::new(&shape(), &config(), Some(&unknown), 35).is_err());
    }

    #[test]
    fn a_half_billion_parameters_are_counted_and_advised_on() {
        let shape = half_billion();
        let config = config();
        let full = Estimate::new(&shape, &config, None, 300).unwrap();
        // 494 million parameters, as the model's card says.
        assert!((full.weights as f64 / 4e6 - 494.0).abs() < 0.5);
        assert!(full.peak() > 18 << 30, "{full}");
        assert!(full.advice(&config, false).contains("[lora]"));
        let lora = LoraConfig::default();
        let adapted = Estimate::new(&shape, &config, Some(&lora), 300).unwrap();
        assert!(adapted.peak() < 24 << 30, "{adapted}");
        let mut wide = config.clone();
        wide.resources.tokens_per_pass = 100_000;
        let found = Estimate::new(&shape, &wide, Some(&lora), 300).unwrap();
        assert!(
            found
                .advice(&wide, true)
                .contains("tokens_per_pass (now 100000)")
        );
        let mut many = config.clone();
        many.resources.sampling_batch = 256;
        many.rollout.sampling.max_tokens = 1000;
        let found = Estimate::new(&shape, &many, Some(&lora), 300).unwrap();
        assert!(
            found
                .advice(&many, true)
                .contains("sampling_batch (now 256)")
        );
    }

    #[test]
    fn an_episode_is_never_longer_than_the_context() {
        let mut config = config();
        config.resources.tokens_per_pass = 1;
        let whole = Estimate::new(&shape(), &config, None, 10_000).unwrap();
        // All of it is prompt.
        assert_eq!(whole.cache, 4 * 2 * 2 * 4 * 2 * 512);
        // One row can't be cut, so a pass holds at least the longest one.
        assert!(whole.activations > 4 * 512 * 256);
    }

    #[test]
    fn the_machine_says_what_it_has_and_what_was_used() {
        assert_eq!(
            field("VmPeak:\t 9 kB\nVmHWM:\t  12 kB\n", "VmHWM:"),
            Some(12 << 10)
        );
        assert_eq!(field("VmHWM: none\n", "VmHWM:"), None);
        let (used, all) = (peak_so_far().unwrap(), available().unwrap());
        assert!(used > 1 << 20 && used < all, "{used} of {all}");
        assert_eq!(Size(1 << 20).to_string(), "1 MiB");
        assert_eq!(Size(3 << 29).to_string(), "1.5 GiB");
    }
}
