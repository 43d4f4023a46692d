//! Texts that end an answer: whether sampled tokens hold one yet, and what of the answer stands before it. A token may
//! hold the end of a stop text and more, so tokens are never cut, only the text is.

use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};

/// Bytes that a decoder may change at the start of a text cut out of a longer one: three replacement characters for
/// the rest of a character, and a leading space.
const SEAM: usize = 16;

/// The stop texts of one call, with the tokenizer that says what tokens stand for.
pub struct StopTexts<'a> {
    texts: &'a [String],
    tokenizer: &'a Tokenizer,
    longest: usize,
}

impl<'a> StopTexts<'a> {
    /// Stops at any of `texts`; empty ones stop nothing.
    pub fn new(texts: &'a [String], tokenizer: &'a Tokenizer) -> Self {
        Self {
            longest: texts.iter().map(String::len).max().unwrap_or(0),
            texts,
            tokenizer,
        }
    }

    /// Whether the text of `tokens` holds a stop text that ends in the last of them. Asked after every token, as it
    /// is, it costs the length of a stop text and not of the answer.
    pub fn are_reached_by(&self, tokens: &[u32]) -> bool {
        if self.longest == 0 {
            return false;
        }
        // A token that can't be decoded holds no stop text; the answer as a whole is decoded, and refused, later.
        let decode = |ids: &[u32]| self.tokenizer.decode(ids).unwrap_or_default();
        let mut window = self.longest.min(tokens.len());
        // Tokens may stand for no text: look back until enough of it precedes the last token.
        while window < tokens.len() {
            let before = &tokens[tokens.len() - window..tokens.len() - 1];
            if decode(before).len() >= self.longest + SEAM {
                break;
            }
            window = (2 * window).min(tokens.len());
        }
        self.find(&decode(&tokens[tokens.len() - window..]))
            .is_some()
    }

    /// What sampled ids say, up to the first stop text. A thought that the prompt had opened is opened here, too: whoever reads
    /// the answer alone must know that it starts inside of one.
    pub fn answer(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        let own = self.before(self.tokenizer.decode(ids)?);
        Ok(format!("{}{own}", self.tokenizer.begun()))
    }

    /// The text before the first stop text; all of it where there is none.
    pub fn before(&self, mut text: String) -> String {
        if let Some(end) = self.find(&text) {
            text.truncate(end);
        }
        text
    }

    fn find(&self, text: &str) -> Option<usize> {
        let places = self.texts.iter().filter(|stop| !stop.is_empty());
        places.filter_map(|stop| text.find(stop.as_str())).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let texts = vec!["print(sum(a))\n\nRead 12 numbers. Print them.".to_owned(); 8];
        Tokenizer::train(&texts, 300).unwrap()
    }

    /// The number of tokens after which a stop text is first seen.
    fn stopped_after(stops: &StopTexts<'_>, tokens: &[u32]) -> Option<usize> {
        (1..=tokens.len()).find(|&count| stops.are_reached_by(&tokens[..count]))
    }

    #[test]
    fn a_stop_text_is_seen_with_the_token_that_completes_it() {
        let tokenizer = tokenizer();
        let text = "héllo print(7)\u{1F600}\n and more numbers. Then print(8) STOP print(9) STOP";
        let tokens = tokenizer.encode(text).unwrap();
        let cases = [
            "STOP",
            "\u{1F600}\n",
            "é",
            "7)",
            "umbers",
            " STOP ",
            "h",
            "(8) STOP print(9)",
        ];
        for stop in cases {
            let texts = vec!["never there".to_owned(), String::new(), stop.to_owned()];
            let stops = StopTexts::new(&texts, &tokenizer);
            let count = stopped_after(&stops, &tokens).unwrap();
            let decode = |count: usize| tokenizer.decode(&tokens[..count]).unwrap();
            assert!(decode(count).contains(stop), "{stop:?}");
            assert!(!decode(count - 1).contains(stop), "{stop:?} was seen late");
            assert_eq!(
                stops.before(decode(count)),
                text[..text.find(stop).unwrap()]
            );
        }
    }

    #[test]
    fn tokens_without_text_hide_no_stop_text() {
        let tokenizer = tokenizer();
        let texts = vec!["ab".to_owned()];
        let stops = StopTexts::new(&texts, &tokenizer);
        let (a, b) = (
            tokenizer.encode("a").unwrap(),
            tokenizer.encode("b").unwrap(),
        );
        let hidden = [a, vec![tokenizer.pad; 40], b].concat();
        assert_eq!(stopped_after(&stops, &hidden), Some(hidden.len()));
    }

    #[test]
    fn nothing_stops_without_stop_texts() {
        let tokenizer = tokenizer();
        for texts in [Vec::new(), vec![String::new()]] {
            let stops = StopTexts::new(&texts, &tokenizer);
            assert_eq!(
                stopped_after(&stops, &tokenizer.encode("abc").unwrap()),
                None
            );
            assert_eq!(stops.before("abc".to_owned()), "abc");
        }
    }
}
