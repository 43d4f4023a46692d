//! Whether a text without fences is code and nothing else. Strict: prose around it, or code that was cut off, is none.

use rlef_sandbox::Language;

use super::lexer::{Lexer, Piece, code_only, is_word};

/// Whether all of `text` can be source in this language.
pub(super) fn is_code(text: &str, language: Language) -> bool {
    let mut lexer = Lexer::new(language);
    let mut fenced = false;
    let mut prose = false;
    for line in text.lines() {
        let outside = lexer.depth() == 0 && !lexer.is_in_text();
        fenced |= lexer.line(line).is_some();
        if outside && lexer.depth() == 0 && !lexer.is_in_text() && language != Language::Python {
            prose |= !can_end_statement(line.trim());
        }
    }
    if fenced || prose || !lexer.is_balanced() || text.trim().is_empty() {
        return false;
    }
    language != Language::Python || python(text)
}

/// Whether a line outside of all brackets can be one of a language with braces.
fn can_end_statement(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "#",
        "@",
        "//",
        "/*",
        "*",
        "template",
        "package ",
        "import ",
        "var ",
        "let ",
        "const ",
        "type ",
        "func ",
        "namespace ",
    ];
    line.is_empty()
        || line.ends_with([';', '{', '}', ')', ',', '>', '\\'])
        || line.contains('=')
        || line.ends_with("*/")
        || STARTS.iter().any(|start| line.starts_with(start))
}

/// What the last token was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A line begins.
    Nothing,
    /// A name, number or closing bracket.
    Operand,
    /// A string.
    Text,
    /// What an operand follows.
    Operator,
    /// A comma or semicolon.
    Separator,
    /// A colon.
    Colon,
}

/// Words that join operands.
const JOINING: &[&str] = &[
    "and", "or", "not", "in", "is", "if", "else", "for", "lambda", "await", "yield", "from", "as",
    "async", "import",
];

/// Words that begin a statement.
const STATEMENTS: &[&str] = &[
    "def", "class", "return", "while", "with", "try", "raise", "del", "pass", "break", "continue",
    "global", "nonlocal", "assert", "except", "finally", "elif",
];

/// Words that begin a statement and are names elsewhere.
const SOFT: &[&str] = &["match", "case", "type"];

/// Words that stand alone.
const ALONE: &[&str] = &["pass", "break", "continue", "return", "raise", "yield"];

/// Words behind which a colon ends a line.
const HEADS: &[&str] = &[
    "def", "class", "while", "with", "try", "except", "finally", "elif", "if", "else", "for",
    "async", "match", "case",
];

/// Whether the lines of Python could be statements: no two operands beside each other, no sign that Python doesn't have.
/// Strings and comments were seen to be closed.
fn python(text: &str) -> bool {
    let code = marked(text);
    let mut depth = 0_usize;
    let mut line = Line::default();
    let mut any = false;
    let mut rest = code.as_str();
    while let Some(first) = rest.chars().next() {
        let mut step = first.len_utf8();
        match first {
            '\n' => {
                if depth == 0 {
                    if !line.can_end() {
                        return false;
                    }
                    any |= line.last != Last::Nothing;
                    line = Line::default();
                }
            }
            '\\' if rest[1..].starts_with('\n') => step = 2,
            _ if first.is_whitespace() => {}
            '"' => {
                if line.last == Last::Operand {
                    return false;
                }
                line.takes(Last::Text);
            }
            '(' | '[' | '{' => {
                depth += 1;
                line.takes(Last::Operator);
                line.is_rich = true;
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                line.takes(Last::Operand);
            }
            ',' | ';' | ':' => {
                if line.last == Last::Nothing && depth == 0 {
                    return false;
                }
                line.takes(if first == ':' {
                    Last::Colon
                } else {
                    Last::Separator
                });
            }
            '.' if rest.starts_with("...") => {
                step = 3;
                line.takes(Last::Operand);
            }
            '.' if line.last == Last::Nothing
                && depth == 0
                && !rest[1..].starts_with(|next: char| next.is_ascii_digit()) =>
            {
                return false;
            }
            '+' | '-' | '~' | '*' | '@' | '.' => line.takes(Last::Operator),
            '/' | '%' | '&' | '|' | '^' | '<' | '>' | '=' => {
                if line.last == Last::Nothing {
                    return false;
                }
                line.is_rich |= first == '=';
                line.takes(Last::Operator);
            }
            '!' if rest[1..].starts_with('=') => {
                step = 2;
                line.takes(Last::Operator);
            }
            _ if is_word(first) => {
                let end = rest
                    .find(|character: char| !is_word(character))
                    .unwrap_or(rest.len());
                let word = &rest[..end];
                // A number goes on behind its point.
                step = if first.is_ascii_digit() {
                    rest.find(|character: char| !is_word(character) && character != '.')
                        .unwrap_or(rest.len())
                } else {
                    end
                };
                // Letters in front of a string say what sort it is.
                let is_prefix = rest[end..].starts_with('"')
                    && word.len() <= 2
                    && word.chars().all(|letter| "rRbBuUfFtT".contains(letter));
                if !is_prefix && !line.word(word) {
                    return false;
                }
            }
            _ => return false,
        }
        rest = &rest[step..];
    }
    any && line.last == Last::Nothing
}

