//! Declaration of a function → its parameters and what it returns, as far as its text says. Pure.

use rlef_sandbox::Language;

use super::mask::{closing, depth, mask, words};

/// The function that tests call, as the text before a program declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Where the line of its head starts.
    pub(super) start: usize,
    /// Names of its parameters.
    pub(super) parameters: Vec<String>,
    /// What it returns, as it is written; empty where it returns nothing or nobody says.
    pub(super) result: String,
    /// Its head, up to the brace.
    pub(super) head: String,
    /// Whether the text ends inside its body.
    pub(super) open: bool,
    /// Braces that the text leaves open.
    pub(super) depth: usize,
}

/// The last declaration of `name` in a text.
pub(super) fn find(text: &str, name: &str, language: Language) -> Option<Signature> {
    let masked = mask(text, language);
    let places: Vec<usize> = words(&masked, name).collect();
    places.into_iter().rev().find_map(|at| {
        let after = at + name.len();
        let list = parameters_at(&masked, after, language)?;
        if !declares(&masked, at, after, language) {
            return None;
        }
        let end = closing(&masked, list)?;
        let brace = end + masked[end..].find('{')?;
        let between = text.get(end + 1..brace)?;
        // A call ends its statement before the next brace.
        if masked[end..brace].contains(';') {
            return None;
        }
        let start = masked[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let result = match language {
            Language::Java => java_result(&text[start..at]),
            Language::Rust => between.trim().trim_start_matches("->").trim().to_owned(),
            Language::Go => between.trim().to_owned(),
            _ => String::new(),
        };
        Some(Signature {
            start,
            parameters: split(&text[list + 1..end])
                .into_iter()
                .filter_map(|part| parameter(part, language))
                .collect(),
            result,
            head: text[start..=brace].to_owned(),
            open: closing(&masked, brace).is_none(),
            depth: usize::try_from(depth(&masked)).unwrap_or(0),
        })
    })
}

/// Where the list of parameters opens, if one follows.
fn parameters_at(masked: &str, after: usize, language: Language) -> Option<usize> {
    let mut at = after;
    let skip = |at: usize| {
        let rest = &masked[at..];
        at + (rest.len() - rest.trim_start().len())
    };
    at = skip(at);
    match language {
        Language::JavaScript
            if masked[at..].starts_with('=') && !masked[at..].starts_with("==") =>
        {
            at = skip(at + 1);
            for word in ["async", "function"] {
                if masked[at..].starts_with(word) {
                    at = skip(at + word.len());
                }
            }
        }
        Language::Rust if masked[at..].starts_with('<') => {
            let mut open = 0_i64;
            let end = masked[at..].bytes().position(|byte| {
                open += i64::from(byte == b'<') - i64::from(byte == b'>');
                open == 0
            })?;
            at = skip(at + end + 1);
        }
        _ => {}
    }
    masked[at..].starts_with('(').then_some(at)
}

/// Whether the word at `at` is declared there and not called.
fn declares(masked: &str, at: usize, after: usize, language: Language) -> bool {
    let before = masked[..at].trim_end();
    match language {
        Language::Go => before.ends_with("func"),
        Language::Rust => before.ends_with("fn"),
        Language::JavaScript => {
            before.ends_with("function")
                || before.ends_with('*')
                || masked[after..].trim_start().starts_with('=')
        }
        _ => {
            let is_type = |letter: char| letter.is_alphanumeric() || "_>]".contains(letter);
            before.ends_with(is_type)
                && !["return", "new", "throw", "else", "assert"]
                    .iter()
                    .any(|word| before.ends_with(word))
                && closing(masked, after + masked[after..].find('(').unwrap_or(0)).is_some_and(
                    |end| {
                        let rest = masked[end + 1..].trim_start();
                        rest.starts_with('{') || rest.starts_with("throws ")
                    },
                )
        }
    }
}

/// Whether a text defines `name`.
pub(super) fn defines(text: &str, name: &str, language: Language) -> bool {
    let masked = mask(text, language);
    words(&masked, name).any(|at| {
        let after = at + name.len();
        match language {
            // A value may be a function, too.
            Language::JavaScript => {
                let rest = masked[after..].trim_start();
                let before = masked[..at].trim_end();
                let assigned =
                    rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>");
                before.ends_with("function")
                    || before.ends_with("function*")
                    || assigned
                        && ["const", "let", "var"]
                            .iter()
                            .any(|word| before.ends_with(word))
            }
            _ => {
                parameters_at(&masked, after, language).is_some()
                    && declares(&masked, at, after, language)
            }
        }
    })
}

fn java_result(before: &str) -> String {
    const MODIFIERS: [&str; 7] = [
        "public",
        "private",
        "protected",
        "static",
        "final",
        "synchronized",
        "abstract",
    ];
    let mut rest = before.trim();
    while let Some(word) = MODIFIERS.iter().find(|word| {
        rest.strip_prefix(**word)
            .is_some_and(|after| after.starts_with(char::is_whitespace))
    }) {
        rest = rest[word.len()..].trim_start();
    }
    rest.to_owned()
}

/// The parts between commas that stand in no bracket.
pub(super) fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0_i64, 0);
    let mut parts = Vec::new();
    let mut previous = ' ';
    for (at, letter) in list.char_indices() {
        match letter {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if "-=".contains(previous) => {}
            ')' | ']' | '}' | '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        previous = letter;
    }
    parts.push(&list[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The name of a parameter.
fn parameter(part: &str, language: Language) -> Option<String> {
    let part = part.trim();
    let name = match language {
        Language::Rust => part.split(':').next()?.trim().trim_start_matches("mut "),
        Language::Go => part.split_whitespace().next()?,
        Language::Java => part
            .rsplit(|letter: char| !(letter.is_alphanumeric() || "_$".contains(letter)))
            .next()?,
        _ => part.split(['=', ':']).next()?.trim(),
    };
    (!name.is_empty()).then(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(language: Language, text: &str) -> (Vec<String>, String, bool, usize) {
        let found = find(text, "f", language).unwrap();
        (found.parameters, found.result, found.open, found.depth)
    }

    #[test]
    fn heads_of_every_language_are_read() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            read(
                Language::JavaScript,
                "// f(1)\nconst f = (xs, k = 2) => {\n"
            ),
            (names(&["xs", "k"]), String::new(), true, 1)
        );
        assert_eq!(
            read(Language::JavaScript, "function f(xs, ...more){\n"),
            (names(&["xs", "...more"]), String::new(), true, 1)
        );
        assert_eq!(
            read(
                Language::Java,
                "import java.util.*;\nclass Solution {\n    public Map<String, List<Integer>> f(List<Map<String, Integer>> xs, int k) {\n"
            ),
            (
                names(&["xs", "k"]),
                "Map<String, List<Integer>>".to_owned(),
                true,
                2
            )
        );
        assert_eq!(
            read(
                Language::Go,
                "\nfunc g(x int) int {\n    return x\n}\n\nfunc f(a, b int, xs [][2]string) (int, error) {\n"
            ),
            (names(&["a", "b", "xs"]), "(int, error)".to_owned(), true, 1)
        );
        assert_eq!(
            read(
                Language::Rust,
                "fn f<T: Ord>(mut xs:Vec<(T, i32)>, k: &str) -> Option<Vec<T>>{\n"
            ),
            (names(&["xs", "k"]), "Option<Vec<T>>".to_owned(), true, 1)
        );
        assert!(
            !find("fn f() -> i32 { 1 }", "f", Language::Rust)
                .unwrap()
                .open
        );
    }

    #[test]
    fn a_call_is_no_declaration() {
        for (language, text) in [
            (Language::Java, "class A { void g() { return f(1); } }"),
            (Language::Go, "func g() { f(1); if x { } }"),
            (Language::JavaScript, "console.log(f(1)); if (x) {}"),
            (Language::Rust, "fn main() { f(1); }"),
        ] {
            assert!(!defines(text, "f", language), "{text}");
            assert_eq!(find(text, "f", language), None, "{text}");
        }
        for (language, text) in [
            (Language::Java, "public int f(int x) throws E {\n}"),
            (Language::Go, "func f(x int) int {\n}"),
            (Language::JavaScript, "let f = function (x) {}"),
            (Language::JavaScript, "const f = x => x"),
            (Language::Rust, "pub fn f<T>(x: T) {}"),
        ] {
            assert!(defines(text, "f", language), "{text}");
        }
    }
}
