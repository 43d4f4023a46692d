//! Completion text → Program, or why there is none. Pure.
//!
//! Knows nothing of problems, models or whether the program compiles: a program with a syntax error is a
//! program, and its verdict says so.
//!
//! RLEF (arXiv 2410.02089, section 3.1) asks for code "enclosed in triple backticks" and penalises an answer
//! without valid code, but leaves "valid" open. Here a completion has a program when it holds at least one
//! *closed* fenced block that is not blank and whose tag names a supported language (or is absent). The last
//! such block wins, as a model that corrects itself puts the correction last. A fence that is never closed
//! does not count: the answer was cut off, or the model never learnt to end it.
//!
//! A model that thinks aloud writes drafts between `<think>` and `</think>`; those are no answer. Only what
//! follows the thought is searched, and a thought that never ends leaves no answer.

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

/// Source and language found in a completion.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// Its language.
    pub language: Language,
    /// Its source.
    pub source: String,
}

/// Why a completion holds no program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NoProgram {
    /// The answer ends inside its thought.
    #[error("the answer ends before its thinking does")]
    Thinking,
    /// There is no fenced block at all.
    #[error("the answer has no code block in triple backticks")]
    NoFence,
    /// The only fence is never closed.
    #[error("the code block is not closed by triple backticks")]
    Unterminated,
    /// Every block is blank.
    #[error("the code block is empty")]
    Blank,
    /// Every block is tagged with a language that isn't supported.
    #[error("the code block is tagged `{0}`, which is not a supported language")]
    OtherLanguage(String),
}

impl Program {
    /// A program given bare, without any fence.
    pub fn bare(source: impl Into<String>, language: Language) -> Self {
        Self {
            language,
            source: source.into(),
        }
    }

    /// The last closed, non-blank fenced block of `completion` after its thought, in this language; an untagged one counts as such.
    pub fn extract(completion: &str, language: Language) -> Result<Self, NoProgram> {
        Self::extract_where(completion, language, |found| found == language)
    }

    /// The last closed, non-blank fenced block of `completion` after its thought, in any language; an untagged one is in `default`.
    pub fn extract_any(completion: &str, default: Language) -> Result<Self, NoProgram> {
        Self::extract_where(completion, default, |_| true)
    }

    fn extract_where(
        completion: &str,
        default: Language,
        wanted: impl Fn(Language) -> bool,
    ) -> Result<Self, NoProgram> {
        let mut reason = NoProgram::NoFence;
        let mut found = None;
        let answer = after_thought(completion).ok_or(NoProgram::Thinking)?;
        let mut lines = answer.split_inclusive('\n');
        while let Some(line) = lines.next() {
            let Some(fence) = Fence::open(line) else {
                continue;
            };
            let mut source = String::new();
            let closed = lines.by_ref().any(|line| {
                let closes = fence.is_closed_by(line);
                if !closes {
                    source.push_str(line);
                }
                closes
            });
            match language_of_tag(fence.tag, default).filter(|&language| wanted(language)) {
                _ if !closed => reason = NoProgram::Unterminated,
                None => reason = NoProgram::OtherLanguage(fence.tag.to_owned()),
                Some(_) if source.trim().is_empty() => reason = NoProgram::Blank,
                Some(language) => found = Some(Self { language, source }),
            }
        }
        found.ok_or(reason)
    }
}

/// What follows the thought; all of a text without one, `None` where the thought never ends.
fn after_thought(completion: &str) -> Option<&str> {
    const OPEN: &str = "<think>";
    const CLOSE: &str = "</think>";
    if let Some(thought) = completion.trim_start().strip_prefix(OPEN) {
        return thought.split_once(CLOSE).map(|(_, answer)| answer);
    }
    // Many chat templates open the thought in the prompt, so that only its end is said. It starts or ends a
    // line, which tells it from a program that prints the tag.
    let mut start = 0;
    for line in completion.split_inclusive('\n') {
        let bare = line.trim();
        if bare.starts_with(CLOSE) || bare.ends_with(CLOSE) {
            let end = line.find(CLOSE)? + CLOSE.len();
            return completion.get(start + end..);
        }
        start += line.len();
    }
    Some(completion)
}

/// Language that a fence's tag names; `default` for an empty tag, `None` for an unsupported one.
pub fn language_of_tag(tag: &str, default: Language) -> Option<Language> {
    if tag.is_empty() {
        return Some(default);
    }
    Language::from_tag(tag)
}

struct Fence<'a> {
    backticks: usize,
    tag: &'a str,
}

