//! The lines of an evaluation's journal that are no episodes: what is evaluated, an answer of the policy, a verdict. Knows
//! their form and what they mean, not the file they stand in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::completion::{Completion, FinishReason, Sampled};
use crate::dialogue::Role;
use crate::eval::stamp::{PlayStamp, PolicyStamp, SandboxStamp};
use crate::judge::Judgement;
use crate::policy::SampleRequest;
use crate::server::Usage;

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
    /// What is evaluated, and how: the first line.
    Settings(Settings),
    /// An answer of the policy.
    Answer(Said),
    /// What a judge said; of tests alone it is their verdict.
    Verdict {
        /// What was judged, by whom and by which rules, as a hash.
        key: String,
        /// What was said.
        verdict: Judgement,
    },
}

/// One answer of the policy.
#[derive(Serialize, Deserialize)]
pub(super) struct Said {
    /// The problem.
    pub(super) problem_id: String,
    /// Which of the problem's episodes.
    pub(super) sample: usize,
    /// The turn, from zero.
    pub(super) turn: usize,
    /// Hash of what it was an answer to.
    pub(super) prefix: String,
    /// The answer.
    text: String,
    /// Its ids, where they were sampled. Journals of before leave them out where they were the bytes of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<u32>>,
    /// Their log-probabilities. Journals of before leave them out where all are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<f32>>,
    /// Why it ended.
    stop: FinishReason,
    /// Whether it is empty, for all that was said is a thought.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_thought: bool,
    /// Whether the model, or a filter, declined to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    declined: bool,
    /// What a server was asked and charged for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
}

impl Said {
    pub(super) fn new(
        request: &SampleRequest,
        completion: &Completion,
        usage: Option<&Usage>,
    ) -> Self {
        let sampled = completion.sampled.as_ref();
        Self {
            problem_id: request.problem_id.clone(),
            sample: request.sample,
            turn: request.turn,
            prefix: hash(request),
            text: completion.text.clone(),
            tokens: sampled.map(|sampled| sampled.ids.clone()),
            logprobs: sampled.map(|sampled| sampled.log_probs.clone()),
            stop: completion.stop,
            only_thought: completion.only_thought,
            declined: completion.declined,
            usage: usage.cloned(),
        }
    }

    /// Whether it is an answer to this very request.
    pub(super) fn answers(&self, request: &SampleRequest) -> bool {
        self.prefix == hash(request) || self.prefix == hash_of_before(request)
    }

    pub(super) fn completion(&self) -> Completion {
        let sampled = self.tokens.clone().map(|ids| Sampled {
            log_probs: (self.logprobs.clone()).unwrap_or_else(|| vec![0.0; ids.len()]),
            ids,
        });
        let counted = self.usage.as_ref().filter(|usage| usage.uncounted == 0);
        let written = counted.and_then(|usage| usage.completion_tokens);
        let written = written.and_then(|tokens| usize::try_from(tokens).ok());
        Completion {
            text: self.text.clone(),
            stop: self.stop,
            tokens: sampled
                .as_ref()
                .map(|sampled| sampled.ids.len())
                .or(written),
            sampled,
            only_thought: self.only_thought,
            declined: self.declined,
        }
    }
}

/// Marks of who speaks, which no byte of a text is.
const END: u32 = 256;
const USER: u32 = 257;
const ASSISTANT: u32 = 258;

/// Hash of what a request asks an answer to, short enough for a line: its ids, else the bytes of what was said, each message
/// marked by who said it.
fn hash(request: &SampleRequest) -> String {
    if let Some(ids) = &request.prefix {
        return hash_of(ids.iter().copied());
    }
    hash_of(request.dialogue.iter().flat_map(|message| {
        let (before, after) = match message.role {
            Role::Assistant => (None, END),
            _ => (Some(USER), ASSISTANT),
        };
        let bytes = message.text.bytes().map(u32::from);
        before.into_iter().chain(bytes).chain([after])
    }))
}

/// The same as recorded answers had it before: the bytes alone.
fn hash_of_before(request: &SampleRequest) -> String {
    let texts = request.dialogue.iter().map(|message| message.text.bytes());
    hash_of(texts.flatten().map(u32::from))
}

fn hash_of(ids: impl Iterator<Item = u32>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::Message;

    fn request() -> SampleRequest {
        SampleRequest {
            problem_id: "p".to_owned(),
            sample: 0,
            turn: 1,
            dialogue: vec![
                Message::user("ab"),
                Message::assistant("c"),
                Message::user("d"),
            ],
            prefix: None,
            opening: 0,
            seed: 1,
        }
    }

    /// Answers as version 0.3 wrote them, with the hashes it had.
    #[test]
    fn answers_of_before_are_found_and_have_no_ids() {
        // The ids 257 a b 258 c 256 257 d 258 of a server, and a b c d of a file.
        for prefix in ["c5a4269d79857ad8", "877c5b2fcb8523ae"] {
            let line = format!(
                r#"{{"problem_id":"p","sample":0,"turn":1,"prefix":"{prefix}","text":"x","closed":true,"stop":"end","usage":{{"answers":1,"retries":0,"prompt_tokens":5,"completion_tokens":3,"uncounted":0}}}}"#
            );
            let said: Said = serde_json::from_str(&line).unwrap();
            assert!(said.answers(&request()), "{prefix}");
            let completion = said.completion();
            assert_eq!((completion.sampled, completion.tokens), (None, Some(3)));
        }
        let mut other = request();
        other.dialogue[1].text.push('!');
        let line = r#"{"problem_id":"p","sample":0,"turn":1,"prefix":"c5a4269d79857ad8","text":"x","closed":true,"stop":"end"}"#;
        let said: Said = serde_json::from_str(line).unwrap();
        assert!(!said.answers(&other));
    }

    #[test]
    fn an_answer_is_read_back_as_it_was() {
        let mut completion = Completion::of_text("x");
        completion.only_thought = true;
        completion.declined = true;
        let sampled = Sampled {
            ids: vec![4],
            log_probs: vec![-1.5],
        };
        let of_ids = Completion::of_sampled("x".to_owned(), sampled, FinishReason::Length);
        for completion in [completion, of_ids] {
            let said = Said::new(&request(), &completion, None);
            let line = serde_json::to_string(&said).unwrap();
            let read: Said = serde_json::from_str(&line).unwrap();
            assert_eq!(read.completion(), completion, "{line}");
            assert!(read.answers(&request()));
        }
    }
}
