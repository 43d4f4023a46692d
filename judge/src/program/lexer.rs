//! Lines of source → whether they stand in code, in a string or in a comment. Knows just enough of each language to
//! follow what spans lines, which is what tells a line of backticks in a docstring from the end of a block.

use rlef_sandbox::Language;

mod literals;

pub(crate) use literals::literals;

/// What the next character belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Code,
    /// A string that ends with these characters; a backslash escapes.
    Text(&'static str),
    /// A raw string that ends with these characters; nothing escapes.
    Raw(String),
    /// A block comment, nested this deep.
    Comment(usize),
}

/// Follows a source line by line.
#[derive(Clone, Debug)]
pub(super) struct Lexer {
    language: Language,
    state: State,
    depth: i64,
    broken: bool,
}

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Code as it stands.
    Code(&'a str),
    /// A string begins.
    Text,
    /// A comment begins.
    Comment,
}

/// The run of backticks that no language has in its code.
const BACKTICKS: &str = "```";

impl Lexer {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            state: State::Code,
            depth: 0,
            broken: false,
        }
    }

    /// Whether the next line starts in a string or comment that may hold a fence. Strings between single backticks can't.
    pub(super) fn is_in_text(&self) -> bool {
        match &self.state {
            State::Code => false,
            State::Text(end) => *end != "`",
            State::Raw(end) => end != "`",
            State::Comment(_) => true,
        }
    }

    /// Whether all strings, comments and brackets are closed and none was broken off.
    pub(super) fn is_balanced(&self) -> bool {
        self.state == State::Code && self.depth == 0 && !self.broken
    }

    /// Brackets that are open; negative where more were closed than opened.
    pub(super) fn depth(&self) -> i64 {
        self.depth
    }

    /// Takes a line, hands its parts to `piece`, and gives the byte at which three backticks stand in code, if they do.
    pub(super) fn line_with(
        &mut self,
        line: &str,
        piece: &mut dyn FnMut(Piece<'_>),
    ) -> Option<usize> {
        let mut fence = None;
        let (mut at, mut start) = (0, 0);
        while at < line.len() {
            let rest = &line[at..];
            if self.state != State::Code {
                at += self.text(rest);
                start = at;
                continue;
            }
            if fence.is_none() && rest.starts_with(BACKTICKS) && !self.quotes_with_backticks() {
                fence = Some(at);
            }
            let (step, begins) = self.code(line, at);
            if let Some(begins) = begins {
                piece(Piece::Code(&line[start..at]));
                piece(begins);
                start = at + step;
            }
            at += step;
        }
        if self.state == State::Code && start < line.len() {
            piece(Piece::Code(&line[start..]));
        }
        self.end_line(line);
        fence
    }

    /// The same for who wants no code.
    pub(super) fn line(&mut self, line: &str) -> Option<usize> {
        self.line_with(line, &mut |_| {})
    }

    fn quotes_with_backticks(&self) -> bool {
        matches!(
            self.language,
            Language::JavaScript | Language::TypeScript | Language::Go
        )
    }

    /// One step in code: bytes taken, and what begins with them that is no code.
    fn code(&mut self, line: &str, at: usize) -> (usize, Option<Piece<'static>>) {
        let rest = &line[at..];
        let first = rest.chars().next().unwrap_or(' ');
        let before = line[..at].chars().next_back().unwrap_or(' ');
        match first {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => {
                self.depth -= 1;
                self.broken |= self.depth < 0;
            }
            '#' if self.has_hash_comments(before) => return (rest.len(), Some(Piece::Comment)),
            '"' | '\'' | '`' => return self.quote(rest, first, line, at),
            ';' if self.language == Language::Wasm && rest.starts_with(";;") => {
                return (rest.len(), Some(Piece::Comment));
            }
            '-' if self.language == Language::Haskell && rest.starts_with("--") => {
                return (rest.len(), Some(Piece::Comment));
            }
            '/' if self.is_like_c() && rest.starts_with("//") => {
                return (rest.len(), Some(Piece::Comment));
            }
            '/' if self.is_like_c() && rest.starts_with("/*") => {
                self.state = State::Comment(1);
                return (2, Some(Piece::Comment));
            }
            'r' if self.language == Language::Rust && !is_word(before) => {
                let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
                if rest[1 + hashes..].starts_with('"') {
                    self.state = State::Raw(format!("\"{}", "#".repeat(hashes)));
                    return (2 + hashes, Some(Piece::Text));
                }
            }
            _ => {}
        }
        (first.len_utf8(), None)
    }

    /// Whether a number sign begins a comment, given what stands in front of it.
    fn has_hash_comments(&self, before: char) -> bool {
        match self.language {
            Language::Python => true,
            // In these it also counts, and stands for what is matched.
            Language::Ruby | Language::Perl | Language::Bash | Language::Php => {
                before.is_whitespace()
            }
            _ => false,
        }
    }

    fn is_like_c(&self) -> bool {
        !matches!(
            self.language,
            Language::Python
                | Language::Wasm
                | Language::Ruby
                | Language::Lua
                | Language::Perl
                | Language::Bash
                | Language::Haskell
        )
    }

    /// A quote in code.
    fn quote(
        &mut self,
        rest: &str,
        quote: char,
        line: &str,
        at: usize,
    ) -> (usize, Option<Piece<'static>>) {
        let before = line[..at].chars().next_back().unwrap_or(' ');
        match (self.language, quote) {
            (
                Language::Python
                | Language::Java
                | Language::Kotlin
                | Language::Scala
                | Language::CSharp,
                '"',
            ) if rest.starts_with("\"\"\"") => self.text_until("\"\"\"", 3),
            (Language::Python, '\'') if rest.starts_with("'''") => self.text_until("'''", 3),
            (Language::Cpp, '"') if before == 'R' => match rest[1..].find('(') {
                Some(length) if length <= 16 => {
                    self.state = State::Raw(format!("){}\"", &rest[1..=length]));
                    (2 + length, Some(Piece::Text))
                }
                _ => self.text_until("\"", 1),
            },
            (Language::Go, '`') => {
                self.state = State::Raw("`".to_owned());
                (1, Some(Piece::Text))
            }
            (Language::JavaScript, '`') => self.text_until("`", 1),
            (Language::Python | Language::JavaScript, '\'') => self.text_until("'", 1),
            (_, '"') => self.text_until("\"", 1),
            // A digit separator.
            (Language::C | Language::Cpp, '\'') if before.is_ascii_hexdigit() => (1, None),
            (_, '\'') if self.is_like_c() => character(rest),
            // Else it is part of a name.
            (Language::Haskell, '\'') if !is_word(before) => character(rest),
            _ => (1, None),
        }
    }

    fn text_until(&mut self, end: &'static str, step: usize) -> (usize, Option<Piece<'static>>) {
        self.state = State::Text(end);
        (step, Some(Piece::Text))
    }

    /// One step in a string or comment: bytes taken.
    fn text(&mut self, rest: &str) -> usize {
        let first = rest.chars().next().map_or(1, char::len_utf8);
        match &mut self.state {
            State::Text(end) => {
                if let Some(after) = rest.strip_prefix('\\') {
                    return 1 + after.chars().next().map_or(0, char::len_utf8);
                }
                if rest.starts_with(*end) {
                    let step = end.len();
                    self.state = State::Code;
                    return step;
                }
            }
            State::Raw(end) => {
                if rest.starts_with(end.as_str()) {
                    let step = end.len();
                    self.state = State::Code;
                    return step;
                }
            }
            State::Comment(depth) => {
                if rest.starts_with("*/") {
                    *depth -= 1;
                    if *depth == 0 {
                        self.state = State::Code;
                    }
                    return 2;
                }
                if rest.starts_with("/*") && self.language == Language::Rust {
                    *depth += 1;
                    return 2;
                }
            }
            State::Code => {}
        }
        first
    }

    /// A string between single quotes ends with its line, unless a backslash joins the next.
    fn end_line(&mut self, line: &str) {
        let many_lines = self.language == Language::Rust;
        if let State::Text("\"" | "'") = self.state
            && !many_lines
        {
            let slashes = line.len() - line.trim_end_matches('\\').len();
            if slashes.is_multiple_of(2) {
                self.broken = true;
                self.state = State::Code;
            }
        }
    }
}

