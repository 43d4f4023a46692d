//! How long is one step of RL, and where do its seconds go? The size of the reference measurement of TRL: 8 problems,
//! 8 answers each, at most 64 tokens, 4 layers, 256 wide, one update. RLEF's step also scores and trains a value
//! network of the same size, which GRPO does not have; `--turns 3` makes it RLEF's own, `--grpo` the work of
//! `trl_step.py`: GRPO without a KL term, and its short prompt.

use burn::tensor::Device;
use clap::Parser;
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::config::TrainConfig;
use rlef::model::decoder::Decoder;
use rlef::problem::contest::{self, ContestConfig, Split};
use rlef::sft::ShapeConfig;
use rlef::train::{self, Learner};
use rlef::verdict::host_judge;
use rlef::{demonstration, rollout::RolloutConfig};
use rlef_benchmarks::{head, measure, row};

/// One RLEF step.
#[derive(Parser)]
struct Args {
    /// Steps, after one that is not counted.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Completions per episode at most.
    #[arg(long, default_value_t = 1)]
    turns: usize,
    /// GRPO without a KL term on a short prompt, as in `trl_step.py`.
    #[arg(long)]
    grpo: bool,
}

/// The prompt of `trl_step.py`.
const SHORT: &str = "Read integers. Print their sum.";

fn main() -> anyhow::Result<()> {
    rlef_sandbox::jail_entry();
    let args = Args::parse();
    let items = contest::items(
        Split::Train,
        &ContestConfig {
            train: 400,
            ..ContestConfig::default()
        },
    );
    let tokenizer = Tokenizer::train(&demonstration::texts(&items), 512)?;
    let shape = ShapeConfig {
        hidden: 256,
        intermediate: 1024,
        layers: 4,
        heads: 4,
        key_value_heads: 4,
        context: 1024,
    };
    let policy = Decoder::random(&shape.config(tokenizer.vocab_size()), 1, &Device::flex());
    let mut config = TrainConfig {
        problems_per_round: 8,
        updates_per_round: 1,
        ..TrainConfig::default()
    };
    config.rollout = RolloutConfig {
        group: 8,
        turns: args.turns,
        ..config.rollout
    };
    config.rollout.sampling.max_tokens = 64;
    let judge = host_judge(0)?;
    let mut problems: Vec<_> = items.into_iter().map(|item| item.problem).collect();
    let mut kind = format!("{} turns", args.turns);
    if args.grpo {
        config.objective.algorithm = "grpo".into();
        config.reward.kl_beta = 0.0;
        "grpo".clone_into(&mut kind);
        for problem in &mut problems {
            SHORT.clone_into(&mut problem.statement);
        }
    }
    let mut learner = Learner::new(policy, tokenizer, &config, None)?;
    head();
    for run in 0..=args.runs {
        let (result, sample) =
            measure(|| train::round(&mut learner, &judge, &problems, &config, run));
        let (_, metrics, timings) = result?;
        if run == 0 {
            continue;
        }
        let case = format!("8 x 8 x 64; {kind}");
        row("step", &case, run, metrics.tokens, "sampled tokens", sample);
        eprintln!(
            "step {run}: sampling {:.3} s, judging {:.3} s, scoring {:.3} s, updating {:.3} s",
            timings.sampling_seconds,
            timings.judging_seconds,
            timings.scoring_seconds,
            timings.updating_seconds
        );
    }
    rlef_benchmarks::peak("step");
    Ok(())
}
