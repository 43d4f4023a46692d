//! What a configuration learns at once → each task with its problems, its judge and its stored answers; a run without tasks is its own
//! only one.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::super::judging::{assembled_beside, require_supported};
use super::super::output::say;
use super::super::watched::Watched;
use super::load::Loaded;
use super::problems::Problems;
use crate::config::{REFERENCE, TaskConfig, TrainConfig};
use crate::examples::Example;
use crate::judge::{Judge, Judges, StoredAnswers};
use crate::objective::Stored;
use crate::policy::replay::ReplayPolicy;
use crate::problem::Problem;
use crate::run::Inputs;
use crate::train::{Data, Task};
use crate::verdict::HostJudge;

/// A task with what it is learnt from.
pub(super) struct LoadedTask {
    /// What the run's configuration says of it; nothing where it is the run itself.
    pub(super) named: Option<TaskConfig>,
    /// The run as it sees it.
    pub(super) config: TrainConfig,
    pub(super) problems: Vec<Problem>,
    weights: Vec<f64>,
    pub(super) judge: Arc<dyn Judge>,
    compared: Vec<String>,
    stored: Option<ReplayPolicy>,
    /// The stamps of its judges besides the tests.
    pub(super) judges: Option<String>,
}

/// The problems of all tasks, and what is measured on.
pub(super) struct AllProblems {
    /// Each task's configuration and problems.
    tasks: Vec<(Option<TaskConfig>, TrainConfig, Problems)>,
}

impl AllProblems {
    /// Reads what the tasks name. No problem may be of two: each is learnt in one way (CGPO, section 4.2).
    pub(super) fn read(config: &TrainConfig) -> anyhow::Result<Self> {
        if config.tasks.is_empty() {
            let problems = Problems::read(config)?;
            let tasks = vec![(None, config.clone(), problems)];
            return Ok(Self { tasks });
        }
        let mut tasks: Vec<(Option<TaskConfig>, TrainConfig, Problems)> = Vec::new();
        let mut of_task = std::collections::HashMap::new();
        for task in &config.tasks {
            let own = config.of_task(task)?;
            let problems = Problems::read(&own)?;
            for problem in &problems.training {
                if let Some(other) = of_task.insert(problem.id.clone(), &task.name) {
                    anyhow::bail!(
                        "failed to use the tasks {other:?} and {:?} beside each other: both have a problem {}; expected problems of its own for each",
                        task.name,
                        problem.id.escape_debug()
                    );
                }
            }
            tasks.push((Some(task.clone()), own, problems));
        }
        Ok(Self { tasks })
    }

    /// All that is trained on, and all that is measured on, of each problem once.
    pub(super) fn inputs(&self, policy: Option<String>) -> Inputs {
        let training = self
            .tasks
            .iter()
            .flat_map(|(.., problems)| &problems.training);
        let training: Vec<Problem> = training.cloned().collect();
        let (held_out, validation) = self.measured();
        Inputs::new(policy, &training, &[held_out, validation].concat())
    }

    /// What is evaluated and validated on: the same set for all tasks, or what is held out of each.
    fn measured(&self) -> (Vec<Problem>, Vec<Problem>) {
        let union = |pick: fn(&Problems) -> &Vec<Problem>| {
            let mut seen = std::collections::HashSet::new();
            let all = self.tasks.iter().flat_map(|(.., problems)| pick(problems));
            let new = all.filter(|problem| seen.insert(&problem.id));
            new.cloned().collect()
        };
        (union(|all| &all.held_out), union(|all| &all.validation))
    }

    /// Each task's configuration with the problems that show how long its prompts are.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&TrainConfig, &[Problem])> {
        self.tasks.iter().map(|(_, config, problems)| {
            let (training, held_out) = (&problems.training, &problems.held_out);
            let shown = if training.is_empty() {
                held_out
            } else {
                training
            };
            (config, &shown[..])
        })
    }

    /// Those whose prompts leave room for an answer.
    pub(super) fn fitting(self) -> anyhow::Result<Self> {
        let fit = self.tasks.into_iter().map(|(named, config, problems)| {
            let problems = problems.fitting(&config)?;
            Ok((named, config, problems))
        });
        let tasks = fit.collect::<anyhow::Result<_>>()?;
        Ok(Self { tasks })
    }

    /// The tasks with their judges, and what is evaluated and validated on.
    pub(super) fn judged(
        self,
        judges: &Judges,
        host: &Arc<HostJudge>,
        texts: &Arc<StoredAnswers>,
    ) -> anyhow::Result<(Vec<LoadedTask>, Vec<Problem>, Vec<Problem>)> {
        let (held_out, validation) = self.measured();
        let tasks = self.tasks.into_iter().map(|(named, config, problems)| {
            LoadedTask::new(named, config, problems, (judges, host, texts))
        });
        let tasks = tasks.collect::<anyhow::Result<_>>()?;
        Ok((tasks, held_out, validation))
    }
}

