//! The fields of a GGUF file → a decoder's shape: the Llama (Mistral among them), Qwen2 and Qwen3 architectures. A field that
//! would change the computation and isn't known here is refused by name.

use super::metadata::{Metadata, Value};
use super::rope;
use super::tensors::Tensors;
use crate::checkpoint::config_json::Family;
use crate::model::shape::{Extras, ModelConfig};

/// The family that a file says it is of, and what its fields begin with.
pub(super) fn family(fields: &mut Metadata) -> Result<(Family, String), String> {
    let expected = "\"llama\", \"qwen2\" or \"qwen3\"";
    let name = fields
        .text("general.architecture")?
        .ok_or_else(|| format!("field general.architecture: expected {expected}, found none"))?;
    let family = match name.as_str() {
        "llama" => Family::Llama,
        "qwen2" => Family::Qwen2,
        "qwen3" => Family::Qwen3,
        other => {
            return Err(format!(
                "field general.architecture: expected {expected}, found {other:?}"
            ));
        }
    };
    fields.fixed("general.type", &Value::Text("model".to_owned()))?;
    let parts = fields.whole("split.count")?.unwrap_or(1);
    if parts > 1 {
        return Err(format!(
            "field split.count: expected a model in one file, found one in {parts}; join them by llama-gguf-split --merge"
        ));
    }
    fields.drop(|name| name.starts_with("split."));
    Ok((family, name))
}

/// The shape, of the fields that begin with `own` and of what tensors there are. The vocabulary has
/// `tokens` entries.
pub(super) fn shape(
    fields: &mut Metadata,
    (family, own): (Family, &str),
    tensors: &Tensors,
    tokens: usize,
) -> Result<ModelConfig, String> {
    let named = |name: &str| format!("{own}.{name}");
    let hidden_size = fields.need(&named("embedding_length"))?;
    let heads = fields.need(&named("attention.head_count"))?;
    if heads == 0 || hidden_size == 0 {
        return Err(format!(
            "fields {own}.embedding_length and {own}.attention.head_count: expected numbers above 0, found {hidden_size} and {heads}"
        ));
    }
    let head_dim = match fields.whole(&named("attention.key_length"))? {
        Some(width) => width,
        None if hidden_size.is_multiple_of(heads) => hidden_size / heads,
        None => {
            return Err(format!(
                "field {own}.attention.head_count: expected a divisor of {own}.embedding_length ({hidden_size}), found {heads}"
            ));
        }
    };
    same(fields, &named("attention.value_length"), head_dim)?;
    same(fields, &named("rope.dimension_count"), head_dim)?;
    let rows = tensors
        .shape("token_embd.weight")
        .ok_or("expected a tensor token_embd.weight, found none")?[0];
    let said = fields.whole(&named("vocab_size"))?;
    if let Some(said) = said.filter(|&said| said != rows && said != tokens) {
        return Err(format!(
            "field {own}.vocab_size: expected {rows}, as token_embd.weight has rows, found {said}"
        ));
    }
    if tokens > rows {
        return Err(format!(
            "field tokenizer.ggml.tokens: expected at most {rows} entries, as token_embd.weight has rows, found {tokens}"
        ));
    }
    let context = fields.need(&named("context_length"))?;
    neutral(fields, own, context)?;
    let base = fields.number(&named("rope.freq_base"))?.unwrap_or(10_000.0);
    let scaling = rope::scaling(fields, own, context)?;
    let has = |name: &str| tensors.shape(&format!("blk.0.{name}")).is_some();
    let mut shape = ModelConfig {
        hidden_size,
        intermediate_size: fields.need(&named("feed_forward_length"))?,
        num_hidden_layers: fields.need(&named("block_count"))?,
        num_attention_heads: heads,
        num_key_value_heads: fields
            .whole(&named("attention.head_count_kv"))?
            .unwrap_or(heads),
        head_dim,
        vocab_size: rows,
        max_position_embeddings: context,
        rms_norm_eps: fields
            .number(&named("attention.layer_norm_rms_epsilon"))?
            .ok_or_else(|| {
                format!(
                    "field {own}.attention.layer_norm_rms_epsilon: expected a number, found none"
                )
            })?,
        rope_theta: base,
        rope_scaling: scaling,
        tie_word_embeddings: tensors.shape("output.weight").is_none(),
        extras: Extras {
            query_key_value_bias: has("attn_q.bias"),
            output_bias: has("attn_output.bias"),
            mlp_bias: has("ffn_gate.bias"),
            query_key_norm: family == Family::Qwen3,
            gemma: None,
        },
    };
    if let Some(factors) = tensors.rope_factors() {
        shape.rope_scaling = rope::of_factors(&shape, factors)?;
    }
    Ok(shape)
}

/// Takes a number that may stand there, and is known already.
fn same(fields: &mut Metadata, name: &str, known: usize) -> Result<(), String> {
    fields.fixed(name, &Value::Whole(known as i128))
}

/// Takes what may be said in one way alone.
fn neutral(fields: &mut Metadata, own: &str, context: usize) -> Result<(), String> {
    for name in ["expert_count", "expert_used_count"] {
        fields.fixed(&format!("{own}.{name}"), &Value::Whole(0))?;
    }
    fields.fixed(
        &format!("{own}.use_parallel_residual"),
        &Value::Truth(false),
    )?;
    fields.fixed(&format!("{own}.attention.causal"), &Value::Truth(true))?;
    // Meta's own files have queries and keys in the order that llama.cpp wants.
    fields.fixed(
        &format!("{own}.tensor_data_layout"),
        &Value::Text("Meta AI original pth".to_owned()),
    )?;
    let name = format!("{own}.attention.sliding_window");
    match fields.whole(&name)? {
        Some(window) if window != 0 && window < context => Err(format!(
            "field {name}: expected none, or at least {own}.context_length ({context}), found {window}"
        )),
        _ => Ok(()),
    }
}
