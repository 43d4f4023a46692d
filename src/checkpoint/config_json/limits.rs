//! A shape held against what anything real has, before a byte is made room for.

use crate::model::rope::Rotary;
use crate::model::shape::ModelConfig;

/// Blocks of the deepest model that is read; those that people use have some hundred.
pub(super) const MOST_BLOCKS: usize = 4096;
/// The largest width, vocabulary or context that is read: products of two of them and the blocks still are numbers.
pub(super) const LARGEST: usize = 1 << 24;

/// Parameters of the largest model that is read, some ten times as many as any has: sums of their bytes are numbers.
const MOST_PARAMETERS: u128 = 1 << 44;

/// Holds a shape against what anything real has, before a byte is made room for.
pub(super) fn check(shape: &ModelConfig) -> Result<(), String> {
    let sizes = [
        ("hidden_size", shape.hidden_size, LARGEST),
        ("intermediate_size", shape.intermediate_size, LARGEST),
        ("num_hidden_layers", shape.num_hidden_layers, MOST_BLOCKS),
        ("num_attention_heads", shape.num_attention_heads, LARGEST),
        ("head_dim", shape.head_dim, LARGEST),
        ("vocab_size", shape.vocab_size, LARGEST),
        (
            "max_position_embeddings",
            shape.max_position_embeddings,
            LARGEST,
        ),
    ];
    if let Some((name, found, most)) = sizes
        .into_iter()
        .find(|(name, found, most)| found > most || (*found == 0 && *name != "head_dim"))
    {
        return Err(format!(
            "field {name}: expected a number from 1 to {most}, found {found}"
        ));
    }
    if shape.num_attention_heads * shape.head_dim > LARGEST {
        return Err(format!(
            "fields num_attention_heads and head_dim: expected a product of at most {LARGEST}, found {}",
            shape.num_attention_heads * shape.head_dim
        ));
    }
    let numbers = [
        (
            "rms_norm_eps",
            shape.rms_norm_eps,
            shape.rms_norm_eps >= 0.0,
        ),
        ("rope_theta", shape.rope_theta, shape.rope_theta > 0.0),
    ];
    if let Some((name, found, _)) = numbers
        .into_iter()
        .find(|(_, found, good)| !(*good && found.is_finite()))
    {
        return Err(format!(
            "field {name}: expected a finite number above 0, found {found}"
        ));
    }
    let (heads, groups) = (shape.num_attention_heads, shape.num_key_value_heads);
    if heads == 0 || groups == 0 || !heads.is_multiple_of(groups) {
        return Err(format!(
            "field num_key_value_heads: expected a divisor of num_attention_heads ({heads}), found {groups}"
        ));
    }
    if shape.head_dim == 0 || !shape.head_dim.is_multiple_of(2) {
        return Err(format!(
            "field head_dim: expected an even number, found {}",
            shape.head_dim
        ));
    }
    let rotary = shape.rotary();
    let local = shape.extras.gemma.map(|gemma| {
        let base = gemma.rope_local_base_freq;
        Rotary::new(shape.head_dim, base, None).frequencies
    });
    let local = local.unwrap_or_default();
    let numbers = rotary.frequencies.iter().chain([&rotary.factor]);
    let mut numbers = numbers.chain(&local);
    if let Some(found) = numbers.find(|number| !number.is_finite()) {
        return Err(format!(
            "fields rope_theta and rope_scaling: expected finite frequencies, found {found}"
        ));
    }
    let size = |[rows, columns]: [usize; 2]| rows as u128 * columns as u128;
    let block = shape.block_parameters().into_iter();
    let block: u128 = block.map(|(_, shape)| size(shape)).sum();
    let all =
        block * shape.num_hidden_layers as u128 + 2 * size([shape.vocab_size, shape.hidden_size]);
    if all > MOST_PARAMETERS {
        return Err(format!(
            "expected a model of at most {MOST_PARAMETERS} parameters, found one of {all}"
        ));
    }
    Ok(())
}
