//! Names and files → everything a run goes on with: the configuration, problems, policy and judge, and the run's folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::super::judging::{Interrupts, assembled, require_supported, watch};
use super::super::output::say;
use super::super::source;
use super::super::watched::{Doing, Watched};
use super::configuration::opened;
use super::sets::Sets;
use super::tasks::{AllProblems, LoadedTask};
use super::{Args, folders, frozen, values};
use crate::checkpoint::tokenizer::Place;
use crate::config::TrainConfig;
use crate::eval::stamp::{PolicyStamp, SandboxStamp};
use crate::journal::write_atomically;
use crate::judge::{Judge, Judges, StoredAnswers};
use crate::memory::{self, Estimate, Longest, Size};
use crate::model::decoder::Held;
use crate::model::device::Processor;
use crate::policy::engine::Engine;
use crate::problem::Problem;
use crate::prompt;
use crate::run::{Inputs, Progress, Run};
use crate::tinker::Trainer;
use crate::train::{Data, Learner, Session, Stamps, StoredSet, Task};
use crate::update::Optimizer;
use crate::verdict::{HostJudge, chosen_judge};
use rlef_judge::counted::counted;

/// Episodes of a round at most: all of them are held until the round is learnt from.
const MOST_EPISODES: usize = 1 << 20;

/// What a run is done with.
pub(super) struct Loaded {
    pub(super) config: TrainConfig,
    pub(super) held_out: Vec<Problem>,
    pub(super) estimate: Option<Estimate>,
    pub(super) interrupts: Interrupts,
    /// What it is doing.
    pub(super) doing: Arc<Doing>,
    /// What it learns at once; itself, where it has no tasks.
    pub(super) tasks: Vec<LoadedTask>,
    validation: Vec<Problem>,
    sets: Sets,
    host: Arc<HostJudge>,
    /// Who judges evaluations.
    judge: Arc<dyn Judge>,
}

/// What a session takes for itself.
pub(super) struct Begun {
    opened: Option<(Run, Progress)>,
    learner: Learner,
    inputs: Inputs,
    policy: PolicyStamp,
}

impl Loaded {
    /// Reads and checks everything; nothing is written.
    pub(super) fn new(args: &Args, judges: &Judges) -> anyhow::Result<(Self, Begun)> {
        let (opened, config) = opened(args)?;
        let read = AllProblems::read(&config)?;
        let sets = Sets::read(&config)?;
        let template = config.chat_template.as_deref();
        let stamp = source::stamp(&config.policy.to_string_lossy(), template, Processor::Cpu)?;
        let inputs = sets.told(read.inputs(stamp.hash.clone()), &config);
        let read = read.fitting()?;
        let resources = &config.resources;
        let device = resources.device.open_for(resources.precision)?;
        let held = frozen::held(&config)?;
        let mut estimated = None;
        for (task, shown) in read.shown() {
            let found = estimate(task, shown, sets.longest_unit(task)?, held)?;
            let peak = |of: &Option<Estimate>| of.as_ref().map_or(0, Estimate::peak);
            if estimated.is_none() || peak(&found) > peak(&estimated) {
                estimated = found;
            }
        }
        let estimate = estimated;
        let interrupts = watch(
            "stopping: what is sampled or judged now is not learnt from, updates that have begun are finished; Ctrl-C again stops at once",
        )?;
        interrupts.end_at_once("stopped before anything was done".to_owned());
        let (policy, tokenizer) = frozen::policy(&config, held, &device)?;
        let python = resources.python.as_deref();
        let host = Arc::new(chosen_judge(
            resources.isolation,
            python,
            resources.workers,
        )?);
        let texts = Arc::new(StoredAnswers::default());
        let (tasks, held_out, validation) = read.judged(judges, &host, &texts)?;
        let episodes = tasks.iter().map(LoadedTask::episodes);
        let episodes = episodes.fold(0, usize::saturating_add);
        anyhow::ensure!(
            episodes <= MOST_EPISODES,
            "failed to use configuration: a round would have {episodes} episodes; expected at most {MOST_EPISODES}, lower problems_per_round or rollout.group"
        );
        let (judge, mut others) = match &tasks[..] {
            [task] if task.named.is_none() => (Arc::clone(&task.judge), task.judges.clone()),
            _ => {
                let (judge, others) = assembled(judges, &config.judges, &host)?;
                (judge.into(), others)
            }
        };
        for task in tasks.iter().filter(|task| task.named.is_some()) {
            if let Some(more) = &task.judges {
                let all = others.get_or_insert_default();
                all.push_str("; ");
                all.push_str(more);
            }
        }
        let value_from = values::stamp(&config)?;
        let inputs = tasks.iter().try_fold(inputs, |all, task| task.told(all))?;
        let inputs = inputs.with_models(value_from, others);
        if let Some((run, _)) = &opened
            && !inputs.check(run.folder())?
        {
            say!(
                "{} holds no inputs.json: whether problems or policy have changed since the run began is not known",
                run.folder().display()
            );
        }
        require_supported(&*judge, &held_out, &config.evaluation.problems)?;
        require_supported(&*judge, &validation, &config.validation.problems)?;
        let engine = config.engine.as_ref();
        let engine = engine.filter(|_| !config.is_trained_elsewhere());
        let engine = engine.map(Engine::new).transpose()?;
        let mut learner = Learner::new(policy, tokenizer, &config, engine)?;
        if let Some(tinker) = config.tinker(&learner.policy.config) {
            let counted = Optimizer::elsewhere(config.policy_optimizer);
            learner.train_on(Trainer::new(tinker)?, counted);
        }
        learner.stored = StoredSet::telling(texts);
        values::start(&mut learner, &config, &device)?;
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
            doing: Arc::default(),
            tasks,
            validation,
            sets,
            host,
            judge,
        };
        let begun = Begun {
            opened,
            learner,
            inputs,
            policy: stamp,
        };
        Ok((loaded, begun))
    }

    /// Who judges, such that it is seen what it does, and an interrupt ends it.
    pub(super) fn watched(&self) -> Watched<'_> {
        self.watch(&*self.judge)
    }

    /// A judge, watched alike.
    pub(super) fn watch<'a>(&self, judge: &'a dyn Judge) -> Watched<'a> {
        Watched {
            judge,
            doing: Arc::clone(&self.doing),
            interrupts: Some(self.interrupts.clone()),
        }
    }

    /// Begins the run's folder, or goes on with it. Last of all that may fail, so that a start that does leaves nothing behind.
    pub(super) fn session<'a>(
        &'a self,
        begun: Begun,
        args: &Args,
        judge: &'a dyn Judge,
        tasks: &'a [Task<'a>],
    ) -> anyhow::Result<Session<'a>> {
        let Begun {
            opened,
            learner,
            inputs,
            policy,
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
            data: match &self.tasks[..] {
                [task] => task.data([&self.sets.first.kept, &self.sets.second.kept]),
                _ => Data::default(),
            },
            tasks,
            held_out: &self.held_out,
            validation: &self.validation,
            judge,
            stamps: Stamps {
                policy,
                sandbox: SandboxStamp::of(self.host.protection()),
            },
        })
    }
}

