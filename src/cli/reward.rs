//! `rlef reward`: preferences → a reward model that transformers and TRL load.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args as ClapArgs;

use super::output::{self, print, print_json, say};
use super::progress::Progress;
use super::{convert, source};
use crate::model::device::Processor;
use crate::model::lora::LoraConfig;
use crate::reward_model::{self, Data, Keep, Loss, Report, RewardConfig};
use crate::run::lock::Lock;

/// Arguments of `rlef reward`.
#[derive(ClapArgs)]
#[command(
    after_help = "Preferences are read in any form that `rlef convert --preferences` knows. All pairs of a prompt are learnt from \
    at once. The model is written as AutoModelForSequenceClassification with one label; reward.json holds the mean of training \
    answers, which is taken off a score. As a judge it is kind = \"reward_model\" (`rlef doctor` lists them).\n\nExamples:\n  rlef reward --policy starter --data pairs.jsonl --held-out others.jsonl --out reward\n  \
    rlef reward --policy starter --data nectar.parquet --loss plackett-luce --out reward --resume"
)]
pub struct Args {
    /// Folder of the policy whose body it starts from.
    #[arg(long, default_value = "starter")]
    policy: PathBuf,
    /// Pairs or rankings, in any known form, or SCHEMA:FILE.
    #[arg(long)]
    data: String,
    /// Others that it is measured on.
    #[arg(long)]
    held_out: Option<String>,
    /// Folder to write the model to.
    #[arg(long)]
    out: PathBuf,
    /// TOML of the training; every key has a default, an unknown key is refused.
    #[arg(long)]
    config: Option<PathBuf>,
    /// What is learnt of rankings: all their pairs, or the ranking as a whole.
    #[arg(long, value_enum)]
    loss: Option<Loss>,
    /// Passes over the prompts.
    #[arg(long, value_parser = crate::cli::count())]
    epochs: Option<usize>,
    /// Prompts of an update.
    #[arg(long, value_parser = crate::cli::count())]
    batch: Option<usize>,
    /// Highest learning rate.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Rank of an adapter: only that and the head are learnt, and merged into the body in the end.
    #[arg(long, value_parser = crate::cli::count())]
    lora_rank: Option<usize>,
    /// Seed of all draws.
    #[arg(long)]
    seed: Option<u64>,
    /// Updates after which the training is kept in the folder, to be continued from.
    #[arg(long, default_value_t = 50, value_parser = crate::cli::count())]
    keep_every: usize,
    /// Continue a training that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Print what it is measured as in JSON.
    #[arg(long)]
    json: bool,
    /// What it is computed on.
    #[arg(long, value_enum, default_value_t)]
    device: Processor,
}

/// Learns, measures, tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = configuration(args)?;
    output::check_folder(&args.out)?;
    let device = args.device.open()?;
    let (policy, tokenizer) = source::policy(&args.policy, &device)?;
    let context = policy.config.max_position_embeddings;
    let read = |name: &str| -> anyhow::Result<Data> {
        let data = Data::of(&convert::preferences(name)?.items, &tokenizer, context)
            .with_context(|| format!("failed to use {name}"))?;
        if data.too_long + data.equal > 0 {
            say!(
                "of {name} {} are left out for they exceed the context of {context} tokens, and {} for their answers are equal",
                data.too_long,
                data.equal
            );
        }
        Ok(data)
    };
    let train = read(&args.data)?;
    let held_out = args.held_out.as_deref().map(read).transpose()?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("failed to write {}", args.out.display()))?;
    let _lock = Lock::take(&args.out)?;
    let stamp = source::stamp(&args.policy.to_string_lossy(), args.device)?;
    let keep = Keep {
        folder: &args.out,
        every: args.keep_every,
        resume: args.resume,
        policy: &stamp.hash.unwrap_or_default(),
    };
    let (pairs, prompts) = (train.pairs(), train.prompts.len());
    say!("{pairs} pairs of {prompts} prompts");
    let updates = prompts.div_ceil(config.batch) * config.epochs;
    let mut progress = Progress::new("learning", updates as u64);
    let mut shown = |seen: reward_model::Progress| {
        progress.set(seen.update as u64, &format!("loss {:.3}", seen.loss));
    };
    let model = reward_model::learn(
        &policy,
        tokenizer.clone(),
        &train,
        &config,
        keep,
        &mut shown,
    )?;
    progress.finish();
    let (measured, what) = match &held_out {
        Some(data) => (data, "held-out"),
        None => (&train, "training"),
    };
    let report = Report::of(&model, &measured.prompts, config.tokens_per_pass);
    say!("on {what} preferences:");
    if args.json {
        print_json(&serde_json::to_string(&report)?);
    } else {
        print(&report.to_string());
    }
    say!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn configuration(args: &Args) -> anyhow::Result<RewardConfig> {
    let file = args.config.as_deref().map(RewardConfig::load);
    let mut config = file.transpose()?.unwrap_or_default();
    config.loss = args.loss.unwrap_or(config.loss);
    config.epochs = args.epochs.unwrap_or(config.epochs);
    config.batch = args.batch.unwrap_or(config.batch);
    config.seed = args.seed.unwrap_or(config.seed);
    if let Some(rank) = args.lora_rank {
        let lora = config.lora.take().unwrap_or_default();
        config.lora = Some(LoraConfig { rank, ..lora });
    }
    let rate = &mut config.optimizer.learning_rate;
    *rate = args.learning_rate.unwrap_or(*rate);
    if let Some((key, found, expected)) = config.fault() {
        anyhow::bail!("failed to use configuration: {key} is {found}; expected {expected}");
    }
    Ok(config)
}
