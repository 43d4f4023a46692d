//! `rlef train`: RLEF from a starter policy, with an evaluation before and after.

mod folders;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::judging::{assembled, require_supported, watch};
use super::output::say;
use super::source;
use crate::config::TrainConfig;
use crate::journal::write_atomically;
use crate::judge::Judges;
use crate::memory::{self, Estimate, Size};
use crate::policy;
use crate::policy::device::Processor;
use crate::policy::engine::Engine;
use crate::policy::lora::Adapter;
use crate::policy::tokenizer::Place;
use crate::problem::Problem;
use crate::prompt;
use crate::run::{Inputs, Run};
use crate::train::Learner;
use crate::verdict::{HostJudge, chosen_judge};
use work::Work;

/// Episodes of a round at most: all of them are held until the round is learnt from.
const MOST_EPISODES: usize = 1 << 20;

/// Arguments of `rlef train`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  rlef train\n  rlef train --config run.toml --run runs/second --seed 2\n  rlef train --resume --run runs/second\n  rlef train --resume --run runs/second --rounds 60"
)]
pub struct Args {
    /// TOML of the run; every key has a default, an unknown key is refused.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the run; without it a new one under runs/, or with --resume the one there that was worked on last.
    #[arg(long)]
    run: Option<PathBuf>,
    /// Continue the run in the folder where it stopped; with --rounds, to so many rounds in all.
    #[arg(long, conflicts_with_all = ["config", "seed", "policy", "problems", "schema", "isolation", "python", "device"])]
    resume: bool,
    /// Overrides the seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Overrides the number of rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// Overrides the policy to start from.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Overrides the problems to train on.
    #[arg(long)]
    problems: Option<String>,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// Overrides the isolation: process, wasm, or auto (processes where this machine can jail them and has a python3, else
    /// WebAssembly).
    #[arg(long)]
    isolation: Option<Isolation>,
    /// Overrides the interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Overrides what models are computed on.
    #[arg(long)]
    device: Option<Processor>,
}

/// Evaluates, trains, evaluates again, and prints the comparison.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    let opened = if args.resume {
        let folder = match &args.run {
            Some(folder) => folder.clone(),
            None => folders::newest()?,
        };
        let (run, mut config, done) = Run::resume(&folder)?;
        if let Some(rounds) = args.rounds {
            run.may_go_on_to(rounds, &done)?;
            config.rounds = rounds;
        }
        Some((run, config, done))
    } else {
        None
    };
    let config = match &opened {
        Some((_, config, _)) => config.clone(),
        None => configuration(args)?,
    };
    if opened.is_none() {
        folders::check(args.run.as_deref())?;
    }
    let (mut problems, held_out) = sets(&config)?;
    let stamp = source::stamp(&config.policy.to_string_lossy(), Processor::Cpu)?;
    let inputs = Inputs::new(stamp.hash, &problems, &held_out);
    if let Some((run, ..)) = &opened
        && !inputs.check(run.folder())?
    {
        say!(
            "{} holds no inputs.json: whether problems or policy have changed since the run began is not known",
            run.folder().display()
        );
    }
    let held_out = fitting(held_out, &config.evaluation.problems, &config)?;
    problems = fitting(problems, &config.problems, &config)?;
    let episodes =
        (config.rollout.group).saturating_mul(config.problems_per_round.min(problems.len()));
    anyhow::ensure!(
        episodes <= MOST_EPISODES,
        "failed to use configuration: a round would have {episodes} episodes; expected at most {MOST_EPISODES}, lower problems_per_round or rollout.group"
    );
    let resources = &config.resources;
    let device = resources.device.open_for(resources.precision)?;
    let estimate = estimate(&config, &problems)?;
    let interrupts =
        watch("ending this round, then stopping; Ctrl-C again stops at once and loses the round")?;
    interrupts.end_at_once("stopped before anything was done".to_owned());
    let (mut policy, tokenizer) = source::policy(&config.policy, &device)?;
    policy.arithmetic = config.resources.precision;
    if let Some(lora) = &config.lora {
        policy = policy.merged();
        policy.adapter = Some(Adapter::new(lora, &policy)?);
    }
    let host = Arc::new(chosen_judge(
        config.resources.isolation,
        config.resources.python.as_deref(),
        config.resources.workers,
    )?);
    let judge = assembled(judges, &config.judges, &host)?;
    require_supported(&*judge, &problems, &config.problems)?;
    require_supported(&*judge, &held_out, &config.evaluation.problems)?;
    let engine = config.engine.as_ref().map(Engine::new).transpose()?;
    let mut learner = Learner::new(policy, tokenizer, &config, engine);
    if let Some((run, _, done)) = &opened {
        run.restore(&mut learner, done, &device)?;
    }
    if opened
        .as_ref()
        .is_none_or(|(_, _, done)| done.rounds < config.rounds)
    {
        // An engine that is not there is found out before an evaluation has taken its time.
        learner.hand_over()?;
    }
    // Last of all that may fail, so that a start that does leaves nothing behind.
    let (run, done) = match opened {
        Some((run, _, done)) => {
            if args.rounds.is_some() {
                run.save_config(&config)?;
            }
            (run, done)
        }
        None => (
            folders::create(args.run.as_deref(), &config, &inputs)?,
            crate::run::Progress::default(),
        ),
    };
    if let Err(error) = write_protection(run.folder(), &host) {
        if !args.resume {
            run.abandon();
        }
        return Err(error);
    }
    say!(
        "training {} on {} ({} problems), {} rounds of {} episodes, seed {}, in {}",
        config.policy.display(),
        config.problems,
        problems.len(),
        config.rounds,
        config.problems_per_round.min(problems.len()) * config.rollout.group,
        config.seed,
        run.folder().display()
    );
    Work {
        run,
        done,
        learner,
        config: &config,
        problems: &problems,
        held_out: &held_out,
        judge: &*judge,
        interrupts: &interrupts,
        estimate,
    }
    .all()
}