impl LoadedTask {
    fn new(
        named: Option<TaskConfig>,
        config: TrainConfig,
        problems: Problems,
        (judges, host, texts): (&Judges, &Arc<HostJudge>, &Arc<StoredAnswers>),
    ) -> anyhow::Result<Self> {
        let built = assembled_beside(judges, &config.judges, host, Some(texts));
        let (judge, others, compared) = built?;
        let Problems {
            training, weights, ..
        } = problems;
        require_supported(&*judge, &training, &config.problems)?;
        let is_asked = config.objective()?.needs().stored != Stored::Unused || !compared.is_empty();
        let file = Some(config.baselines.as_str()).filter(|name| *name != REFERENCE);
        anyhow::ensure!(
            is_asked || file.is_none(),
            "failed to use baselines = {:?}: objective.algorithm = {:?} compares answers with no stored ones, and no judge does; leave it out",
            config.baselines,
            config.objective.algorithm.name()
        );
        let stored = file
            .map(|name| stored(Path::new(name), &training))
            .transpose()?;
        Ok(Self {
            named,
            problems: training,
            weights,
            judge: judge.into(),
            compared,
            stored,
            judges: others,
            config,
        })
    }

    /// A run's inputs with its file of stored answers.
    pub(super) fn told(&self, inputs: Inputs) -> anyhow::Result<Inputs> {
        if self.stored.is_none() {
            return Ok(inputs);
        }
        let path = Path::new(&self.config.baselines);
        let bytes = crate::files::read(path)?;
        let hash = Sha256::digest(bytes);
        let hash: Vec<String> = (hash.iter().take(16))
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(inputs.with_examples(path, &hash.concat()))
    }

    /// Episodes of one of its rounds.
    pub(super) fn episodes(&self) -> usize {
        let drawn = self.config.problems_per_round.min(self.problems.len());
        self.config.rollout.group.saturating_mul(drawn)
    }
}

/// A file of answers, with one to each problem at least.
fn stored(path: &Path, problems: &[Problem]) -> anyhow::Result<ReplayPolicy> {
    let answers = ReplayPolicy::load(path)?.of(problems)?;
    let mut without = problems
        .iter()
        .filter(|problem| answers.samples_of(&problem.id) == 0);
    if let Some(first) = without.next() {
        anyhow::bail!(
            "failed to use baselines = {}: it has no answer to {} and {} more of the {} problems to train on; expected one to each",
            path.display(),
            first.id.escape_debug(),
            without.count(),
            problems.len()
        );
    }
    Ok(answers)
}

/// Says what judges did besides, and how far they can be trusted.
pub(super) fn tell(judge: &dyn Judge, tasks: &[Task<'_>]) {
    let more = tasks.iter().map(|task| task.judge);
    let notes = std::iter::once(judge).chain(more).flat_map(Judge::notes);
    notes.for_each(|note| say!("{note}"));
}

impl Loaded {
    /// Who judges in each task, watched.
    pub(super) fn watched_tasks(&self) -> Vec<Watched<'_>> {
        let tasks = self.tasks.iter();
        tasks.map(|task| self.watch(&*task.judge)).collect()
    }

    /// The tasks as training takes them, each with its judge.
    pub(super) fn tasks<'a>(&'a self, judges: &'a [Watched<'a>]) -> anyhow::Result<Vec<Task<'a>>> {
        let tasks = self.tasks.iter().zip(judges).filter_map(|(task, judge)| {
            let named = task.named.as_ref()?;
            let objective = match task.config.objective() {
                Ok(objective) => objective.into(),
                Err(error) => return Some(Err(error.into())),
            };
            let data = task.data([&[]; 2]);
            Some(Ok(
                Task::whole(&task.config, objective, judge, data).named(named)
            ))
        });
        tasks.collect()
    }
}

impl LoadedTask {
    /// What it learns from, with these examples, its own and those of a second source.
    pub(super) fn data<'a>(&'a self, [examples, second]: [&'a [Example]; 2]) -> Data<'a> {
        Data {
            problems: &self.problems,
            weights: &self.weights,
            examples,
            second,
            stored: self.stored.as_ref(),
            compared: &self.compared,
        }
    }
}
