//! Losses' gradients → new weights: AdamW with linear warm-up and an optional bound on the gradient's norm.
//! One `step` is one policy version. Knows nothing of what the loss was.

use std::path::Path;

use burn::tensor::{Device, Gradients, Tensor};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::checkpoint::{self, CheckpointError, Precision};
use crate::model::decoder::{Decoder, Weights};
use crate::model::kernels::{self, AdamwStep};
use crate::model::shape::is_vector;
use crate::pool;

/// AdamW's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// Decay of weights per step, times the learning rate (Loshchilov and Hutter 2019); norms and biases have none.
    pub weight_decay: f64,
    /// Steps over which the rate rises linearly from zero.
    pub warmup_steps: usize,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest Euclidean norm of the whole gradient; `inf` leaves it alone.
    pub max_gradient_norm: f64,
}

impl OptimizerConfig {
    /// The first of the settings with which no step makes sense, with what it is and what is expected.
    pub(crate) fn fault(&self) -> Option<(&'static str, f64, &'static str)> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        [
            (
                "learning_rate",
                self.learning_rate,
                positive(self.learning_rate),
                "a finite number above 0",
            ),
            (
                "weight_decay",
                self.weight_decay,
                self.weight_decay >= 0.0 && self.weight_decay.is_finite(),
                "a finite number of at least 0",
            ),
            (
                "beta_1",
                self.beta_1,
                share(self.beta_1),
                "a number from 0 to below 1",
            ),
            (
                "beta_2",
                self.beta_2,
                share(self.beta_2),
                "a number from 0 to below 1",
            ),
            (
                "epsilon",
                self.epsilon,
                positive(self.epsilon),
                "a finite number above 0",
            ),
            (
                "max_gradient_norm",
                self.max_gradient_norm,
                self.max_gradient_norm > 0.0,
                "a number above 0, or inf for no bound",
            ),
        ]
        .into_iter()
        .find(|(_, _, good, _)| !good)
        .map(|(name, value, _, expected)| (name, value, expected))
    }

    /// These settings with those of a table in the place of theirs.
    pub(crate) fn changed_by<'de, D: Deserializer<'de>>(self, table: D) -> Result<Self, D::Error> {
        let mut all = toml::Table::try_from(self).map_err(D::Error::custom)?;
        all.extend(toml::Table::deserialize(table)?);
        let changed: Result<Self, toml::de::Error> = all.try_into();
        changed.map_err(|error| D::Error::custom(error.message()))
    }
}

/// The moments of every parameter, and how many steps were taken.
pub struct Optimizer {
    config: OptimizerConfig,
    moments: Vec<Option<[Tensor<2>; 2]>>,
    steps: usize,
    scale: f64,
    /// Steps passed over since the last one taken.
    passed_over: usize,
    /// Whether somebody else moves the weights and has the moments.
    elsewhere: bool,
}

/// Steps passed over in a row after which there is no sense in going on.
pub const MOST_PASSED_OVER: usize = 3;

/// What [`Optimizer::step`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a step may have been passed over"]
pub enum Step {
    /// The weights were moved.
    Taken {
        /// Norm of the gradient before it was bounded.
        norm: f64,
    },
    /// The gradient's norm is not a finite number: neither weights nor moments were touched.
    PassedOver {
        /// How many in a row by now.
        in_a_row: usize,
    },
}

/// The gradient of every parameter, in the order of [`Weights`], summed over micro-batches.
#[derive(Default)]
pub struct GradientSum {
    tensors: Vec<Tensor<2>>,
}

impl GradientSum {
    /// Adds the gradients one backward pass left for `weights`.
    pub fn add(&mut self, weights: &Weights, mut gradients: Gradients) {
        let new = weights
            .tensors
            .iter()
            .map(|tensor| tensor.grad_remove(&mut gradients));
        if self.tensors.is_empty() {
            let zeros = |tensor: &Tensor<2>| tensor.clone().inner().zeros_like();
            self.tensors = new
                .zip(&weights.tensors)
                .map(|(gradient, tensor)| gradient.unwrap_or_else(|| zeros(tensor)))
                .collect();
        } else {
            for (sum, gradient) in self.tensors.iter_mut().zip(new) {
                if let Some(gradient) = gradient {
                    sum.inplace(|old| old + gradient);
                }
            }
        }
    }

    /// Adds the gradients of another loss of the same weights.
    pub fn merge(&mut self, other: Self) {
        if self.tensors.is_empty() {
            *self = other;
            return;
        }
        for (sum, gradient) in self.tensors.iter_mut().zip(other.tensors) {
            sum.inplace(|old| old + gradient);
        }
    }

