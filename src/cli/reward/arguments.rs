//! What `rlef reward` is told.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::source::TemplateArgs;
use crate::model::device::Processor;
use crate::model::lora::LoraConfig;
use crate::process_model::Neutral;
use crate::reward_model::{Loss, RewardConfig};

/// Arguments of `rlef reward`.
#[derive(ClapArgs)]
#[command(
    after_help = "Preferences are read in any form that `rlef convert --preferences` knows. All pairs of a prompt are learnt from \
    at once. The model is written as AutoModelForSequenceClassification with one label; reward.json holds the mean \
    of training answers, which is taken off a score. As a judge it is kind = \"reward_model\" (`rlef doctor` lists \
    them).\n\n\
    --kind process learns from labelled steps (PRM800K, Math-Shepherd, TRL's columns, our own) and writes \
    AutoModelForTokenClassification with the labels wrong and right, as TRL does; its judge is kind = \
    \"process_model\".\n\n\
    Examples:\n  \
    rlef reward --policy starter --data pairs.jsonl --held-out others.jsonl \\\n      \
    --out reward\n  \
    rlef reward --policy starter --data nectar.parquet --loss plackett-luce \\\n      \
    --out reward --resume\n  \
    rlef reward --kind process --policy starter --data steps.jsonl \\\n      \
    --out steps-model"
)]
pub struct Args {
    /// What it says: a number for a whole answer, or at every step how likely the answer is right so far.
    #[arg(long, value_enum, default_value_t)]
    pub(super) kind: Kind,
    /// What a step is taken for that is neither right nor wrong, of a process reward model.
    #[arg(long, value_enum, default_value_t)]
    pub(super) neutral: Neutral,
    /// Folder, or GGUF file, of the policy whose body it starts from.
    #[arg(long, default_value = "starter")]
    pub(super) policy: PathBuf,
    #[command(flatten)]
    pub(super) template: TemplateArgs,
    /// Pairs or rankings, or labelled steps for a process reward model, in any known form, or SCHEMA:FILE.
    #[arg(long)]
    pub(super) data: String,
    /// Others that it is measured on.
    #[arg(long)]
    pub(super) held_out: Option<String>,
    /// Folder to write the model to.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// TOML of the training; every key has a default, an unknown key is refused.
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// What is learnt of rankings: all their pairs, or the ranking as a whole.
    #[arg(long, value_enum)]
    pub(super) loss: Option<Loss>,
    /// Passes over the prompts.
    #[arg(long, value_parser = crate::cli::count())]
    pub(super) epochs: Option<usize>,
    /// Prompts of an update.
    #[arg(long, value_parser = crate::cli::count())]
    pub(super) batch: Option<usize>,
    /// Highest learning rate.
    #[arg(long)]
    pub(super) learning_rate: Option<f64>,
    /// Rank of an adapter: only that and the head are learnt, and merged into the body in the end.
    #[arg(long, value_parser = crate::cli::count())]
    pub(super) lora_rank: Option<usize>,
    /// Seed of all draws.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Updates after which the training is kept in the folder, to be continued from.
    #[arg(long, default_value_t = 50, value_parser = crate::cli::count())]
    pub(super) keep_every: usize,
    /// Continue a training that was interrupted.
    #[arg(long)]
    pub(super) resume: bool,
    /// Print what it is measured as in JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// What it is computed on.
    #[arg(long, value_enum, default_value_t)]
    pub(super) device: Processor,
}

/// What a reward model says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A number for an answer.
    #[default]
    Outcome,
    /// At every step how likely the answer is right so far.
    Process,
}

impl Args {
    /// The file's configuration, and what is said over it.
    pub(super) fn configuration(&self) -> anyhow::Result<RewardConfig> {
        let file = self.config.as_deref().map(RewardConfig::load);
        let mut config = file.transpose()?.unwrap_or_default();
        config.loss = self.loss.unwrap_or(config.loss);
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.batch = self.batch.unwrap_or(config.batch);
        config.seed = self.seed.unwrap_or(config.seed);
        if let Some(rank) = self.lora_rank {
            let lora = config.lora.take().unwrap_or_default();
            config.lora = Some(LoraConfig { rank, ..lora });
        }
        let rate = &mut config.optimizer.learning_rate;
        *rate = self.learning_rate.unwrap_or(*rate);
        if self.kind == Kind::Process {
            let unused = [
                (self.loss.is_some(), "--loss: steps are no rankings"),
                (
                    config.centre != 0.0,
                    "centre: it is of scores of whole answers",
                ),
            ];
            for (is_set, what) in unused {
                anyhow::ensure!(
                    !is_set,
                    "failed to use {what}; leave it out with --kind process"
                );
            }
        }
        if let Some((key, found, expected)) = config.fault() {
            anyhow::bail!("failed to use configuration: {key} is {found}; expected {expected}");
        }
        Ok(config)
    }
}
