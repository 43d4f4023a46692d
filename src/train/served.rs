//! Rows → what is known of them and their updates, where a server holds the weights: what `score` and `update` have done here is
//! asked of it. Losses are the objective's own, as it says that they can be asked for (`Objective::asked`).

use std::sync::Mutex;

use super::checks::compare;
use super::learner::Learner;
use super::metrics::{RoundMetrics, reference_kl};
use super::part::Part;
use super::update::Before;
use super::{Event, Observer, Phase, TrainError};
use crate::batch::Batch;
use crate::checkpoint::adapter_file;
use crate::learner::{Passes, Scores, Spans, numbers};
use crate::model::lora::Adapter;
use crate::objective::stats::{Clip, PpoStats};
use crate::objective::{AskedLoss, Known, Old, Share, Totals};
use crate::policy::engine::EnginePolicy;
use crate::policy::tinker::TinkerPolicy;
use crate::policy::{ModelPolicy, Policy};
use crate::tinker::{self, Datum, Passed, TinkerError, Token, Trainer};
use crate::update::Optimizer;

impl Learner {
    /// Has a server train: what is kept here is a copy of what it has learnt.
    pub fn train_on(&mut self, trainer: Trainer, optimizer: Optimizer) {
        (self.trainer, self.policy_optimizer) = (Some(trainer), optimizer);
    }

    /// Has whoever samples, where that isn't done here, hold the policy as it is now.
    pub fn sync_weights(&mut self) -> Result<(), TrainError> {
        let version = self.policy_optimizer.steps();
        if let Some(engine) = &mut self.engine {
            engine.load_weights(&self.policy, &self.tokenizer, version)?;
        }
        if let Some(trainer) = &mut self.trainer
            && trainer.snapshot(version)?
        {
            self.fetch()?;
        }
        Ok(())
    }

    /// Has a server that trains save what it has learnt, and its copy here be that.
    pub(super) fn save_elsewhere(&mut self, rounds: usize) -> Result<(), TrainError> {
        if let Some(trainer) = &mut self.trainer {
            trainer.save(rounds)?;
        }
        if self.trainer.is_some() {
            self.sync_weights()?;
        }
        Ok(())
    }

    /// Takes the adapter that the server samples from.
    fn fetch(&mut self) -> Result<(), TrainError> {
        let (Some(trainer), Some(own)) = (&mut self.trainer, &mut self.policy.adapter) else {
            return Ok(());
        };
        let unreadable = |reason: String| TinkerError::Adapter(reason);
        let folder = tempfile::tempdir().map_err(|error| unreadable(error.to_string()))?;
        trainer.adapter(folder.path())?;
        let sorted = |targets: &[String]| {
            let mut targets = targets.to_vec();
            targets.sort();
            targets
        };
        let config = own.config.clone();
        let device = self.policy.device();
        let found = adapter_file::load(folder.path(), &self.policy, &device)
            .map_err(|error| unreadable(error.to_string()))?;
        let other = &found.config;
        if other.rank != config.rank
            || other.scale() != config.scale()
            || sorted(&other.targets) != sorted(&config.targets)
        {
            return Err(unreadable(format!(
                "it has rank {}, alpha {} and the targets {:?}; expected rank {}, alpha {} and {:?} ([lora])",
                other.rank, other.alpha, other.targets, config.rank, config.alpha, config.targets
            ))
            .into());
        }
        self.policy.adapter = Some(Adapter {
            config,
            weights: found.weights,
        });
        Ok(())
    }

