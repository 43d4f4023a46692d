//! The lines of an evaluation's journal that are no episodes: what is evaluated, an answer of the policy, a verdict. Knows
//! their form and what they mean, not the file they stand in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::completion::{Completion, FinishReason};
use crate::eval::stamp::{PlayStamp, PolicyStamp, SandboxStamp};
use crate::judge::Judgement;
use crate::policy::Ask;
use crate::policy::remote::Usage;

/// Form of the file; another one is refused.
const SCHEMA: &str = "rlef-eval-journal/1";

/// What must be equal for an evaluation to be the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Form of the file.
    schema: String,
    /// Hash over all problems, their limits and rules.
    problems: String,
    /// What proposes the programs.
    policy: PolicyStamp,
    /// How episodes are played.
    play: PlayStamp,
    /// What runs the programs.
    sandbox: SandboxStamp,
    /// Episodes per problem.
    rollouts: usize,
    /// Seed of all draws.
    seed: u64,
    /// Whether timeouts near the limit are judged again.
    reruns: bool,
    /// The stamp of all who judge, where that is not the tests alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    judges: Option<String>,
}

impl Settings {
    /// Of an evaluation as it will be recorded.
    pub fn new(
        problems_hash: String,
        policy: PolicyStamp,
        play: PlayStamp,
        sandbox: SandboxStamp,
        rollouts: usize,
        seed: u64,
        reruns: bool,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            problems: problems_hash,
            policy,
            play,
            sandbox,
            rollouts,
            seed,
            reruns,
            judges: None,
        }
    }

    /// The same, with the stamp of all who judge, where that is not the tests alone.
    #[must_use]
    pub fn with_judges(mut self, stamp: Option<String>) -> Self {
        self.judges = stamp;
        self
    }

    /// Where these differ from others, in words.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let fields = |settings: &Self| serde_json::to_value(settings).unwrap_or_default();
        let mut found = Vec::new();
        walk("", &fields(self), &fields(other), &mut found);
        found
    }
}

/// Collects the places where two values differ.
fn walk(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if let (Value::Object(one), Value::Object(other)) = (old, new) {
        let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let name = match name {
                "" => key.clone(),
                name => format!("{name}.{key}"),
            };
            let value = |of: &Value| of.get(key).cloned().unwrap_or_default();
            walk(&name, &value(old), &value(new), found);
        }
    } else if old != new {
        found.push(format!("{name} was {old}, is {new}"));
    }
}

/// A line that is no episode.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Settings(Settings),
    Answer(Said),
    /// What a judge said; of tests alone it is their verdict.
    Verdict {
        key: String,
        verdict: Judgement,
    },
}

/// One answer of the policy.
#[derive(Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) problem_id: String,
    pub(super) sample: usize,
    pub(super) turn: usize,
    /// Hash of the ids it was an answer to.
    pub(super) prefix: String,
    text: String,
    /// Its ids; absent where they are the bytes of the text, then perhaps [`CLOSED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<u32>>,
    #[serde(default)]
    closed: bool,
    /// Absent where all are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<f32>>,
    stop: FinishReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
}

/// The id that ends an answer where ids are bytes.
const CLOSED: u32 = 256;

impl Said {
    pub(super) fn new(
        ask: &Ask<'_>,
        completion: &Completion,
        text: &str,
        usage: Option<&Usage>,
    ) -> Self {
        let closed = completion.tokens.last() == Some(&CLOSED);
        let bytes = text.bytes().map(u32::from).chain(closed.then_some(CLOSED));
        let plain = bytes.eq(completion.tokens.iter().copied());
        let silent = completion
            .sampler_logprobs
            .iter()
            .all(|&value| value == 0.0);
        Self {
            problem_id: ask.problem_id.to_owned(),
            sample: ask.sample,
            turn: ask.turn,
            prefix: hash(ask.prefix),
            text: text.to_owned(),
            tokens: (!plain).then(|| completion.tokens.clone()),
            closed: plain && closed,
            logprobs: (!silent).then(|| completion.sampler_logprobs.clone()),
            stop: completion.stop,
            usage: usage.cloned(),
        }
    }

    pub(super) fn answer(&self) -> (Completion, String) {
        let tokens = self.tokens.clone().unwrap_or_else(|| {
            let end = self.closed.then_some(CLOSED);
            self.text.bytes().map(u32::from).chain(end).collect()
        });
        let completion = Completion {
            sampler_logprobs: (self.logprobs.clone()).unwrap_or_else(|| vec![0.0; tokens.len()]),
            tokens,
            stop: self.stop,
        };
        (completion, self.text.clone())
    }
}

/// Hash of ids, short enough for a line.
pub(super) fn hash(ids: &[u32]) -> String {
    let mut digest = Sha256::new();
    for id in ids {
        digest.update(id.to_le_bytes());
    }
    let mut text = String::with_capacity(16);
    for byte in &digest.finalize()[..8] {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
