//! `rlef train`: RLEF from a starter policy, with an evaluation before and after.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Context;
use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::eval::{describe, evaluate};
use super::judging::{require_supported, watch_interrupts};
use super::progress::Progress;
use super::{exit, source};
use crate::config::TrainConfig;
use crate::eval::Report;
use crate::journal::write_atomically;
use crate::memory::{self, Estimate, Size};
use crate::policy::ModelPolicy;
use crate::policy::device::Processor;
use crate::policy::engine::Engine;
use crate::policy::lora::Adapter;
use crate::policy::model::Decoder;
use crate::policy::sampler::Sampling;
use crate::policy::tokenizer::Place;
use crate::problem::Problem;
use crate::prompt;
use crate::rollout::{Grader, RolloutConfig};
use crate::run::Run;
use crate::train::{self, Learner, RoundMetrics, RoundTimings};
use crate::verdict::chosen_judge;

/// Arguments of `rlef train`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  rlef train\n  rlef train --config run.toml --run runs/second --seed 2\n  rlef train --resume --run runs/second"
)]
pub struct Args {
    /// TOML of the run; every key has a default, an unknown key is refused.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the run; without it a new one under runs/, or with --resume the newest there.
    #[arg(long)]
    run: Option<PathBuf>,
    /// Continue the run in the folder where it stopped.
    #[arg(long, conflicts_with_all = ["config", "seed", "rounds", "policy", "problems", "isolation", "python", "device"])]
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
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = folder(args)?;
    let opened = if args.resume {
        Some(Run::resume(&folder)?)
    } else {
        None
    };
    let config = match &opened {
        Some((_, config, _)) => config.clone(),
        None => configuration(args)?,
    };
    let list = Some(config.quarantine.as_str()).filter(|list| !list.is_empty());
    let problems = source::problems_without(&config.problems, list.map(Path::new))?;
    let resources = &config.resources;
    let device = resources.device.open_for(resources.precision)?;
    let estimate = estimate(&config, &problems)?;
    let (mut run, mut done) = match opened {
        Some((run, _, done)) => (run, done),
        None => (
            Run::create(&folder, &config)?,
            crate::run::Progress::default(),
        ),
    };
    let interrupted = watch_interrupts(
        "ending this round, then stopping; Ctrl-C again stops at once and loses the round",
    )?;
    let (mut policy, tokenizer) = source::policy(&config.policy, &device)?;
    policy.arithmetic = config.resources.precision;
    if let Some(lora) = &config.lora {
        policy = policy.merged();
        policy.adapter = Some(Adapter::new(lora, &policy)?);
    }
    let judge = chosen_judge(
        config.resources.isolation,
        config.resources.python.as_deref(),
        config.resources.workers,
    )?;
    require_supported(&judge, &problems, &config.problems)?;
    write_protection(&folder, &judge)?;
    let engine = config.engine.as_ref().map(Engine::new).transpose()?;
    let mut learner = Learner::new(policy, tokenizer, &config, engine);
    run.restore(&mut learner, &done, &device)?;
    if done.rounds < config.rounds {
        // An engine that is not there is found out before an evaluation has taken its time.
        learner.hand_over()?;
    }
    eprintln!(
        "training {} on {} ({} problems), {} rounds of {} episodes, seed {}, in {}",
        config.policy.display(),
        config.problems,
        problems.len(),
        config.rounds,
        config.problems_per_round * config.rollout.group,
        config.seed,
        folder.display()
    );
    let held_out = if config.evaluation.problems.is_empty() {
        None
    } else {
        Some(source::problems(&config.evaluation.problems)?)
    };
    if let Some(problems) = &held_out {
        require_supported(&judge, problems, &config.evaluation.problems)?;
        let path = folder.join("before.json");
        if !path.exists() {
            let report = evaluation(&learner.reference, &learner, &judge, problems, &config)?;
            save_report(&path, &report)?;
        }
    }
    let mut progress = Progress::new("training", config.rounds as u64);
    while done.rounds < config.rounds {
        let step = learner.policy_optimizer.steps();
        let (groups, metrics, timings) =
            match train::round(&mut learner, &judge, &problems, &config, done.rounds) {
                Ok(round) => round,
                Err(error) => {
                    // It failed before a weight was moved, so what was learnt until then is kept.
                    if done.rounds % config.resources.checkpoint_every != 0
                        && let Err(also) = run.checkpoint(&learner, done.rounds)
                    {
                        eprintln!("{also:#}");
                    }
                    return Err(error.into());
                }
            };
        run.record(step, &groups, &metrics, &timings)?;
        done.rounds += 1;
        progress.set(done.rounds as u64, &line(&metrics, &timings));
        let episodes = config.problems_per_round * config.rollout.group;
        let stopping = interrupted.load(Ordering::Relaxed) > 0;
        if done.rounds % config.resources.checkpoint_every == 0
            || done.rounds == config.rounds
            || stopping
        {
            run.checkpoint(&learner, done.rounds)?;
        }
        if metrics.aborted as f64 > config.resources.max_infra_rate * episodes as f64 {
            eprintln!(
                "failed to go on: the sandbox lost {} of {episodes} episodes in one round; see the warnings above, mend it, then continue with --resume --run {}",
                metrics.aborted,
                folder.display()
            );
            return Ok(ExitCode::from(exit::INFRASTRUCTURE));
        }
        if stopping {
            eprintln!(
                "stopped after round {}; continue with: rlef train --resume --run {}",
                done.rounds,
                folder.display()
            );
            return Ok(super::judging::interrupted());
        }
    }
    progress.finish();
    if let (Some(estimate), Some(measured)) = (&estimate, memory::peak_so_far()) {
        eprintln!(
            "memory at its peak: {} estimated, {} measured",
            Size(estimate.peak()),
            Size(measured)
        );
    }
    if let Some(problems) = &held_out {
        let after = evaluation(&learner.policy, &learner, &judge, problems, &config)?;
        save_report(&folder.join("after.json"), &after)?;
        let path = folder.join("before.json");
        let text =
            std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let before: Report = serde_json::from_slice(&text)
            .with_context(|| format!("failed to read {}", path.display()))?;
        println!(
            "before\n{}\n\nafter\n{after}",
            describe(&config.evaluation.problems, problems, &before)
        );
    }
    eprintln!(
        "the trained policy is in {}",
        folder
            .join("checkpoints")
            .join(format!("{:06}", config.rounds))
            .display()
    );
    Ok(ExitCode::SUCCESS)
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
    eprintln!("memory: {estimate}");
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

/// The folder the arguments name, else the next free or the newest one under `runs`.
fn folder(args: &Args) -> anyhow::Result<PathBuf> {
    if let Some(folder) = &args.run {
        return Ok(folder.clone());
    }
    let numbered = |number: usize| Path::new("runs").join(format!("train-{number:03}"));
    let free = (1..1000)
        .find(|&number| !numbered(number).exists())
        .context("failed to name a run: runs/ is full")?;
    if args.resume {
        anyhow::ensure!(
            free > 1,
            "failed to resume: there is no run under runs/; name one with --run"
        );
        return Ok(numbered(free - 1));
    }
    Ok(numbered(free))
}

fn evaluation(
    policy: &Decoder,
    learner: &Learner,
    grader: &dyn Grader,
    problems: &[Problem],
    config: &TrainConfig,
) -> anyhow::Result<Report> {
    let sampling = Sampling {
        temperature: config.evaluation.temperature,
        top_p: config.evaluation.top_p,
        top_k: config.evaluation.top_k,
        ..config.rollout.sampling.clone()
    };
    let rollout = RolloutConfig {
        group: config.evaluation.rollouts,
        sampling,
        ..config.rollout
    };
    let mut policy = ModelPolicy {
        decoder: policy,
        tokenizer: &learner.tokenizer,
        batch: config.resources.sampling_batch,
    };
    Ok(evaluate(&mut policy, grader, problems, &rollout, config.seed)?.1)
}

fn save_report(path: &Path, report: &Report) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    write_atomically(path, text.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}

fn write_protection(folder: &Path, judge: &crate::verdict::HostJudge) -> anyhow::Result<()> {
    let path = folder.join("protection.json");
    let text = serde_json::to_string_pretty(judge.protection())?;
    write_atomically(&path, text.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}

fn line(metrics: &RoundMetrics, timings: &RoundTimings) -> String {
    format!(
        "reward {:+.2} solved {:.0}% (turn 1 {:.0}%) kl {:.3} entropy {:.2} {:.0} tokens/s {:.0} programs/s",
        metrics.reward,
        100.0 * metrics.solve_rate,
        100.0 * metrics.solve_rate_turn_1,
        metrics.reference_kl,
        metrics.entropy,
        timings.tokens_per_second,
        timings.programs_per_second
    )
}
