//! The tokenizer of a GGUF file → a `tokenizer.json`: byte-level BPE of the kinds whose splitting is known exactly, and
//! SentencePiece's BPE. Another kind is refused by its name: a text split otherwise is other ids, and nothing would tell.

mod pieces;
mod splitting;

use serde_json::{Map, Value, json};

use super::metadata::Metadata;
use super::metadata::Value as Field;

/// A file's tokens, and what its tokenizer does with them.
pub(super) struct Vocabulary {
    /// Their texts, by id.
    pub(super) tokens: Vec<String>,
    kinds: Vec<TokenKind>,
    way: Way,
    /// Starts a text.
    pub(super) begin: Option<u32>,
    /// Ends an answer, each.
    pub(super) ends: Vec<u32>,
    /// Stands for what has no token.
    pub(super) unknown: Option<u32>,
    /// Fills rows.
    pub(super) pad: Option<u32>,
    /// Whether every text begins with the token that starts one.
    pub(super) adds_begin: bool,
}

/// What a token is for, in llama.cpp's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    /// A piece of text.
    Normal,
    /// Steers; no text has it.
    Control,
    /// A text that is never cut.
    UserDefined,
    /// Nothing: it fills a row of the table.
    Unused,
    /// A byte of which no piece is made.
    Byte,
    /// What has no token.
    Unknown,
}

/// How a text becomes tokens.
enum Way {
    /// Pieces by a regular expression, bytes, and merges.
    Bytes {
        splitting: &'static splitting::Splitting,
        merges: Vec<String>,
    },
    /// Merges by the scores of what they make.
    Pieces { scores: Vec<f64>, prefixed: bool },
}

/// Fields of a tokenizer that say nothing about how a text is read.
const INERT: [&str; 15] = [
    "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.separator_token_id",
    "tokenizer.ggml.cls_token_id",
    "tokenizer.ggml.mask_token_id",
    "tokenizer.ggml.fim_pre_token_id",
    "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.fim_mid_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
    "tokenizer.ggml.prefix_token_id",
    "tokenizer.ggml.suffix_token_id",
    "tokenizer.ggml.middle_token_id",
    // The same once more, in other words.
    "tokenizer.huggingface.json",
    "tokenizer.chat_templates",
];

impl Vocabulary {
    /// Takes the tokenizer's fields.
    pub(super) fn take(fields: &mut Metadata) -> Result<Self, String> {
        let named = |name: &str| format!("tokenizer.ggml.{name}");
        let need = |name: &str| format!("field {}: expected a value, found none", named(name));
        let model = fields.text(&named("model"))?.ok_or_else(|| need("model"))?;
        let tokens = fields
            .texts(&named("tokens"))?
            .filter(|tokens| !tokens.is_empty())
            .ok_or_else(|| need("tokens"))?;
        let counted = |name: &str, found: usize| {
            if found == tokens.len() {
                return Ok(());
            }
            Err(format!(
                "field {}: expected {} entries, one a token, found {found}",
                named(name),
                tokens.len()
            ))
        };
        let kinds = fields
            .numbers(&named("token_type"))?
            .ok_or_else(|| need("token_type"))?;
        counted("token_type", kinds.len())?;
        let kinds = kinds.into_iter().enumerate().map(|(id, kind)| {
            TokenKind::of(kind).ok_or_else(|| {
                format!(
                    "field tokenizer.ggml.token_type: entry {id}: expected 1 to 6, found {kind}"
                )
            })
        });
        let kinds: Vec<TokenKind> = kinds.collect::<Result<_, _>>()?;
        let scores = fields.numbers(&named("scores"))?;
        let prefixed = fields.truth(&named("add_space_prefix"))?;
        let way = match model.as_str() {
            "gpt2" => {
                let name = fields.text(&named("pre"))?.ok_or_else(|| {
                    format!("{}; which splitting it means is not known: convert the model again with a newer llama.cpp", need("pre"))
                })?;
                fields.fixed(&named("add_space_prefix"), &Field::Truth(false))?;
                if prefixed == Some(true) {
                    return Err("field tokenizer.ggml.add_space_prefix: expected false for a vocabulary of bytes, found true".to_owned());
                }
                Way::Bytes {
                    splitting: splitting::named(&name)?,
                    merges: fields
                        .texts(&named("merges"))?
                        .ok_or_else(|| need("merges"))?,
                }
            }
            "llama" => {
                let _ = fields.text(&named("pre"))?;
                let scores = scores.ok_or_else(|| need("scores"))?;
                counted("scores", scores.len())?;
                Way::Pieces {
                    scores,
                    prefixed: prefixed.unwrap_or(true),
                }
            }
            other => {
                return Err(format!(
                    "field tokenizer.ggml.model: expected \"gpt2\" or \"llama\", found {other:?}"
                ));
            }
        };
        fields.fixed(&named("add_eos_token"), &Field::Truth(false))?;
        fields.fixed(&named("add_sep_token"), &Field::Truth(false))?;
        fields.fixed(&named("remove_extra_whitespaces"), &Field::Truth(false))?;
        fields.drop(|name| INERT.contains(&name) || name.starts_with("tokenizer.chat_template."));
        let mut id = |name: &str| -> Result<Option<u32>, String> {
            let name = named(&format!("{name}_token_id"));
            match fields.whole(&name)? {
                Some(id) if id >= tokens.len() => Err(format!(
                    "field {name}: expected an id below {}, found {id}",
                    tokens.len()
                )),
                found => Ok(found.map(|id| id as u32)),
            }
        };
        let mut ends = Vec::new();
        for name in ["eos", "eot", "eom"] {
            ends.extend(id(name)?);
        }
        let mut seen = std::collections::HashSet::new();
        ends.retain(|end| seen.insert(*end));
        let (begin, unknown, pad) = (id("bos")?, id("unknown")?, id("padding")?);
        Ok(Self {
            begin,
            ends,
            unknown,
            pad,
            // What llama.cpp takes where a file is silent.
            adds_begin: fields
                .truth("tokenizer.ggml.add_bos_token")?
                .unwrap_or(match &way {
                    Way::Pieces { .. } => true,
                    Way::Bytes { splitting, .. } => splitting.begins_texts(),
                }),
            tokens,
            kinds,
            way,
        })
    }

