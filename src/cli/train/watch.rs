//! What a run tells → a progress bar, lines on standard error, the comparison on standard output; and Ctrl-C → its end.

use std::path::Path;
use std::sync::Arc;

use super::super::eval::describe;
use super::super::judging::Interrupts;
use super::super::output::{insist, print, say};
use super::super::progress::Progress;
use super::super::watched::Doing;
use super::collapse::Collapse;
use super::load::Loaded;
use crate::eval::Report;
use crate::memory::{self, Size};
use crate::run::Best;
use crate::train::{Event, Observer, RoundMetrics, RoundTimings, Stage, Validated};

/// Watches one run.
pub(super) struct Watcher<'a> {
    /// How the run is continued.
    pub(super) resume: String,
    /// The shares of the evaluation set solved before, where that is known, and after, once they are.
    pub(super) solved: Option<(Option<f64>, f64)>,
    loaded: &'a Loaded,
    interrupts: &'a Interrupts,
    doing: Arc<Doing>,
    progress: Option<Progress>,
    /// Whether an evaluation between rounds is under way.
    is_between: bool,
    collapse: Collapse,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(folder: &Path, loaded: &'a Loaded) -> Self {
        Self {
            resume: format!("rlef train --resume --run {}", folder.display()),
            solved: None,
            loaded,
            interrupts: &loaded.interrupts,
            doing: Arc::clone(&loaded.doing),
            progress: None,
            is_between: false,
            collapse: Collapse::of(folder),
        }
    }

    fn begin(&mut self, label: &str, noun: &str, total: usize) {
        let doing = Arc::clone(&self.doing);
        let meter = Arc::new(move || doing.words());
        self.progress = Some(Progress::watching(label, noun, total as u64, meter));
    }

    fn set(&mut self, done: usize, message: &str) {
        if let Some(progress) = &mut self.progress {
            progress.set(done as u64, message);
        }
    }

    /// What is said below a bar that is still drawn would be wiped with it.
    pub(super) fn finish(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
    }
}

impl Observer for Watcher<'_> {
    fn stop(&self) -> bool {
        self.interrupts.any()
    }

    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Evaluating { problems, stage } => {
                if stage == Stage::Between {
                    // Within the rounds, whose bar goes on.
                    self.is_between = true;
                    return;
                }
                self.finish();
                // An evaluation keeps nothing until it is done, and all rounds that are done are saved: an interrupt need
                // not wait.
                let words = format!("stopped while evaluating; continue with: {}", self.resume);
                self.interrupts.end_at_once(words);
                self.begin(&format!("evaluating {}", when(stage)), "problem", problems);
            }
            Event::Evaluated { problems, report } => {
                if self.is_between {
                    return;
                }
                let turns = self.loaded.config.rollout.turns;
                self.set(problems, &report.so_far(turns));
            }
            Event::Unsaved(report) => {
                self.finish();
                print(&report.to_string());
            }
            Event::Training { rounds } => {
                self.finish();
                self.interrupts.are_counted();
                self.begin("training", "round", rounds);
            }
            Event::Phase(phase) => {
                tracing::trace!(?phase, "begins");
                self.doing.begin(phase);
            }
            Event::Round {
                rounds,
                metrics,
                timings,
            } => {
                tracing::debug!(
                    rounds,
                    sampling_s = timings.sampling_seconds,
                    judging_s = timings.judging_seconds,
                    scoring_s = timings.scoring_seconds,
                    updating_s = timings.updating_seconds,
                    "the round is done"
                );
                self.set(rounds, &line(metrics, timings));
                if let Some(words) = self.collapse.look(metrics) {
                    insist!("{words}");
                }
                if self.stop() {
                    self.finish();
                }
            }
            Event::NoCheckpoint { rounds } => {
                insist!(
                    "no checkpoint is made after round {rounds}: its last update had no finite gradient"
                );
            }
            Event::Validated(found) => {
                self.is_between = false;
                say!("{}", validated(found));
            }
            Event::Failed { also, resumable } => {
                if let Some(also) = also {
                    insist!("{also:#}");
                }
                self.finish();
                if resumable {
                    insist!("continue, once that is mended, with: {}", self.resume);
                }
            }
            Event::Trained => {
                self.finish();
                let estimate = self.loaded.estimate.as_ref();
                if let Some((estimate, measured)) = estimate.zip(memory::peak_so_far()) {
                    say!(
                        "memory at its peak: {} estimated, {} measured",
                        Size(estimate.peak()),
                        Size(measured)
                    );
                }
            }
            Event::Compared { before, after } => {
                self.finish();
                let mean = |report: &Report| report.final_solved().mean;
                self.solved = Some((before.map(mean), mean(after)));
                let name = &self.loaded.config.evaluation.problems;
                match before {
                    Some(before) => {
                        let before = describe(name, &self.loaded.held_out, before);
                        print(&format!("before\n{before}\n\nafter\n{after}"));
                    }
                    None => print(&format!("after\n{after}")),
                }
            }
        }
    }
}

fn validated(found: &Validated) -> String {
    let Best { rounds, solved, .. } = &found.record;
    let beside = found.over_best.map_or(String::new(), |(mean, p)| {
        format!(
            ", {:+.1} points beside the best before it (p {p:.2})",
            100.0 * mean
        )
    });
    let best = if found.is_best {
        "; it is kept in checkpoints/best"
    } else {
        ""
    };
    format!("round {rounds}: {solved} of the validation set solved{beside}{best}")
}

fn line(metrics: &RoundMetrics, timings: &RoundTimings) -> String {
    let mut line = if metrics.examples > 0 {
        format!(
            "loss {:.3} kl {:.3} entropy {:.2}",
            metrics.policy_loss, metrics.reference_kl, metrics.entropy
        )
    } else {
        played(metrics, timings)
    };
    if metrics.cut_rate > 0.0 {
        let words = std::fmt::format(format_args!(" cut {:.0}%", 100.0 * metrics.cut_rate));
        line += &words;
    }
    for (name, value) in metrics.own.iter() {
        line.push(' ');
        line += &name.replace('_', " ");
        line += &std::fmt::format(format_args!(" {value:.3}"));
    }
    line
}

const fn when(stage: Stage) -> &'static str {
    match stage {
        Stage::Before => "before",
        Stage::Between => "between",
        Stage::After => "after",
    }
}

/// What matters first: a narrow terminal cuts the end off.
fn played(metrics: &RoundMetrics, timings: &RoundTimings) -> String {
    format!(
        "solved {:.0}% (turn 1 {:.0}%) reward {:+.2} kl {:.3} entropy {:.2} {:.0} tokens/s {:.0} programs/s",
        100.0 * metrics.solve_rate,
        100.0 * metrics.solve_rate_turn_1,
        metrics.reward,
        metrics.reference_kl,
        metrics.entropy,
        timings.tokens_per_second,
        timings.programs_per_second
    )
}
