//! The small files beside a Hugging Face tokenizer → what a chat template needs: the template itself, the texts of
//! the tokens it names, and the ids that end an answer. Knows nothing of Jinja.

use std::path::Path;

use serde_json::Value;

use crate::checkpoint::tokenizer::TokenizerError;

/// The file that holds a template where tokenizer_config.json does not have to; it goes before that.
pub(super) const TEMPLATE: &str = "chat_template.jinja";

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ChatSettings {
    /// Jinja.
    pub(super) template: String,
    /// `bos_token`; empty where there is none.
    pub(super) begin: String,
    /// `eos_token`; empty where there is none.
    pub(super) close: String,
    /// `eos_token_id` of `generation_config.json`.
    pub(super) ends: Vec<u32>,
}

impl ChatSettings {
    /// Reads them from the files of `directory`, whose contents are given by name.
    pub(super) fn read(
        directory: &Path,
        files: &[(String, Vec<u8>)],
    ) -> Result<Self, TokenizerError> {
        let bytes = |name: &str| files.iter().find(|file| file.0 == name).map(|file| &file.1);
        let parsed = |name: &str| match bytes(name) {
            None => Ok(Value::Null),
            Some(bytes) => {
                serde_json::from_slice::<Value>(bytes).map_err(|error| TokenizerError::Read {
                    path: directory.join(name),
                    reason: error.to_string(),
                })
            }
        };
        let settings = parsed("tokenizer_config.json")?;
        let generation = parsed("generation_config.json")?;
        let own = bytes(TEMPLATE).map(|bytes| String::from_utf8_lossy(bytes).into());
        let template = own
            .or_else(|| named_template(&settings["chat_template"]))
            .ok_or_else(|| TokenizerError::Template {
                path: directory.to_owned(),
                reason: "there is none, in chat_template.jinja or in tokenizer_config.json; a base model needs one to be talked to: name one by --chat-template, add a chat_template.jinja, or use the instructed model".to_owned(),
            })?;
        let ends = match &generation["eos_token_id"] {
            Value::Array(ids) => ids.iter().filter_map(id).collect(),
            one => id(one).into_iter().collect(),
        };
        Ok(Self {
            template,
            begin: token(&settings["bos_token"]),
            close: token(&settings["eos_token"]),
            ends,
        })
    }
}

/// One template, or the one called "default" of several.
fn named_template(value: &Value) -> Option<String> {
    let named = |entry: &&Value| entry["name"] == "default";
    let chosen = match value {
        Value::Array(all) => &all.iter().find(named)?["template"],
        one => one,
    };
    chosen.as_str().map(str::to_owned)
}

/// A token's text, bare or as `{"content": ...}`.
fn token(value: &Value) -> String {
    let bare = value.as_str().or_else(|| value["content"].as_str());
    bare.unwrap_or_default().to_owned()
}

fn id(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<ChatSettings, TokenizerError> {
        let own = |&(name, text): &(&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
        let files: Vec<_> = files.iter().map(own).collect();
        ChatSettings::read(Path::new("model"), &files)
    }

    #[test]
    fn both_places_of_a_template_and_both_forms_of_a_token() {
        let settings = r#"{"chat_template": [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}],
            "bos_token": {"content": "<s>"}, "eos_token": "</s>"}"#;
        let found = read(&[
            ("tokenizer_config.json", settings),
            ("generation_config.json", r#"{"eos_token_id": [7, 8]}"#),
        ])
        .unwrap();
        assert_eq!(
            (found.begin.as_str(), found.close.as_str()),
            ("<s>", "</s>")
        );
        assert_eq!((found.template.as_str(), found.ends), ("d", vec![7, 8]));
        let own = read(&[
            ("tokenizer_config.json", settings),
            ("chat_template.jinja", "j"),
        ]);
        assert_eq!(own.unwrap().template, "j");
    }

    #[test]
    fn a_missing_template_and_a_broken_file_are_told() {
        let missing = read(&[]).unwrap_err().to_string();
        assert!(missing.contains("add a chat_template.jinja"), "{missing}");
        let broken = read(&[("tokenizer_config.json", "{")])
            .unwrap_err()
            .to_string();
        assert!(broken.contains("model/tokenizer_config.json"), "{broken}");
    }
}