    /// A token's text.
    pub(super) fn text(&self, id: Option<u32>) -> Option<&str> {
        self.tokens.get(id? as usize).map(String::as_str)
    }

    /// The text of a `tokenizer.json`.
    pub(super) fn tokenizer(&self) -> Result<Value, String> {
        let mut vocab = Map::new();
        for (id, token) in self.tokens.iter().enumerate() {
            // What fills the table is no token.
            if self.kinds[id] == TokenKind::Unused {
                continue;
            }
            if let Some(first) = vocab.insert(token.clone(), json!(id)) {
                return Err(format!(
                    "field tokenizer.ggml.tokens: expected every text once, found {token:?} at {first} and {id}"
                ));
            }
        }
        let added: Vec<Value> = (self.tokens.iter().zip(&self.kinds).enumerate())
            .filter_map(|(id, (token, kind))| {
                let special = match kind {
                    TokenKind::Control | TokenKind::Unknown => true,
                    TokenKind::UserDefined => false,
                    _ => return None,
                };
                Some(json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": special,
                }))
            })
            .collect();
        let mut file = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "post_processor": self.post_processor(),
        });
        let mut model = match &self.way {
            Way::Bytes { splitting, merges } => {
                file["normalizer"] = splitting.normalizer();
                file["pre_tokenizer"] = splitting.pre_tokenizer();
                file["decoder"] = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
                json!({
                    "unk_token": null, "fuse_unk": false, "byte_fallback": false,
                    "ignore_merges": splitting.ignores_merges(),
                    "merges": split(merges)?,
                })
            }
            Way::Pieces { scores, prefixed } => {
                file["normalizer"] = pieces::normalizer(*prefixed);
                file["pre_tokenizer"] = Value::Null;
                file["decoder"] = pieces::decoder(*prefixed);
                let normal = |id: usize| self.kinds[id] == TokenKind::Normal;
                json!({
                    "unk_token": self.text(self.unknown), "fuse_unk": true, "byte_fallback": true,
                    "ignore_merges": false,
                    "merges": pieces::merges(&self.tokens, scores, normal),
                })
            }
        };
        model["type"] = json!("BPE");
        model["dropout"] = Value::Null;
        model["continuing_subword_prefix"] = Value::Null;
        model["end_of_word_suffix"] = Value::Null;
        model["vocab"] = Value::Object(vocab);
        file["model"] = model;
        Ok(file)
    }

    /// What other tools put around a text.
    fn post_processor(&self) -> Value {
        let begin = self.text(self.begin).filter(|_| self.adds_begin);
        let Some((text, id)) = begin.zip(self.begin) else {
            return Value::Null;
        };
        let mark = json!({"SpecialToken": {"id": text, "type_id": 0}});
        let own = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
        json!({
            "type": "TemplateProcessing",
            "single": [mark, own("A", 0)],
            "pair": [mark, own("A", 0), json!({"SpecialToken": {"id": text, "type_id": 1}}), own("B", 1)],
            "special_tokens": {text: {"id": text, "ids": [id], "tokens": [text]}},
        })
    }
}

impl TokenKind {
    fn of(number: f64) -> Option<Self> {
        let all = [
            Self::Normal,
            Self::Unknown,
            Self::Control,
            Self::UserDefined,
            Self::Unused,
            Self::Byte,
        ];
        let mut numbered = (1_u8..).zip(all);
        numbered
            .find(|(own, _)| f64::from(*own) == number)
            .map(|(_, kind)| kind)
    }
}

/// Merges as pairs; a first part may itself begin with a space.
fn split(merges: &[String]) -> Result<Vec<[&str; 2]>, String> {
    let pair = |(at, merge)| -> Result<[&str; 2], String> {
        let merge: &String = merge;
        let first = merge.chars().next().map_or(0, char::len_utf8);
        let (left, right) = merge[first..]
            .split_once(' ')
            .filter(|(_, right)| !right.is_empty())
            .ok_or_else(|| {
                format!(
                    "field tokenizer.ggml.merges: entry {at}: expected two tokens, found {merge:?}"
                )
            })?;
        Ok([&merge[..first + left.len()], right])
    };
    merges.iter().enumerate().map(pair).collect()
}
