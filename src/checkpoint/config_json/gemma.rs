//! The fields of a Gemma 3 text model's `config.json` that other families lack, and those that mean something else there.

use serde_json::{Value, json};

use super::fields::Fields;
use crate::model::rope::RopeScaling;
use crate::model::shape::{Gemma, ModelConfig};

/// The gate's function, which is the only one that is computed.
const ACTIVATION: &str = "gelu_pytorch_tanh";
const FULL: &str = "full_attention";
const LOCAL: &str = "sliding_attention";
/// What transformers takes where a file doesn't say.
const PATTERN: usize = 6;
const THETA: f64 = 1e6;
const LOCAL_THETA: f64 = 1e4;

/// Takes out the names of the gate's function, which other families call `silu`.
pub(super) fn activation(fields: &mut Fields) -> Result<(), String> {
    for name in ["hidden_activation", "hidden_act"] {
        fields.fixed(name, &json!(ACTIVATION))?;
    }
    // Of pictures, which a model of texts alone does not have.
    fields.fixed("use_bidirectional_attention", &json!(false))
}

/// Base and stretch of the blocks that see everything, and what the others do.
pub(super) fn read(
    fields: &mut Fields,
    positions: usize,
    layers: usize,
) -> Result<(f64, Option<RopeScaling>, Gemma), String> {
    let sliding_window = fields.need("sliding_window")?;
    let sliding_window_pattern = pattern(fields, layers)?;
    let query_pre_attn_scalar = fields
        .number("query_pre_attn_scalar")?
        .ok_or("field query_pre_attn_scalar: expected a number, found none")?;
    let (theta, scaling, rope_local_base_freq) = rope(fields, positions)?;
    let gemma = Gemma {
        sliding_window,
        sliding_window_pattern,
        rope_local_base_freq,
        query_pre_attn_scalar,
    };
    let positive = [
        ("sliding_window", sliding_window as f64),
        ("sliding_window_pattern", sliding_window_pattern as f64),
        ("rope_local_base_freq", rope_local_base_freq),
        ("query_pre_attn_scalar", query_pre_attn_scalar),
    ];
    match positive
        .into_iter()
        .find(|(_, found)| !(found.is_finite() && *found > 0.0))
    {
        Some((name, found)) => Err(format!(
            "field {name}: expected a finite number above 0, found {found}"
        )),
        None => Ok((theta, scaling, gemma)),
    }
}

/// Every how many-th block sees everything: as a number, or by a list of the blocks' kinds.
fn pattern(fields: &mut Fields, layers: usize) -> Result<usize, String> {
    let own = fields.count("sliding_window_pattern")?;
    let own = own.or(fields.count("_sliding_window_pattern")?);
    let kinds: Option<Vec<String>> = fields.read("layer_types", "a list of strings")?;
    let Some(kinds) = kinds else {
        return Ok(own.unwrap_or(PATTERN));
    };
    let is = |pattern: usize| {
        let wanted = (1..=layers).map(|number| {
            if number.is_multiple_of(pattern) {
                FULL
            } else {
                LOCAL
            }
        });
        kinds.iter().map(String::as_str).eq(wanted)
    };
    (1..=layers + 1).find(|&pattern| is(pattern)).ok_or_else(|| {
        format!(
            "field layer_types: expected {layers} kinds of which every so many-th is {FULL:?} and the others are {LOCAL:?}, found {kinds:?}"
        )
    })
}

/// Base and stretch of the blocks that see everything, and the base of the others.
fn rope(fields: &mut Fields, positions: usize) -> Result<(f64, Option<RopeScaling>, f64), String> {
    let by_kind = fields.left.get("rope_parameters");
    if by_kind.is_some_and(|all| all.get(FULL).is_some() || all.get(LOCAL).is_some()) {
        // As transformers 5 writes them.
        let mut both = match fields.take("rope_parameters") {
            Some(Value::Object(left)) => Fields { left },
            _ => unreachable!("it has an entry"),
        };
        let mut of = |kind: &str, base: f64| {
            let entries = both.take(kind).unwrap_or(json!({}));
            let mut one = Fields {
                left: [("rope_parameters".to_owned(), entries)]
                    .into_iter()
                    .collect(),
            };
            with_base(&mut one, base);
            one.rope(positions)
                .map_err(|reason| format!("field rope_parameters.{kind}: {reason}"))
        };
        let (theta, scaling) = of(FULL, THETA)?;
        let (local, stretched) = of(LOCAL, LOCAL_THETA)?;
        if stretched.is_some() || !both.left.is_empty() {
            return Err(format!(
                "field rope_parameters: expected {FULL}, and {LOCAL} without a stretch, found more"
            ));
        }
        return Ok((theta, scaling, local));
    }
    let local = fields.number("rope_local_base_freq")?;
    with_base(fields, THETA);
    let (theta, scaling) = fields.rope(positions)?;
    Ok((theta, scaling, local.unwrap_or(LOCAL_THETA)))
}

/// Says the base where nothing else does.
fn with_base(fields: &mut Fields, base: f64) {
    let within = fields.left.get("rope_parameters");
    let said = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
    if !said(fields.left.get("rope_theta"))
        && !said(within.and_then(|inner| inner.get("rope_theta")))
    {
        fields.left.insert("rope_theta".to_owned(), base.into());
    }
}

/// What such a model's file says besides.
pub(super) fn render(file: &mut Value, shape: &ModelConfig, gemma: &Gemma) {
    let kinds: Vec<&str> = (0..shape.num_hidden_layers)
        .map(|layer| if gemma.is_local(layer) { LOCAL } else { FULL })
        .collect();
    if let Some(fields) = file.as_object_mut() {
        fields.remove("hidden_act");
    }
    file["hidden_activation"] = json!(ACTIVATION);
    file["attention_bias"] = json!(shape.extras.query_key_value_bias);
    file["sliding_window"] = json!(gemma.sliding_window);
    file["sliding_window_pattern"] = json!(gemma.sliding_window_pattern);
    file["layer_types"] = json!(kinds);
    file["rope_local_base_freq"] = json!(gemma.rope_local_base_freq);
    file["query_pre_attn_scalar"] = json!(gemma.query_pre_attn_scalar);
}
