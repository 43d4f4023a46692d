//! A program's text → its lines with comments, strings, numbers and keywords marked. Knows each language by a few words and marks
//! alone: it colours, and decides nothing.

use std::fmt::Write as _;

use rlef_sandbox::Language;

use super::visible::escaped;

/// How a language is written.
struct Manner {
    /// Begins a comment that ends with its line.
    comment: &'static str,
    /// Begin and end comments of several lines.
    block: Option<(&'static str, &'static str)>,
    /// Marks of strings; the longer before the shorter.
    quotes: &'static [&'static str],
    /// Words that are the language's own.
    words: &'static [&'static str],
}

const PYTHON: Manner = Manner {
    comment: "#",
    block: None,
    quotes: &["\"\"\"", "'''", "\"", "'"],
    words: &[
        "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "False", "finally", "for", "from", "global", "if", "import",
        "in", "is", "lambda", "None", "nonlocal", "not", "or", "pass", "raise", "return", "True",
        "try", "while", "with", "yield", "match", "case",
    ],
};

/// Languages with braces; words of any of them.
const BRACES: Manner = Manner {
    comment: "//",
    block: Some(("/*", "*/")),
    quotes: &["`", "\"", "'"],
    words: &[
        "abstract",
        "as",
        "async",
        "auto",
        "await",
        "bool",
        "boolean",
        "break",
        "case",
        "catch",
        "char",
        "class",
        "const",
        "constexpr",
        "continue",
        "default",
        "delete",
        "do",
        "double",
        "else",
        "enum",
        "export",
        "extends",
        "false",
        "final",
        "finally",
        "float",
        "fn",
        "for",
        "foreach",
        "func",
        "function",
        "go",
        "if",
        "impl",
        "implements",
        "import",
        "in",
        "include",
        "int",
        "interface",
        "internal",
        "let",
        "long",
        "loop",
        "match",
        "mod",
        "mut",
        "namespace",
        "new",
        "nil",
        "null",
        "nullptr",
        "package",
        "private",
        "protected",
        "pub",
        "public",
        "range",
        "return",
        "self",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "super",
        "switch",
        "template",
        "this",
        "throw",
        "throws",
        "true",
        "try",
        "type",
        "typedef",
        "typename",
        "unsigned",
        "use",
        "using",
        "val",
        "var",
        "virtual",
        "void",
        "where",
        "while",
    ],
};

/// Scripts whose comments begin as Python's do.
const SCRIPTS: Manner = Manner {
    comment: "#",
    block: None,
    quotes: &["\"", "'"],
    words: &[
        "and", "begin", "break", "case", "class", "def", "do", "done", "echo", "else", "elsif",
        "elif", "end", "ensure", "esac", "false", "fi", "for", "foreach", "function", "if", "in",
        "last", "local", "module", "my", "next", "nil", "not", "or", "our", "print", "puts",
        "require", "rescue", "return", "self", "sub", "then", "true", "unless", "until", "use",
        "when", "while", "yield",
    ],
};

fn manner(language: Language) -> &'static Manner {
    match language.name() {
        "python" | "pypy" => &PYTHON,
        "ruby" | "bash" | "perl" | "r" | "julia" => &SCRIPTS,
        _ => &BRACES,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Comment,
    Text,
    Number,
    Word,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Comment => "hc",
            Self::Text => "hs",
            Self::Number => "hn",
            Self::Word => "hk",
        }
    }
}

/// The lines of a program, each as a piece of a page in which nothing of the program acts.
pub(super) fn lines(language: Language, source: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (class, text) in pieces(manner(language), source) {
        for (number, part) in text.split('\n').enumerate() {
            if number > 0 {
                lines.push(String::new());
            }
            let Some(line) = lines.last_mut().filter(|_| !part.is_empty()) else {
                continue;
            };
            if class == Class::Plain {
                line.push_str(&escaped(part));
            } else {
                // Writing to a String can't fail.
                let _ = write!(
                    line,
                    "<span class=\"{}\">{}</span>",
                    class.name(),
                    escaped(part)
                );
            }
        }
    }
    if source.ends_with('\n') {
        lines.pop();
    }
    lines
}

