//! What a model said → one of the answers it was given to choose from, or why it is none. Strict: what can be read in two ways is
//! no opinion. Pure.

/// Why there is no opinion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The model declined.
    Refused(String),
    /// The token limit ended it.
    Cut,
    /// It said nothing that was asked for.
    Unreadable(String),
}

impl std::fmt::Display for Silence {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(words) => write!(out, "it refuses: {words}"),
            Self::Cut => out.write_str("its token limit cut what it says; raise max_tokens"),
            Self::Unreadable(words) => write!(out, "what it says can't be read: {words}"),
        }
    }
}

/// An answer that could be chosen, and what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// The word, in small letters.
    pub(super) word: String,
    /// What it is worth.
    pub(super) worth: f64,
}

impl Choice {
    pub(super) fn of(word: impl Into<String>, worth: f64) -> Self {
        let word = word.into();
        Self { word, worth }
    }
}

/// What may stand in front of a choice on its line.
const LEADS: [&str; 6] = ["final answer", "answer", "rating", "score", "verdict", "is"];

/// How refusals begin.
const REFUSALS: [&str; 8] = [
    "i'm sorry",
    "i am sorry",
    "sorry",
    "i cannot",
    "i can't",
    "i can\u{2019}t",
    "i'm unable",
    "i am unable",
];

/// Characters of a model's words that are told.
const CHARACTERS: usize = 80;

/// Which of the choices the last line of a text is.
pub(super) fn chosen(text: &str, choices: &[Choice]) -> Result<usize, Silence> {
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let line = plain(last.unwrap_or_default());
    let word = without_scale(without_lead(&line), choices);
    if let Some(place) = choices.iter().position(|choice| choice.word == word) {
        return Ok(place);
    }
    let start = text.trim_start().to_lowercase();
    let words = shortened(text);
    if REFUSALS.iter().any(|refusal| start.starts_with(refusal)) {
        return Err(Silence::Refused(words));
    }
    Err(Silence::Unreadable(words))
}

/// The first characters of some words, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "nothing".to_owned();
    }
    line.chars().take(CHARACTERS).collect()
}

/// In small letters, without marks of emphasis and the signs that end a sentence.
fn plain(line: &str) -> String {
    let signs = |letter: char| letter.is_whitespace() || "*_`\"'.!()[]<>#".contains(letter);
    line.to_lowercase().trim_matches(signs).to_owned()
}

fn without_lead(line: &str) -> &str {
    let mut rest = line;
    for lead in LEADS {
        if let Some(after) = rest.strip_prefix(lead)
            && after.starts_with(|next: char| next.is_whitespace() || ":*".contains(next))
        {
            rest =
                after.trim_start_matches(|next: char| next.is_whitespace() || ":*".contains(next));
        }
    }
    rest
}

/// `7/10`, where ratings go up to 10, is 7.
fn without_scale<'a>(word: &'a str, choices: &[Choice]) -> &'a str {
    let highest = choices.last().map_or("", |choice| choice.word.as_str());
    let is_scale = highest.len() > 1 && highest.bytes().all(|byte| byte.is_ascii_digit());
    match word.split_once('/') {
        Some((said, of)) if is_scale && of.trim() == highest => said.trim(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratings() -> Vec<Choice> {
        (1..=10)
            .map(|rating: u32| Choice::of(rating.to_string(), f64::from(rating)))
            .collect()
    }

    #[test]
    fn a_choice_is_read_however_it_is_dressed() {
        let sides = [Choice::of("1", 1.0), Choice::of("2", 0.0)];
        for text in [
            "2",
            " 2\n",
            "**2**",
            "Answer: 2",
            "answer 2.",
            "First I look.\n\nFinal answer: **2**\n",
            "The reasons:\n2",
        ] {
            assert_eq!(chosen(text, &sides), Ok(1), "{text}");
        }
        let both = [Choice::of("yes", 1.0), Choice::of("no", 0.0)];
        assert_eq!(chosen("Yes.", &both), Ok(0));
        assert_eq!(chosen("Verdict: NO", &both), Ok(1));
        for (text, rating) in [
            ("10", 9),
            ("Rating: 7/10", 6),
            ("7 / 10", 6),
            ("Score is 3", 2),
        ] {
            assert_eq!(chosen(text, &ratings()), Ok(rating), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_opinion() {
        let sides = [Choice::of("1", 1.0), Choice::of("2", 0.0)];
        for text in [
            "",
            "1 or 2",
            "12",
            "1 and 2 are equal",
            "neither",
            "2 is wrong, 1 is right.",
            "-1",
            "1/2",
            "answer1",
        ] {
            assert!(
                matches!(chosen(text, &sides), Err(Silence::Unreadable(_))),
                "{text}"
            );
        }
        for text in ["0", "11", "7.5", "6-7", "7/5", "seven", "7 8"] {
            assert!(chosen(text, &ratings()).is_err(), "{text}");
        }
        let refused = chosen("I'm sorry, but I can't rate this.", &ratings());
        assert!(matches!(refused, Err(Silence::Refused(_))), "{refused:?}");
    }
}
