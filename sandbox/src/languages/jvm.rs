//! Which class of a source in Kotlin or Scala is to be started. Reads tokens, not grammar, as Java's does.

use super::java::{is_word, tokens};

/// What Kotlin puts functions into that stand in no class, for a file called Main.kt.
const FACADE: &str = "MainKt";

/// The class that holds `main` in Kotlin: the file's own where it stands in none, else the type that it stands in.
pub(super) fn kotlin(source: &[u8]) -> String {
    let text = String::from_utf8_lossy(source);
    let tokens = tokens(&text);
    let package = package(&tokens);
    let (mut depth, mut current, mut within) = (0_usize, None, None);
    for (at, token) in tokens.iter().enumerate() {
        let next = |ahead: usize| tokens.get(at + ahead).map(String::as_str);
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "class" | "object" | "interface" if depth == 0 => {
                current = next(1).filter(|name| is_word(name));
            }
            "fun" if next(1) == Some("main") && next(2) == Some("(") => {
                if depth == 0 {
                    return package + facade(&text);
                }
                within = within.or(current);
            }
            _ => {}
        }
    }
    package + within.unwrap_or_else(|| facade(&text))
}

/// The name of the file's class, which an annotation may say.
fn facade(source: &str) -> &str {
    let said = source
        .split_once("@file:JvmName(\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(name, _)| name);
    said.filter(|name| {
        name.chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_')
    })
    .filter(|name| is_word(name))
    .unwrap_or(FACADE)
}

/// The object of Scala that has a `main` or is an `App`; else the first object.
pub(super) fn scala(source: &[u8]) -> String {
    let text = String::from_utf8_lossy(source);
    let tokens = tokens(&text);
    let (mut depth, mut current, mut first, mut found) = (0_usize, None, None, None);
    for (at, token) in tokens.iter().enumerate() {
        let next = |ahead: usize| tokens.get(at + ahead).map(String::as_str);
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "class" | "trait" if depth == 0 => current = None,
            "object" if depth == 0 => {
                current = next(1).filter(|name| is_word(name));
                first = first.or(current);
            }
            "extends" | "with" if depth == 0 && next(1) == Some("App") => found = found.or(current),
            "def" if depth == 1 && next(1) == Some("main") => found = found.or(current),
            _ => {}
        }
    }
    package(&tokens) + found.or(first).unwrap_or("Main")
}

/// The package that a source begins with and a dot, or nothing.
fn package(tokens: &[String]) -> String {
    let Some(at) = tokens.iter().position(|token| token == "package") else {
        return String::new();
    };
    let mut name = String::new();
    for pair in tokens[at + 1..].chunks(2) {
        match pair {
            [word, sign] if is_word(word) => {
                name += word;
                name.push('.');
                if sign != "." {
                    break;
                }
            }
            [word] if is_word(word) => {
                name += word;
                name.push('.');
            }
            _ => break,
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_class_to_start_is_found() {
        for (source, expected) in [
            ("fun main() { println(1) }", "MainKt"),
            (
                "class A { fun f() {} }\nfun main(args: Array<String>) {}",
                "MainKt",
            ),
            (
                "package a.b\nimport java.util.*\nfun main() {}",
                "a.b.MainKt",
            ),
            (
                "object Run { @JvmStatic fun main(args: Array<String>) {} }",
                "Run",
            ),
            (
                "class Late { companion object { @JvmStatic fun main(a: Array<String>) {} } }",
                "Late",
            ),
            ("@file:JvmName(\"Sol\")\nfun main() {}", "Sol"),
            (
                "// fun main()\nval s = \"class X { fun main( }\"\nfun main() {}",
                "MainKt",
            ),
            ("", "MainKt"),
        ] {
            assert_eq!(kotlin(source.as_bytes()), expected, "{source}");
        }
        for (source, expected) in [
            (
                "object Main { def main(args: Array[String]): Unit = {} }",
                "Main",
            ),
            ("object Solve extends App { println(1) }", "Solve"),
            (
                "object Tools { def f = 1 }\nobject Go extends Tools with App {}",
                "Go",
            ),
            (
                "class P { def main(x: Int) = x }\nobject Q { def f = 1 }\nobject R { def main(a: Array[String]) {} }",
                "R",
            ),
            ("package x.y\nobject Main extends App {}", "x.y.Main"),
            ("/* object No extends App */ object Yes { }", "Yes"),
            ("", "Main"),
        ] {
            assert_eq!(scala(source.as_bytes()), expected, "{source}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_name_without_slashes(source in proptest::collection::vec(any::<u8>(), 0..200)) {
            for name in [kotlin(&source), scala(&source)] {
                prop_assert!(!name.is_empty() && !name.contains('/'), "{name}");
            }
        }
    }
}
