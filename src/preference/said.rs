//! What is said: a plain text, or messages of a conversation; and transcripts, which are messages written as one text.

use serde::{Deserialize, Serialize};

/// A prompt or an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// One text.
    Plain(String),
    /// Messages, in order.
    Messages(Vec<Message>),
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What.
    pub content: String,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever sets the rules.
    System,
    /// Whoever asks.
    User,
    /// Whoever answers.
    Assistant,
}

impl Message {
    /// A message.
    pub fn of(role: Role, content: impl Into<String>) -> Self {
        let content = content.into();
        Self { role, content }
    }
}

impl Said {
    /// A plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }

    /// Whether nothing but white space is said.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Plain(text) => text.trim().is_empty(),
            Self::Messages(messages) => messages
                .iter()
                .all(|message| message.content.trim().is_empty()),
        }
    }

    /// Characters of it.
    pub fn characters(&self) -> usize {
        match self {
            Self::Plain(text) => text.chars().count(),
            Self::Messages(messages) => {
                let contents = messages.iter();
                contents
                    .map(|message| message.content.chars().count())
                    .sum()
            }
        }
    }
}

/// What two conversations begin with alike, and the rest of each.
pub(super) fn apart(one: &[Message], other: &[Message]) -> [Vec<Message>; 3] {
    let alike = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    // An answer of each is left, whatever they share.
    let alike = alike.min(one.len().min(other.len()).saturating_sub(1));
    [&one[..alike], &one[alike..], &other[alike..]].map(<[Message]>::to_vec)
}

/// What two texts begin with alike, up to the word in which they differ, and the rest of each.
pub(super) fn apart_as_text(one: &str, other: &str) -> [String; 3] {
    let alike: usize = one
        .chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .map(|(letter, _)| letter.len_utf8())
        .sum();
    let start = one[..alike]
        .char_indices()
        .rfind(|(_, letter)| letter.is_whitespace())
        .map_or(0, |(place, _)| place);
    [&one[..start], &one[start..], &other[start..]].map(str::to_owned)
}

/// How a message of a transcript begins.
const MARKS: [(&str, Role); 2] = [
    ("\n\nHuman:", Role::User),
    ("\n\nAssistant:", Role::Assistant),
];

/// Whether a text is a transcript.
pub(super) fn is_transcript(text: &str) -> bool {
    text.starts_with(MARKS[0].0)
}

/// The messages of a transcript; nothing where it doesn't begin with a person's.
pub(super) fn transcript(text: &str) -> Option<Vec<Message>> {
    if !is_transcript(text) {
        return None;
    }
    let mut starts: Vec<(usize, usize, Role)> = MARKS
        .iter()
        .flat_map(|(mark, role)| {
            let found = text.match_indices(mark);
            found.map(|(place, _)| (place, place + mark.len(), *role))
        })
        .collect();
    starts.sort_unstable_by_key(|start| start.0);
    let ends = starts.iter().skip(1).map(|next| next.0).chain([text.len()]);
    let messages = starts
        .iter()
        .zip(ends)
        .map(|((_, start, role), end)| Message::of(*role, text[*start..end].trim()));
    Some(messages.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_messages() {
        let found =
            transcript("\n\nHuman: a\nb \n\nAssistant: c\n\nHuman: d\n\nAssistant:").unwrap();
        let expected = [
            (Role::User, "a\nb"),
            (Role::Assistant, "c"),
            (Role::User, "d"),
            (Role::Assistant, ""),
        ];
        assert_eq!(found, expected.map(|(role, text)| Message::of(role, text)));
        assert_eq!(transcript("Human: a"), None);
    }

    #[test]
    fn texts_part_before_the_word_in_which_they_differ() {
        let parts = |one, other| apart_as_text(one, other);
        assert_eq!(
            parts("The sky is blue.", "The sky is black."),
            ["The sky is", " blue.", " black."]
        );
        assert_eq!(parts("é1", "é2"), ["", "é1", "é2"]);
        assert_eq!(parts("a b", "a b c"), ["a", " b", " b c"]);
    }
}