/// `'x'`, `'\n'`, or a lifetime of Rust: bytes taken.
fn character(rest: &str) -> (usize, Option<Piece<'static>>) {
    let inner = &rest[1..];
    let mut characters = inner.char_indices();
    let close = match characters.next() {
        Some((_, '\\')) => {
            characters.next();
            inner
                .get(2..)
                .and_then(|more| more.find('\''))
                .map(|at| at + 2)
        }
        Some(_) => characters
            .next()
            .filter(|&(_, last)| last == '\'')
            .map(|(at, _)| at),
        None => None,
    };
    close.map_or((1, None), |at| (at + 2, Some(Piece::Text)))
}

/// Whether a character belongs to a name.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The source without what its strings and comments hold, its lines kept.
pub(crate) fn code_only(source: &str, language: Language) -> String {
    let mut lexer = Lexer::new(language);
    let mut code = String::with_capacity(source.len());
    for line in source.lines() {
        if lexer.is_in_text() {
            // What stands behind a string that ends here is no start of a line.
            code.push('"');
        }
        lexer.line_with(line, &mut |piece| match piece {
            Piece::Code(stretch) => code.push_str(stretch),
            // Two words around a string stay two words.
            Piece::Text | Piece::Comment => code.push(' '),
        });
        code.push('\n');
    }
    code
}

