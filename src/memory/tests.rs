//! Hand counts.

use super::machine::field;
use super::*;
use crate::sft::ShapeConfig;

fn estimate(
    shape: &ModelConfig,
    config: &TrainConfig,
    lora: Option<&LoraConfig>,
    longest_prompt: usize,
) -> Result<Estimate, LoraError> {
    let needs = config.objective().unwrap().needs();
    let longest = Longest {
        prompt: longest_prompt,
        unit: 0,
    };
    Estimate::new(shape, config, &needs, lora, longest, Held::F32)
}

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
        let estimate = estimate(&shape, &config, None, 1 << 20).unwrap();
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
    let found = estimate(&shape(), &config(), None, 35).unwrap();
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
    let again = estimate(&shape(), &again, None, 35).unwrap();
    // Kept of a token now: 3 * 8 of the blocks' inputs, 116 of one block, 3 * 8.
    assert_eq!(
        again.activations,
        4 * (1000 * (164 + 76) + 2 * 512 * 100 + 2 * 800)
    );
    assert_eq!(found.peak(), fixed + found.activations + found.gradients);
}

#[test]
fn grpo_needs_no_value_network_and_an_adapter_no_second_copy() {
    let full = estimate(&shape(), &config(), None, 35).unwrap();
    let mut grpo = config();
    grpo.objective.algorithm = "grpo".into();
    let found = estimate(&shape(), &grpo, None, 35).unwrap();
    assert_eq!((found.value, found.optimizer), (0, 4 * 2 * 2184));
    let mut shared = config();
    shared.objective.value_head = ValueHead::Shared;
    let found = estimate(&shape(), &shared, None, 35).unwrap();
    // A head of 8 beside the policy's, and its moments.
    assert_eq!((found.value, found.optimizer), (0, 4 * 2 * (2184 + 8)));
    assert_eq!(found.weights, full.weights + 4 * 8);
    let lora = LoraConfig {
        rank: 1,
        targets: vec!["q_proj".to_owned()],
        ..LoraConfig::default()
    };
    let found = estimate(&shape(), &config(), Some(&lora), 35).unwrap();
    // Two blocks of A 8 and B 8; the value network's head is 8.
    assert_eq!((found.reference, found.value), (4 * 32, 4 * 40));
    assert_eq!(found.weights, full.weights + 4 * 32);
    assert_eq!(found.optimizer, 4 * 2 * 72);
    let unknown = LoraConfig {
        targets: vec!["nowhere".to_owned()],
        ..lora
    };
    assert!(estimate(&shape(), &config(), Some(&unknown), 35).is_err());
}

#[test]
fn a_half_billion_parameters_are_counted_and_advised_on() {
    let shape = half_billion();
    let config = config();
    let full = estimate(&shape, &config, None, 300).unwrap();
    // 494 million parameters, as the model's card says.
    assert!((full.weights as f64 / 4e6 - 494.0).abs() < 0.5);
    assert!(full.peak() > 18 << 30, "{full}");
    assert!(full.advice(&config, false).contains("[lora]"));
    let lora = LoraConfig::default();
    let adapted = estimate(&shape, &config, Some(&lora), 300).unwrap();
    assert!(adapted.peak() < 24 << 30, "{adapted}");
    let mut wide = config.clone();
    wide.resources.tokens_per_pass = 100_000;
    let found = estimate(&shape, &wide, Some(&lora), 300).unwrap();
    assert!(
        found
            .advice(&wide, true)
            .contains("tokens_per_pass (now 100000)")
    );
    let mut many = config.clone();
    many.resources.sampling_batch = 256;
    many.rollout.sampling.max_tokens = 1000;
    let found = estimate(&shape, &many, Some(&lora), 300).unwrap();
    assert!(
        found
            .advice(&many, true)
            .contains("sampling_batch (now 256)")
    );
}

