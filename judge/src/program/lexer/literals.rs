//! The strings and numbers of a source, as its program holds them.

use rlef_sandbox::Language;

use super::{Lexer, Piece, State, is_word};

/// A string or number of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// What it holds.
    pub(crate) text: String,
    /// Whether it is a string in which braces hold code.
    pub(crate) is_formatted: bool,
}

/// All of them in their order. A string that is a statement of its own says something to people and is none of them.
pub(crate) fn literals(source: &str, language: Language) -> Vec<Literal> {
    let mut lexer = Lexer::new(language);
    let mut found = Found {
        language,
        all: Vec::new(),
        open: None,
    };
    for line in source.lines() {
        found.line(&mut lexer, line);
        lexer.end_line(line);
        if lexer.state == State::Code {
            found.close();
        } else if let Some((text, ..)) = &mut found.open {
            text.push('\n');
        }
    }
    found.close();
    found.all
}

struct Found {
    language: Language,
    all: Vec<Literal>,
    /// A string that has begun: what it holds so far, and whether it is formatted and to be kept.
    open: Option<(String, bool, bool)>,
}

impl Found {
    fn line(&mut self, lexer: &mut Lexer, line: &str) {
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            if lexer.state != State::Code {
                let step = lexer.text(rest);
                if lexer.state == State::Code {
                    self.close();
                } else if let Some((text, ..)) = &mut self.open {
                    text.push_str(&meant(&rest[..step]));
                }
                at += step;
                continue;
            }
            let depth = lexer.depth;
            let (step, begins) = lexer.code(line, at);
            if begins == Some(Piece::Text) {
                let before = &line[..at];
                let prefix = before.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
                let is_statement =
                    self.language == Language::Python && depth == 0 && prefix.trim().is_empty();
                let is_formatted =
                    before[prefix.len()..].contains(['f', 'F']) || rest.starts_with('`');
                self.open = Some((String::new(), is_formatted, !is_statement));
                if lexer.state == State::Code {
                    // A single character.
                    let inner = rest[..step].trim_matches('\'');
                    self.open = Some((meant(inner), false, true));
                    self.close();
                }
                at += step;
                continue;
            }
            let starts_number = rest.starts_with(|letter: char| letter.is_ascii_digit())
                && !line[..at].ends_with(is_word);
            if starts_number && begins.is_none() {
                let is_inner =
                    |letter: char| letter.is_ascii_alphanumeric() || "._".contains(letter);
                let end = rest.find(|letter| !is_inner(letter)).unwrap_or(rest.len());
                self.all.push(Literal {
                    text: rest[..end].replace('_', ""),
                    is_formatted: false,
                });
                at += end;
                continue;
            }
            at += step;
        }
    }

    fn close(&mut self) {
        if let Some((text, is_formatted, true)) = self.open.take() {
            self.all.push(Literal { text, is_formatted });
        }
    }
}

/// A stretch of a string as it is meant: the common escapes are what they stand for.
fn meant(stretch: &str) -> String {
    match stretch {
        "\\n" => "\n".to_owned(),
        "\\t" => "\t".to_owned(),
        _ => stretch.strip_prefix('\\').unwrap_or(stretch).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str, language: Language) -> Vec<String> {
        let all = literals(source, language).into_iter();
        all.map(|literal| literal.text).collect()
    }

    #[test]
    fn strings_and_numbers_are_what_they_mean() {
        let source = "'''12 docs'''\nx1 = [1_000, -2.5]  # 7 'no'\ns = \"a\\n\\\"b\\\"\"\nt = '''two\nlines'''\nd = {\n  '5': 6,\n}\nu = f'{x} y'\n";
        let found = texts(source, Language::Python);
        assert_eq!(
            found,
            ["1000", "2.5", "a\n\"b\"", "two\nlines", "5", "6", "{x} y"]
        );
        let formatted: Vec<bool> = literals(source, Language::Python)
            .iter()
            .map(|literal| literal.is_formatted)
            .collect();
        assert_eq!(formatted, [false, false, false, false, false, false, true]);
    }

    #[test]
    fn other_languages_have_theirs() {
        let cpp = "char c = 'x'; /* 3 */ auto s = R\"(a\nb)\"; int n = 12; // 4\nputs(\"5 6\");";
        assert_eq!(texts(cpp, Language::Cpp), ["x", "a\nb", "12", "5 6"]);
        let rust = "fn f<'a>(s: &'a str) -> u8 { g(\"1\", 0x1F) }";
        assert_eq!(texts(rust, Language::Rust), ["1", "0x1F"]);
    }
}
