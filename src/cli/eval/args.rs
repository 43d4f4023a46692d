//! Arguments of `rlef eval` → how episodes are played.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use super::super::judging::JudgingArgs;
use super::super::output::{insist, say};
use super::super::{output, source};
use super::beam::BeamArgs;
use super::engine::EngineArgs;
use super::server::ServerArgs;
use crate::completion::Sampling;
use crate::config::Preset;
use crate::model::device::Processor;
use crate::policy::remote::Sent;
use crate::policy::replay::REFERENCES;
use crate::prompt::PromptStyle;
use crate::rollout::{FeedbackSource, PublicTests, RolloutConfig};
use crate::server;

/// Arguments of `rlef eval`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    rlef eval --policy starter --problems contest:test\n  \
    rlef eval --policy replay:samples.jsonl --problems humaneval.jsonl \\\n      \
    --turns 2 --json\n  \
    rlef eval --policy starter --feedback independent --out resampling.json\n  \
    rlef eval --policy openai:http://localhost:8000/v1 --model qwen \\\n      \
    --problems humaneval.jsonl --concurrency 32 --journal qwen.jsonl\n  \
    rlef eval --policy openai:http://localhost:8000/v1 --model qwen \\\n      \
    --problems humaneval.jsonl --resume qwen.jsonl\n  \
    rlef eval --policy engine:http://localhost:8000 --engine vllm \\\n      \
    --tokenizer Qwen2.5-Coder-1.5B-Instruct --problems humaneval.jsonl")]
pub struct Args {
    /// A problem file, or contest:train, contest:validation, contest:test.
    #[arg(long, default_value = "contest:test")]
    pub(super) problems: String,
    #[command(flatten)]
    pub(super) schema: source::SchemaArgs,
    /// A checkpoint directory, a model in one GGUF file, replay:FILE with recorded completions, references (the solutions that the
    /// problems bring), openai:URL of a chat or completions server, or engine:URL of a serving engine, which is asked with token ids
    /// as training asks it; openai: alone takes the address in OPENAI_BASE_URL.
    #[arg(long, default_value = "starter")]
    pub(super) policy: String,
    #[command(flatten)]
    pub(super) template: source::TemplateArgs,
    /// Completions per episode at most.
    #[arg(long, default_value_t = 3, value_parser = crate::cli::count())]
    pub(super) turns: usize,
    /// Episodes per problem.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    pub(super) rollouts: usize,
    /// Sampling temperature [default: 1; of a checkpoint with a chat template what its generation_config.json says, else
    /// 0.2; a server is sent none and uses its own].
    #[arg(long)]
    pub(super) temperature: Option<f64>,
    /// Samples from the likeliest tokens whose probability reaches this [default: 1, which keeps all; of a checkpoint with
    /// a chat template what its generation_config.json says, else 0.95; a server is sent none and uses its own].
    #[arg(long)]
    pub(super) top_p: Option<f64>,
    /// Keeps this many of the likeliest tokens; 0 keeps all [default: 0, or what generation_config.json says].
    #[arg(long)]
    pub(super) top_k: Option<usize>,
    /// A text that ends an answer and is cut off it; may be given again.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) stop: Vec<String>,
    /// Tokens of one completion at most [default: 96; of a checkpoint with a chat template a quarter of its
    /// context, 1024 at most; of a server 2048].
    #[arg(long, value_parser = crate::cli::count())]
    pub(super) max_tokens: Option<usize>,
    /// Whose feedback the policy is shown.
    #[arg(long, value_enum, default_value_t = Feedback::Real)]
    pub(super) feedback: Feedback,
    /// Wording of prompts and feedback; full is for instructed models [default: compact; of a server, or a
    /// checkpoint with a chat template, full].
    #[arg(long, value_enum)]
    pub(super) style: Option<Style>,
    /// Seed of all draws [default: 1; a server is sent one only where it is given].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// What a checkpoint is computed on.
    #[arg(long, value_enum, default_value_t)]
    pub(super) device: Processor,
    #[command(flatten)]
    pub(super) judging: JudgingArgs,
    /// Leave out the problems of this list, written by `rlef doctor --problems`.
    #[arg(long)]
    pub(super) quarantine: Option<PathBuf>,
    /// Write every answer, verdict and episode to this file as they come. Where the file is there, the evaluation in it is
    /// continued: nothing is asked or judged twice, and it must be the same evaluation.
    #[arg(long)]
    pub(super) journal: Option<PathBuf>,
    /// Continue the evaluation of this journal; the same as --journal, but the file must be there.
    #[arg(long, conflicts_with = "journal", value_name = "JOURNAL")]
    pub(super) resume: Option<PathBuf>,
    /// Also write the evaluation to this file, for `rlef gate`.
    #[arg(long)]
    pub(super) out: Option<PathBuf>,
    /// Largest share of episodes that the sandbox or the policy's server may lose; above it the exit code is 4.
    #[arg(long, default_value_t = 0.0)]
    pub(super) max_infra_rate: f64,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    #[command(flatten)]
    pub(super) beam: BeamArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Feedback {
    /// What its own program did.
    Real,
    /// That it failed, and nothing else.
    Silent,
    /// What another problem's program did.
    Random,
    /// Nothing: it reads its own answer again, through all turns.
    SelfRepair,
    /// No history either: fresh answers until one passes the public tests, at the same budget.
    Independent,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Style {
    Compact,
    Full,
}

impl Args {
    /// Refuses numbers that mean nothing.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (name, value, range) in [
            (
                "temperature",
                self.temperature.unwrap_or(1.0),
                0.0..=f64::MAX,
            ),
            ("top-p", self.top_p.unwrap_or(1.0), f64::MIN_POSITIVE..=1.0),
            ("max-infra-rate", self.max_infra_rate, 0.0..=1.0),
        ] {
            anyhow::ensure!(
                range.contains(&value),
                "failed to use --{name} {value}; expected a number {}",
                match name {
                    "temperature" => "of at least 0",
                    "top-p" => "above 0, at most 1",
                    _ => "from 0 to 1",
                }
            );
        }
        if let Some(template) = self.template.path()
            && self.folder()?.is_none()
        {
            anyhow::bail!(
                "failed to use --chat-template {}: {} is no checkpoint, and whoever answers for it has a template of its own; leave it out",
                template.display(),
                self.policy
            );
        }
        Ok(())
    }

