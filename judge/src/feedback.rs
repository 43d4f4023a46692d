//! Public verdict → the text of the next turn. Pure.
//!
//! The shape is RLEF's (arXiv 2410.02089, appendix C): a header, one item a failing public test in one of four
//! kinds (wrong answer with expected and got; stack trace; too slow; out of memory), a request to try again and
//! how to format the answer. Takes a `PublicVerdict` only, so private data can't get in. Knows nothing of
//! models; lengths are bounded in characters.

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

use crate::verdict::{Failure, Grade, PublicVerdict, Verdict};

/// How much the text says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackStyle {
    /// Whole sentences, as in the paper.
    #[default]
    Full,
    /// One `input:`, `expected:`, `got:` or `error:` a line, for small models that were trained on it.
    Compact,
}

/// Style and bounds of feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedbackOptions {
    /// Whole sentences or compact lines.
    pub style: FeedbackStyle,
    /// Failing tests shown; at least one is.
    pub cases: usize,
    /// Characters shown of each input, expected output and output.
    pub field_characters: usize,
    /// Characters shown of the end of a trace.
    pub trace_characters: usize,
    /// Language that the next answer should be in.
    pub language: Language,
}

impl Default for FeedbackOptions {
    /// Bounds of our own; the paper states none. Eight cases is what its private-feedback ablation shows.
    fn default() -> Self {
        Self {
            style: FeedbackStyle::Full,
            cases: 8,
            field_characters: 400,
            trace_characters: 800,
            language: Language::Python,
        }
    }
}

/// How the answer should be formatted; also the end of the first prompt.
pub fn format_instruction(language: Language) -> String {
    let tag = language.name();
    format!(
        "Put your code in triple backticks, like this:\n```{tag}\nYOUR CODE HERE\n```\nUse the backticks for your code only."
    )
}

impl From<FeedbackStyle> for FeedbackOptions {
    fn from(style: FeedbackStyle) -> Self {
        Self {
            style,
            ..Self::default()
        }
    }
}

/// What is said in place of feedback where a policy is to know only that it failed.
pub fn silent(options: &FeedbackOptions) -> String {
    match options.style {
        FeedbackStyle::Full => {
            let format = format_instruction(options.language);
            format!("Your code failed.\nGive it another try.\n{format}\n")
        }
        FeedbackStyle::Compact => "failed\n".to_owned(),
    }
}

/// What is said where a policy is to repair its answer without any word of what the program did.
pub fn read_again(options: &FeedbackOptions) -> String {
    match options.style {
        FeedbackStyle::Full => format!(
            "Read your code again without running it. If you find a mistake, correct it; if you find none, give the same \
             code again.\n{}\n",
            format_instruction(options.language)
        ),
        FeedbackStyle::Compact => "again\n".to_owned(),
    }
}

const MARK: &str = "...";

/// The text of the turn after `verdict`.
pub fn render(verdict: &PublicVerdict, options: impl Into<FeedbackOptions>) -> String {
    let (verdict, options) = (verdict.verdict(), options.into());
    match options.style {
        FeedbackStyle::Full => full(verdict, &options),
        FeedbackStyle::Compact => compact(verdict, &options),
    }
}

fn full(verdict: &Verdict, options: &FeedbackOptions) -> String {
    let format = format_instruction(options.language);
    let again = format!("Give it another try.\n{format}\n");
    let failures = verdict.failures.iter().take(options.cases.max(1));
    match verdict.grade {
        Grade::Accepted => "Your code passed all the tests you were shown.\n".to_owned(),
        Grade::NoProgram => format!("Your answer contains no complete code block.\n{again}"),
        Grade::CompileError => {
            let trace = verdict
                .failures
                .first()
                .map_or("", |failure| failure.trace.as_str());
            format!(
                "Your code does not compile:\n{}\n{again}",
                diagnostics(trace, options.trace_characters)
            )
        }
        _ => {
            let mut text = "Your code failed the following tests:\n".to_owned();
            for failure in failures {
                let sentence = sentence(failure, options);
                // Two tests may make the same call; saying so twice tells nothing.
                if !text.contains(&sentence) {
                    text.push_str(&sentence);
                }
            }
            let left_out = verdict.failures.len().saturating_sub(options.cases.max(1));
            if left_out > 0 {
                text = format!("{text}- and {left_out} more.\n");
            }
            text + &again
        }
    }
}