impl Loaded {
    /// What is learnt from, and how much of it a round takes.
    fn plan(&self) -> String {
        let (config, rounds) = (&self.config, counted(self.config.rounds, "round"));
        let drawn = |count: usize| config.problems_per_round.min(count);
        if !config.tasks.is_empty() {
            let tasks = self.tasks.iter().map(|task| {
                let name = task.named.as_ref().map_or("", |named| &named.name);
                let (problems, episodes) = (task.problems.len(), task.episodes());
                format!(
                    "{name}: {episodes} episodes a round of {problems} problems of {}",
                    task.config.problems
                )
            });
            let tasks: Vec<String> = tasks.collect();
            return format!(
                "{} ({}), {rounds}",
                counted(tasks.len(), "task"),
                tasks.join("; ")
            );
        }
        if let Some(data) = &config.objective.data {
            let count = self.sets.first.kept.len();
            let drawn = drawn(count);
            format!(
                "{} ({}), {rounds} of {}",
                data.display(),
                counted(count, "example"),
                counted(drawn, "example")
            )
        } else {
            let problems = self.tasks.first().map_or(0, |task| task.problems.len());
            let (count, episodes) = (problems, drawn(problems) * config.rollout.group);
            format!(
                "{} ({}), {rounds} of {}",
                config.problems,
                counted(count, "problem"),
                counted(episodes, "episode")
            )
        }
    }
}

/// Says what memory the run will need, and refuses where the machine has less.
fn estimate(
    config: &TrainConfig,
    problems: &[Problem],
    unit: usize,
    held: Held,
) -> anyhow::Result<Option<Estimate>> {
    let Some((shape, tokenizer, adapter)) =
        source::shape(&config.policy, config.chat_template.as_deref())?
    else {
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
    let estimate = Estimate::new(&shape, config, &needs, lora, longest, held)?;
    let device = config.resources.device;
    let available = match config.resources.memory_mib {
        0 if device != Processor::Cpu => anyhow::bail!(
            "failed to start: the run would need {} of the device {device} at its peak, without what its driver keeps, and what a card has can't be asked for here; say it with resources.memory_mib",
            Size(estimate.peak()),
        ),
        0 => memory::available(),
        mib => Some(mib << 20),
    };
    say!("memory: {estimate}");
    if let Some(available) = available.filter(|&available| estimate.peak() > available) {
        anyhow::bail!(
            "failed to start: the run would need {} {}at its peak, and there are {}; {}, or say with resources.memory_mib that there is more",
            Size(estimate.peak()),
            match device {
                Processor::Cpu => String::new(),
                card => format!("of the device {card} "),
            },
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
