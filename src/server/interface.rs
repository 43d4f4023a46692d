//! How each kind of server is asked: a row each for chat, completions, vLLM and SGLang. A row writes a request and reads an
//! answer; patience is the client's.

mod chat;
mod completions;
mod ending;
mod sglang;
mod vllm;

use std::path::Path;

use serde_json::{Value, json};

use crate::checkpoint::Precision;
use crate::completion::Sampled;
use crate::dialogue::Message;

/// One kind of server.
pub trait Interface: Sync {
    /// Its name in configurations and messages.
    fn name(&self) -> &'static str;
    /// Where completions are asked, below the server's address.
    fn path(&self) -> &'static str;
    /// The request for one completion. Only fields that are asked for are in it: not every server knows them, and some
    /// refuse what they don't know.
    fn body(&self, question: &Question<'_>, form: &Form<'_>) -> Value;
    /// What it answered, or why that is of no use.
    fn read(&self, answer: &Value, question: &Question<'_>) -> Result<Reply, String>;
    /// What to do about a refusal with this status.
    fn remedy(&self, status: u16) -> &'static str;
    /// Where it says how long a context it serves; none where it doesn't.
    fn models(&self) -> Option<&'static str> {
        None
    }
    /// Where it says which numbers it computes with; none where it doesn't.
    fn about(&self) -> Option<&'static str> {
        None
    }
    /// The requests that make it load weights; none where it loads none.
    fn reload(&self, _weights: &Path, _version: usize) -> Vec<Told> {
        Vec::new()
    }
    /// The requests that make it load an adapter under a name, and forget another; none where it loads none.
    fn adapt(&self, _adapter: &Path, _name: &str, _before: Option<&str>) -> Vec<Told> {
        Vec::new()
    }
}

/// One thing that a server is told: a path and a body.
pub type Told = (&'static str, Value);

/// `/chat/completions`: messages in, a message out.
pub const CHAT: &dyn Interface = &chat::Chat;
/// `/completions`: text in, what follows it out.
pub const COMPLETIONS: &dyn Interface = &completions::Completions;
/// vLLM's `/inference/v1/generate`: ids in, ids out.
pub const VLLM: &dyn Interface = &vllm::Vllm;
/// SGLang's `/generate`: ids in, ids out.
pub const SGLANG: &dyn Interface = &sglang::Sglang;

/// All of them.
pub const TABLE: [&dyn Interface; 4] = [CHAT, COMPLETIONS, VLLM, SGLANG];

/// One completion asked of a server.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What was said so far.
    pub messages: &'a [Message],
    /// The same as ids, for a server that takes ids.
    pub ids: &'a [u32],
    /// Ids that end an answer, for a server that takes ids.
    pub ends: &'a [u32],
    /// What is asked of it.
    pub options: &'a Options,
    /// Seed of this completion, sent where `options` says so; it names the waits between tries, too.
    pub seed: u64,
    /// The version of the weights that must answer, for an engine that is given weights.
    pub version: Option<usize>,
    /// The adapter that must answer, by its name there.
    pub adapter: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// Of a server that takes text.
    pub const fn of_text(messages: &'a [Message], options: &'a Options, seed: u64) -> Self {
        Self {
            messages,
            ids: &[],
            ends: &[],
            options,
            seed,
            version: None,
            adapter: None,
        }
    }
}

/// What is asked of an answer; what is none is left to the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Divides the logits.
    pub temperature: Option<f64>,
    /// Nucleus.
    pub top_p: Option<f64>,
    /// Keeps this many of the likeliest tokens.
    pub top_k: Option<usize>,
    /// Tokens of the answer at most.
    pub max_tokens: Option<usize>,
    /// Texts that end an answer.
    pub stop: Vec<String>,
    /// Whether the seed is sent.
    pub seeded: bool,
    /// How many of the likeliest tokens are told in the place of each, with their log-probabilities.
    pub top_logprobs: Option<usize>,
}

/// How a request is worded for one server.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// The model's name there.
    pub model: &'a str,
    /// What the limit of an answer is called.
    pub limit: LimitField,
}