    /// The same, so many times.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        for sum in &mut self.tensors {
            sum.inplace(|old| old * factor);
        }
        self
    }

    /// Euclidean norm over all parameters.
    pub fn norm(&self) -> f64 {
        let squares = self.tensors.iter().cloned().map(kernels::square_sum);
        squares.sum::<f64>().sqrt()
    }

    /// The gradients, in the order of the weights.
    pub fn tensors(&self) -> &[Tensor<2>] {
        &self.tensors
    }
}

impl Optimizer {
    /// An optimizer that has taken no step.
    pub fn new(config: OptimizerConfig, parameters: usize) -> Self {
        Self {
            config,
            moments: vec![None; parameters],
            steps: 0,
            scale: 1.0,
            passed_over: 0,
            elsewhere: false,
        }
    }

    /// One that counts the steps that somebody else takes, who has the moments.
    pub fn elsewhere(config: OptimizerConfig) -> Self {
        Self {
            elsewhere: true,
            ..Self::new(config, 0)
        }
    }

    /// Its settings.
    pub const fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// Takes it that so many steps were taken.
    pub fn set_steps(&mut self, steps: usize) {
        self.steps = steps;
    }

    /// Counts a step that somebody else has taken.
    pub fn taken(&mut self) {
        self.steps += 1;
        self.passed_over = 0;
    }

    /// Learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        let warm = (self.steps + 1) as f64 / self.config.warmup_steps.max(1) as f64;
        self.config.learning_rate * warm.min(1.0) * self.scale
    }

    /// Multiplies the learning rate of the coming steps, for a schedule after the warm-up.
    pub fn set_scale(&mut self, scale: f64) {
        self.scale = scale;
    }

    /// Moves `decoder` against the gradient, unless the gradient's norm is not a finite number: no weight would be one after
    /// such a step.
    pub fn step(&mut self, decoder: &mut Decoder, gradients: &GradientSum) -> Step {
        pool::within(|| {
            let norm = gradients.norm();
            if norm.is_finite() {
                self.move_by(decoder, gradients, norm);
                self.passed_over = 0;
                Step::Taken { norm }
            } else {
                self.passed_over += 1;
                Step::PassedOver {
                    in_a_row: self.passed_over,
                }
            }
        })
    }

    fn move_by(&mut self, decoder: &mut Decoder, gradients: &GradientSum, norm: f64) {
        let scale = (self.config.max_gradient_norm / norm.max(1e-12)).min(1.0);
        let step = AdamwStep {
            rate: self.learning_rate(),
            decay: self.config.weight_decay,
            beta_1: self.config.beta_1,
            beta_2: self.config.beta_2,
            epsilon: self.config.epsilon,
            time: self.steps,
            scale,
        };
        let weights = decoder.trained_mut();
        let named = weights.names.iter().zip(&mut weights.tensors);
        for (((name, weight), gradient), moments) in
            named.zip(&gradients.tensors).zip(&mut self.moments)
        {
            let decay = if is_vector(name) { 0.0 } else { step.decay };
            let step = AdamwStep { decay, ..step };
            let before = moments
                .take()
                .unwrap_or_else(|| [gradient.zeros_like(), gradient.zeros_like()]);
            weight.inplace(|weight| {
                let (moved, after) = kernels::adamw(weight.inner(), gradient.clone(), before, step);
                *moments = Some(after);
                moved
            });
        }
        self.steps += 1;
    }

    /// Steps passed over since the last one taken.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// Number of steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Writes the moments beside a checkpoint; the number of steps travels in the run's state.
    pub fn save(&self, path: &Path, names: &[String]) -> Result<(), CheckpointError> {
        let named = names
            .iter()
            .zip(&self.moments)
            .filter_map(|(name, moments)| moments.as_ref().map(|moments| (name, moments)));
        let tensors = named.flat_map(|(name, [first, second])| {
            [
                (format!("first.{name}#"), first.clone()),
                (format!("second.{name}#"), second.clone()),
            ]
        });
        checkpoint::save_tensors(path, tensors, Precision::F32)
    }

    /// Reads what `save` wrote after `steps` steps.
    pub fn load(
        &mut self,
        path: &Path,
        decoder: &Decoder,
        steps: usize,
        device: &Device,
    ) -> Result<(), CheckpointError> {
        self.steps = steps;
        if steps == 0 || self.elsewhere {
            return Ok(());
        }
        let trained = decoder.trained();
        let expected: Vec<(String, [usize; 2])> = trained
            .names
            .iter()
            .zip(&trained.tensors)
            .flat_map(|(name, tensor)| {
                [
                    (format!("first.{name}#"), tensor.dims()),
                    (format!("second.{name}#"), tensor.dims()),
                ]
            })
            .collect();
        let mut tensors = checkpoint::load_tensors(path, &expected, device)?.into_iter();
        for moments in &mut self.moments {
            *moments = tensors.next().zip(tensors.next()).map(<[_; 2]>::from);
        }
        Ok(())
    }
}