/// One logical line so far.
struct Line<'a> {
    first: &'a str,
    last: Last,
    /// Whether it has brackets or an assignment, as prose seldom does.
    is_rich: bool,
    last_word: &'a str,
}

impl Default for Line<'_> {
    fn default() -> Self {
        Self {
            first: "",
            last: Last::Nothing,
            is_rich: false,
            last_word: "",
        }
    }
}

impl<'a> Line<'a> {
    fn takes(&mut self, token: Last) {
        self.last = token;
        self.last_word = "";
    }

    /// Takes a word; whether it may stand here.
    fn word(&mut self, word: &'a str) -> bool {
        let begins = matches!(self.last, Last::Nothing | Last::Separator | Last::Colon);
        if self.last == Last::Nothing {
            self.first = word;
        }
        let was = self.last;
        let token = if JOINING.contains(&word) {
            Last::Operator
        } else if STATEMENTS.contains(&word) {
            // `async def`, `async with`.
            if !begins && self.last_word != "async" {
                return false;
            }
            Last::Operator
        } else if was == Last::Nothing && SOFT.contains(&word) {
            Last::Operator
        } else {
            if matches!(was, Last::Operand | Last::Text) {
                return false;
            }
            Last::Operand
        };
        self.takes(token);
        self.last_word = word;
        true
    }

    /// Whether a statement may end so.
    fn can_end(&self) -> bool {
        match self.last {
            Last::Nothing | Last::Operand | Last::Text => true,
            Last::Operator => {
                ALONE.contains(&self.last_word) || self.last_word.is_empty() && self.first == "from"
            }
            Last::Separator => self.is_rich,
            Last::Colon => HEADS.contains(&self.first),
        }
    }
}

/// Code with every string as one quotation mark and without comments.
fn marked(text: &str) -> String {
    let mut lexer = Lexer::new(Language::Python);
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        lexer.line_with(line, &mut |piece| match piece {
            Piece::Code(stretch) => code.push_str(stretch),
            Piece::Text => code.push('"'),
            Piece::Comment => {}
        });
        // The lines of a string are one.
        if !lexer.is_in_text() {
            code.push('\n');
        }
    }
    code
}

/// Whether the text is nothing but numbers, signs and strings, as what a program prints.
pub(super) fn is_data(text: &str, language: Language) -> bool {
    let code = code_only(text, language);
    !code.contains(|character: char| character.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_prose() {
        for code in [
            "print(1)",
            "a, b = map(int, input().split())\nprint(a + b)\n",
            "def f(x: int) -> int:\n    \"\"\"Twice.\n\n    It's so. See ```f```.\n    \"\"\"\n    return 2 * x  # it's\n",
            "    return x\n",
            "import sys\nfrom math import (\n    gcd,\n)\nx = 'a' 'b' f\"c\"\nfor i in range(3): print(i)\n",
            "@cache\nasync def f(*a, **k):\n    await g()\n    return\n",
            "match x:\n    case 1:\n        pass\n",
            "x = 1.5e3 if y else not z\nif x != 2 and \\\n   y: raise\n",
            "class A(B): pass\nx: int = 3\nprint(lambda: 3, x[1:2], {1: 2}, ...)\n",
            "# only\nx = 1 # a comment, with words",
            "try:\n    pass\nexcept E as e:\n    pass\nelse:\n    pass\n",
            "if (n := int(input())) > 0:\n    print(n)",
            "from . import x\nfrom .a import *\n",
        ] {
            assert!(is_code(code, Language::Python), "{code}");
        }
        for prose in [
            "Quick try.\nprint(1)",
            "Here it is:\nprint(1)",
            "Done.",
            "I can't",
            "print(1)\n```",
            "f(",
            "Sure!",
            "x = 'cut",
            "Code:",
            "print \"x\"",
            "<think>\nx\n</think>",
            "This multiplies the number",
            "1. a = 2",
            "`x`",
            "\u{2014}",
            "return value of x",
            "print(1)\nThat was it",
            "please return x",
            "",
        ] {
            assert!(!is_code(prose, Language::Python), "{prose}");
        }
        let cpp = "#include <iostream>\nusing namespace std;\n\nint main() {\n    int a;\n    cin >> a;\n}\n";
        assert!(is_code(cpp, Language::Cpp));
        assert!(!is_code(&format!("Here you go\n{cpp}"), Language::Cpp));
        assert!(!is_code("int main() {", Language::Cpp));
    }

    #[test]
    fn data_is_no_code() {
        assert!(is_data("3\n-4 [5, 'a']\n", Language::Python));
        assert!(!is_data("x = 3", Language::Python));
    }
}