/// The names that the limit of an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    /// As most servers know it.
    Max,
    /// As models that think know it: thoughts count, too.
    MaxCompletion,
}

impl LimitField {
    /// The field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Max => "max_tokens",
            Self::MaxCompletion => "max_completion_tokens",
        }
    }
}

/// What a server said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// As text; empty where it said nothing, or gives ids.
    pub text: String,
    /// As ids, of a server that gives them.
    pub sampled: Option<Sampled>,
    /// Whether the token limit cut it.
    pub cut: bool,
    /// Whether the server says that the model declined to answer; the text is then its words for that.
    pub refused: bool,
    /// What was likely in the place of each token, where that was asked for and is told.
    pub likely: Vec<Place>,
    /// Whether the text is empty because everything that was said is a thought.
    pub only_thought: bool,
    /// Prompt and completion tokens, where reported.
    pub usage: Option<(u64, u64)>,
}

/// A token of an answer, with what else was likely in its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The token, as text.
    pub token: String,
    /// The likeliest tokens there, this one among them where it is, with their log-probabilities.
    pub tokens: Vec<(String, f64)>,
}

/// The fields that chat and completions have in common.
fn common(question: &Question<'_>, form: &Form<'_>) -> Value {
    let options = question.options;
    let mut body = json!({"model": form.model});
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    set("temperature", options.temperature.map(Value::from));
    set("top_p", options.top_p.map(Value::from));
    set("top_k", options.top_k.map(Value::from));
    set(form.limit.name(), options.max_tokens.map(Value::from));
    // Some servers hold a seed in 32 bits, with a sign.
    let seed = options.seeded.then_some(question.seed & 0x7fff_ffff);
    set("seed", seed.map(Value::from));
    body
}

/// Prompt and completion tokens of an answer, where it says them.
fn usage(answer: &Value) -> Option<(u64, u64)> {
    let count = |name: &str| answer["usage"][name].as_u64();
    count("prompt_tokens").zip(count("completion_tokens"))
}

/// What to do about a refusal of an OpenAI-compatible server.
fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "set OPENAI_API_KEY, or name the variable that holds the key with --api-key-env"
        }
        402 => "the account at the server has nothing left to pay with",
        404 => "check the address (it usually ends in /v1) and --model",
        300..=399 => "give the address that the server redirects to",
        _ => "check --model, --max-tokens and the sampling options against what the server takes",
    }
}

/// The longest context that a list of models says is served: that of the model with this name, else of the first.
pub(super) fn context(value: &Value, model: &str) -> Option<usize> {
    let models = value["data"].as_array()?;
    let named = models.iter().find(|entry| entry["id"] == model);
    let length = named.or(models.first())?["max_model_len"].as_u64()?;
    usize::try_from(length).ok()
}

/// The numbers that a server says it computes with, wherever in what it tells of itself: `"dtype": "bfloat16"`, or
/// `dtype=torch.bfloat16` within a text.
pub(super) fn precision(value: &Value) -> Option<Precision> {
    const KEY: &str = "dtype";
    let text = value.to_string();
    text.match_indices(KEY).find_map(|(place, _)| {
        // Those of caches and quantisation are others.
        let before = text[..place].chars().next_back();
        let own = !before.is_some_and(|one| one.is_alphanumeric() || one == '_')
            || text[..place].ends_with("torch_");
        let rest = text[place + KEY.len()..].trim_start_matches(['\\', '"', '\'', ':', '=', ' ']);
        let rest = rest.strip_prefix("torch.").unwrap_or(rest);
        let end = rest.find(|one: char| !one.is_ascii_alphanumeric());
        match &rest[..end.unwrap_or(rest.len())] {
            "bfloat16" if own => Some(Precision::Bf16),
            "float16" | "half" if own => Some(Precision::F16),
            "float32" | "float" if own => Some(Precision::F32),
            _ => None,
        }
    })
}

/// Whether a server says that it did what it was told; one that says nothing did.
pub(super) fn accepted(value: &Value) -> Result<(), String> {
    match value["success"].as_bool() {
        Some(false) => Err(format!(
            "it did not: {}",
            value["message"].as_str().unwrap_or("no reason given")
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
