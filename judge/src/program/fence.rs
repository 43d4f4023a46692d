//! Lines of an answer → its fenced blocks. `CommonMark`, with what models make of it.
//!
//! - Three or more backticks or tildes open a block and at least as many of the same close it. List markers, quotation marks
//!   and indentation may stand in front; the opening fence's indentation is taken off the content.
//! - A fence may stand behind words (`Code: ```python`) and hold special tokens or tags of answers before and after it.
//! - A fence inside a string or comment of the block's language that is closed later on belongs to the program.
//! - A tagged fence in code begins a new block: the one before it was never closed, unless nothing follows. Backticks in
//!   code close it.

use rlef_sandbox::Language;

use super::lexer::Lexer;
use super::opener::{Opener, is_tag_alone, opener, run, width};
use super::tag::{Tag, tag};
use super::token;

/// What follows an opening fence.
#[derive(Clone, Debug)]
pub(super) struct Body<'a> {
    /// The lines of the content, as they stand.
    lines: Vec<&'a str>,
    /// Whether the last of them shared its line with the closing fence.
    is_glued: bool,
    pub(super) is_closed: bool,
    /// The line to go on with.
    pub(super) next: usize,
}

/// A block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) info: String,
    pub(super) tag: Tag,
    pub(super) source: String,
    pub(super) is_closed: bool,
}

/// How a line ends the block that it stands in.
enum End<'a> {
    /// It closes it.
    Closes,
    /// It opens another.
    Reopens,
    /// Its last sign of code is followed by a closing fence.
    Glued(&'a str),
    /// Not at all.
    No,
}

/// The block's lines from `start` on.
pub(super) fn body<'a>(
    lines: &[&'a str],
    start: usize,
    opener: &Opener<'_>,
    default: Language,
) -> Body<'a> {
    let mut body = Body {
        lines: Vec::new(),
        is_glued: false,
        is_closed: false,
        next: lines.len(),
    };
    let mut lexer = opener.language(default).map(Lexer::new);
    // Fences before this line are known to stand in a string.
    let mut safe = start;
    for index in start..lines.len() {
        let line = unquoted(lines[index], opener.quotes);
        let is_text = lexer.as_ref().is_some_and(Lexer::is_in_text);
        let mut end = if index < safe {
            End::No
        } else {
            end(line, opener, is_text)
        };
        if is_text
            && !matches!(end, End::No)
            && let Some(lexer) = &lexer
            && let Some(place) = closed_later(lines, index, opener, lexer.clone())
        {
            safe = place;
            end = End::No;
        }
        let glued = lexer.as_mut().and_then(|lexer| lexer.line(line));
        if let (End::No, Some(at)) = (&end, glued)
            && opener.sign == '`'
            && run(&line[at..], '`') >= opener.count
            && token::is_only_tokens(&line[at + run(&line[at..], '`')..])
        {
            end = End::Glued(&line[..at]);
        }
        match end {
            End::No => body.lines.push(line),
            End::Closes => {
                body.is_closed = true;
                body.next = index + 1;
                return body;
            }
            End::Glued(code) => {
                body.lines.push(code);
                body.is_closed = true;
                body.is_glued = true;
                body.next = index + 1;
                return body;
            }
            End::Reopens => {
                // With nothing behind it, it was meant to close.
                body.is_closed = lines[index + 1..]
                    .iter()
                    .all(|line| token::is_only_tokens(line));
                body.next = if body.is_closed { lines.len() } else { index };
                return body;
            }
        }
    }
    body
}

/// A line without the quotation marks that its block stands behind.
fn unquoted(line: &str, quotes: usize) -> &str {
    let mut rest = line;
    for _ in 0..quotes {
        let Some(after) = rest.trim_start().strip_prefix('>') else {
            break;
        };
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    rest
}

/// What a line is to the block it stands in. `is_text`: inside a string or comment, where backticks close nothing by words.
fn end<'a>(line: &str, opener: &Opener<'_>, is_text: bool) -> End<'a> {
    let text = token::after_tokens(line).trim_start_matches(token::is_blank);
    let count = run(text, opener.sign);
    if count < opener.count {
        return End::No;
    }
    let rest = &text[count..];
    if token::is_only_tokens(rest) {
        return End::Closes;
    }
    if rest.contains('`') {
        return End::No;
    }
    match tag(rest) {
        Tag::None | Tag::Unknown if opener.sign == '~' => End::No,
        // A sentence behind the closing fence. In text it is anything.
        Tag::None | Tag::Unknown if is_text => End::No,
        Tag::None | Tag::Unknown => End::Closes,
        _ if is_tag_alone(rest.trim()) => End::Reopens,
        _ if is_text => End::No,
        _ => End::Closes,
    }
}

/// Where the block that a fence in a string belongs to is closed, if the string is closed first and all else is, too: then
/// the fence is the program's.
fn closed_later(
    lines: &[&str],
    from: usize,
    opener: &Opener<'_>,
    mut lexer: Lexer,
) -> Option<usize> {
    /// Longest program that is looked through, so that many open strings cost no more than their number.
    const WINDOW: usize = 1000;
    for (index, line) in lines.iter().enumerate().skip(from).take(WINDOW) {
        let line = unquoted(line, opener.quotes);
        if !lexer.is_in_text() && matches!(end(line, opener, false), End::Closes) {
            return lexer.is_balanced().then_some(index);
        }
        if let Some(at) = lexer.line(line) {
            return (at > 0 && lexer.is_balanced()).then_some(index);
        }
    }
    None
}