/// Whether a source calls this name as a function, rather than as a method.
pub(super) fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        code[at + name.len()..].starts_with('(')
            && !before.is_some_and(|letter| is_word(letter) || letter == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_text(language: Language, source: &str) -> Vec<bool> {
        let mut lexer = Lexer::new(language);
        source
            .lines()
            .map(|line| {
                let inside = lexer.is_in_text();
                lexer.line(line);
                inside
            })
            .collect()
    }

    #[test]
    fn only_what_spans_lines_holds_a_fence() {
        let python = "s = '''a\n```\n''' # it's\nd = \"don't\"\nx = 'cut\ny = r'\\''\n";
        assert_eq!(
            in_text(Language::Python, python),
            [false, true, true, false, false, false]
        );
        let cpp = "/* a\n```\n*/ auto s = R\"x(\n```\n)x\"; int n = 1'000; char c = '\"';\nint y;";
        assert_eq!(
            in_text(Language::Cpp, cpp),
            [false, true, true, true, true, false]
        );
        let rust = "fn f<'a>(s: &'a str) { let c = '\\''; let r = r#\"\n```\n\"#;\n}";
        assert_eq!(in_text(Language::Rust, rust), [false, true, true, false]);
        let js = "const s = `\nx\n`;";
        assert_eq!(in_text(Language::JavaScript, js), [false, false, false]);
    }

    #[test]
    fn balance_and_backticks_in_code() {
        let balanced = |source: &str| {
            let mut lexer = Lexer::new(Language::Python);
            let places: Vec<_> = source.lines().filter_map(|line| lexer.line(line)).collect();
            (lexer.is_balanced(), places)
        };
        assert_eq!(balanced("f(')', \"(\")\n# (\n"), (true, vec![]));
        assert_eq!(balanced("f(\n"), (false, vec![]));
        assert_eq!(balanced("print(1)```\ns = '```'\n# ```"), (true, vec![8]));
    }

    #[test]
    fn code_without_strings() {
        let source = "a = 'input(' + b  # print\n'''\nprint\n''' + c\n";
        assert_eq!(
            code_only(source, Language::Python),
            "a =   + b   \n \n\"\n\" + c\n"
        );
    }
}
