//! vLLM's interface (0.33): token ids to `/inference/v1/generate` and back, weights by its development endpoints.

use std::path::Path;

use serde_json::{Value, json};

use super::{Form, Interface, Question, Reply, Told};
use crate::completion::Sampled;

pub(super) struct Vllm;

impl Interface for Vllm {
    fn name(&self) -> &'static str {
        "vllm"
    }

    fn path(&self) -> &'static str {
        "inference/v1/generate"
    }

    fn body(&self, question: &Question<'_>, form: &Form<'_>) -> Value {
        let options = question.options;
        let mut parameters = json!({
            "temperature": options.temperature,
            "top_p": options.top_p,
            "top_k": options.top_k,
            "max_tokens": options.max_tokens,
            // Signed there.
            "seed": question.seed >> 1,
            "stop_token_ids": question.ends,
            "logprobs": 0,
            // Left out, a checkpoint's own settings would stand here, and the policy's own probabilities are asked for.
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "min_p": 0.0,
        });
        if !options.stop.is_empty() {
            parameters["stop"] = json!(options.stop);
            parameters["include_stop_str_in_output"] = true.into();
        }
        let mut body = json!({
            "token_ids": question.ids,
            "sampling_params": parameters,
            "output_mode": "tokens",
        });
        // An adapter goes by a model's name there.
        let model = question.adapter.unwrap_or(form.model);
        if !model.is_empty() {
            body["model"] = model.into();
        }
        body
    }

    fn read(&self, answer: &Value, _question: &Question<'_>) -> Result<Reply, String> {
        let choice = &answer["choices"][0];
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
        let ids: Vec<u32> = ids.iter().map(id).collect::<Result<_, _>>()?;
        let mut log_probs = Vec::with_capacity(content.len());
        for (place, entry) in content.iter().enumerate() {
            if let Some(said) = entry["token_id"].as_u64()
                && ids.get(place).map(|&id| u64::from(id)) != Some(said)
            {
                return Err(format!(
                    "the log-probability at place {place} is of the id {said}, not of the one sampled there"
                ));
            }
            let value = entry["logprob"]
                .as_f64()
                .ok_or("the answer holds a log-probability that is no number")?;
            log_probs.push(value as f32);
        }
        let reason = choice["finish_reason"].as_str().unwrap_or_default();
        if reason == "abort" {
            return Err("the engine gave this answer up".to_owned());
        }
        Ok(Reply {
            sampled: Some(Sampled { ids, log_probs }),
            cut: reason == "length",
            ..Reply::default()
        })
    }

    fn models(&self) -> Option<&'static str> {
        Some("v1/models")
    }

    fn about(&self) -> Option<&'static str> {
        Some("server_info?config_format=json")
    }

    fn remedy(&self, status: u16) -> &'static str {
        match status {
            401 | 403 => "set the variable that engine.api_key_env names",
            404 => {
                "check engine.url (without /v1) and that vLLM runs with VLLM_SERVER_DEV_MODE=1, which it needs to load weights, or for adapters with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
            }
            _ => "check engine.model and the sampling options against what vLLM takes",
        }
    }

    /// Nothing is under way while it loads, and nothing computed before is used after.
    fn reload(&self, weights: &Path, _version: usize) -> Vec<Told> {
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

    /// A name is of one version for good, so that nothing computed by another is used. The new one is there before the old one
    /// goes.
    fn adapt(&self, adapter: &Path, name: &str, before: Option<&str>) -> Vec<Told> {
        let path = adapter.to_string_lossy();
        let load = json!({"lora_name": name, "lora_path": path});
        let mut told = vec![("v1/load_lora_adapter", load)];
        told.extend(before.map(|name| ("v1/unload_lora_adapter", json!({"lora_name": name}))));
        told
    }
}
