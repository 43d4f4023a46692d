//! What is learnt at once: a run's tasks, or the run itself as its only one.

use std::sync::Arc;

use super::Data;
use crate::config::{TaskConfig, TrainConfig};
use crate::judge::Judge;
use crate::objective::Objective;

/// One thing that a run learns: its problems, who judges, and how it is learnt.
#[derive(Clone)]
pub struct Task<'a> {
    /// Its name; none where the run has one task, itself.
    pub name: Option<Arc<str>>,
    /// What its gradient counts beside those of the others.
    pub weight: f64,
    /// Largest norm of its gradient before that.
    pub max_gradient_norm: f64,
    /// The run as it sees it.
    pub config: &'a TrainConfig,
    /// How it learns.
    pub objective: Arc<dyn Objective>,
    /// Who judges.
    pub judge: &'a dyn Judge,
    /// What it learns from.
    pub data: Data<'a>,
}

impl<'a> Task<'a> {
    /// A run without tasks.
    pub fn whole(
        config: &'a TrainConfig,
        objective: Arc<dyn Objective>,
        judge: &'a dyn Judge,
        data: Data<'a>,
    ) -> Self {
        Self {
            name: None,
            weight: 1.0,
            max_gradient_norm: f64::INFINITY,
            config,
            objective,
            judge,
            data,
        }
    }

    /// The same as one of several.
    #[must_use]
    pub fn named(self, task: &TaskConfig) -> Self {
        Self {
            name: Some(task.name.as_str().into()),
            weight: task.weight,
            max_gradient_norm: task.max_gradient_norm,
            ..self
        }
    }

    /// Its gradient's factor in the step of all, given the gradient's norm.
    pub(super) fn factor(&self, norm: f64) -> f64 {
        factor(self.weight, self.max_gradient_norm, norm)
    }
}

/// The weight of a gradient that is bounded first. One without a finite norm stays such a one.
fn factor(weight: f64, bound: f64, norm: f64) -> f64 {
    if norm > bound {
        weight * bound / norm
    } else {
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_is_bounded_and_then_weighed() {
        assert_eq!(factor(2.0, f64::INFINITY, 7.0), 2.0);
        assert_eq!(factor(2.0, 8.0, 7.0), 2.0);
        assert_eq!(factor(2.0, 0.5, 4.0), 0.25);
        for norm in [f64::NAN, f64::INFINITY] {
            assert!(!(factor(2.0, 0.5, norm) * norm).is_finite());
        }
    }
}
