//! A model's chat template (Jinja) → the ids around what the environment says, so that an episode is built by
//! appending ids and never by rendering text again. The template is run once, when a policy is loaded, on
//! stand-ins for the messages; what stands between them is kept.
//!
//! A message's own text is encoded apart from the template's, with special spellings as plain text: no statement,
//! program or test can forge a speaker.

mod dialect;

use std::borrow::Cow;

use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use rlef_sandbox::ApartError;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The text a template puts around messages from the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frames {
    /// Around the first message: what comes before it, and what comes between it and the policy's answer.
    pub opening: [String; 2],
    /// Around later messages: what comes before, after the token that ended the policy's answer, and what follows.
    pub reply: [String; 2],
}

impl Frames {
    /// What stands before the policy's own words and yet belongs to its answer: the mark of a thought that the template opens.
    pub fn begun(&self) -> &str {
        crate::program::begun_thought(&self.opening[1])
    }
}

/// Stand-ins for the messages: letters only, so that no filter of a template changes them.
const STAND_INS: [&str; 3] = ["RLEFSTANDINONE", "RLEFSTANDINTWO", "RLEFSTANDINTHREE"];

/// Bytes of the longest template that is run; those that models in use have are a quarter of it at most.
const LONGEST: usize = 128 << 10;
/// Signs and words in a template that may nest an expression or a statement one deeper.
const DEEPEST: usize = 32_768;
/// Stack of the thread that parses and runs a template: 8 KiB for every level that [`DEEPEST`] allows.
const STACK: usize = 8192 * DEEPEST;
/// Instructions of the longest run; a template in use needs some thousand for three messages.
const FUEL: u64 = 50_000;
/// Bytes that a template's own texts may add up to while it runs: each instruction writes one of them at most.
const WRITTEN: u64 = 1 << 28;
/// Bytes of the longest result.
const RESULT: usize = 1 << 20;

/// Runs `template` and cuts its result at the messages. Whoever made a template may mean harm: it is bounded in length, depth,
/// instructions and result.
///
/// `begin` and `close` are the tokenizer's `bos_token` and `eos_token`; `end` is the text of the token that ends an
/// answer. An error says what in the template stands in the way.
pub fn frames(template: &str, begin: &str, close: &str, end: &str) -> Result<Frames, String> {
    if template.len() > LONGEST {
        return Err(format!(
            "expected at most {LONGEST} bytes, found {}",
            template.len()
        ));
    }
    let deep = nesting(template);
    if deep > DEEPEST {
        return Err(format!(
            "expected at most {DEEPEST} operators and brackets, found {deep}"
        ));
    }
    let asked = Asked {
        template: template.into(),
        begin: begin.into(),
        close: close.into(),
        end: end.into(),
    };
    // A text that grows by itself can't be bounded from within: that takes a process of its own.
    let input = serde_json::to_vec(&asked).map_err(|error| error.to_string())?;
    match rlef_sandbox::apart(APART.0, &input) {
        Ok(found) => serde_json::from_slice(&found)
            .unwrap_or_else(|error| Err(format!("it doesn't run: {error}"))),
        Err(ApartError::NoEntry) => in_a_thread(&asked),
        Err(error) => Err(format!("it doesn't run: failed to {error}")),
    }
}

/// A template and what it is run with.
#[derive(Serialize, Deserialize)]
struct Asked<'a> {
    template: Cow<'a, str>,
    begin: Cow<'a, str>,
    close: Cow<'a, str>,
    end: Cow<'a, str>,
}

/// What a process that was started to run one template does; for [`rlef_sandbox::apart_entry`]. A program that doesn't call
/// that runs templates in its own process.
pub const APART: rlef_sandbox::ApartWork = ("chat_template", |input| {
    let found = serde_json::from_slice(input)
        .map_err(|error| error.to_string())
        .and_then(|asked| in_a_thread(&asked));
    serde_json::to_vec(&found).unwrap_or_default()
});

