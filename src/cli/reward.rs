//! `rlef reward`: preferences → a reward model that transformers and TRL load.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args as ClapArgs, ValueEnum};
use sha2::{Digest as _, Sha256};

use super::output::{self, print, print_json, say};
use super::progress::Progress;
use super::{convert, source};
use crate::checkpoint::Precision;
use crate::model::device::Processor;
use crate::reward_model::{self, Data, Loss, Report, RewardConfig, RewardModel, Trainer};
use crate::run::lock::Lock;

/// Arguments of `rlef reward`.
#[derive(ClapArgs)]
#[command(
    after_help = "Preferences are read in any form that `rlef convert --preferences` knows. All pairs of a prompt are learnt from \
    at once. The model is written as AutoModelForSequenceClassification with one label; reward.json holds the mean of training \
    answers, which is taken off a score.\n\nExamples:\n  rlef reward --policy starter --data pairs.jsonl --held-out others.jsonl --out reward\n  \
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
    loss: Option<Learnt>,
    /// Passes over the prompts.
    #[arg(long, value_parser = crate::cli::count())]
    epochs: Option<usize>,
    /// Prompts of an update.
    #[arg(long, value_parser = crate::cli::count())]
    batch: Option<usize>,
    /// Highest learning rate.
    #[arg(long)]
    learning_rate: Option<f64>,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Learnt {
    Pairs,
    PlackettLuce,
}

/// Learns, normalises, measures, saves.
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
    let inputs = inputs(args, &train)?;
    let model = RewardModel::new(&policy, tokenizer.clone(), config.seed);
    let mut trainer = Trainer::new(model, &config, &train.prompts);
    if args.resume {
        trainer.restore(&args.out, &inputs, &device)?;
        say!("continuing after update {}", trainer.done);
    }
    say!(
        "{} pairs of {} prompts, {} updates",
        train.pairs(),
        train.prompts.len(),
        trainer.updates()
    );
    learn(&mut trainer, args, &inputs)?;
    let mut model = trainer.model;
    let texts: Vec<Vec<u32>> = train
        .prompts
        .iter()
        .flat_map(|one| one.texts.clone())
        .collect();
    model.normalise(&texts, config.tokens_per_pass);
    model.save(&args.out, Precision::F32)?;
    reward_model::discard(&args.out, None);
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

fn learn(trainer: &mut Trainer<'_>, args: &Args, inputs: &str) -> anyhow::Result<()> {
    let mut progress = Progress::new("learning", trainer.updates() as u64);
    while trainer.done < trainer.updates() {
        let seen = trainer.update()?;
        progress.set(seen.update as u64, &format!("loss {:.3}", seen.loss));
        if seen.update.is_multiple_of(args.keep_every) || seen.update == seen.updates {
            trainer.keep(&args.out, inputs)?;
        }
    }
    progress.finish();
    Ok(())
}

fn configuration(args: &Args) -> anyhow::Result<RewardConfig> {
    let mut config = match &args.config {
        Some(path) => read_config(path)?,
        None => RewardConfig::default(),
    };
    config.loss = match args.loss {
        Some(Learnt::Pairs) => Loss::Pairs,
        Some(Learnt::PlackettLuce) => Loss::PlackettLuce,
        None => config.loss,
    };
    config.epochs = args.epochs.unwrap_or(config.epochs);
    config.batch = args.batch.unwrap_or(config.batch);
    config.seed = args.seed.unwrap_or(config.seed);
    let rate = &mut config.optimizer.learning_rate;
    *rate = args.learning_rate.unwrap_or(*rate);
    if let Some((key, found, expected)) = config.fault() {
        anyhow::bail!("failed to use configuration: {key} is {found}; expected {expected}");
    }
    Ok(config)
}

fn read_config(path: &Path) -> anyhow::Result<RewardConfig> {
    let context = || format!("failed to read {}", path.display());
    let text = crate::files::read_to_string(path).with_context(context)?;
    toml::from_str(&text).with_context(context)
}

/// Names the policy and what is learnt from it.
fn inputs(args: &Args, train: &Data) -> anyhow::Result<String> {
    let stamp = source::stamp(&args.policy.to_string_lossy(), args.device)?;
    let digest = Sha256::digest(format!("{:?}", train.prompts));
    let hash = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    let hash = hash.collect::<Vec<_>>().concat();
    Ok(format!("{} {hash}", stamp.hash.unwrap_or_default()))
}
