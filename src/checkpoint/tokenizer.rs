//! Text ↔ token ids through the `tokenizers` crate: a model's own tokenizer with its chat template, or a byte-level
//! BPE trained here with four special tokens that mark who speaks. Knows nothing of problems or models.

mod error;

use std::path::Path;
use std::sync::Arc;

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{
    AddedToken, DecoderWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer as Inner,
    TokenizerImpl,
};

use crate::checkpoint::chat_settings::ChatSettings;
use crate::checkpoint::chat_template::frames;
use crate::checkpoint::config_json::{Family, TokenIds};
use crate::checkpoint::generation::Generation;
use crate::checkpoint::template_file::TemplateFile;
pub use error::TokenizerError;

/// Fills rows of a batch on the right; never predicted.
pub const PAD: &str = "<|pad|>";
/// Starts what the environment says: the statement, then each feedback.
pub const USER: &str = "<|user|>";
/// Starts what the policy says.
pub const ASSISTANT: &str = "<|assistant|>";
/// Ends a message of either; sampling stops at it.
pub const END: &str = "<|end|>";

/// What stands alone: digits, line ends, punctuation that data are made of, a lone character in quotes, and a lone
/// letter among words. A constant then has the same token in a statement, in a program and in a test's output, so
/// that copying one is a skill and not a list to learn; whole phrases between them may still become one token.
const PIECES: &str = r#"[0-9]|[\n."|/#*,\-]|(?<=")[^"\n](?=")|(?<= )[a-z](?=[ .,])"#;

type Trained = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// A tokenizer, the ids that matter outside it, and how it marks who speaks.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: Inner,
    /// Fills rows.
    pub pad: u32,
    /// Starts a text, where the family does that.
    pub begin: Option<u32>,
    /// Ends an answer.
    pub end: u32,
    /// All ids that end an answer, `end` among them.
    pub ends: Vec<u32>,
    /// The family of models it belongs to.
    pub family: Family,
    /// Whether a chat template marks who speaks, rather than this crate's own four tokens.
    pub templated: bool,
    /// How its checkpoint says it is to be sampled.
    pub generation: Generation,
    frames: [Frame; 2],
    /// The mark of a thought that a message to the policy leaves open.
    begun: String,
    pub(super) companions: Arc<Vec<(String, Vec<u8>)>>,
}

/// Where in an episode a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first one, with the statement.
    Opening,
    /// A later one, with feedback.
    Reply,
}

/// Ids before a message's own and after them.
#[derive(Clone, Debug)]
struct Frame {
    before: Vec<u32>,
    after: Vec<u32>,
}

/// Ids that end an answer of which a template is asked at most; it is run for each.
const MOST_ENDS: usize = 16;

/// Files of a checkpoint that travel with its tokenizer, unread or read in part.
const COMPANIONS: [&str; 7] = [
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];

