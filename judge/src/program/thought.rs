//! Completion → what of it is the answer: without thoughts, in whatever marks they stand, and cut where the next speaker
//! begins. Marks inside of blocks of code are the program's and none.
//!
//! - A thought ends at the first mark that closes its own kind. One that never closes holds no answer.
//! - A first mark that only closes ends a thought that the prompt had opened: all before it is thought. Later ones are noise.
//! - The `final` channel of harmony, with its marks or without (`assistantfinal`), begins the answer.

use rlef_sandbox::Language;

use super::fence;
use super::lexer::Lexer;
use super::mark::{self, Kind, Mark};
use super::opener::{Opener, opener};
use super::token;

/// What remains of a completion.
#[derive(Debug, Default)]
pub(super) struct Answer<'a> {
    /// Its lines.
    pub(super) lines: Vec<&'a str>,
    /// Where tags such as `<answer>` stood: before which line, and whether they open.
    wraps: Vec<(usize, bool)>,
    /// Whether the completion ends inside a thought.
    pub(super) is_cut: bool,
}

impl<'a> Answer<'a> {
    /// What stands inside tags such as `<answer>`, the last first.
    pub(super) fn wrapped(&self) -> Vec<&[&'a str]> {
        let mut parts = Vec::new();
        for (index, &(start, opens)) in self.wraps.iter().enumerate() {
            if opens {
                let end = self
                    .wraps
                    .get(index + 1)
                    .map_or(self.lines.len(), |&(line, _)| line);
                parts.push(&self.lines[start..end]);
            }
        }
        parts.reverse();
        parts
    }
}

/// Whether any mark of a thought or an answer stands outside of strings and comments of such code.
pub(super) fn is_marked(lines: &[&str], language: Language) -> bool {
    let mut lexer = Lexer::new(language);
    lines.iter().any(|line| {
        let is_text = lexer.is_in_text();
        lexer.line(line);
        !is_text && mark::first(line).is_some()
    })
}

/// The answer in a completion's lines. `language` is that of blocks without a tag.
pub(super) fn answer<'a>(lines: &[&'a str], language: Language) -> Answer<'a> {
    let mut walk = Walk {
        answer: Answer::default(),
        thought: None,
        is_marked: false,
        is_over: false,
    };
    let mut index = 0;
    let mut rest = lines.first().copied().unwrap_or_default();
    if let Some(kind) = mark::stripped_channel(rest) {
        walk.thought = Some(kind);
        walk.is_marked = true;
    }
    while index < lines.len() && !walk.is_over {
        if let Some(after) = walk.prose(rest) {
            rest = after;
            continue;
        }
        let opener = if walk.thought.is_none() {
            opener(rest)
        } else {
            None
        };
        // What a mark leaves of its line may be nothing.
        let is_rest =
            rest.len() < lines[index].len() && rest.trim_matches(token::is_blank).is_empty();
        if walk.thought.is_none() && !walk.is_over && !is_rest {
            walk.answer.lines.push(rest);
        }
        index += 1;
        if let Some(opener) = opener
            && !walk.is_over
        {
            (index, rest) = walk.block(lines, index, &opener, language);
            continue;
        }
        rest = lines.get(index).copied().unwrap_or_default();
    }
    walk.answer.is_cut = walk.thought.is_some();
    walk.answer
}

struct Walk<'a> {
    answer: Answer<'a>,
    /// The kind of thought that is open.
    thought: Option<Kind>,
    /// Whether any mark of a thought was there.
    is_marked: bool,
    /// Whether the next speaker has begun.
    is_over: bool,
}

