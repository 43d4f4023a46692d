//! Files of examples that a configuration names → the examples, for the policy's tokenizer and context.

use std::path::Path;

use super::super::output::{insist, say};
use super::super::source;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::config::TrainConfig;
use crate::examples::{self, Example, Examples};
use crate::objective::{Shape, Source};
use crate::run::Inputs;

/// What a run learns from besides problems.
#[derive(Default)]
pub(super) struct Sets {
    /// Of the objective itself.
    pub(super) first: Examples,
    /// Of its second source.
    pub(super) second: Examples,
}

impl Sets {
    /// Reads what the configuration names, and says what is left out of it.
    pub(super) fn read(config: &TrainConfig) -> anyhow::Result<Self> {
        let objective = config.objective()?;
        let first = match (objective.needs().source, &config.objective.data) {
            (Source::Examples(shape), Some(path)) => Some((path, shape)),
            _ => None,
        };
        let second = objective.second().and_then(|second| {
            let Source::Examples(shape) = second.objective.needs().source else {
                return None;
            };
            Some((&second.config.data, shape))
        });
        if first.is_none() && second.is_none() {
            return Ok(Self::default());
        }
        // A name that is no directory is refused where the policy is loaded, in better words.
        let Some((shape, tokenizer, _)) =
            source::shape(&config.policy, config.chat_template.as_deref())?
        else {
            return Ok(Self::default());
        };
        let context = shape.max_position_embeddings;
        let read = |named: Option<_>| match named {
            Some((path, shape)) => read(path, shape, &tokenizer, context),
            None => Ok(Examples::default()),
        };
        Ok(Self {
            first: read(first.map(|(path, shape)| (path.as_path(), shape)))?,
            second: read(second.map(|(path, shape)| (path.as_path(), shape)))?,
        })
    }

    /// A run's inputs with these.
    pub(super) fn told(&self, mut inputs: Inputs, config: &TrainConfig) -> Inputs {
        let objective = &config.objective;
        let second = objective.second.as_ref().map(|second| &second.data);
        let named = [
            (objective.data.as_ref(), &self.first),
            (second, &self.second),
        ];
        for (path, examples) in named {
            if let Some(path) = path {
                inputs = inputs.with_examples(path, &examples.hash);
            }
        }
        inputs
    }

    /// Tokens of the longest unit, as many as if all its rows were as long as the longest.
    pub(super) fn longest_unit(&self, config: &TrainConfig) -> anyhow::Result<usize> {
        let rows = match config.objective()?.needs().source {
            Source::Examples(shape) => shape.rows(),
            Source::Episodes => 1,
        };
        let longest = |examples: &Examples| {
            let lengths = examples.kept.iter().map(Example::longest);
            lengths.max().unwrap_or(0)
        };
        Ok((rows * longest(&self.first)).max(longest(&self.second)))
    }
}

fn read(
    path: &Path,
    shape: Shape,
    tokenizer: &Tokenizer,
    context: usize,
) -> anyhow::Result<Examples> {
    let found = examples::read(path, shape, tokenizer, context)?;
    for (reason, rows) in &found.left_out {
        insist!("{rows} rows of {} are left out: {reason}", path.display());
    }
    if found.ties > 0 {
        say!("{} ties of {} are left out", found.ties, path.display());
    }
    if found.weighed > 0 {
        say!(
            "{} pairs of {} have a margin or a certainty, which this objective doesn't use",
            found.weighed,
            path.display()
        );
    }
    if found.too_long + found.equal > 0 {
        say!(
            "of the {} of {} {} are left out for they exceed the policy's context of {context} tokens, and {} for their two answers are equal",
            shape.name(),
            path.display(),
            found.too_long,
            found.equal
        );
    }
    Ok(found)
}