/// All blocks of an answer. `default` is the language of those without a tag.
pub(super) fn blocks(lines: &[&str], default: Language) -> Vec<Block> {
    blocks_within(lines, default, DEEPEST)
}

/// Blocks of Markdown in blocks of Markdown that are looked into.
const DEEPEST: usize = 3;

fn blocks_within(lines: &[&str], default: Language, depth: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        let Some(opener) = opener(line) else {
            continue;
        };
        let body = body(lines, index, &opener, default);
        index = body.next;
        let inner = if is_markdown(&opener, &body) && depth > 0 {
            blocks_within(&body.lines, default, depth - 1)
        } else {
            Vec::new()
        };
        if inner.is_empty() {
            blocks.push(Block {
                info: opener.info.to_owned(),
                tag: opener.tag,
                source: body.source(&opener, default),
                is_closed: body.is_closed,
            });
        } else {
            blocks.extend(inner);
        }
    }
    blocks
}

/// Whether a block holds text with blocks of its own: it says so, or it says nothing and begins with one that has a tag.
fn is_markdown(opener: &Opener<'_>, body: &Body<'_>) -> bool {
    let first = || body.lines.iter().find(|line| !line.trim().is_empty());
    let is_tagged =
        |line: &&str| self::opener(line).is_some_and(|inner| matches!(inner.tag, Tag::Language(_)));
    opener.tag == Tag::Markdown || opener.tag == Tag::None && first().is_some_and(is_tagged)
}

impl Body<'_> {
    /// The content, without the indentation that it shares with the opening fence, and without a first line that is the name
    /// of the language, where the fence has none.
    fn source(&self, opener: &Opener<'_>, default: Language) -> String {
        let first = self.lines.iter().find(|line| !line.trim().is_empty());
        let indent = first.map_or(0, |line| {
            width(&line[..line.len() - line.trim_start().len()], 0)
        });
        let strip = opener.column.min(indent);
        let mut source = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            let line = if number == 0 {
                line.trim_start_matches(token::is_invisible)
            } else {
                line
            };
            if number == 0
                && opener.tag == Tag::None
                && tag(line) == Tag::Language(default)
                && !line.contains(['.', '='])
            {
                continue;
            }
            source.push_str(dedent(line, strip));
            if number + 1 < self.lines.len() || !self.is_glued {
                source.push('\n');
            }
        }
        source
    }
}

/// A line without up to so many columns of white space; a tab that reaches further goes as a whole.
fn dedent(line: &str, strip: usize) -> &str {
    let mut column = 0;
    for (at, character) in line.char_indices() {
        if column >= strip || !matches!(character, ' ' | '\t') {
            return &line[at..];
        }
        column += width(&line[at..=at], column);
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<String> {
        let lines: Vec<&str> = text.lines().collect();
        let blocks = blocks(&lines, Language::Python);
        blocks
            .into_iter()
            .filter(|block| block.is_closed)
            .map(|block| block.source)
            .collect()
    }

    #[test]
    fn indentation_is_taken_off_as_far_as_the_code_has_it() {
        for (text, expected) in [
            ("   ```\n   if x:\n       y\n   ```", "if x:\n    y\n"),
            ("   ```\nif x:\n    y\n   ```", "if x:\n    y\n"),
            ("- ```\n  a\n\n  b\n  ```", "a\n\nb\n"),
            ("> ```\n> a\n>\n>   b\n> ```", "a\n\n  b\n"),
            ("> > ```\n> > a\n> > ```", "a\n"),
            ("1. x\n   - ```\n     a\n     ```", "a\n"),
            ("\t```\n\ta\n\t\tb\n\t```", "a\n\tb\n"),
            ("```\n    a\n  b\n```", "    a\n  b\n"),
            ("1. Code: ```python\n   a\n   ```", "a\n"),
        ] {
            assert_eq!(sources(text), [expected], "{text}");
        }
    }

    #[test]
    fn fences_close_as_they_were_opened() {
        for (text, expected) in [
            ("~~~python\na\n```\n~~~", "a\n```\n"),
            ("````\n```\n````", "```\n"),
            ("```\na\n`````", "a\n"),
            ("```\na\n```<|im_end|>", "a\n"),
            ("```\na\n```</answer>", "a\n"),
            ("$\\boxed{```python\na\n```}$", "a\n"),
            ("```python\na\n```This is it.", "a\n"),
            ("```python\na```", "a"),
            ("```python\na```</s>", "a"),
            ("```markdown\n```python\na\n```\n```", "a\n"),
        ] {
            assert_eq!(sources(text)[0], expected, "{text}");
        }
        assert_eq!(sources("```python\na\n```python\nb\n```"), ["b\n"]);
        assert!(sources("use ```print(1)``` here\nand ```x```").is_empty());
        assert!(sources("```python\na\n``").is_empty());
    }

    #[test]
    fn fences_in_strings_are_the_programs() {
        for program in [
            "def f():\n    '''x\n```\nf()\n```\n    '''\n",
            "s = \"\"\"```\n%s\n```\"\"\"\n",
            "def f():\n    \"\"\"\n```python\nf()\n```\n\"\"\"\n",
        ] {
            assert_eq!(
                sources(&format!("```python\n{program}```\nx")),
                [program],
                "{program}"
            );
        }
        // A string that is never closed hides no fence.
        assert_eq!(
            sources("```python\ns = '''\n```\nIt's:\n```python\nb\n```"),
            ["s = '''\n", "b\n"]
        );
    }
}