/// The parser calls itself for every operator that stands before another, which takes a large stack.
fn in_a_thread(asked: &Asked<'_>) -> Result<Frames, String> {
    let work = || run(&asked.template, &asked.begin, &asked.close, &asked.end);
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(|error| format!("there is no thread to run it in: {error}"))?
            .join()
            .unwrap_or_else(|_| Err("it doesn't run: its run panicked".to_owned()))
    })
}

/// How deep the expressions and statements of a template can be nested at most.
fn nesting(template: &str) -> usize {
    let signs = template
        .bytes()
        .filter(u8::is_ascii_punctuation)
        .filter(|byte| !matches!(byte, b'_' | b'\'' | b'"' | b',' | b'<' | b'>'));
    let words = template
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| {
            matches!(
                *word,
                "not" | "and" | "or" | "in" | "is" | "if" | "elif" | "else"
            )
        });
    signs.count() + words.count()
}

/// Takes what a template writes, up to [`RESULT`] bytes.
#[derive(Default)]
struct Written(Vec<u8>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > RESULT {
            return Err(std::io::Error::other(format!(
                "its result is longer than {RESULT} bytes"
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a template of bounded length and depth.
///
/// `begin` and `close` are the tokenizer's `bos_token` and `eos_token`; `end` is the text of the token that ends an
/// answer. An error says what in the template stands in the way.
fn run(template: &str, begin: &str, close: &str, end: &str) -> Result<Frames, String> {
    let mut environment = Environment::new();
    let length = template.len().max(1) as u64;
    environment.set_fuel(Some(FUEL.min(WRITTEN / length)));
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", |message: String| {
        Err::<String, Error>(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", dialect::strftime_now);
    let template = dialect::without_generation_tags(template);
    environment
        .add_template("chat", &template)
        .map_err(|error| format!("it doesn't parse: {}", said(&error)))?;
    let render = |messages: serde_json::Value| {
        let chat = environment.get_template("chat");
        let mut written = Written::default();
        chat.and_then(|chat| {
            let context = context! {
                messages => messages,
                bos_token => begin,
                eos_token => close,
                add_generation_prompt => true,
                // As transformers hands them over where there are none.
                tools => (),
                documents => (),
            };
            chat.render_captured_to(context, &mut written).map(drop)
        })
        .map_err(|error| format!("it doesn't run: {}", said(&error)))?;
        String::from_utf8(written.0).map_err(|error| format!("it doesn't run: {error}"))
    };
    let [first, answer, second] = STAND_INS;
    let opened = render(json!([{"role": "user", "content": first}]))?;
    let replied = render(json!([
        {"role": "user", "content": first},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": second},
    ]))?;
    let (before, after) = split(&opened, first)?;
    let (start, rest) = split(&replied, answer)?;
    // A template may open a thought for the policy and leave earlier thoughts out; here they stay where they were said.
    let begun = crate::program::begun_thought(&opened);
    let kept = opened.strip_suffix(begun).unwrap_or(&opened);
    if !start.starts_with(kept) {
        let (start, opened) = (shortened(start), shortened(&opened));
        return Err(format!(
            "expected a longer conversation to start like a shorter one, found {start:?} after {opened:?}; ids of earlier turns could not be kept"
        ));
    }
    let (between, last) = split(rest, second)?;
    let between = between.trim_start().strip_prefix(end).ok_or_else(|| {
        let between = shortened(between);
        format!("expected {end:?} after an answer, found {between:?}")
    })?;
    let own = |text: &str| text.to_owned();
    Ok(Frames {
        opening: [own(before), own(after)],
        reply: [own(between), own(last)],
    })
}

/// What is wrong with a template, and in which of its lines.
fn said(error: &Error) -> String {
    let words = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let words = shortened(&words);
    match error.line() {
        Some(line) => format!("line {line}: {words}"),
        None => words,
    }
}

/// The start of a long text: an error may quote a whole result.
fn shortened(text: &str) -> String {
    const MOST: usize = 600;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} ...", &text[..end]),
    }
}

fn split<'a>(text: &'a str, stand_in: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once(stand_in)
        .filter(|(_, rest)| !rest.contains(stand_in))
        .ok_or_else(|| {
            let text = shortened(text);
            format!("expected every message's content exactly once in the result, found {text:?}")
        })
}

#[cfg(test)]
mod tests;
