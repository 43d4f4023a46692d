//! Names and files → everything that can be known before a run begins: the configuration, problems, policy, judge, and the memory
//! it will take. Nothing is written, and no server is asked.

use std::sync::Arc;

use burn::tensor::Device;

use super::super::judging::{Interrupts, assembled, require_supported, watch};
use super::super::output::{insist, say};
use super::super::source;
use super::configuration::opened;
use super::sets::Sets;
use super::tasks::{AllProblems, LoadedTask};
use super::{Args, frozen, values};
use crate::checkpoint::tokenizer::{Place, Tokenizer};
use crate::config::TrainConfig;
use crate::eval::stamp::PolicyStamp;
use crate::judge::{Judge, Judges, StoredAnswers};
use crate::memory::{self, Estimate, Longest, Size};
use crate::model::decoder::{Decoder, Held};
use crate::model::device::Processor;
use crate::problem::Problem;
use crate::prompt;
use crate::run::{Inputs, Progress, Run};
use crate::verdict::{HostJudge, chosen_judge};
use rlef_judge::counted::counted;

/// Episodes of a round at most: all of them are held until the round is learnt from.
const MOST_EPISODES: usize = 1 << 20;

/// What is known of a run that has not begun.
pub(super) struct Checked {
    /// The run to go on with, where one is.
    pub(super) opened: Option<(Run, Progress)>,
    pub(super) config: TrainConfig,
    pub(super) sets: Sets,
    pub(super) inputs: Inputs,
    pub(super) stamp: PolicyStamp,
    pub(super) device: Device,
    pub(super) estimate: Option<Estimate>,
    pub(super) interrupts: Interrupts,
    pub(super) policy: Decoder,
    pub(super) tokenizer: Tokenizer,
    pub(super) host: Arc<HostJudge>,
    pub(super) texts: Arc<StoredAnswers>,
    /// What it learns at once; itself, where it has no tasks.
    pub(super) tasks: Vec<LoadedTask>,
    pub(super) held_out: Vec<Problem>,
    pub(super) validation: Vec<Problem>,
    /// Who judges evaluations.
    pub(super) judge: Arc<dyn Judge>,
}

impl Checked {
    /// Reads and checks everything.
    pub(super) fn new(args: &Args, judges: &Judges) -> anyhow::Result<Self> {
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
            insist!(
                "{} holds no inputs.json: whether problems or policy have changed since the run began is not known",
                run.folder().display()
            );
        }
        require_supported(&*judge, &held_out, &config.evaluation.problems)?;
        require_supported(&*judge, &validation, &config.validation.problems)?;
        Ok(Self {
            opened,
            config,
            sets,
            inputs,
            stamp,
            device,
            estimate,
            interrupts,
            policy,
            tokenizer,
            host,
            texts,
            tasks,
            held_out,
            validation,
            judge,
        })
    }
}

/// What is learnt from, and how much of it a round takes.
pub(super) fn plan(config: &TrainConfig, sets: &Sets, loaded: &[LoadedTask]) -> String {
    let rounds = counted(config.rounds, "round");
    let drawn = |count: usize| config.problems_per_round.min(count);
    if !config.tasks.is_empty() {
        let tasks = loaded.iter().map(|task| {
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
        let count = sets.first.kept.len();
        let drawn = drawn(count);
        format!(
            "{} ({}), {rounds} of {}",
            data.display(),
            counted(count, "example"),
            counted(drawn, "example")
        )
    } else {
        let problems = loaded.first().map_or(0, |task| task.problems.len());
        let (count, episodes) = (problems, drawn(problems) * config.rollout.group);
        format!(
            "{} ({}), {rounds} of {}",
            config.problems,
            counted(count, "problem"),
            counted(episodes, "episode")
        )
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
    say!(
        "memory: {} at its peak; -v says of what",
        Size(estimate.peak())
    );
    tracing::debug!("memory: {estimate}");
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