#[test]
fn frozen_matrices_in_bf16_take_half_and_one_of_them_is_wide_at_a_time() {
    let (shape, config, lora) = (shape(), config(), LoraConfig::default());
    let of = |held, lora| {
        let needs = config.objective().unwrap().needs();
        let longest = Longest {
            prompt: 35,
            unit: 0,
        };
        Estimate::new(&shape, &config, &needs, lora, longest, held).unwrap()
    };
    let (wide, narrow) = (of(Held::F32, Some(&lora)), of(Held::Bf16, Some(&lora)));
    // Two blocks of q 64, k 32, v 32, o 64 and three maps of 160, two bytes less each.
    assert_eq!(wide.weights - narrow.weights, 2 * 2 * (192 + 480));
    assert_eq!(narrow.activations - wide.activations, 4 * 160);
    // Where all weights learn, none is frozen.
    assert_eq!(of(Held::Bf16, None), of(Held::F32, None));
}

#[test]
fn a_card_holds_neither_the_cache_nor_the_program_and_stock_operations_take_more() {
    let (shape, mut config) = (shape(), config());
    let cpu = estimate(&shape, &config, None, 35).unwrap();
    config.resources.device = Processor::Cuda;
    let card = estimate(&shape, &config, None, 35).unwrap();
    assert_eq!((card.cache, card.program, card.matrices), (0, 0, 0));
    // Kept of a token as before, working: 4 * 8 + 7 * 20; logits four times; five pieces of scores.
    let expected = 4 * (1000 * (256 + 172) + 4 * 512 * 100 + 2 * 800 + 5 * (1 << 24));
    assert_eq!(card.activations, expected);
    assert_eq!(card.weights, cpu.weights);
    // In bf16 the maps of the two blocks are there again for the way back, or those of one.
    config.resources.precision = Arithmetic::Bf16;
    let narrow = estimate(&shape, &config, None, 35).unwrap();
    assert_eq!(narrow.activations - card.activations, 2 * 2 * 672);
    assert_eq!(narrow.matrices, 2 * 2 * 672);
    config.resources.recompute = true;
    let again = estimate(&shape, &config, None, 35).unwrap();
    let kept = 256 - 164;
    assert_eq!(
        narrow.activations - again.activations,
        2 * 672 + 4 * 1000 * kept
    );
}

#[test]
fn who_is_sampled_by_an_engine_is_not_sampled_here() {
    let (shape, mut config) = (shape(), config());
    let engine = "kind = \"vllm\"\nurl = \"http://localhost:8000\"\nweights = \"weights\"\n";
    config.engine = Some(toml::from_str(engine).unwrap());
    let full = estimate(&shape, &config, None, 35).unwrap();
    assert_eq!((full.cache, full.matrices, full.prompts), (0, 0, 0));
    assert_eq!(full.merged, 0);
    let lora = LoraConfig::default();
    let adapted = estimate(&shape, &config, Some(&lora), 35).unwrap();
    assert_eq!(adapted.merged, 4 * 2184);
    if let Some(engine) = &mut config.engine {
        engine.adapters = true;
    }
    assert_eq!(
        estimate(&shape, &config, Some(&lora), 35).unwrap().merged,
        0
    );
}

#[test]
fn an_episode_is_never_longer_than_the_context() {
    let mut config = config();
    config.resources.tokens_per_pass = 1;
    let whole = estimate(&shape(), &config, None, 10_000).unwrap();
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

#[test]
fn a_data_set_is_not_sampled_and_its_units_stay_whole() {
    let mut pairs = config();
    pairs.objective.algorithm = "dpo".into();
    pairs.objective.data = Some("pairs.jsonl".into());
    pairs.evaluation.problems = String::new();
    let needs = pairs.objective().unwrap().needs();
    let of = |config: &TrainConfig, unit| {
        let longest = Longest { prompt: 35, unit };
        Estimate::new(&shape(), config, &needs, None, longest, Held::F32).unwrap()
    };
    let found = of(&pairs, 300);
    assert_eq!((found.matrices, found.cache, found.prompts), (0, 0, 0));
    // No value network; the reference is a body of its own.
    assert_eq!((found.value, found.reference), (0, 4 * 2184));
    // A pass of 1000 tokens, or of one pair that is longer.
    assert_eq!(
        found.activations,
        4 * (1000 * (256 + 76) + 2 * 512 * 100 + 2 * 800)
    );
    assert_eq!(
        of(&pairs, 1400).activations - found.activations,
        4 * 400 * (256 + 76)
    );
    let mut evaluated = pairs.clone();
    evaluated.evaluation.problems = "contest:test".to_owned();
    assert!(of(&evaluated, 300).cache > 0);
}