impl<'a> Walk<'a> {
    /// Takes the first mark of a line; what follows it, or `None` where there is none.
    fn prose(&mut self, line: &'a str) -> Option<&'a str> {
        if let Some(kind) = &self.thought {
            let found = mark::closing(line, kind)?;
            let after = &line[found.end..];
            self.thought = None;
            if found.mark == Mark::Final {
                self.begin();
            }
            return Some(after);
        }
        let found = mark::first(line)?;
        let (before, after) = (&line[..found.start], &line[found.end..]);
        match found.mark {
            Mark::Open(kind) => {
                self.keep(before);
                self.thought = Some(kind);
                self.is_marked = true;
            }
            Mark::Close if !self.is_marked => self.begin(),
            Mark::Close => self.keep(before),
            Mark::Final => self.begin(),
            Mark::Wrap(opens) => {
                self.keep(before);
                self.answer.wraps.push((self.answer.lines.len(), opens));
            }
            Mark::NextSpeaker => {
                self.keep(before);
                if self
                    .answer
                    .lines
                    .iter()
                    .any(|line| !token::is_only_tokens(line))
                {
                    self.is_over = true;
                }
            }
        }
        Some(after)
    }

    /// All so far was thought.
    fn begin(&mut self) {
        self.answer.lines.clear();
        self.answer.wraps.clear();
        self.is_marked = true;
    }

    fn keep(&mut self, text: &'a str) {
        if !text.trim_matches(token::is_blank).is_empty() {
            self.answer.lines.push(text);
        }
    }

    /// Takes a block of code from its first line on; the line to go on with, and what of it is left.
    fn block(
        &mut self,
        lines: &[&'a str],
        start: usize,
        opener: &Opener<'_>,
        language: Language,
    ) -> (usize, &'a str) {
        let body = fence::body(lines, start, opener, language);
        let mut lexer = opener.language(language).map(Lexer::new);
        let end = body.next.min(lines.len());
        for (index, &line) in lines.iter().enumerate().take(end).skip(start) {
            let is_text = lexer.as_ref().is_some_and(Lexer::is_in_text);
            // In code a mark breaks the block off: no language has a line that starts so.
            if !is_text
                && let Some(found) = mark::first(line)
                && found.mark.breaks_code()
            {
                return (index, line);
            }
            if let Some(lexer) = &mut lexer {
                lexer.line(line);
            }
            self.answer.lines.push(line);
        }
        (body.next, lines.get(body.next).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> (String, bool) {
        let lines: Vec<&str> = text.lines().collect();
        let answer = answer(&lines, Language::Python);
        let kept: Vec<&str> = answer
            .lines
            .iter()
            .copied()
            .filter(|line| !line.trim().is_empty())
            .collect();
        (kept.join("|"), answer.is_cut)
    }

    #[test]
    fn thoughts_in_every_marking_are_left_out() {
        for (open, close) in [
            ("<think>", "</think>"),
            ("<thinking>", "</thinking>"),
            ("<Thought>", "</Thought>"),
            ("<reasoning>", "</reasoning>"),
            ("[THINK]", "[/THINK]"),
            ("<|begin_of_thought|>", "<|end_of_thought|>"),
            ("\u{25c1}think\u{25b7}", "\u{25c1}/think\u{25b7}"),
            ("<seed:think>", "</seed:think>"),
            ("<|START_THINKING|>", "<|END_THINKING|>"),
            ("<|channel>thought", "<channel|>"),
            ("<|channel|>analysis<|message|>", "<|end|>"),
            ("Here is my thought process:", "Here is my response:"),
            ("<think time=\"3\">", "</think >"),
            ("<|inner_prefix|>", "<|inner_suffix|>"),
            ("<|think|>", "<|/think|>"),
            ("<details type=\"reasoning\" done=\"true\">", "</details>"),
        ] {
            let draft = "a\n```python\ndraft\n```\n";
            assert_eq!(
                kept(&format!("{open}\n{draft}{close}\nx")),
                ("x".into(), false),
                "{open}"
            );
            assert_eq!(
                kept(&format!("y\n{open}\n{draft}")),
                ("y".into(), true),
                "{open}"
            );
            assert_eq!(
                kept(&format!("{open}\n```python\ndraft\n{close}\nx")),
                ("x".into(), false),
                "{open}"
            );
        }
        for close in [
            "</think>",
            "</thinking>",
            "[/THINK]",
            "\u{25c1}/think\u{25b7}",
            "<|end_of_thought|>",
            "<|END_THINKING|>",
        ] {
            assert_eq!(
                kept(&format!("draft\n{close}\nx")),
                ("x".into(), false),
                "{close}"
            );
            assert_eq!(
                kept(&format!("```python\ndraft\n{close}\nx\n{close}\ny")),
                ("x|y".into(), false),
                "{close}"
            );
        }
    }

    #[test]
    fn channels_with_and_without_their_marks() {
        let draft = "d\n```python\ndraft\n```\n";
        assert_eq!(
            kept(&format!("analysisWe {draft}off.assistantfinalx")).0,
            "x"
        );
        assert_eq!(kept(&format!("analysisWe {draft}")), (String::new(), true));
        let message = "<|end|><|start|>assistant<|channel|>final<|message|>x<|return|>";
        assert_eq!(
            kept(&format!("<|channel|>analysis<|message|>{draft}{message}")).0,
            "x<|return|>"
        );
        assert_eq!(kept(&format!("{draft}{message}")).0, "x<|return|>");
        assert_eq!(
            kept("analysis of the problem\nx").0,
            "analysis of the problem|x"
        );
    }

    #[test]
    fn marks_that_a_program_or_a_sentence_holds_are_none() {
        for text in [
            "```python|print('<think>')|s = '''|</think>|'''|```",
            "The tag `<think>` opens it.|x",
            "s = \"<answer>\"",
            "if a <b> c:",
        ] {
            assert_eq!(kept(&text.replace('|', "\n")).0, text);
        }
    }

    #[test]
    fn the_next_speaker_ends_the_answer() {
        assert_eq!(kept("x<|im_end|>\n<|im_start|>user\ny").0, "x<|im_end|>");
        assert_eq!(
            kept("<|im_start|>assistant\nx").0,
            "<|im_start|>assistant|x"
        );
    }

    #[test]
    fn tags_around_the_answer_are_remembered() {
        let lines = ["a <answer>b</answer> c", "<solution>", "d"];
        let answer = answer(&lines, Language::Python);
        assert_eq!(answer.wrapped(), [&["d"][..], &["b"][..]]);
    }
}