impl<'a> Fence<'a> {
    fn open(line: &'a str) -> Option<Self> {
        let (backticks, rest) = split_backticks(line);
        // A backtick further on makes it inline code, as in Markdown.
        if backticks < 3 || rest.contains('`') {
            return None;
        }
        Some(Self {
            backticks,
            tag: rest.split_whitespace().next().unwrap_or_default(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let (backticks, rest) = split_backticks(line);
        backticks >= self.backticks && rest.trim().is_empty()
    }
}

fn split_backticks(line: &str) -> (usize, &str) {
    // Four spaces of indentation are code in Markdown, and a line of Python may well be that.
    let trimmed = line.trim_start_matches(' ');
    if line.len() - trimmed.len() > 3 {
        return (0, line);
    }
    let rest = trimmed.trim_start_matches('`');
    (trimmed.len() - rest.len(), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(completion: &str) -> Result<String, NoProgram> {
        Program::extract(completion, Language::Python).map(|program| program.source)
    }

    #[test]
    fn the_last_closed_block_wins() {
        let completion = "First:\n```python\nprint(1)\n```\nBetter:\n```py\nprint(2)\n```\nDone.";
        assert_eq!(source(completion).unwrap(), "print(2)\n");
    }

    #[test]
    fn an_unclosed_block_after_a_closed_one_is_ignored() {
        assert_eq!(
            source("```\nprint(1)\n```\n```python\nprint(2)\n").unwrap(),
            "print(1)\n"
        );
    }

    #[test]
    fn reasons_for_no_program() {
        assert_eq!(source("print(1)"), Err(NoProgram::NoFence));
        assert_eq!(source("use ```print(1)``` here"), Err(NoProgram::NoFence));
        assert_eq!(source("```python\nprint(1)"), Err(NoProgram::Unterminated));
        assert_eq!(source("```python\n\n  \n```"), Err(NoProgram::Blank));
        assert_eq!(
            source("```cobol\nDISPLAY 1.\n```"),
            Err(NoProgram::OtherLanguage("cobol".into()))
        );
        assert_eq!(source(""), Err(NoProgram::NoFence));
    }

    #[test]
    fn other_languages_count_only_where_they_are_asked_for() {
        let completion = "```python\nprint(1)\n```\n```C++\nint main(){}\n```\n";
        assert_eq!(source(completion).unwrap(), "print(1)\n");
        let any = Program::extract_any(completion, Language::Python).unwrap();
        assert_eq!(any, Program::bare("int main(){}\n", Language::Cpp));
        assert_eq!(
            source("```cpp\nint main(){}\n```"),
            Err(NoProgram::OtherLanguage("cpp".into()))
        );
    }

    #[test]
    fn drafts_of_a_thought_are_no_answer() {
        let draft = "draft:\n```python\nprint(1)\n```\n";
        let answer = "```python\nprint(2)\n```\n";
        for thought in [
            format!("<think>\n{draft}</think>\n{answer}"),
            format!("\n<think>{draft}so</think>\n\n{answer}"),
            format!("{draft}that is it.</think>\n{answer}"),
            format!("{draft}</think>\r\n{answer}"),
        ] {
            assert_eq!(source(&thought).unwrap(), "print(2)\n", "{thought}");
        }
        assert_eq!(
            source(&format!("<think>\n{draft}")),
            Err(NoProgram::Thinking)
        );
        assert_eq!(
            source(&format!("{draft}</think>\n")),
            Err(NoProgram::NoFence)
        );
    }

    #[test]
    fn a_program_may_print_the_tags() {
        let program = "print('<think>')\nprint('</think>')\n";
        assert_eq!(
            source(&format!("```python\n{program}```\n")).unwrap(),
            program
        );
    }

    #[test]
    fn longer_fences_hold_shorter_ones() {
        assert_eq!(
            source("````python\ns = '''\n```\n'''\n````\n").unwrap(),
            "s = '''\n```\n'''\n"
        );
    }

    #[test]
    fn windows_line_ends_and_indented_fences_are_accepted() {
        assert_eq!(
            source("  ```Python\r\nprint(1)\r\n  ```\r\n").unwrap(),
            "print(1)\r\n"
        );
        assert_eq!(
            source("```python\nprint('''\n    ```\n''')\n```\n").unwrap(),
            "print('''\n    ```\n''')\n"
        );
    }

    proptest! {
        #[test]
        fn a_fenced_program_comes_back_unchanged(lines in prop::collection::vec("[ -_a-~]{0,20}", 1..6), before in "[a-z\n]{0,20}") {
            let program = lines.join("\n") + "\n";
            prop_assume!(!program.trim().is_empty());
            let completion = format!("{before}\n```python\n{program}```\n");
            prop_assert_eq!(source(&completion).unwrap(), program);
        }

        #[test]
        fn no_text_panics(completion in ".*", more in "[`a\n ]{0,40}") {
            let _ = source(&(completion + &more));
        }
    }
}