fn sentence(failure: &Failure, options: &FeedbackOptions) -> String {
    let field = |text: &str| start(text, options.field_characters);
    let reason = match failure.grade {
        Grade::WrongAnswer => {
            let mut reason = format!(
                "Expected output '{}' but got '{}'",
                field(&failure.expected),
                field(&failure.got)
            );
            if !failure.trace.is_empty() {
                reason.push('\n');
                reason.push_str(&end(&failure.trace, options.trace_characters));
            }
            reason
        }
        Grade::TimeLimit => "Execution took too long.".to_owned(),
        Grade::MemoryLimit => "Out of memory.".to_owned(),
        Grade::OutputLimit => "Too much output.".to_owned(),
        _ => end(&failure.trace, options.trace_characters),
    };
    format!("- input '{}' failed: {reason}\n", field(&failure.input))
}

fn compact(verdict: &Verdict, options: &FeedbackOptions) -> String {
    match verdict.grade {
        Grade::Accepted => "ok\n".to_owned(),
        Grade::NoProgram => "error: no code\n".to_owned(),
        _ => verdict
            .failures
            .iter()
            .take(options.cases.max(1))
            .map(|failure| lines(failure, options))
            .collect(),
    }
}

fn lines(failure: &Failure, options: &FeedbackOptions) -> String {
    let field = |name: &str, text: &str| {
        let text = start(text, options.field_characters);
        // A value of several lines starts on its own line, so that its columns stay aligned.
        let gap = match text.as_str() {
            "" => "",
            text if text.contains('\n') => "\n",
            _ => " ",
        };
        format!("{name}:{gap}{text}\n")
    };
    let error = match failure.grade {
        Grade::WrongAnswer => {
            let values = field("expected", &failure.expected) + &field("got", &failure.got);
            return field("input", &failure.input) + &values;
        }
        Grade::TimeLimit => "too slow",
        Grade::MemoryLimit => "out of memory",
        Grade::OutputLimit => "too much output",
        // The last line of a Python traceback names the exception; of a compiler's errors the first says most.
        grade => {
            let mut lines = failure.trace.trim_end().lines();
            let first = (lines.clone())
                .find(|line| grade == Grade::CompileError && is_compiler_error(line));
            first.or_else(|| lines.next_back()).unwrap_or("crashed")
        }
    };
    let error = field("error", &end(error, options.trace_characters));
    if failure.grade == Grade::CompileError {
        error
    } else {
        field("input", &failure.input) + &error
    }
}

/// Whether a compiler says here what is wrong: "main.cpp:1:2: error: ...", "error[E0425]: ...".
fn is_compiler_error(line: &str) -> bool {
    line.contains("error:") || line.starts_with("error[")
}

/// What says most of a source that does not compile: a compiler's first words, an interpreter's last.
fn diagnostics(trace: &str, characters: usize) -> String {
    if trace.lines().any(is_compiler_error) {
        start(trace, characters)
    } else {
        end(trace, characters)
    }
}

/// The start of a text, without trailing white space.
fn start(text: &str, characters: usize) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}{MARK}", &text[..end]),
        None => text.to_owned(),
    }
}

/// The end of a text, without trailing white space.
fn end(text: &str, characters: usize) -> String {
    let text = text.trim_end();
    let skipped = text.chars().count().saturating_sub(characters);
    if skipped == 0 {
        return text.to_owned();
    }
    format!("{MARK}{}", text.chars().skip(skipped).collect::<String>())
}

#[cfg(test)]
mod tests;
