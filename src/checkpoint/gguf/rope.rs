//! How a GGUF file says that rotary frequencies are stretched → the words of a `config.json`: by fields, or, for Llama 3.1 and
//! later, by a tensor of divisors.

use super::metadata::{Metadata, Value};
use crate::model::rope::{RopeScaling, Rotary};
use crate::model::shape::ModelConfig;

/// The stretch that the fields below `own` name.
pub(super) fn scaling(
    fields: &mut Metadata,
    own: &str,
    context: usize,
) -> Result<Option<RopeScaling>, String> {
    let named = |name: &str| format!("{own}.rope.{name}");
    // It says how a model came about.
    let _ = fields.truth(&named("scaling.finetuned"))?;
    let kind = fields.text(&named("scaling.type"))?;
    // As files said it before there were kinds.
    let old = fields.number(&named("scale_linear"))?;
    let factor = fields.number(&named("scaling.factor"))?.or(old);
    let original = fields.whole(&named("scaling.original_context_length"))?;
    for (name, only) in [
        ("scaling.attn_factor", 1.0),
        ("scaling.yarn_ext_factor", 1.0),
        ("scaling.yarn_attn_factor", 1.0),
        ("scaling.yarn_log_multiplier", 0.0),
    ] {
        let name = named(name);
        match fields.number(&name)? {
            Some(found) if found != only => {
                return Err(format!("field {name}: expected {only}, found {found}"));
            }
            _ => {}
        }
    }
    let fast = fields.number(&named("scaling.yarn_beta_fast"))?;
    let slow = fields.number(&named("scaling.yarn_beta_slow"))?;
    let need = || {
        let name = named("scaling.factor");
        factor.ok_or_else(|| format!("field {name}: expected a number, found none"))
    };
    let found = match kind.as_deref() {
        None if factor.is_none_or(|factor| factor == 1.0 || factor == 0.0) => return Ok(None),
        Some("none") => return Ok(None),
        // A factor by itself is a linear one.
        None | Some("linear") => RopeScaling::Linear { factor: need()? },
        Some("yarn") => {
            let factor = need()?;
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: original.unwrap_or(context),
                beta_fast: fast.unwrap_or(32.0),
                beta_slow: slow.unwrap_or(1.0),
                attention_factor: 0.1 * factor.max(1.0).ln() + 1.0,
            }
        }
        Some(other) => {
            return Err(format!(
                "field {}: expected \"none\", \"linear\" or \"yarn\", found {}",
                named("scaling.type"),
                Value::Text(other.to_owned())
            ));
        }
    };
    match found.fault() {
        None => Ok(Some(found)),
        Some((name, value, expected)) => Err(format!(
            "field {own}.rope.scaling: {name}: expected {expected}, found {value}"
        )),
    }
}

/// Wavelengths between which Llama 3.1's stretch ramps, as parts of the original length: every model of the family has these.
const LOW: f64 = 1.0;
const HIGH: f64 = 4.0;

/// The stretch of which `rope_freqs.weight` holds the divisors: llama.cpp keeps no more of it. Refused where it is not Llama 3.1's.
pub(super) fn of_factors(
    shape: &ModelConfig,
    factors: &[f32],
) -> Result<Option<RopeScaling>, String> {
    let name = "tensor rope_freqs.weight";
    if factors.len() != shape.head_dim / 2 || !shape.head_dim.is_multiple_of(2) {
        return Err(format!(
            "{name}: expected {} numbers, half the width of a head, found {}",
            shape.head_dim / 2,
            factors.len()
        ));
    }
    if factors.iter().all(|&factor| factor == 1.0) {
        return Ok(shape.rope_scaling);
    }
    if shape.rope_scaling.is_some() {
        return Err(format!(
            "{name}: expected none beside a stretch that fields name"
        ));
    }
    let plain = Rotary::new(shape.head_dim, shape.rope_theta, None).frequencies;
    let factor = factors.iter().copied().fold(1.0, f32::max);
    (4..24)
        .map(|power| RopeScaling::Llama3 {
            factor: f64::from(factor),
            low_freq_factor: LOW,
            high_freq_factor: HIGH,
            original_max_position_embeddings: 1 << power,
        })
        .find(|scaling| {
            let found = Rotary::new(shape.head_dim, shape.rope_theta, Some(*scaling));
            let all = found.frequencies.iter().zip(&plain).zip(factors);
            all.clone().all(|((found, plain), &factor)| {
                let expected = plain / f64::from(factor);
                (found - expected).abs() <= 1e-5 * expected
            })
        })
        .map(Some)
        .ok_or_else(|| {
            format!("{name}: expected the divisors of Llama 3.1's stretch, which ramps between 1 and 4 turns over an original length that is a power of two, found others")
        })
}
