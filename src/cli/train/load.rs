//! Names and files → everything a run goes on with: the configuration, problems, policy and judge, and the run's folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::super::judging::{Interrupts, assembled, require_supported, watch};
use super::super::output::say;
use super::super::source;
use super::sets::Sets;
use super::{Args, folders};
use crate::checkpoint::tokenizer::Place;
use crate::config::TrainConfig;
use crate::journal::write_atomically;
use crate::judge::{Judge, Judges};
use crate::memory::{self, Estimate, Longest, Size};
use crate::model::device::Processor;
use crate::model::lora::Adapter;
use crate::objective::Source;
use crate::policy;
use crate::policy::engine::Engine;
use crate::problem::Problem;
use crate::prompt;
use crate::run::{Inputs, Progress, Run};
use crate::train::{Data, Learner, Session};
use crate::verdict::{HostJudge, chosen_judge};

/// Episodes of a round at most: all of them are held until the round is learnt from.
const MOST_EPISODES: usize = 1 << 20;

/// What a run is done with.
pub(super) struct Loaded {
    pub(super) config: TrainConfig,
    pub(super) held_out: Vec<Problem>,
    pub(super) estimate: Option<Estimate>,
    pub(super) interrupts: Interrupts,
    problems: Vec<Problem>,
    sets: Sets,
    host: Arc<HostJudge>,
    judge: Box<dyn Judge>,
}

/// What a session takes for itself.
pub(super) struct Begun {
    opened: Option<(Run, Progress)>,
    learner: Learner,
    inputs: Inputs,
}

impl Loaded {
    /// Reads and checks everything; nothing is written.
    pub(super) fn new(args: &Args, judges: &Judges) -> anyhow::Result<(Self, Begun)> {
        let (opened, config) = opened(args)?;
        let (problems, held_out) = problems_of(&config)?;
        let sets = Sets::read(&config)?;
        let stamp = source::stamp(&config.policy.to_string_lossy(), Processor::Cpu)?;
        let inputs = sets.told(Inputs::new(stamp.hash, &problems, &held_out), &config);
        if let Some((run, _)) = &opened
            && !inputs.check(run.folder())?
        {
            say!(
                "{} holds no inputs.json: whether problems or policy have changed since the run began is not known",
                run.folder().display()
            );
        }
        let held_out = fitting(held_out, &config.evaluation.problems, &config)?;
        let problems = fitting(problems, &config.problems, &config)?;
        let episodes =
            (config.rollout.group).saturating_mul(config.problems_per_round.min(problems.len()));
        anyhow::ensure!(
            episodes <= MOST_EPISODES,
            "failed to use configuration: a round would have {episodes} episodes; expected at most {MOST_EPISODES}, lower problems_per_round or rollout.group"
        );
        let resources = &config.resources;
        let device = resources.device.open_for(resources.precision)?;
        let shown = if problems.is_empty() {
            &held_out
        } else {
            &problems
        };
        let estimate = estimate(&config, shown, sets.longest_unit(&config)?)?;
        let interrupts = watch(
            "ending this round, then stopping; Ctrl-C again stops at once and loses the round",
        )?;
        interrupts.end_at_once("stopped before anything was done".to_owned());
        let (mut policy, tokenizer) = source::policy(&config.policy, &device)?;
        policy.arithmetic = resources.precision;
        if let Some(lora) = &config.lora {
            policy = policy.merged();
            policy.adapter = Some(Adapter::new(lora, &policy)?);
        }
        let python = resources.python.as_deref();
        let host = Arc::new(chosen_judge(
            resources.isolation,
            python,
            resources.workers,
        )?);
        let judge = assembled(judges, &config.judges, &host)?;
        require_supported(&*judge, &problems, &config.problems)?;
        require_supported(&*judge, &held_out, &config.evaluation.problems)?;
        let engine = config.engine.as_ref().map(Engine::new).transpose()?;
        let mut learner = Learner::new(policy, tokenizer, &config, engine)?;
        if let Some((run, done)) = &opened {
            run.restore(&mut learner, done, &device)?;
        }
        let done = opened.as_ref().map_or(0, |(_, done)| done.rounds);
        if opened.is_none() || done < config.rounds {
            // An engine that is not there is found out before an evaluation has taken its time.
            learner.sync_weights()?;
        }
        let loaded = Self {
            config,
            held_out,
            estimate,
            interrupts,
            problems,
            sets,
            host,
            judge,
        };
        let begun = Begun {
            opened,
            learner,
            inputs,
        };
        Ok((loaded, begun))
    }

