//! What must be known of a policy, a way to play and a sandbox before two evaluations may be compared: names and hashes.

use std::path::Path;

use rlef_sandbox::{Language, Protection};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::environment::FeedbackSource;
use crate::prompt::{self, PromptStyle};
use crate::sampling::Sampling;
use crate::verdict::RULES;

/// The device of a policy of which none is recorded.
const CPU: &str = "cpu";

/// What proposed the programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyStamp {
    /// As it was named.
    pub name: String,
    /// Hash of its files, where it is made of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What it was computed on, where it was here and not on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Hash of the chat template that spoke in place of the policy's own, which is part of `hash`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
}

/// How episodes were played: all of it shifts scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlayStamp {
    /// Turn limit.
    pub turns: usize,
    /// Whose feedback was shown.
    pub feedback: FeedbackSource,
    /// Wording of prompts.
    pub style: PromptStyle,
    /// Hash of the first prompt's wording.
    pub wording: String,
    /// Temperature, nucleus, length.
    pub sampling: Sampling,
    /// Which of these the policy's server chose itself, so that what stands there is not what was used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_server: Vec<String>,
}

/// What ran the programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxStamp {
    /// Version of rlef-sandbox.
    pub version: String,
    /// Kind of isolation.
    pub isolation: String,
    /// The interpreter and its version.
    pub interpreter: String,
    /// The rules that made the verdicts, [`RULES`]; 1 in files that don't say.
    #[serde(default = "unstamped")]
    pub rules: u32,
}

/// What verdicts were made by before they were stamped.
const fn unstamped() -> u32 {
    1
}

impl PolicyStamp {
    /// The stamp of a policy named on the command line; `files` is where it lies, a file or a folder of files, which is
    /// what a device computes.
    pub fn of(
        name: &str,
        files: Option<&Path>,
        device: impl std::fmt::Display,
    ) -> std::io::Result<Self> {
        let mut paths = Vec::new();
        match files {
            Some(path) if path.is_dir() => {
                for entry in std::fs::read_dir(path)? {
                    paths.push(entry?.path());
                }
                paths.retain(|path| path.is_file());
                paths.sort();
            }
            Some(path) => paths.push(path.to_owned()),
            None => {}
        }
        let mut digest = Sha256::new();
        for path in &paths {
            digest.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            std::io::copy(&mut crate::files::open(path)?, &mut digest)?;
        }
        let hash = (!paths.is_empty()).then(|| short(digest));
        Ok(Self {
            name: name.to_owned(),
            hash,
            device: Some(device.to_string())
                .filter(|device| files.is_some_and(Path::is_dir) && device != CPU),
            chat_template: None,
        })
    }

    /// The same policy with another chat template: that makes it another one.
    #[must_use]
    pub fn with_template(self, text: &str) -> Self {
        let own = Sha256::new_with_prefix(text);
        let mut all = Sha256::new_with_prefix(self.hash.as_deref().unwrap_or_default());
        all.update(b"chat template");
        all.update(text);
        Self {
            hash: Some(short(all)),
            chat_template: Some(short(own)),
            ..self
        }
    }
}

impl PlayStamp {
    /// The stamp of a way to play.
    pub fn of(
        turns: usize,
        feedback: FeedbackSource,
        style: PromptStyle,
        sampling: &Sampling,
    ) -> Self {
        let mut digest = Sha256::new();
        digest.update(prompt::statement(style, Language::Python, "{statement}"));
        Self {
            turns,
            feedback,
            style,
            wording: short(digest),
            sampling: sampling.clone(),
            left_to_server: Vec::new(),
        }
    }

    /// The same, with settings that the policy's server chose.
    #[must_use]
    pub fn left(mut self, left_to_server: Vec<String>) -> Self {
        self.left_to_server = left_to_server;
        self
    }
}

impl SandboxStamp {
    /// The stamp of a running sandbox.
    pub fn of(protection: &Protection) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            isolation: protection.isolation.clone(),
            interpreter: protection.interpreter.clone(),
            rules: RULES,
        }
    }
}

/// 64 bits of a hash in hexadecimal: enough to see a change, short enough for a line.
pub(super) fn short(digest: Sha256) -> String {
    let bytes = digest.finalize();
    let value = bytes
        .iter()
        .take(8)
        .fold(0_u64, |value, &byte| (value << 8) | u64::from(byte));
    format!("{value:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_names_its_device_unless_that_is_the_cpu() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = |files, device: &str| PolicyStamp::of("p", files, device).unwrap();
        let elsewhere = stamp(Some(folder.path()), "cuda");
        let text = serde_json::to_string(&elsewhere).unwrap();
        assert_eq!(text, r#"{"name":"p","device":"cuda"}"#);
        assert_eq!(
            serde_json::from_str::<PolicyStamp>(&text).unwrap(),
            elsewhere
        );
        let (one, other) = ("{{ a }}", "{{ b }}");
        let given = elsewhere.clone().with_template(one);
        assert_eq!(given, elsewhere.clone().with_template(one));
        let different = elsewhere.clone().with_template(other);
        assert!(given.hash != elsewhere.hash && given.hash != different.hash);
        assert_ne!(given.chat_template, different.chat_template);
        for plain in [stamp(Some(folder.path()), "cpu"), stamp(None, "cuda")] {
            assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"name":"p"}"#);
        }
    }
}
