//! SGLang's interface (0.5): token ids to `/generate` and back with the version of the weights, weights from disk.

use std::path::Path;

use serde_json::{Value, json};

use super::{Form, Interface, Question, Reply, Told};
use crate::completion::Sampled;

pub(super) struct Sglang;

impl Interface for Sglang {
    fn name(&self) -> &'static str {
        "sglang"
    }

    fn path(&self) -> &'static str {
        "generate"
    }

    fn body(&self, question: &Question<'_>, _form: &Form<'_>) -> Value {
        let options = question.options;
        let mut parameters = json!({
            "temperature": options.temperature,
            "top_p": options.top_p,
            "max_new_tokens": options.max_tokens,
            // Signed there, and obeyed with --enable-deterministic-inference.
            "sampling_seed": question.seed >> 1,
            "stop_token_ids": question.ends,
            "no_stop_trim": true,
            "skip_special_tokens": false,
            // Left out, a checkpoint's own settings would stand here, and the policy's own probabilities are asked for.
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "min_p": 0.0,
            // -1 keeps all tokens.
            "top_k": -1,
        });
        if let Some(top_k) = options.top_k.filter(|&top_k| top_k > 0) {
            parameters["top_k"] = top_k.into();
        }
        if !options.stop.is_empty() {
            parameters["stop"] = json!(options.stop);
        }
        let mut body = json!({"input_ids": question.ids, "sampling_params": parameters, "return_logprob": true});
        if let Some(adapter) = question.adapter {
            body["lora_path"] = adapter.into();
        }
        body
    }

    /// What it answered must come from the version of the weights that is asked for, where one is.
    fn read(&self, answer: &Value, question: &Question<'_>) -> Result<Reply, String> {
        let about = &answer["meta_info"];
        if let Some(version) = question.version {
            let held = match &about["weight_version"] {
                Value::String(held) => held.clone(),
                other => other.to_string(),
            };
            if held != version.to_string() {
                return Err(format!(
                    "the answer comes from version {held} of the weights, not from {version}: somebody else loads weights there"
                ));
            }
        }
        let entries = about["output_token_logprobs"]
            .as_array()
            .ok_or("the answer holds no meta_info.output_token_logprobs")?;
        let ids = answer["output_ids"]
            .as_array()
            .ok_or("the answer holds no output_ids")?;
        let mut sampled = Sampled::default();
        for (place, entry) in entries.iter().enumerate() {
            let id = entry[1].as_u64().and_then(|id| u32::try_from(id).ok());
            let (Some(log_prob), Some(id)) = (entry[0].as_f64(), id) else {
                return Err(format!(
                    "the answer holds {entry} for a log-probability and an id"
                ));
            };
            if ids.get(place) != Some(&entry[1]) {
                return Err(format!(
                    "the log-probability at place {place} is of the id {id}, not of the one sampled there"
                ));
            }
            sampled.ids.push(id);
            sampled.log_probs.push(log_prob as f32);
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
            reason => Ok(Reply {
                sampled: Some(sampled),
                cut: reason == Some("length"),
                ..Reply::default()
            }),
        }
    }

    fn models(&self) -> Option<&'static str> {
        Some("v1/models")
    }

    fn about(&self) -> Option<&'static str> {
        Some("get_server_info")
    }

    fn remedy(&self, status: u16) -> &'static str {
        match status {
            401 | 403 => "set the variable that engine.api_key_env names",
            404 => {
                "check engine.url (without /v1) and that it is an SGLang server, started with --enable-lora where it is handed adapters"
            }
            _ => {
                "check the sampling options against what SGLang takes, and that it can read engine.weights"
            }
        }
    }

    /// What it computed by the old weights is forgotten.
    fn reload(&self, weights: &Path, version: usize) -> Vec<Told> {
        let question = json!({
            "model_path": weights.to_string_lossy(),
            "weight_version": version.to_string(),
            "flush_cache": true,
        });
        vec![("update_weights_from_disk", question)]
    }

    /// A name is of one version for good. The new one is there before the old one goes.
    fn adapt(&self, adapter: &Path, name: &str, before: Option<&str>) -> Vec<Told> {
        let path = adapter.to_string_lossy();
        let load = json!({"lora_name": name, "lora_path": path});
        let mut told = vec![("load_lora_adapter", load)];
        told.extend(before.map(|name| ("unload_lora_adapter", json!({"lora_name": name}))));
        told
    }
}