    /// Begins the run's folder, or goes on with it. Last of all that may fail, so that a start that does leaves nothing behind.
    pub(super) fn session(&self, begun: Begun, args: &Args) -> anyhow::Result<Session<'_>> {
        let Begun {
            opened,
            learner,
            inputs,
        } = begun;
        let config = &self.config;
        let (run, done) = match opened {
            Some((run, done)) => {
                if args.rounds.is_some() {
                    run.save_config(config)?;
                }
                (run, done)
            }
            None => (
                folders::create(args.run.as_deref(), config, &inputs)?,
                Progress::default(),
            ),
        };
        if let Err(error) = write_protection(run.folder(), &self.host) {
            if !args.resume {
                run.abandon();
            }
            return Err(error);
        }
        say!(
            "training {} on {}, seed {}, in {}",
            config.policy.display(),
            self.plan(),
            config.seed,
            run.folder().display()
        );
        Ok(Session {
            run,
            done,
            learner,
            config,
            data: Data {
                problems: &self.problems,
                examples: &self.sets.first.kept,
                second: &self.sets.second.kept,
            },
            held_out: &self.held_out,
            grader: &*self.judge,
        })
    }
}

impl Loaded {
    /// What is learnt from, and how much of it a round takes.
    fn plan(&self) -> String {
        let (config, rounds) = (&self.config, self.config.rounds);
        let drawn = |count: usize| config.problems_per_round.min(count);
        if let Some(data) = &config.objective.data {
            let count = self.sets.first.kept.len();
            let drawn = drawn(count);
            format!(
                "{} ({count} examples), {rounds} rounds of {drawn} examples",
                data.display()
            )
        } else {
            let count = self.problems.len();
            let episodes = drawn(count) * config.rollout.group;
            format!(
                "{} ({count} problems), {rounds} rounds of {episodes} episodes",
                config.problems
            )
        }
    }
}

/// The run to go on with, if one is, and the configuration.
fn opened(args: &Args) -> anyhow::Result<(Option<(Run, Progress)>, TrainConfig)> {
    if !args.resume {
        let config = configuration(args)?;
        folders::check(args.run.as_deref())?;
        return Ok((None, config));
    }
    let folder = match &args.run {
        Some(folder) => folder.clone(),
        None => folders::newest()?,
    };
    let (run, mut config, done) = Run::resume(&folder)?;
    if let Some(rounds) = args.rounds {
        run.may_go_on_to(rounds, &done)?;
        config.rounds = rounds;
    }
    Ok((Some((run, done)), config))
}

/// The problems to train on, of which there are none with a data set, and those to evaluate on, of which there may be none.
fn problems_of(config: &TrainConfig) -> anyhow::Result<(Vec<Problem>, Vec<Problem>)> {
    let list = Some(config.quarantine.as_str()).filter(|list| !list.is_empty());
    let problems = match config.objective()?.needs().source {
        Source::Episodes => source::problems_without(&config.problems, list.map(Path::new))?,
        Source::Examples(_) => Vec::new(),
    };
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
    if let Some(objective) = &args.objective {
        config.objective.algorithm = objective.as_str().into();
    }
    if args.data.is_some() {
        config.objective.data.clone_from(&args.data);
    }
    config.resources.isolation = args.isolation.unwrap_or(config.resources.isolation);
    if args.python.is_some() {
        config.resources.python.clone_from(&args.python);
    }
    config.resources.device = args.device.unwrap_or(config.resources.device);
    config.check()?;
    Ok(config.resolved()?)
}

/// Says what memory the run will need, and refuses where the machine has less.
fn estimate(
    config: &TrainConfig,
    problems: &[Problem],
    unit: usize,
) -> anyhow::Result<Option<Estimate>> {
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
    let longest = Longest {
        prompt: tokenizer.message(Place::Opening, &text)?.len(),
        unit,
    };
    let lora = config.lora.as_ref().or(adapter.as_ref());
    let needs = config.objective()?.needs();
    let estimate = Estimate::new(&shape, config, &needs, lora, longest)?;
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
