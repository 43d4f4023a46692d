//! A run from where it stands to its end: the evaluation before, the rounds that are left, the evaluation after.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::super::eval::{describe, evaluate};
use super::super::judging::{Interrupts, interrupted};
use super::super::output::{print, say};
use super::super::progress::Progress;
use crate::config::TrainConfig;
use crate::eval::Report;
use crate::journal::write_atomically;
use crate::judge::Judge;
use crate::memory::{self, Estimate, Size};
use crate::policy::ModelPolicy;
use crate::policy::model::Decoder;
use crate::policy::sampler::Sampling;
use crate::problem::Problem;
use crate::rollout::RolloutConfig;
use crate::run::{self, Run};
use crate::train::{self, Learner, RoundMetrics, RoundTimings};

/// Everything a run is done with.
pub(super) struct Work<'a> {
    pub(super) run: Run,
    pub(super) done: run::Progress,
    pub(super) learner: Learner,
    pub(super) config: &'a TrainConfig,
    pub(super) problems: &'a [Problem],
    pub(super) held_out: &'a [Problem],
    pub(super) judge: &'a dyn Judge,
    pub(super) interrupts: &'a Interrupts,
    pub(super) estimate: Option<Estimate>,
}

impl Work<'_> {
    /// The evaluation before, the rounds that are left, and the evaluation after.
    pub(super) fn all(mut self) -> anyhow::Result<ExitCode> {
        let folder = self.run.folder().to_owned();
        let resume = format!("rlef train --resume --run {}", folder.display());
        let before = folder.join("before.json");
        if !self.held_out.is_empty() && !before.exists() {
            self.evaluating(&resume);
            let report = self.evaluation(&self.learner.reference)?;
            if let Err(error) = save_report(&before, &report) {
                print(&report.to_string());
                return Err(error);
            }
        }
        self.interrupts.are_counted();
        if let Some(code) = self.rounds(&resume)? {
            return Ok(code);
        }
        if let (Some(estimate), Some(measured)) = (&self.estimate, memory::peak_so_far()) {
            say!(
                "memory at its peak: {} estimated, {} measured",
                Size(estimate.peak()),
                Size(measured)
            );
        }
        if !self.held_out.is_empty() {
            self.evaluating(&resume);
            let after = self.evaluation(&self.learner.policy)?;
            let saved = save_report(&folder.join("after.json"), &after);
            // Told before anything else can fail: it took long to find.
            let told = read_report(&before).map(|before| {
                let before = describe(&self.config.evaluation.problems, self.held_out, &before);
                print(&format!("before\n{before}\n\nafter\n{after}"));
            });
            if told.is_err() {
                print(&format!("after\n{after}"));
            }
            saved?;
            told?;
        }
        say!(
            "the trained policy is in {}",
            folder
                .join("checkpoints")
                .join(format!("{:06}", self.config.rounds))
                .display()
        );
        Ok(ExitCode::SUCCESS)
    }

    /// An evaluation keeps nothing until it is done, and all rounds that are done are saved: an interrupt need not wait.
    fn evaluating(&self, resume: &str) {
        let words = format!("stopped while evaluating; continue with: {resume}");
        self.interrupts.end_at_once(words);
    }

    /// Plays the rounds that are left; the exit code where it was told to stop.
    fn rounds(&mut self, resume: &str) -> anyhow::Result<Option<ExitCode>> {
        let (config, every) = (self.config, self.config.resources.checkpoint_every);
        let mut progress = Progress::new("training", config.rounds as u64);
        while self.done.rounds < config.rounds {
            let step = self.learner.policy_optimizer.steps();
            let learner = &mut self.learner;
            let played = train::round(learner, self.judge, self.problems, config, self.done.rounds);
            let (groups, metrics, timings) = match played {
                Ok(round) => round,
                Err(error) => {
                    // It failed before a weight was moved, so what was learnt until then is kept.
                    if !self.done.rounds.is_multiple_of(every)
                        && !error.is_of_weights()
                        && let Err(also) = self.run.checkpoint(&self.learner, self.done.rounds)
                    {
                        say!("{also:#}");
                    }
                    progress.finish();
                    say!("continue, once that is mended, with: {resume}");
                    return Err(error.into());
                }
            };
            self.run.record(step, &groups, &metrics, &timings)?;
            self.done.rounds += 1;
            let rounds = self.done.rounds;
            progress.set(rounds as u64, &line(&metrics, &timings));
            if let Some(error) = self.learner.diverged() {
                return Err(error.into());
            }
            let stopping = self.interrupts.any();
            let due = rounds.is_multiple_of(every) || rounds == config.rounds || stopping;
            if due && rounds < config.rounds && self.learner.is_in_doubt() {
                // The one before it stays, to go on from if it gets no better.
                progress.note(&format!(
                    "no checkpoint is made after round {rounds}: its last update had no finite gradient"
                ));
            } else if due {
                self.run.checkpoint(&self.learner, rounds)?;
            }
            if stopping {
                // What is said below a bar that is still drawn would be wiped with it.
                progress.finish();
                say!("stopped after round {rounds}; continue with: {resume}");
                return Ok(Some(interrupted()));
            }
        }
        progress.finish();
        Ok(None)
    }

    fn evaluation(&self, policy: &Decoder) -> anyhow::Result<Report> {
        let config = self.config;
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
            tokenizer: &self.learner.tokenizer,
            batch: config.resources.sampling_batch,
        };
        Ok(evaluate(
            &mut policy,
            self.judge,
            self.held_out,
            &rollout,
            config.seed,
        )?
        .1)
    }
}

fn save_report(path: &Path, report: &Report) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    write_atomically(path, text.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}

fn read_report(path: &Path) -> anyhow::Result<Report> {
    let context = || format!("failed to read {}", path.display());
    let text = crate::files::read(path).with_context(context)?;
    serde_json::from_slice(&text).with_context(context)
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
