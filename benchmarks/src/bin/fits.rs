//! What memory does a run need by our count, for real models' shapes? With the defaults of the preset `llm` (answers of 1,024
//! tokens in three turns, passes of 8,192) and prompts of 512 tokens, on a card that an engine samples for, and on the CPU.
//! Without what a driver keeps, which is half a GiB or more.

use clap::Parser;
use rlef::config::{PolicyFacts, Preset, TrainConfig, ValueHead};
use rlef::memory::{Estimate, Longest, Size};
use rlef::model::decoder::{Arithmetic, Held, ModelConfig};
use rlef::model::device::Processor;
use rlef::model::lora::LoraConfig;
use rlef::sft::ShapeConfig;

/// A table of memory by model and by what is trained.
#[derive(Parser)]
struct Args {
    /// Tokens of the longest prompt.
    #[arg(long, default_value_t = 512)]
    prompt: usize,
    /// Tokens of a pass at most.
    #[arg(long, default_value_t = 8192)]
    tokens_per_pass: usize,
}

/// Qwen2.5's shapes: name, width, inner width, blocks, heads, key heads, width of a head, rows of the table, tied or not.
const MODELS: [(&str, [usize; 7], bool); 4] = [
    ("0.5B", [896, 4864, 24, 14, 2, 64, 151_936], true),
    ("1.5B", [1536, 8960, 28, 12, 2, 128, 151_936], true),
    ("3B", [2048, 11_008, 36, 16, 2, 128, 151_936], true),
    ("7B", [3584, 18_944, 28, 28, 4, 128, 152_064], false),
];

fn shape(
    [hidden, intermediate, layers, heads, keys, width, rows]: [usize; 7],
    tied: bool,
) -> ModelConfig {
    let small = ShapeConfig {
        hidden,
        intermediate,
        layers,
        heads,
        key_value_heads: keys,
        context: 32_768,
    };
    let mut shape = small.config(rows);
    shape.head_dim = width;
    shape.tie_word_embeddings = tied;
    shape.extras.query_key_value_bias = true;
    shape
}

/// What is trained, how it is held, and in what numbers it is multiplied.
type Training = (&'static str, fn(&mut TrainConfig), Held);

const TRAININGS: [Training; 6] = [
    ("full, value network", |_| {}, Held::F32),
    ("full, shared value head", shared, Held::F32),
    (
        "full, GRPO",
        |config| config.objective.algorithm = "grpo".into(),
        Held::F32,
    ),
    ("LoRA, frozen f32", adapter, Held::F32),
    ("LoRA, frozen bf16", adapter, Held::Bf16),
    ("LoRA, frozen bf16, products bf16", narrow, Held::Bf16),
];

fn shared(config: &mut TrainConfig) {
    config.objective.value_head = ValueHead::Shared;
}

fn adapter(config: &mut TrainConfig) {
    config.lora = Some(LoraConfig::default());
}

fn narrow(config: &mut TrainConfig) {
    adapter(config);
    config.resources.precision = Arithmetic::Bf16;
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let engine = serde_json::json!({
        "kind": "vllm", "url": "http://localhost:8000", "weights": "w", "adapters": true
    });
    println!("| model | trained | card | card, nothing computed again | CPU |");
    println!("|---|---|---|---|---|");
    for (name, sizes, tied) in MODELS {
        let shape = shape(sizes, tied);
        for (what, change, held) in TRAININGS {
            let facts = PolicyFacts {
                templated: true,
                parameters: 1,
                context: shape.max_position_embeddings,
                ..PolicyFacts::default()
            };
            let mut config = Preset::Llm.config(Some(&facts));
            config.resources.tokens_per_pass = args.tokens_per_pass;
            config.resources.recompute = true;
            change(&mut config);
            let needs = config.objective()?.needs();
            let lora = config.lora.clone();
            let longest = Longest {
                prompt: args.prompt,
                unit: 0,
            };
            let peak = |config: &TrainConfig| -> anyhow::Result<Size> {
                let found = Estimate::new(&shape, config, &needs, lora.as_ref(), longest, held)?;
                Ok(Size(found.peak()))
            };
            let cpu = if config.resources.precision == Arithmetic::F32 {
                peak(&config)?.to_string()
            } else {
                String::new()
            };
            config.engine = Some(serde_json::from_value(engine.clone())?);
            config.resources.device = Processor::Cuda;
            let card = peak(&config)?;
            config.resources.recompute = false;
            println!("| {name} | {what} | {card} | {} | {cpu} |", peak(&config)?);
        }
    }
    Ok(())
}
