//! How many tokens a second does the decoder sample, and learn from? The shape of the reference measurements:
//! 4 layers, 256 wide, 4 heads, SwiGLU 1024, vocabulary 512, f32. Threads: RAYON_NUM_THREADS.

use burn::tensor::Device;
use clap::Parser;
use rlef::batch::{Action, Batch};
use rlef::completion::Sampling;
use rlef::learner::Passes;
use rlef::model::decoder::{Decoder, Extras, ModelConfig};
use rlef::model::sampler::{Request, sample};
use rlef::objective::sft;
use rlef::update::{Optimizer, OptimizerConfig, Step};
use rlef_benchmarks::{head, measure, row};

/// Sampling and training speed.
#[derive(Parser)]
struct Args {
    /// Runs of each case.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only the training step, for a profile of it.
    #[arg(long)]
    training: bool,
    /// Only sampling, of so many rows, for a profile of it.
    #[arg(long, conflicts_with = "training")]
    sampling: Option<usize>,
    /// Tokens of one pass forward and backward; the gradients of a step's passes are summed.
    #[arg(long, default_value_t = ROWS * WIDTH)]
    tokens_per_pass: usize,
}

const PROMPT: usize = 32;
const NEW: usize = 64;
const ROWS: usize = 32;
const WIDTH: usize = 128;

fn shape() -> ModelConfig {
    ModelConfig {
        hidden_size: 256,
        intermediate_size: 1024,
        num_hidden_layers: 4,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        head_dim: 64,
        vocab_size: 512,
        max_position_embeddings: 256,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        extras: Extras::default(),
        tie_word_embeddings: true,
    }
}

fn optimizer() -> OptimizerConfig {
    OptimizerConfig {
        learning_rate: 1e-4,
        weight_decay: 0.1,
        warmup_steps: 1,
        beta_1: 0.9,
        beta_2: 0.95,
        epsilon: 1e-8,
        max_gradient_norm: f64::INFINITY,
    }
}

fn tokens(count: usize, salt: usize) -> Vec<u32> {
    (0..count)
        .map(|i| ((i * 131 + salt * 17) % 511) as u32)
        .collect()
}

fn main() {
    let args = Args::parse();
    let mut decoder = Decoder::random(&shape(), 1, &Device::flex());
    let sampling = Sampling {
        max_tokens: NEW,
        ..Sampling::default()
    };
    // Every row predicts every token after its first: the work of a language-model step.
    let rows: Vec<Vec<u32>> = (0..ROWS).map(|row| tokens(WIDTH, row)).collect();
    let actions = |row: usize| {
        let ids = &rows[row];
        (0..WIDTH - 1).map(move |position| Action {
            row,
            position,
            target: ids[position + 1],
            turn: 0,
            sampler_logprob: None,
        })
    };
    let actions = (0..ROWS).flat_map(actions).collect();
    let batch = Batch::of_rows(rows.clone(), actions, Vec::new());
    let passes = Passes {
        batch: &batch,
        tokens: args.tokens_per_pass,
        temperature: 1.0,
        recompute: false,
    };
    let all: Vec<usize> = (0..ROWS).collect();
    let mut adam = Optimizer::new(optimizer(), decoder.weights.tensors.len());
    head();
    for run in 0..=args.runs {
        let cases = args.sampling.map_or(vec![1, 32, 64], |rows| vec![rows]);
        for rows in cases.into_iter().filter(|_| !args.training) {
            let requests: Vec<Request> = (0..rows)
                .map(|row| Request {
                    prefix: tokens(PROMPT, row),
                    seed: row as u64,
                })
                .collect();
            // No token has the id 512, so that every row samples all its tokens.
            let (drawn, taken) = measure(|| sample(&decoder, &requests, &sampling, &[512], rows));
            let count: usize = drawn
                .iter()
                .map(|completion| completion.sampled.ids.len())
                .sum();
            if run > 0 {
                row(
                    "sampling",
                    &format!("batch {rows}; prompt {PROMPT}; {NEW} new"),
                    run,
                    count,
                    "tokens",
                    taken,
                );
            }
        }
        if args.sampling.is_some() {
            continue;
        }
        let targets = batch.actions.len();
        let ((), taken) = measure(|| {
            let (gradients, _) = passes.gradients(&decoder, &all, |micro, policy| {
                sft::loss(micro.log_probs(policy, 1.0).0, targets)
            });
            let step = adam.step(&mut decoder, &gradients);
            assert!(matches!(step, Step::Taken { .. }), "{step:?}");
        });
        if run > 0 {
            row(
                "training",
                &format!("{ROWS} x {WIDTH}; forward + backward + AdamW"),
                run,
                ROWS * WIDTH,
                "tokens",
                taken,
            );
        }
    }
    rlef_benchmarks::peak("model");
}
