//! What passes, steps and samples are asked for, and what is read of them.

use std::ops::RangeInclusive;

use super::Datum;
use super::wire::ForwardBackwardOutput;

/// A loss of each token, by the server's name.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Its name there.
    pub name: &'static str,
    /// What ratios are cut to, where they are.
    pub ratio: Option<RangeInclusive<f64>>,
}

/// What was sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Ids, the one that ended it among them.
    pub ids: Vec<u32>,
    /// Their log-probabilities.
    pub log_probs: Vec<f32>,
    /// Whether there was no room for more.
    pub cut: bool,
}

/// What a pass has found, of every token of every row but its first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passed {
    /// Log-probabilities.
    pub log_probs: Vec<Vec<f32>>,
    /// Parts of the loss as it was asked for; empty where none was.
    pub losses: Vec<Vec<f32>>,
}

/// What a step was like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped {
    /// Norm of the gradient.
    pub norm: f64,
}

/// The numbers of this name, as many rows and numbers as were sent.
pub(super) fn rows_of(
    output: &ForwardBackwardOutput,
    name: &str,
    data: &[Datum],
) -> Result<Vec<Vec<f32>>, String> {
    let mut rows = Vec::with_capacity(data.len());
    for record in &output.loss_fn_outputs {
        let field = record.fields.get(name);
        rows.extend(field.ok_or_else(|| format!("it has no {name}"))?.rows()?);
    }
    let fits = rows.len() == data.len()
        && rows
            .iter()
            .zip(data)
            .all(|(row, sent)| row.len() == sent.len());
    if !fits {
        return Err(format!("its {name} are of other rows than were sent"));
    }
    match rows.iter().flatten().find(|value| !value.is_finite()) {
        Some(value) => Err(format!(
            "its {name} hold {value}: the model there is none any more"
        )),
        None => Ok(rows),
    }
}
