//! What was checked → everything a run goes on with, and the run's folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::super::judging::Interrupts;
use super::super::output::say;
use super::super::watched::{Doing, Watched};
use super::check::{Checked, plan};
use super::sets::Sets;
use super::tasks::LoadedTask;
use super::{Args, folders, values};
use crate::config::TrainConfig;
use crate::eval::stamp::{PolicyStamp, SandboxStamp};
use crate::journal::write_atomically;
use crate::judge::Judge;
use crate::memory::Estimate;
use crate::policy::engine::Engine;
use crate::problem::Problem;
use crate::run::{Inputs, Progress, Run};
use crate::tinker::Trainer;
use crate::train::{Data, Learner, Session, Stamps, StoredSet, Task};
use crate::update::Optimizer;
use crate::verdict::HostJudge;

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
    /// What was checked, begun: an engine or a server that trains is asked for the first time. Nothing is written here.
    pub(super) fn begin(checked: Checked) -> anyhow::Result<(Self, Begun)> {
        let Checked {
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
        } = checked;
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
            plan(config, &self.sets, &self.tasks),
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

fn write_protection(folder: &Path, judge: &HostJudge) -> anyhow::Result<()> {
    let path = folder.join("protection.json");
    let text = serde_json::to_string_pretty(judge.protection())?;
    write_atomically(&path, text.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}