/// The problems to train on, and those to evaluate on, of which there may be none.
fn sets(config: &TrainConfig) -> anyhow::Result<(Vec<Problem>, Vec<Problem>)> {
    let list = Some(config.quarantine.as_str()).filter(|list| !list.is_empty());
    let problems = source::problems_without(&config.problems, list.map(Path::new))?;
    let held_out = if config.evaluation.problems.is_empty() {
        Vec::new()
    } else {
        source::problems(&config.evaluation.problems)?
    };
    Ok((problems, held_out))
}

/// The problems whose statement leaves room for an answer in the policy's context; how many do not is said.
fn fitting(
    problems: Vec<Problem>,
    name: &str,
    config: &TrainConfig,
) -> anyhow::Result<Vec<Problem>> {
    let Some((shape, tokenizer, _)) = source::shape(&config.policy)? else {
        return Ok(problems);
    };
    let (sampling, context) = (&config.rollout.sampling, shape.max_position_embeddings);
    let frame = tokenizer.message(Place::Opening, "")?.len();
    let mut kept = Vec::with_capacity(problems.len());
    let mut left_out = Vec::new();
    for problem in problems {
        let (style, language) = (config.rollout.style, problem.language());
        let text = prompt::statement(style, language, &problem.statement);
        // A token is a byte at least, so that most texts need not be cut into tokens to know that they fit.
        let fits = policy::fits(frame + text.len(), sampling, context) || {
            let ids = tokenizer.message(Place::Opening, &text)?.len();
            policy::fits(ids, sampling, context)
        };
        if fits {
            kept.push(problem);
        } else {
            left_out.push(problem.id);
        }
    }
    if let Some(first) = left_out.first() {
        say!(
            "{} of the {} problems of {name} are left out, {} the first of them: their prompts and {} tokens of an answer exceed the policy's context of {context}",
            left_out.len(),
            left_out.len() + kept.len(),
            first.escape_debug(),
            sampling.max_tokens
        );
        anyhow::ensure!(
            !kept.is_empty(),
            "failed to find a problem in {name} whose prompt leaves room for an answer of {} tokens in the policy's context of {context}; lower rollout.sampling.max_tokens, or take a policy with a longer context",
            sampling.max_tokens
        );
    }
    Ok(kept)
}

fn configuration(args: &Args) -> anyhow::Result<TrainConfig> {
    let mut config = match &args.config {
        Some(path) => TrainConfig::load(path)?,
        None => TrainConfig::default(),
    };
    config.seed = args.seed.unwrap_or(config.seed);
    config.rounds = args.rounds.unwrap_or(config.rounds);
    if let Some(policy) = &args.policy {
        config.policy.clone_from(policy);
    }
    if let Some(problems) = &args.problems {
        config.problems.clone_from(problems);
    }
    config.problems = args.schema.applied(&config.problems)?;
    config.resources.isolation = args.isolation.unwrap_or(config.resources.isolation);
    if args.python.is_some() {
        config.resources.python.clone_from(&args.python);
    }
    config.resources.device = args.device.unwrap_or(config.resources.device);
    config.check()?;
    Ok(config)
}

/// Says what memory the run will need, and refuses where the machine has less.
fn estimate(config: &TrainConfig, problems: &[Problem]) -> anyhow::Result<Option<Estimate>> {
    let Some((shape, tokenizer, adapter)) = source::shape(&config.policy)? else {
        return Ok(None);
    };
    let longest = problems
        .iter()
        .max_by_key(|problem| problem.statement.len());
    let text = longest.map_or(String::new(), |problem| {
        let (style, language) = (config.rollout.style, problem.language());
        prompt::statement(style, language, &problem.statement)
    });
    let longest = tokenizer.message(Place::Opening, &text)?.len();
    let lora = config.lora.as_ref().or(adapter.as_ref());
    let estimate = Estimate::new(&shape, config, lora, longest)?;
    let available = match config.resources.memory_mib {
        // Nobody here knows what a card holds.
        0 if config.resources.device != Processor::Cpu => None,
        0 => memory::available(),
        mib => Some(mib << 20),
    };
    say!("memory: {estimate}");
    if let Some(available) = available.filter(|&available| estimate.peak() > available) {
        anyhow::bail!(
            "failed to start: the run would need {} at its peak, and there are {}; {}, or say with resources.memory_mib that there is more",
            Size(estimate.peak()),
            Size(available),
            estimate.advice(config, lora.is_some())
        );
    }
    Ok(Some(estimate))
}

fn write_protection(folder: &Path, judge: &HostJudge) -> anyhow::Result<()> {
    let path = folder.join("protection.json");
    let text = serde_json::to_string_pretty(judge.protection())?;
    write_atomically(&path, text.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}
