//! vLLM's interface (0.33): token ids to `/inference/v1/generate` and back, weights by its development endpoints.

use std::path::Path;

use serde_json::{Value, json};

use super::{Draw, Drawn};

/// Where completions are asked.
pub(super) const GENERATE: &str = "inference/v1/generate";

/// The question for one completion.
pub(super) fn body(draw: &Draw<'_>, model: &str) -> Value {
    let mut parameters = json!({
        "temperature": draw.sampling.temperature,
        "top_p": draw.sampling.top_p,
        "top_k": draw.sampling.top_k,
        "max_tokens": draw.sampling.max_tokens,
        // Signed there.
        "seed": draw.seed >> 1,
        "stop_token_ids": draw.ends,
        "logprobs": 0,
    });
    if !draw.sampling.stop.is_empty() {
        parameters["stop"] = json!(draw.sampling.stop);
        parameters["include_stop_str_in_output"] = true.into();
    }
    let mut body = json!({
        "token_ids": draw.prefix,
        "sampling_params": parameters,
        "output_mode": "tokens",
    });
    if !model.is_empty() {
        body["model"] = model.into();
    }
    body
}

/// What it answered.
pub(super) fn read(text: &str) -> Result<Drawn, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("the answer is no JSON ({error})"))?;
    let choice = &value["choices"][0];
    let ids = choice["token_ids"]
        .as_array()
        .ok_or("the answer holds no choices[0].token_ids")?;
    let content = choice["logprobs"]["content"].as_array().ok_or(
        "the answer holds no choices[0].logprobs.content; start vLLM with --logprobs-mode processed_logprobs",
    )?;
    let id = |value: &Value| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| format!("the answer holds {value} for an id"))
    };
    let tokens: Vec<u32> = ids.iter().map(id).collect::<Result<_, _>>()?;
    let mut logprobs = Vec::with_capacity(content.len());
    for (place, entry) in content.iter().enumerate() {
        if let Some(said) = entry["token_id"].as_u64()
            && tokens.get(place).map(|&id| u64::from(id)) != Some(said)
        {
            return Err(format!(
                "the log-probability at place {place} is of the id {said}, not of the one sampled there"
            ));
        }
        let value = entry["logprob"]
            .as_f64()
            .ok_or("the answer holds a log-probability that is no number")?;
        logprobs.push(value as f32);
    }
    let reason = choice["finish_reason"].as_str().unwrap_or_default();
    if reason == "abort" {
        return Err("the engine gave this answer up".to_owned());
    }
    Ok(Drawn {
        tokens,
        logprobs,
        cut: reason == "length",
    })
}

/// The questions that make it load weights: nothing is under way meanwhile, and nothing computed before is used after.
pub(super) fn reload(weights: &Path) -> Vec<(&'static str, Value)> {
    let weights = weights.to_string_lossy();
    vec![
        ("pause?mode=wait", json!({})),
        (
            "collective_rpc",
            json!({"method": "reload_weights", "kwargs": {"weights_path": weights}}),
        ),
        ("reset_prefix_cache", json!({})),
        ("resume", json!({})),
    ]
}

pub(super) fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => "set the variable that engine.api_key_env names",
        404 => {
            "check engine.url (without /v1) and that vLLM runs with VLLM_SERVER_DEV_MODE=1, which it needs to load weights"
        }
        _ => "check engine.model and the sampling options against what vLLM takes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::Sampling;

    #[test]
    fn a_question_holds_ids_and_asks_for_log_probabilities() {
        let sampling = Sampling {
            stop: vec!["\n\n".to_owned()],
            ..Sampling::default()
        };
        let draw = Draw {
            prefix: &[5, 6],
            seed: u64::MAX,
            sampling: &sampling,
            ends: &[3],
        };
        let body = body(&draw, "m");
        assert_eq!(body["token_ids"], json!([5, 6]));
        assert_eq!(body["model"], "m");
        let parameters = &body["sampling_params"];
        assert_eq!(parameters["logprobs"], 0);
        assert_eq!(parameters["seed"], i64::MAX);
        assert_eq!(parameters["stop_token_ids"], json!([3]));
        assert_eq!(parameters["stop"], json!(["\n\n"]));
    }

    #[test]
    fn an_answer_is_read_and_one_without_log_probabilities_says_what_to_start_with() {
        let entry = |id: u32, logprob: f64| json!({"token_id": id, "logprob": logprob, "rank": 1});
        let answer = json!({"choices": [{"token_ids": [7, 3], "finish_reason": "stop",
            "logprobs": {"content": [entry(7, -0.5), entry(3, -1.25)]}}]});
        let drawn = read(&answer.to_string()).unwrap();
        assert_eq!(
            drawn,
            Drawn {
                tokens: vec![7, 3],
                logprobs: vec![-0.5, -1.25],
                cut: false
            }
        );
        let mut silent = answer.clone();
        silent["choices"][0]["logprobs"] = Value::Null;
        assert!(
            read(&silent.to_string())
                .unwrap_err()
                .contains("processed_logprobs")
        );
        let mut other = answer;
        other["choices"][0]["token_ids"] = json!([7, 4]);
        assert!(read(&other.to_string()).unwrap_err().contains("place 1"));
        assert!(read("{}").unwrap_err().contains("token_ids"));
        assert!(read("<html>").unwrap_err().contains("no JSON"));
    }
}