impl Tokenizer {
    /// Trains a vocabulary of at most `vocab_size` tokens, special ones included, on `texts`.
    pub fn train(texts: &[String], vocab_size: usize) -> Result<Self, TokenizerError> {
        let failed = |error: tokenizers::Error| TokenizerError::Train(error.to_string());
        let split = Split::new(
            SplitPattern::Regex(PIECES.to_owned()),
            SplitDelimiterBehavior::Isolated,
            false,
        )
        .map_err(failed)?;
        let pieces = Sequence::new(vec![
            PreTokenizerWrapper::Split(split),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
        ]);
        let mut inner: Trained = TokenizerImpl::new(BPE::default());
        inner.with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(pieces)));
        inner.with_decoder(Some(DecoderWrapper::ByteLevel(ByteLevel::new(
            false, false, false,
        ))));
        let specials = [PAD, USER, ASSISTANT, END].map(|text| AddedToken::from(text, true));
        let mut trainer = BpeTrainerBuilder::new()
            .vocab_size(vocab_size)
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(specials.to_vec())
            .build();
        inner.train(&mut trainer, texts.iter()).map_err(failed)?;
        Self::marked(inner.into(), Family::Llama, Vec::new())
    }

    /// Reads the tokenizer of a checkpoint: `tokenizer.json`, and its chat template unless it has this crate's own
    /// four marks. `ids` are what `config.json` says; a `template` that is given speaks in place of the checkpoint's own,
    /// and is refused where the marks do.
    pub fn load(
        directory: &Path,
        family: Family,
        ids: &TokenIds,
        template: Option<&TemplateFile>,
    ) -> Result<Self, TokenizerError> {
        let path = directory.join("tokenizer.json");
        let failed = |reason: String| TokenizerError::Read {
            path: path.clone(),
            reason,
        };
        let text =
            crate::files::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let mut inner: Inner = text
            .parse()
            .map_err(|error: tokenizers::Error| failed(error.to_string()))?;
        for (what, part) in [
            ("normalizer", serde_json::to_value(inner.get_normalizer())),
            ("decoder", serde_json::to_value(inner.get_decoder())),
        ] {
            let part = part.map_err(|error| failed(error.to_string()))?;
            let growth = growth(&part);
            if growth > MOST_GROWTH {
                return Err(failed(format!(
                    "field {what}: expected replacements that make a text at most {MOST_GROWTH} times as long, found {growth} times"
                )));
            }
        }
        // Lengths that some trainer left in the file: a prompt is neither cut short nor filled up without a word.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| failed(error.to_string()))?;
        let mut companions = Vec::new();
        for name in COMPANIONS {
            let path = directory.join(name);
            match crate::files::read(&path) {
                Ok(bytes) => companions.push((name.to_owned(), bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(TokenizerError::Read {
                        path,
                        reason: error.to_string(),
                    });
                }
            }
        }
        let marks = [PAD, USER, ASSISTANT, END];
        let is_marked = marks.iter().all(|mark| inner.token_to_id(mark).is_some());
        let speaks = template.map_or(directory, TemplateFile::path);
        match template {
            Some(template) if is_marked => Err(TokenizerError::Template {
                path: template.path().to_owned(),
                reason: format!(
                    "the tokenizer of {} marks who speaks by tokens of its own and has no use for a template; leave it out",
                    directory.display()
                ),
            }),
            None if is_marked => Self::marked(inner, family, companions),
            template => {
                if let Some(template) = template {
                    template.put_into(&mut companions);
                }
                Self::templated(directory, speaks, inner, family, ids, companions)
            }
        }
    }

    /// Writes `tokenizer.json` and what came with it.
    pub fn save(&self, directory: &Path) -> Result<(), TokenizerError> {
        let failed = |path: &Path, reason: String| TokenizerError::Write {
            path: path.to_owned(),
            reason,
        };
        let path = directory.join("tokenizer.json");
        let text = self
            .inner
            .to_string(true)
            .map_err(|error| failed(&path, error.to_string()))?;
        let own = (path, text.as_bytes());
        let others = self
            .companions
            .iter()
            .map(|(name, bytes)| (directory.join(name), bytes.as_slice()));
        for (path, bytes) in std::iter::once(own).chain(others) {
            crate::journal::write_atomically(&path, bytes)
                .map_err(|error| failed(&path, error.to_string()))?;
        }
        Ok(())
    }

    /// Number of tokens, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Whether an id means the same to both: their vocabularies are one, and they mark who speaks by the same ids.
    pub fn has_same_ids(&self, other: &Self) -> bool {
        let ends = (&self.ends, self.begin) == (&other.ends, other.begin);
        ends && self.inner.get_vocab(true) == other.inner.get_vocab(true)
    }

    /// Ids of a text that holds no special token: special spellings inside it are plain text, so that no
    /// program or test can forge a speaker.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        ids_of(&self.inner, text)
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner
            .decode(ids, true)
            .map_err(|error| TokenizerError::Decode(ids.len(), error.to_string()))
    }

    /// Text of ids with its special tokens, for people to read; encoded again it may give other ids.
    pub fn shown(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner
            .decode(ids, false)
            .map_err(|error| TokenizerError::Decode(ids.len(), error.to_string()))
    }

    /// The mark of a thought that the prompt opens for the policy, which belongs to its answer; mostly empty.
    pub fn begun(&self) -> &str {
        &self.begun
    }

    /// The ids of one message to the policy, ending where the policy is to speak.
    pub fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let frame = match place {
            Place::Opening => &self.frames[0],
            Place::Reply => &self.frames[1],
        };
        let own = self.encode(text)?;
        Ok([frame.before.as_slice(), &own, &frame.after].concat())
    }

    /// A tokenizer whose turns are marked by this crate's own special tokens.
    fn marked(
        mut inner: Inner,
        family: Family,
        companions: Vec<(String, Vec<u8>)>,
    ) -> Result<Self, TokenizerError> {
        inner.set_encode_special_tokens(true);
        let id = |token: &'static str| {
            inner
                .token_to_id(token)
                .ok_or(TokenizerError::Special(token))
        };
        let (pad, end) = (id(PAD)?, id(END)?);
        let frame = Frame {
            before: vec![id(USER)?],
            after: vec![id(ASSISTANT)?],
        };
        Ok(Self {
            inner,
            pad,
            begin: None,
            end,
            ends: vec![end],
            family,
            templated: false,
            generation: Generation::default(),
            frames: [frame.clone(), frame],
            begun: String::new(),
            companions: Arc::new(companions),
        })
    }

    /// A tokenizer whose turns are marked by a chat template, which errors call `speaks`.
    fn templated(
        directory: &Path,
        speaks: &Path,
        mut inner: Inner,
        family: Family,
        ids: &TokenIds,
        companions: Vec<(String, Vec<u8>)>,
    ) -> Result<Self, TokenizerError> {
        let settings = ChatSettings::read(directory, &companions)?;
        let mut ends = settings.ends.clone();
        ends.extend(&ids.ends);
        ends.extend(inner.token_to_id(&settings.close));
        let mut seen = std::collections::HashSet::new();
        ends.retain(|id| seen.insert(*id));
        let mut reason = "config.json and generation_config.json name no eos_token_id".to_owned();
        let found = ends.iter().take(MOST_ENDS).find_map(|&id| {
            let end = inner.id_to_token(id)?;
            frames(&settings.template, &settings.begin, &settings.close, &end)
                .map_err(|error| reason = error)
                .ok()
                .map(|frames| (id, frames))
        });
        let Some((end, frames)) = found else {
            return Err(TokenizerError::Template {
                path: speaks.to_owned(),
                reason,
            });
        };
        inner.set_encode_special_tokens(false);
        let encode = |text: &str| ids_of(&inner, text);
        let frame = |[before, after]: &[String; 2]| -> Result<Frame, TokenizerError> {
            Ok(Frame {
                before: encode(before)?,
                after: encode(after)?,
            })
        };
        let begun = frames.begun().to_owned();
        let frames = [frame(&frames.opening)?, frame(&frames.reply)?];
        inner.set_encode_special_tokens(true);
        let name = "generation_config.json";
        let generation = companions.iter().find(|file| file.0 == name);
        let generation = generation.map(|(_, bytes)| Generation::parse(bytes));
        let generation = generation
            .transpose()
            .map_err(|reason| TokenizerError::Read {
                path: directory.join(name),
                reason,
            })?;
        Ok(Self {
            templated: true,
            generation: generation.unwrap_or_default(),
            pad: ids.pad.unwrap_or(end),
            begin: ids.begin,
            end,
            ends,
            family,
            frames,
            begun,
            companions: Arc::new(companions),
            inner,
        })
    }
}

/// How many times as long a text may be made at most; what is replaced in models in use is a blank by three bytes.
const MOST_GROWTH: usize = 1024;

/// How many times as long a text becomes by a part of a tokenizer at most: its replacements work one after the other.
fn growth(part: &serde_json::Value) -> usize {
    let own = match part.get("content") {
        Some(serde_json::Value::String(content)) => content.len().max(1),
        _ => 1,
    };
    let inner: Vec<&serde_json::Value> = match part {
        serde_json::Value::Array(parts) => parts.iter().collect(),
        serde_json::Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    (inner.into_iter().map(growth)).fold(own, usize::saturating_mul)
}

/// Ids of a text. A tokenizer's own regular expression may need more steps than the library allows, which then panics.
fn ids_of(inner: &Inner, text: &str) -> Result<Vec<u32>, TokenizerError> {
    let encode = || inner.encode_fast(text, false);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(encode));
    let encoding = found
        .map_err(|_| "tokenizer.json has a regular expression that does not end on it".to_owned())
        .and_then(|encoding| encoding.map_err(|error| error.to_string()))
        .map_err(TokenizerError::Encode)?;
    Ok(encoding.get_ids().to_vec())
}

#[cfg(test)]
mod tests;