    /// Who samples the policy as it is now; `batch` rows side by side, where that is done here.
    pub(super) fn speaker(&self, batch: usize) -> Box<dyn Policy + '_> {
        let (decoder, tokenizer) = (&self.policy, &self.tokenizer);
        if let Some(trainer) = &self.trainer {
            return Box::new(TinkerPolicy { trainer, tokenizer });
        }
        match &self.engine {
            Some(engine) => Box::new(EnginePolicy {
                engine,
                tokenizer,
                context: decoder.config.max_position_embeddings,
                vocabulary: decoder.config.vocab_size,
            }),
            None => Box::new(ModelPolicy {
                decoder,
                tokenizer,
                batch,
            }),
        }
    }

    /// What the policy says of the actions of these minibatches.
    pub(super) fn scores(
        &mut self,
        passes: &Passes<'_>,
        minibatches: &[Vec<usize>],
    ) -> Result<Scores, TrainError> {
        let Some(trainer) = &mut self.trainer else {
            return Ok(passes.scores(&self.policy, minibatches));
        };
        let batch = passes.batch;
        let mut log_probs = vec![0.0; batch.actions.len()];
        for units in minibatches {
            read(trainer, batch, &batch.rows_of(units), &mut log_probs)?;
        }
        Ok(Scores {
            entropy: entropy(&log_probs),
            log_probs,
            values: Vec::new(),
        })
    }

    /// What the reference says of all actions.
    pub(super) fn reference_log_probs(
        &self,
        passes: &Passes<'_>,
        minibatches: &[Vec<usize>],
    ) -> Result<Vec<f32>, TrainError> {
        let Some(trainer) = &self.trainer else {
            return Ok(passes.log_probs(&self.reference, minibatches).0);
        };
        let rows = &passes.batch.rows;
        let next = Mutex::new(0..rows.len());
        let found: Mutex<Vec<Result<Vec<f32>, TinkerError>>> =
            Mutex::new(rows.iter().map(|_| Ok(Vec::new())).collect());
        std::thread::scope(|scope| {
            for _ in 0..trainer.config().concurrency.min(rows.len()).max(1) {
                scope.spawn(|| {
                    loop {
                        let row = next.lock().expect("nothing panics with it").next();
                        let Some(row) = row else { return };
                        let said = trainer.reference(&rows[row]);
                        found.lock().expect("nothing panics with it")[row] = said;
                    }
                });
            }
        });
        let found = found.into_inner().expect("nothing panics with it");
        let found: Vec<Vec<f32>> = found.into_iter().collect::<Result<_, _>>()?;
        let actions = passes.batch.actions.iter();
        Ok(actions
            .map(|action| found[action.row][action.position])
            .collect())
    }
}

/// Mean of `-log π` of tokens that were drawn from `π`: the entropy, estimated without bias.
fn entropy(log_probs: &[f32]) -> f64 {
    let sum: f64 = log_probs.iter().map(|&value| -f64::from(value)).sum();
    sum / log_probs.len().max(1) as f64
}

/// Actions of every row of a batch.
fn by_row(batch: &Batch) -> Vec<std::ops::Range<usize>> {
    let mut start = 0;
    let counts = batch.row_actions().into_iter();
    counts
        .map(|count| {
            start += count;
            start - count..start
        })
        .collect()
}

/// Rows as they are sent: `token` says what is learnt of each action.
fn data(
    trainer: &Trainer,
    batch: &Batch,
    rows: &[usize],
    token: &dyn Fn(usize, usize) -> (f32, f64),
) -> Result<Vec<Datum>, TinkerError> {
    let spans = by_row(batch);
    let config = trainer.config();
    rows.iter()
        .map(|&row| {
            let span = spans[row].clone();
            let count = span.len();
            let learnt = span.map(|index| {
                let (old, advantage) = token(index, count);
                Token {
                    place: batch.actions[index].position + 1,
                    old,
                    advantage,
                }
            });
            let learnt: Vec<Token> = learnt.collect();
            Datum::new(&batch.rows[row], &learnt, config.vocabulary, config.context)
        })
        .collect()
}

/// Puts what a pass has found of the rows' actions into the list of all.
fn put(batch: &Batch, rows: &[usize], found: &[Vec<f32>], all: &mut [f32]) {
    let spans = by_row(batch);
    for (&row, found) in rows.iter().zip(found) {
        for index in spans[row].clone() {
            all[index] = found[batch.actions[index].position];
        }
    }
}

/// Reads the policy's log-probabilities of the rows' actions.
fn read(
    trainer: &mut Trainer,
    batch: &Batch,
    rows: &[usize],
    all: &mut [f32],
) -> Result<(), TinkerError> {
    let rows: Vec<usize> = rows.to_vec();
    let data = data(trainer, batch, &rows, &|_, _| (0.0, 0.0))?;
    let Passed { log_probs, .. } = trainer.forward(&data)?;
    put(batch, &rows, &log_probs, all);
    Ok(())
}

