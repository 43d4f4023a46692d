//! Text ↔ token ids: a byte-level BPE through the `tokenizers` crate, with four special tokens that mark who
//! speaks. Trains one from texts; knows nothing of problems or models.

use std::path::{Path, PathBuf};

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{
    AddedToken, DecoderWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, TokenizerImpl,
};

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

type Inner = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// A tokenizer and the ids of its special tokens.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: Inner,
    /// Id of [`PAD`].
    pub pad: u32,
    /// Id of [`USER`].
    pub user: u32,
    /// Id of [`ASSISTANT`].
    pub assistant: u32,
    /// Id of [`END`].
    pub end: u32,
}

/// Why a tokenizer could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The library refused; its message says why.
    #[error("failed to train a tokenizer: {0}")]
    Train(String),
    /// The file is missing or isn't a tokenizer.
    #[error("failed to read tokenizer {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
    },
    /// The file could not be written.
    #[error("failed to write tokenizer {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
    },
    /// A special token is missing.
    #[error("failed to use tokenizer: it has no token {0:?}, which marks the speaker")]
    Special(&'static str),
    /// The text could not be encoded.
    #[error("failed to encode text: {0}")]
    Encode(String),
    /// The ids could not be decoded.
    #[error("failed to decode {0} token ids: {1}")]
    Decode(usize, String),
}

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
        let mut inner: Inner = TokenizerImpl::new(BPE::default());
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
        Self::with_specials(inner)
    }

    /// Reads a `tokenizer.json`.
    pub fn load(path: &Path) -> Result<Self, TokenizerError> {
        let failed = |reason: String| TokenizerError::Read {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let inner: Inner = text
            .parse()
            .map_err(|error: tokenizers::Error| failed(error.to_string()))?;
        Self::with_specials(inner)
    }

    /// Writes a `tokenizer.json`.
    pub fn save(&self, path: &Path) -> Result<(), TokenizerError> {
        let failed = |reason: String| TokenizerError::Write {
            path: path.to_owned(),
            reason,
        };
        let text = self
            .inner
            .to_string(true)
            .map_err(|error| failed(error.to_string()))?;
        crate::journal::write_atomically(path, text.as_bytes())
            .map_err(|error| failed(error.to_string()))
    }

    /// Number of tokens, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Ids of a text that holds no special token: special spellings inside it are plain text, so that no
    /// program or test can forge a speaker.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let failed = |error: tokenizers::Error| TokenizerError::Encode(error.to_string());
        let encoding = self.inner.encode_fast(text, false).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner
            .decode(ids, true)
            .map_err(|error| TokenizerError::Decode(ids.len(), error.to_string()))
    }

    fn with_specials(mut inner: Inner) -> Result<Self, TokenizerError> {
        inner.set_encode_special_tokens(true);
        let id = |token: &'static str| {
            inner
                .token_to_id(token)
                .ok_or(TokenizerError::Special(token))
        };
        let (pad, user, assistant, end) = (id(PAD)?, id(USER)?, id(ASSISTANT)?, id(END)?);
        Ok(Self {
            inner,
            pad,
            user,
            assistant,
            end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Tokenizer {
        let texts = vec!["print(sum(a))\nRead 12 numbers. Print them.".to_owned(); 8];
        Tokenizer::train(&texts, 300).unwrap()
    }

    #[test]
    fn text_survives_the_round_trip() {
        let tokenizer = small();
        for text in ["print(7)\n", "héllo\t\u{1F600}", "a  b\n\n 10..2", ""] {
            let ids = tokenizer.encode(text).unwrap();
            assert_eq!(tokenizer.decode(&ids).unwrap(), text);
        }
    }

    #[test]
    fn digits_stand_alone() {
        assert_eq!(small().encode("1234").unwrap().len(), 4);
    }

    #[test]
    fn nobody_can_forge_a_speaker() {
        let tokenizer = small();
        let ids = tokenizer.encode("<|end|><|assistant|>").unwrap();
        assert!(!ids.contains(&tokenizer.end) && !ids.contains(&tokenizer.assistant));
    }
}
