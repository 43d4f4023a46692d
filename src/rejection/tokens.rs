//! A program's source → its tokens without comments and white space, and with its own names by the order in which it binds
//! them: two sources that give the same say the same in other words. What a name stands for outside is kept.

use std::collections::HashMap;

use rlef_sandbox::Language;

/// The tokens of a source.
pub fn normalised(source: &str, language: Language) -> Vec<String> {
    let words = words(source, language);
    let own = bound(&words);
    let named = words.into_iter().map(|word| match own.get(&word) {
        Some(number) => format!("name {number}"),
        None => word,
    });
    named.collect()
}

/// Whether a word is a name, and no number.
fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Names that the program binds, by the order in which it does: those before a single `=`, and those after a word that
/// introduces one.
fn bound(words: &[String]) -> HashMap<String, usize> {
    let mut own = HashMap::new();
    let at = |place: usize| words.get(place).map_or("", String::as_str);
    for (place, word) in words.iter().enumerate().filter(|(_, word)| is_name(word)) {
        let before = place.checked_sub(1).map_or("", at);
        // `f(key=x)` names what f knows, as `a.b = x` does.
        let is_within = ["(", ",", "."].contains(&before);
        let is_set = at(place + 1) == "=" && !is_within;
        if is_set || ["for", "let", "as"].contains(&before) {
            let number = own.len();
            own.entry(word.clone()).or_insert(number);
        }
    }
    own
}

/// Words of a source: names and numbers, texts whole, signs, and in Python how deep a line is indented.
fn words(source: &str, language: Language) -> Vec<String> {
    let is_python = language == Language::Python;
    let mut words = Vec::new();
    let mut depths = vec![0];
    let mut rest = source;
    let mut at_start = true;
    while let Some(letter) = rest.chars().next() {
        if letter == '\n' {
            at_start = true;
            rest = &rest[1..];
            continue;
        }
        if letter.is_whitespace() && !at_start {
            rest = &rest[letter.len_utf8()..];
            continue;
        }
        if at_start {
            let line = rest.trim_start_matches([' ', '\t', '\r']);
            let depth = rest.len() - line.len();
            rest = line;
            at_start = false;
            let is_blank = line.is_empty() || line.starts_with(['\n', '#']);
            if is_python && !is_blank {
                while depths.last().is_some_and(|last| *last > depth) {
                    depths.pop();
                }
                if depths.last().is_some_and(|last| *last < depth) {
                    depths.push(depth);
                }
                words.push(format!("line {}", depths.len()));
            }
            continue;
        }
        let length = length(rest, is_python);
        let (word, after) = rest.split_at(length);
        let is_comment = if is_python {
            word.starts_with('#')
        } else {
            word.starts_with("//") || word.starts_with("/*")
        };
        if !is_comment {
            words.push(word.to_owned());
        }
        rest = after;
    }
    words
}

/// Bytes of the word that a text begins with.
fn length(text: &str, is_python: bool) -> usize {
    let until = |end: &str, from: usize| {
        let found = text[from..].find(end);
        found.map_or(text.len(), |place| from + place + end.len())
    };
    let to_line = text.find('\n').unwrap_or(text.len());
    if is_python && text.starts_with('#') || !is_python && text.starts_with("//") {
        return to_line;
    }
    if !is_python && text.starts_with("/*") {
        return until("*/", 2);
    }
    for triple in ["\"\"\"", "'''"] {
        if is_python && text.starts_with(triple) {
            return until(triple, 3);
        }
    }
    let first = text.chars().next().unwrap_or_default();
    if first == '"' || first == '\'' {
        let mut escaped = false;
        for (place, letter) in text.char_indices().skip(1) {
            if letter == first && !escaped {
                return place + letter.len_utf8();
            }
            escaped = letter == '\\' && !escaped;
        }
        return text.len();
    }
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    if in_word(first) {
        return text.find(|letter| !in_word(letter)).unwrap_or(text.len());
    }
    for sign in [
        "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "//", "**", "->", ":=", "&&", "||", "<<",
        ">>",
    ] {
        if text.starts_with(sign) {
            return sign.len();
        }
    }
    first.len_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str, language: Language) -> bool {
        normalised(one, language) == normalised(other, language)
    }

    #[test]
    fn what_says_the_same_is_the_same() {
        for (one, other) in [
            ("a = 1\nprint(a)", "b=1  # x\n\n\nprint( b )"),
            (
                "for i in range(3):\n    print(i)",
                "for k in range(3):\n  print(k)\n",
            ),
            ("x = \"# no\"\n", "y = \"# no\"\n"),
        ] {
            assert!(same(one, other, Language::Python), "{one} {other}");
        }
        let (one, other) = ("int a = 1; // x\nreturn a;", "int b=1; /* y */ return b;");
        assert!(same(one, other, Language::Cpp));
    }

    #[test]
    fn what_differs_stays_apart() {
        for (one, other) in [
            ("print(min(a))", "print(max(a))"),
            ("a = 1\nb = 2\nprint(a)", "a = 1\nb = 2\nprint(b)"),
            ("if x:\n    y()\n    z()", "if x:\n    y()\nz()"),
            ("print(\"a b\")", "print(\"ab\")"),
            ("f(key=1)", "f(other=1)"),
            ("a.b = 1", "a.c = 1"),
            ("a == 1", "b == 1"),
            ("print(1 // 2)", "print(1 / 2)"),
        ] {
            assert!(!same(one, other, Language::Python), "{one} {other}");
        }
        assert!(!same("a / b", "a // b", Language::Cpp));
    }

    /// Whatever is thrown at it, it ends.
    #[test]
    fn broken_sources_end() {
        for source in [
            "'", "\"\\", "\"\"\"", "é = 'ü", "\t\t", "#", "/*", "\u{a0}x",
        ] {
            for language in [Language::Python, Language::Cpp] {
                let _ = normalised(source, language);
            }
        }
    }
}
