//! `rlef eval`: play problems with a policy and report what it solves, turn by turn.

mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};

use super::judging::{self, JudgingArgs, watch_interrupts};
use super::output::{print, print_json, say};
use super::progress::Progress;
use super::{exit, output, source};
use crate::eval::journal::{EvalJournal, JournalledJudge, JournalledPolicy, ResumeError, Settings};
use crate::eval::record::{Evaluation, Setting, problems_hash};
use crate::eval::stamp::{PlayStamp, PolicyStamp, SandboxStamp};
use crate::eval::{self, Report};
use crate::policy::device::Processor;
use crate::policy::remote::RemoteError;
use crate::policy::replay::ReplayPolicy;
use crate::policy::sampler::Sampling;
use crate::policy::{ModelPolicy, Policy, PolicyError};
use crate::problem::{Problem, contest, printable};
use crate::prompt::PromptStyle;
use crate::rollout::{self, FeedbackSource, Grader, Group, RolloutConfig, RolloutStats};
use crate::verdict::HostJudge;

/// Arguments of `rlef eval`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  rlef eval --policy starter --problems contest:test\n  rlef eval --policy replay:samples.jsonl --problems humaneval.jsonl --turns 2 --json\n  rlef eval --policy starter --feedback independent --out resampling.json\n  rlef eval --policy openai:http://localhost:8000/v1 --model qwen --problems humaneval.jsonl --concurrency 32 --journal qwen.jsonl\n  rlef eval --policy openai:http://localhost:8000/v1 --model qwen --problems humaneval.jsonl --resume qwen.jsonl"
)]
pub struct Args {
    /// A problem file, or contest:train, contest:validation, contest:test.
    #[arg(long, default_value = "contest:test")]
    problems: String,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// A checkpoint directory, replay:FILE with recorded completions, or openai:URL of a chat or completions server.
    #[arg(long, default_value = "starter")]
    policy: String,
    /// Completions per episode at most.
    #[arg(long, default_value_t = 3, value_parser = crate::cli::count())]
    turns: usize,
    /// Episodes per problem.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    rollouts: usize,
    /// Sampling temperature.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Nucleus.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// Keeps this many of the likeliest tokens; 0 keeps all.
    #[arg(long, default_value_t = 0)]
    top_k: usize,
    /// A text that ends an answer and is cut off it; may be given again.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    stop: Vec<String>,
    /// Tokens of one completion at most [default: 96, of a server 2048].
    #[arg(long, value_parser = crate::cli::count())]
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
    /// What a checkpoint is computed on.
    #[arg(long, value_enum, default_value_t)]
    device: Processor,
    #[command(flatten)]
    judging: JudgingArgs,
    /// Leave out the problems of this list, written by `rlef doctor --problems`.
    #[arg(long)]
    quarantine: Option<PathBuf>,
    /// Write every answer, verdict and episode to this file as they come. Where the file is there, the evaluation in it is
    /// continued: nothing is asked or judged twice, and it must be the same evaluation.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Continue the evaluation of this journal; the same as --journal, but the file must be there.
    #[arg(long, conflicts_with = "journal", value_name = "JOURNAL")]
    resume: Option<PathBuf>,
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
    for (name, value, range) in [
        ("temperature", args.temperature, 0.0..=f64::MAX),
        ("top-p", args.top_p, f64::MIN_POSITIVE..=1.0),
        ("max-infra-rate", args.max_infra_rate, 0.0..=1.0),
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
    outputs(args)?;
    let name = args.schema.applied(&args.problems)?;
    let problems = source::problems_without(&name, args.quarantine.as_deref())?;
    let url = args.policy.strip_prefix("openai:");
    let (style, max_tokens) = match url {
        Some(_) => (Style::Full, 2048),
        None => (Style::Compact, 96),
    };
    let config = RolloutConfig {
        group: args.rollouts,
        turns: args.turns,
        sampling: Sampling {
            temperature: args.temperature,
            top_p: args.top_p,
            top_k: args.top_k,
            stop: args.stop.clone(),
            max_tokens: args.max_tokens.unwrap_or(max_tokens),
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
    let judge = args.judging.judge()?;
    judging::require_supported(&judge, &problems, &args.problems)?;
    let stamp = match url {
        Some(_) => source::stamp(&args.server.name(&args.policy)?, args.device)?,
        None => source::stamp(&args.policy, args.device)?,
    };
    let journal = open_journal(args, &judge, &problems, &config, &stamp)?;
    let play = Play {
        judge: &judge,
        journal: journal.as_ref(),
        problems: &problems,
        config: &config,
        seed: args.seed,
    };
    let played = play_policy(args, &play);
    // A journal that could not be finished is told when what was found has been.
    let mut unwritten = Ok(());
    if let Some(journal) = &journal {
        unwritten = journal.sync();
        if unwritten.is_ok()
            && let Some(code) = stopped(args, journal, &played)
        {
            return Ok(code);
        }
    }
    let (groups, report) = match played {
        Ok(played) => played,
        Err(error) => {
            unwritten?;
            return Err(error);
        }
    };
    if let Some(journal) = &journal {
        let (answers, verdicts) = journal.reused();
        if answers + verdicts > 0 {
            say!("{answers} answers and {verdicts} verdicts were in the journal");
        }
    }
    args.judging.tell(&judge);
    let report = report.with_labels(&groups, &problems, args.seed);
    if args.json {
        print_json(&serde_json::to_string(&report)?);
    } else {
        print(&describe(&args.problems, &problems, &report));
    }
    if let Some(path) = &args.out {
        let setting = Setting {
            problems: &args.problems,
            policy: stamp,
            config: &config,
            sandbox: SandboxStamp::of(judge.protection()),
            seed: args.seed,
        };
        let evaluation = Evaluation::new(&setting, &problems, &groups, &report);
        output::keep(path, evaluation.text().as_bytes())?;
    }
    unwritten?;
    let played = (report.episodes + report.aborted).max(1);
    Ok(
        if report.aborted as f64 > args.max_infra_rate * played as f64 {
            ExitCode::from(exit::INFRASTRUCTURE)
        } else {
            ExitCode::SUCCESS
        },
    )
}

/// Finds out whether the file that is written in the end can be, and is none of those that are read or written before.
fn outputs(args: &Args) -> anyhow::Result<()> {
    let Some(out) = &args.out else {
        return Ok(());
    };
    output::check_file(out)?;
    let (_, problems) = source::named(&args.problems);
    let mut others = vec![("the file of the problems", problems)];
    let answers = args.policy.strip_prefix("replay:").map(Path::new);
    let lists = [
        ("the file of the completions", answers),
        ("the journal", args.journal.as_deref()),
        ("the journal", args.resume.as_deref()),
        ("the quarantine list", args.quarantine.as_deref()),
    ];
    others.extend(
        lists
            .into_iter()
            .filter_map(|(what, path)| Some((what, path?))),
    );
    Ok(output::check_apart(out, &others)?)
}

/// Everything an evaluation is played with, but for the policy.
struct Play<'a> {
    judge: &'a HostJudge,
    journal: Option<&'a EvalJournal>,
    problems: &'a [Problem],
    config: &'a RolloutConfig,
    seed: u64,
}

impl Play<'_> {
    /// Plays `policy`, into the journal where there is one.
    fn with(&self, policy: &mut dyn Policy) -> anyhow::Result<(Vec<Group>, Report)> {
        let (problems, config, seed) = (self.problems, self.config, self.seed);
        let Some(journal) = self.journal else {
            return evaluate(policy, self.judge, problems, config, seed);
        };
        let judge = JournalledJudge {
            judge: self.judge,
            journal,
        };
        let mut policy = JournalledPolicy { policy, journal };
        evaluate_each(
            &mut policy,
            &judge,
            problems,
            config,
            seed,
            &mut |groups, stats| {
                if journal.is_stopped() {
                    return Err(PolicyError::Stopped.into());
                }
                // What was found there took no time here.
                let (tokens, programs) = journal.take_found();
                stats.tokens = stats.tokens.saturating_sub(tokens);
                stats.programs = stats.programs.saturating_sub(programs);
                Ok(journal.keep_episodes(groups)?)
            },
        )
    }
}

/// Plays the policy that the arguments name.
fn play_policy(args: &Args, play: &Play<'_>) -> anyhow::Result<(Vec<Group>, Report)> {
    if let Some(file) = args.policy.strip_prefix("replay:") {
        let mut policy = ReplayPolicy::load(Path::new(file))?.of(play.problems)?;
        if let Some(problem) = play
            .problems
            .iter()
            .find(|problem| policy.samples_of(&problem.id) < play.config.group)
        {
            anyhow::bail!(
                "{file} holds {} completions of {}; --rollouts {} needs as many",
                policy.samples_of(&problem.id),
                printable(&problem.id),
                play.config.group
            );
        }
        let (groups, mut report) = play.with(&mut policy)?;
        // What is read from a file says nothing of a speed.
        report.tokens_per_second = 0.0;
        return Ok((groups, report));
    }
    if let Some(url) = args.policy.strip_prefix("openai:") {
        let mut policy = args.server.policy(url)?;
        if play.journal.is_some_and(|journal| journal.holds().0 > 0) {
            policy.has_served();
        }
        let (groups, report) = play.with(&mut policy)?;
        let before = play.journal.map(EvalJournal::usage).unwrap_or_default();
        let report = report.with_usage(&groups, policy.usage(&before));
        return Ok((groups, report));
    }
    let (decoder, tokenizer) = source::policy(Path::new(&args.policy), &args.device.open()?)?;
    let mut policy = ModelPolicy {
        decoder: &decoder,
        tokenizer: &tokenizer,
        batch: 256,
    };
    play.with(&mut policy)
}

/// The journal the arguments name, if any, begun or continued.
fn open_journal(
    args: &Args,
    judge: &HostJudge,
    problems: &[Problem],
    config: &RolloutConfig,
    policy: &PolicyStamp,
) -> anyhow::Result<Option<EvalJournal>> {
    if let Some(path) = args.resume.as_ref().filter(|path| !path.exists()) {
        return Err(ResumeError::Missing { path: path.clone() }.into());
    }
    let Some(path) = args.resume.as_ref().or(args.journal.as_ref()) else {
        if args.policy.starts_with("openai:") {
            say!("without --journal FILE an interruption loses every answer that was paid for");
        }
        return Ok(None);
    };
    let settings = Settings::new(
        problems_hash(problems),
        policy.clone(),
        PlayStamp::of(config),
        SandboxStamp::of(judge.protection()),
        config.group,
        args.seed,
        !args.judging.no_reruns,
    );
    let interrupts = watch_interrupts(
        "ending what is under way, then stopping; Ctrl-C again stops at once and loses it",
    )?;
    let journal = EvalJournal::open(path, &settings, interrupts)?;
    let (answers, verdicts) = journal.holds();
    if answers + verdicts > 0 {
        say!(
            "continuing {}: it holds {answers} answers and {verdicts} verdicts",
            path.display()
        );
    }
    Ok(Some(journal))
}

/// What is said, and the exit code, where the evaluation was stopped or its server went away.
fn stopped(
    args: &Args,
    journal: &EvalJournal,
    played: &anyhow::Result<(Vec<Group>, Report)>,
) -> Option<ExitCode> {
    let error = played.as_ref().err()?.downcast_ref()?;
    let code = match error {
        PolicyError::Stopped => judging::interrupted(),
        PolicyError::Remote(RemoteError::NoAnswer { .. }) => {
            say!("{error}");
            ExitCode::from(exit::INFRASTRUCTURE)
        }
        _ => return None,
    };
    let (answers, verdicts) = journal.holds_now();
    let path = args.resume.as_ref().or(args.journal.as_ref())?;
    say!(
        "{answers} answers and {verdicts} verdicts are in {}; the same command with --resume {} continues",
        path.display(),
        path.display()
    );
    Some(code)
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
    evaluate_each(policy, grader, problems, config, seed, &mut |_, _| Ok(()))
}

/// Is given the groups of a slice and what they took, which it may correct.
type OnSlice<'a> = &'a mut dyn FnMut(&[Group], &mut RolloutStats) -> anyhow::Result<()>;

fn evaluate_each(
    policy: &mut dyn Policy,
    grader: &dyn Grader,
    problems: &[Problem],
    config: &RolloutConfig,
    seed: u64,
    on_slice: OnSlice<'_>,
) -> anyhow::Result<(Vec<Group>, Report)> {
    const SLICE: usize = 64;
    let mut progress = Progress::new("evaluating", problems.len() as u64);
    let mut groups = Vec::with_capacity(problems.len());
    let mut total = RolloutStats::default();
    for slice in problems.chunks(SLICE) {
        let some: Vec<&Problem> = slice.iter().collect();
        let (more, mut stats) = rollout::play(policy, grader, &some, config, seed)?;
        on_slice(&more, &mut stats)?;
        groups.extend(more);
        total.tokens += stats.tokens;
        total.programs += stats.programs;
        total.sampling_seconds += stats.sampling_seconds;
        total.judging_seconds += stats.judging_seconds;
        let so_far = eval::report(&groups, problems, config.turns, &total, seed);
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
    let report = eval::report(&groups, problems, config.turns, &total, seed);
    Ok((groups, report))
}