/// The round's updates, of the only task that a run has which learns on a server.
pub(super) fn update(
    learner: &mut Learner,
    parts: &[Part<'_>],
    known: &[Known],
    metrics: &mut [RoundMetrics],
    observer: &mut dyn Observer,
) -> Result<Vec<Before>, TrainError> {
    let mut all = Vec::with_capacity(parts.len());
    for ((part, known), metrics) in parts.iter().zip(known).zip(metrics) {
        let updates = part.minibatches.len();
        let mut seen =
            (known.policy.clone()).unwrap_or_else(|| vec![0.0; part.batch.actions.len()]);
        let mut fresh = vec![f32::NAN; part.batch.actions.len()];
        for number in 0..updates {
            observer.on(Event::Phase(Phase::Updating {
                update: number + 1,
                updates,
            }));
            one(
                learner,
                part,
                known,
                number,
                (&mut seen, &mut fresh),
                metrics,
            )?;
        }
        if let Some(reference) = &known.reference {
            metrics.reference_kl = reference_kl(&part.batch, &seen, reference);
        }
        if part.task.objective.needs().old != Old::ForCredit {
            metrics.entropy = entropy(&seen);
        }
        all.push((seen, fresh));
    }
    Ok(all)
}

/// One update: the passes of its rows, and a step.
fn one(
    learner: &mut Learner,
    part: &Part<'_>,
    known: &Known,
    number: usize,
    (seen, fresh): (&mut [f32], &mut [f32]),
    metrics: &mut RoundMetrics,
) -> Result<(), TrainError> {
    let device = learner.policy.device();
    let Some(trainer) = &mut learner.trainer else {
        return Ok(());
    };
    let (objective, batch) = (&*part.task.objective, &part.batch);
    let asked = objective.asked().map_err(|why| TinkerError::Unsound {
        what: "a loss".to_owned(),
        reason: why.to_owned(),
    })?;
    let rows = batch.rows_of(&part.minibatches[number]);
    let totals = Totals::of(batch, &part.minibatches[number]);
    let spans = by_row(batch);
    let actions: Vec<usize> = rows.iter().flat_map(|&row| spans[row].clone()).collect();
    let of = |all: &[f32]| -> Vec<f32> { actions.iter().map(|&index| all[index]).collect() };
    if number == 0 && objective.needs().old != Old::ForCredit {
        // The old policy of the first update is the present one, and the server must be told what it says.
        read(trainer, batch, &rows, seen)?;
        if let Some(behaviour) = &known.behaviour {
            let (own, sampler) = (of(seen), of(behaviour));
            compare(&own, &sampler, part.task.config, metrics.round, metrics)?;
        }
    }
    let updates = part.minibatches.len() as f64;
    let mut weights = vec![1.0_f32; batch.actions.len()];
    if let (Some(correction), Some(behaviour)) = (objective.correction(), &known.behaviour) {
        let counts: Vec<usize> = rows.iter().map(|&row| spans[row].len()).collect();
        let found = correction.weights(
            numbers(of(seen), &device),
            numbers(of(behaviour), &device),
            &Spans::of_counts(&counts, &vec![1; counts.len()]),
        );
        let count = totals.tokens as f64 * updates;
        metrics.own.add("correction_mean", found.sum / count);
        let changed = found.changed as f64 / count;
        metrics.own.add("correction_changed", changed);
        let each = found.each.into_data().try_to_vec::<f32>();
        let each = each.expect("weights are f32");
        for (&index, weight) in actions.iter().zip(each) {
            weights[index] = weight;
        }
    }
    let backend = trainer.config().backend;
    let factor = |count: usize| backend.factor(rows.len(), count);
    let share = |share: Share, count: usize| share.of(totals, count);
    let data = data(trainer, batch, &rows, &|index, count| {
        let whole = f64::from(known.credit.advantages[index]) * f64::from(weights[index]);
        (
            seen[index],
            whole * share(asked.share, count) * factor(count),
        )
    })?;
    let Passed { log_probs, losses } = trainer.forward_backward(&data, &named(asked.loss))?;
    let rate = learner.policy_optimizer.learning_rate();
    let stepped = trainer.step(rate, learner.policy_optimizer.config())?;
    learner.policy_optimizer.taken();
    put(batch, &rows, &log_probs, fresh);
    let ratios = of(fresh).into_iter().zip(of(seen));
    let ratios = ratios.map(|(new, old)| new - old).collect();
    let ppo = PpoStats::of(&numbers(ratios, &device), bounds(asked.loss));
    let tokens = totals.tokens as f64;
    metrics.learning_rate = rate;
    metrics.gradient_norm += stepped.norm / updates;
    metrics.policy_loss += loss(batch, &rows, &losses, &factor) / updates;
    metrics.approx_kl += ppo.kl / tokens / updates;
    metrics.clip_fraction += ppo.clipped / tokens / updates;
    if number == 0 {
        metrics.first_ratio_gap = ppo.ratio_gap;
    }
    Ok(())
}

/// The update's loss, of the parts that the server has found.
fn loss(batch: &Batch, rows: &[usize], losses: &[Vec<f32>], factor: &dyn Fn(usize) -> f64) -> f64 {
    let spans = by_row(batch);
    let rows = rows.iter().zip(losses).map(|(&row, losses)| {
        let span = spans[row].clone();
        let count = span.len();
        let parts = span.map(|index| f64::from(losses[batch.actions[index].position]));
        parts.sum::<f64>() / factor(count)
    });
    rows.sum()
}

/// A loss by the server's name.
fn named(loss: AskedLoss) -> tinker::Loss {
    tinker::Loss {
        name: loss.name(),
        ratio: (loss.clip()).map(|clip| 1.0 - clip.low..=1.0 + clip.high),
    }
}

/// What counts as clipped.
fn bounds(loss: AskedLoss) -> Clip {
    let none = Clip {
        low: f64::INFINITY,
        high: f64::INFINITY,
    };
    loss.clip().unwrap_or(none)
}
