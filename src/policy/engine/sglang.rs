//! SGLang's interface (0.5): token ids to `/generate` and back with the version of the weights, weights from disk.

use std::path::Path;

use serde_json::{Value, json};

use super::{Draw, Drawn};

/// Where completions are asked.
pub(super) const GENERATE: &str = "generate";

/// The question for one completion.
pub(super) fn body(draw: &Draw<'_>) -> Value {
    let mut parameters = json!({
        "temperature": draw.sampling.temperature,
        "top_p": draw.sampling.top_p,
        "max_new_tokens": draw.sampling.max_tokens,
        // Signed there, and obeyed with --enable-deterministic-inference.
        "sampling_seed": draw.seed >> 1,
        "stop_token_ids": draw.ends,
        "no_stop_trim": true,
        "skip_special_tokens": false,
    });
    if draw.sampling.top_k > 0 {
        parameters["top_k"] = draw.sampling.top_k.into();
    }
    if !draw.sampling.stop.is_empty() {
        parameters["stop"] = json!(draw.sampling.stop);
    }
    json!({"input_ids": draw.prefix, "sampling_params": parameters, "return_logprob": true})
}

/// What it answered, which must come from this version of the weights.
pub(super) fn read(text: &str, version: usize) -> Result<Drawn, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("the answer is no JSON ({error})"))?;
    let about = &value["meta_info"];
    let held = match &about["weight_version"] {
        Value::String(held) => held.clone(),
        other => other.to_string(),
    };
    if held != version.to_string() {
        return Err(format!(
            "the answer comes from version {held} of the weights, not from {version}: somebody else loads weights there"
        ));
    }
    let entries = about["output_token_logprobs"]
        .as_array()
        .ok_or("the answer holds no meta_info.output_token_logprobs")?;
    let ids = value["output_ids"]
        .as_array()
        .ok_or("the answer holds no output_ids")?;
    let mut drawn = Drawn::default();
    for (place, entry) in entries.iter().enumerate() {
        let id = entry[1].as_u64().and_then(|id| u32::try_from(id).ok());
        let (Some(logprob), Some(id)) = (entry[0].as_f64(), id) else {
            return Err(format!(
                "the answer holds {entry} for a log-probability and an id"
            ));
        };
        if ids.get(place) != Some(&entry[1]) {
            return Err(format!(
                "the log-probability at place {place} is of the id {id}, not of the one sampled there"
            ));
        }
        drawn.tokens.push(id);
        drawn.logprobs.push(logprob as f32);
    }
    if ids.len() != entries.len() {
        return Err(format!(
            "the answer has {} tokens and {} log-probabilities",
            ids.len(),
            entries.len()
        ));
    }
    match about["finish_reason"]["type"].as_str() {
        Some("abort") => Err("the engine gave this answer up".to_owned()),
        reason => {
            drawn.cut = reason == Some("length");
            Ok(drawn)
        }
    }
}

/// The question that makes it load weights, with what it computed by the old ones forgotten.
pub(super) fn reload(weights: &Path, version: usize) -> Vec<(&'static str, Value)> {
    let question = json!({
        "model_path": weights.to_string_lossy(),
        "weight_version": version.to_string(),
        "flush_cache": true,
    });
    vec![("update_weights_from_disk", question)]
}

pub(super) fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => "set the variable that engine.api_key_env names",
        404 => "check engine.url (without /v1) and that it is an SGLang server",
        _ => {
            "check the sampling options against what SGLang takes, and that it can read engine.weights"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Value {
        json!({"output_ids": [7, 3], "meta_info": {"weight_version": "4", "finish_reason": {"type": "length"},
            "output_token_logprobs": [[-0.5, 7, null], [-1.25, 3, null]]}})
    }

    #[test]
    fn an_answer_of_the_right_version_is_read() {
        let drawn = read(&answer().to_string(), 4).unwrap();
        assert_eq!(
            (drawn.tokens, drawn.logprobs, drawn.cut),
            (vec![7, 3], vec![-0.5, -1.25], true)
        );
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut answer = answer();
            change(&mut answer);
            read(&answer.to_string(), 4).unwrap_err()
        };
        let stale = refused(&|answer| answer["meta_info"]["weight_version"] = "3".into());
        assert!(stale.contains("version 3"), "{stale}");
        let silent = refused(&|answer| answer["meta_info"]["output_token_logprobs"] = Value::Null);
        assert!(silent.contains("output_token_logprobs"), "{silent}");
        let longer = refused(&|answer| answer["output_ids"] = json!([7, 3, 9]));
        assert!(longer.contains("3 tokens and 2"), "{longer}");
        let other = refused(&|answer| answer["output_ids"] = json!([7, 9]));
        assert!(other.contains("place 1"), "{other}");
    }
}
