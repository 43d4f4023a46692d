//! `rlef eval`: play problems with a policy and report what it solves, turn by turn.

mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};
use rlef_sandbox::Isolation;

use super::progress::Progress;
use super::{exit, source};
use crate::eval::record::{Evaluation, SandboxStamp, Setting};
use crate::eval::{self, Report};
use crate::journal::{EpisodeRecord, Lines};
use crate::policy::replay::ReplayPolicy;
use crate::policy::sampler::Sampling;
use crate::policy::{ModelPolicy, Policy};
use crate::problem::{Problem, contest};
use crate::prompt::PromptStyle;
use crate::rollout::{self, FeedbackSource, Grader, Group, RolloutConfig, RolloutStats};
use crate::verdict::isolated_judge;

/// Arguments of `rlef eval`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  rlef eval --policy starter --problems contest:test\n  rlef eval --policy replay:samples.jsonl --problems humaneval.jsonl --turns 2 --json\n  rlef eval --policy starter --feedback independent --out resampling.json\n  rlef eval --policy openai:http://localhost:8000/v1 --model qwen --problems humaneval.jsonl --concurrency 32"
)]
pub struct Args {
    /// A problem file, or contest:train, contest:validation, contest:test.
    #[arg(long, default_value = "contest:test")]
    problems: String,
    /// A checkpoint directory, replay:FILE with recorded completions, or openai:URL of a chat-completions server.
    #[arg(long, default_value = "starter")]
    policy: String,
    /// Completions per episode at most.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Episodes per problem.
    #[arg(long, default_value_t = 4)]
    rollouts: usize,
    /// Sampling temperature.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Nucleus.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// Tokens of one completion at most [default: 96, of a server 2048].
    #[arg(long)]
    max_tokens: Option<usize>,
    /// Whose feedback the policy is shown.
    #[arg(long, value_enum, default_value_t = Feedback::Real)]
    feedback: Feedback,
    /// Wording of prompts and feedback; full is for instructed models [default: compact, of a server full].
    #[arg(long, value_enum)]
    style: Option<Style>,
    /// Seed of all draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What stands between programs and this machine: process, wasm, or auto (WebAssembly, and a process for what it
    /// lacks).
    #[arg(long, default_value_t)]
    isolation: Isolation,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Leave out the problems of this list, written by `rlef doctor --problems`.
    #[arg(long)]
    quarantine: Option<PathBuf>,
    /// Also write every episode to this file.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Also write the evaluation to this file, for `rlef gate`.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Largest share of episodes that the sandbox or the policy's server may lose; above it the exit code is 4.
    #[arg(long, default_value_t = 0.0)]
    max_infra_rate: f64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: server::ServerArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Feedback {
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
enum Style {
    Compact,
    Full,
}

/// Plays, reports, and exits with 4 where too many episodes were lost.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let problems = source::problems_without(&args.problems, args.quarantine.as_deref())?;
    let url = args.policy.strip_prefix("openai:");
    let (style, max_tokens) = match url {
        Some(_) => (Style::Full, 2048),
        None => (Style::Compact, 96),
    };
    let config = RolloutConfig {
        group: args.rollouts.max(1),
        turns: args.turns.max(1),
        sampling: Sampling {
            temperature: args.temperature,
            top_p: args.top_p,
            max_tokens: args.max_tokens.unwrap_or(max_tokens).max(1),
        },
        style: match args.style.unwrap_or(style) {
            Style::Compact => PromptStyle::Compact,
            Style::Full => PromptStyle::Full,
        },
        feedback: match args.feedback {
            Feedback::Real => FeedbackSource::Real,
            Feedback::Silent => FeedbackSource::Silent,
            Feedback::Random => FeedbackSource::Random,
            Feedback::SelfRepair => FeedbackSource::SelfRepair,
            Feedback::Independent => FeedbackSource::Independent,
        },
    };
    let judge = isolated_judge(args.isolation, args.workers)?;
    let (groups, report) = if let Some(file) = args.policy.strip_prefix("replay:") {
        let mut policy = ReplayPolicy::load(Path::new(file))?;
        if let Some(problem) = problems
            .iter()
            .find(|problem| policy.samples_of(&problem.id) < config.group)
        {
            anyhow::bail!(
                "{file} holds {} completions of {}; --rollouts {} needs as many",
                policy.samples_of(&problem.id),
                problem.id,
                config.group
            );
        }
        evaluate(&mut policy, &judge, &problems, &config, args.seed)?
    } else if let Some(url) = url {
        let mut policy = args.server.policy(url)?;
        let (groups, report) = evaluate(&mut policy, &judge, &problems, &config, args.seed)?;
        let report = report.with_usage(&groups, policy.usage());
        (groups, report)
    } else {
        let (decoder, tokenizer) = source::policy(Path::new(&args.policy))?;
        let mut policy = ModelPolicy {
            decoder: &decoder,
            tokenizer: &tokenizer,
            batch: 256,
        };
        evaluate(&mut policy, &judge, &problems, &config, args.seed)?
    };
    if let Some(path) = &args.journal {
        let records: Vec<EpisodeRecord> = groups
            .iter()
            .flat_map(|group| &group.episodes)
            .map(|episode| EpisodeRecord::new(0, episode))
            .collect();
        Lines::open(path, 0)?.append(&records)?;
    }
    let report = report.with_labels(&groups, &problems, args.seed);
    if let Some(path) = &args.out {
        let setting = Setting {
            problems: &args.problems,
            policy: match url {
                Some(_) => source::stamp(&args.server.name(&args.policy)?)?,
                None => source::stamp(&args.policy)?,
            },
            config: &config,
            sandbox: SandboxStamp::of(judge.protection()),
            seed: args.seed,
        };
        Evaluation::new(&setting, &problems, &groups, &report).save(path)?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", describe(&args.problems, &problems, &report));
    }
    let played = (report.episodes + report.aborted).max(1);
    Ok(
        if report.aborted as f64 > args.max_infra_rate * played as f64 {
            ExitCode::from(exit::INFRASTRUCTURE)
        } else {
            ExitCode::SUCCESS
        },
    )
}

/// A report with what the problems allow.
pub fn describe(name: &str, problems: &[Problem], report: &Report) -> String {
    match contest::parse_spec(name) {
        Some(_) => format!("{}\n{report}", contest::summary(problems)),
        None => report.to_string(),
    }
}

/// Plays all problems, a slice at a time so that progress shows, and reports on them together.
pub fn evaluate(
    policy: &mut dyn Policy,
    grader: &dyn Grader,
    problems: &[Problem],
    config: &RolloutConfig,
    seed: u64,
) -> anyhow::Result<(Vec<Group>, Report)> {
    const SLICE: usize = 64;
    let mut progress = Progress::new("evaluating", problems.len() as u64);
    let mut groups = Vec::with_capacity(problems.len());
    let mut total = RolloutStats::default();
    for slice in problems.chunks(SLICE) {
        let some: Vec<&Problem> = slice.iter().collect();
        let (more, stats) = rollout::play(policy, grader, &some, config, seed)?;
        groups.extend(more);
        total.tokens += stats.tokens;
        total.programs += stats.programs;
        total.sampling_seconds += stats.sampling_seconds;
        total.judging_seconds += stats.judging_seconds;
        let so_far = eval::report(&groups, config.turns, &total, seed);
        let message = format!(
            "1@{} {:.1}%, {:.0} tokens/s, {:.0} programs/s",
            config.turns,
            100.0 * so_far.final_solved().mean,
            so_far.tokens_per_second,
            so_far.programs_per_second
        );
        progress.set(groups.len() as u64, &message);
    }
    progress.finish();
    let report = eval::report(&groups, config.turns, &total, seed);
    Ok((groups, report))
}