    /// The server's address, where the policy is a server.
    pub(super) fn url(&self) -> Option<&str> {
        self.policy.strip_prefix("openai:")
    }

    /// The server's address: the one that is given, else the one in the environment.
    pub(super) fn base_url(&self) -> anyhow::Result<String> {
        Ok(server::base_url(self.url().unwrap_or_default())?)
    }

    /// Whether the problems' own solutions are played; a folder of that name goes before them.
    pub(super) fn plays_references(&self) -> bool {
        self.policy == REFERENCES && !Path::new(REFERENCES).exists()
    }

    /// The engine's address, where the policy is one.
    pub(super) fn engine_url(&self) -> Option<&str> {
        self.policy.strip_prefix("engine:")
    }

    /// The folder that says what the policy is: its own, or the one whose tokenizer an engine's is.
    pub(super) fn folder(&self) -> anyhow::Result<Option<&Path>> {
        if self.engine_url().is_some() {
            return self.engine.tokenizer().map(Some);
        }
        let replays = self.policy.starts_with("replay:") || self.plays_references();
        let none = self.url().is_some() || replays;
        Ok((!none).then_some(Path::new(&self.policy)))
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// What a server is sent: what was asked for. Some refuse settings they don't know.
    pub(super) const fn sent(&self) -> Sent {
        Sent {
            temperature: self.temperature.is_some(),
            top_p: self.top_p.is_some(),
            seed: self.seed.is_some(),
        }
    }

    /// Settings that shift scores and that the server chooses.
    pub(super) fn left_to_server(&self) -> Vec<String> {
        if self.url().is_none() {
            return Vec::new();
        }
        let sent = self.sent();
        let left = [("temperature", sent.temperature), ("top_p", sent.top_p)];
        let left = left.into_iter().filter(|(_, sent)| !sent);
        left.map(|(name, _)| name.to_owned()).collect()
    }

    /// How episodes are played, as far as the arguments leave it open by what the policy is; that is said.
    pub(super) fn rollout(&self) -> anyhow::Result<RolloutConfig> {
        let facts = match self.folder()? {
            Some(folder) => source::facts(folder, self.template.path())?,
            None => None,
        };
        let fitting = Preset::Auto.config(facts.as_ref());
        let (mut style, mut max_tokens) =
            (fitting.rollout.style, fitting.rollout.sampling.max_tokens);
        if self.url().is_some() {
            (style, max_tokens) = (PromptStyle::Full, 2048);
        }
        let evaluation = &fitting.evaluation;
        let config = RolloutConfig {
            group: self.rollouts,
            turns: self.turns,
            sampling: Sampling {
                temperature: self.temperature.unwrap_or(evaluation.temperature),
                top_p: self.top_p.unwrap_or(evaluation.top_p),
                top_k: self.top_k.unwrap_or(evaluation.top_k),
                stop: self.stop.clone(),
                max_tokens: self.max_tokens.unwrap_or(max_tokens),
            },
            style: match self.style {
                None => style,
                Some(Style::Compact) => PromptStyle::Compact,
                Some(Style::Full) => PromptStyle::Full,
            },
            feedback: match self.feedback {
                Feedback::Real => FeedbackSource::Real,
                Feedback::Silent => FeedbackSource::Silent,
                Feedback::Random => FeedbackSource::Random,
                Feedback::SelfRepair => FeedbackSource::SelfRepair,
                Feedback::Independent => FeedbackSource::Independent,
            },
            // The table says which answers pass fewer tests than the one before.
            public_tests: PublicTests::All,
            max_staleness: 0,
        };
        if let Some(facts) = facts.filter(|_| fitting.preset == Preset::Llm) {
            let sampling = &config.sampling;
            say!(
                "played as fits a policy with {}: {} tokens an answer, temperature {}, top-p {}, top-k {}",
                facts.words(),
                sampling.max_tokens,
                sampling.temperature,
                sampling.top_p,
                sampling.top_k
            );
            if !facts.generation.unused.is_empty() {
                insist!(
                    "warning: the checkpoint's generation_config.json asks for {}, which is not done here",
                    facts.generation.unused.join(", ")
                );
            }
        }
        Ok(config)
    }

    /// Finds out whether the file that is written in the end can be.
    pub(super) fn outputs(&self) -> anyhow::Result<()> {
        Ok((self.out.as_deref()).map_or(Ok(()), output::check_file)?)
    }
}