/// The parts of a text, one behind the other.
fn pieces<'a>(manner: &Manner, source: &'a str) -> Vec<(Class, &'a str)> {
    let mut pieces: Vec<(Class, &str)> = Vec::new();
    let (mut at, mut plain) = (0, 0);
    while let Some(letter) = source[at..].chars().next() {
        let rest = &source[at..];
        let (class, length) = piece(manner, rest, letter);
        if class != Class::Plain {
            if plain < at {
                pieces.push((Class::Plain, &source[plain..at]));
            }
            pieces.push((class, &rest[..length]));
            plain = at + length;
        }
        at += length;
    }
    if plain < source.len() {
        pieces.push((Class::Plain, &source[plain..]));
    }
    pieces
}

/// What begins here, and its bytes.
fn piece(manner: &Manner, rest: &str, letter: char) -> (Class, usize) {
    let to_line_end = || rest.find('\n').unwrap_or(rest.len());
    if rest.starts_with(manner.comment) {
        return (Class::Comment, to_line_end());
    }
    if let Some((start, end)) = manner.block
        && let Some(inner) = rest.strip_prefix(start)
    {
        let length = inner
            .find(end)
            .map_or(rest.len(), |found| start.len() + found + end.len());
        return (Class::Comment, length);
    }
    if let Some(quote) = manner.quotes.iter().find(|quote| rest.starts_with(**quote)) {
        return (Class::Text, text(rest, quote));
    }
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    if letter.is_ascii_digit() {
        let length = rest
            .find(|letter: char| !is_name(letter) && letter != '.')
            .unwrap_or(rest.len());
        return (Class::Number, length);
    }
    if is_name(letter) {
        let length = rest
            .find(|letter: char| !is_name(letter))
            .unwrap_or(rest.len());
        let is_own = manner.words.contains(&&rest[..length]);
        return (if is_own { Class::Word } else { Class::Plain }, length);
    }
    (Class::Plain, letter.len_utf8())
}

/// The bytes of a string that begins here: to its mark, or to the end of its line where only longer marks pass that.
fn text(rest: &str, quote: &str) -> usize {
    let passes_lines = quote.len() > 1 || quote == "`";
    let mut skip = false;
    for (at, letter) in rest.char_indices().skip(quote.chars().count()) {
        if skip {
            skip = false;
        } else if letter == '\\' {
            skip = true;
        } else if rest[at..].starts_with(quote) {
            return at + quote.len();
        } else if letter == '\n' && !passes_lines {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_marked_line_by_line() {
        let found = lines(
            Language::Python,
            "def f(x1):  # <b>\n    return \"a\\\"\" + '''b\nc'''\n",
        );
        assert_eq!(
            found,
            [
                "<span class=\"hk\">def</span> f(x1):  <span class=\"hc\"># &lt;b&gt;</span>",
                "    <span class=\"hk\">return</span> <span class=\"hs\">&quot;a\\&quot;&quot;</span> + <span class=\"hs\">&#39;&#39;&#39;b</span>",
                "<span class=\"hs\">c&#39;&#39;&#39;</span>"
            ]
        );
        let found = lines(Language::Cpp, "int a = 10; /* x\ny */ // z");
        assert_eq!(
            found,
            [
                "<span class=\"hk\">int</span> a = <span class=\"hn\">10</span>; <span class=\"hc\">/* x</span>",
                "<span class=\"hc\">y */</span> <span class=\"hc\">// z</span>"
            ]
        );
    }

    #[test]
    fn nothing_is_lost_whatever_a_text_holds() {
        for text in [
            "'",
            "\"\\",
            "\"\"\"",
            "/*",
            "é\u{202e}'\n'",
            "1é",
            "`\n",
            "#",
            "\n\n",
            "",
        ] {
            for language in Language::ALL {
                let joined: String = pieces(manner(language), text)
                    .iter()
                    .map(|piece| piece.1)
                    .collect();
                assert_eq!(joined, text, "{language:?}");
                assert_eq!(
                    lines(language, text).len(),
                    text.lines().count().max(1),
                    "{text:?}"
                );
            }
        }
    }
}
