//! Java by the host's JDK: compiled to a jar, run by a JVM that keeps to the limits. One source file, any class name.

use std::path::PathBuf;

use super::Definition;
use super::toolchain::{
    Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path, words,
};

pub(crate) const DEFINITION: Definition = Definition {
    title: "Java",
    tags: &["java"],
    extensions: &["java"],
    find,
    unit: main_class,
    wanted_memory: |last| {
        last.exit_code == Some(1)
            && last.contain("Exception in thread \"")
            && last.contain("java.lang.OutOfMemoryError")
    },
};

fn find() -> Result<Toolchain, String> {
    let named = on_path(&["javac"]).ok_or("javac is not on the search path")?;
    let compiler = named
        .canonicalize()
        .map_err(|error| format!("{}: {error}", named.display()))?;
    let home = compiler
        .parent()
        .and_then(|directory| directory.parent())
        .ok_or("javac lies in no JDK")?
        .to_owned();
    let machine = home.join("bin/java");
    let version = ask(&machine, &["--version"])?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    // Debian keeps a JDK's settings elsewhere and links to them.
    let settings = ["lib/security", "conf"]
        .iter()
        .flat_map(|name| {
            std::fs::read_dir(home.join(name))
                .into_iter()
                .flatten()
                .flatten()
        })
        .chain(
            std::fs::read_dir(home.join("lib"))
                .into_iter()
                .flatten()
                .flatten(),
        )
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|target| target.starts_with("/etc"));
    let settings: Vec<PathBuf> = settings
        .filter_map(|target| {
            Some(target.components().take(3).collect::<PathBuf>()).filter(|path| path.is_dir())
        })
        .collect();
    let tools = Tools::new([home.clone()].into_iter().chain(settings));
    // Sharing its archive of classes halves the start; the garbage collector must not count the host's cores.
    let flags = [
        "-Xshare:auto",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:-UseContainerSupport",
        "-XX:ReservedCodeCacheSize=64m",
        "-XX:CompressedClassSpaceSize=64m",
        "-XX:TieredStopAtLevel=4",
    ];
    let launch = |file: &str, command| Launch {
        own_memory_bytes: 192 << 20,
        own_threads: 32,
        reserves_addresses: true,
        ..Launch::compiler(file, command, tools.clone())
    };
    let mut compile = vec![compiler.to_string_lossy().into_owned()];
    compile.extend(flags.map(|flag| format!("-J{flag}")));
    compile.extend(words([
        "-J-XX:TieredStopAtLevel=1",
        "-J-Xmx{memory_mb}m",
        "-proc:none",
        "-nowarn",
        "-Xmaxerrs",
        "5",
        "-encoding",
        "UTF-8",
        "-d",
        "/box/out",
        "/program/{name}.java",
    ]));
    let mut run = vec![machine.to_string_lossy().into_owned()];
    run.extend(words(flags));
    run.extend(words([
        "-Xms16m",
        "-Xmx{memory_mb}m",
        "-Xss{stack_kb}k",
        "-cp",
        "/program/program.jar",
        "{unit}",
    ]));
    Ok(Toolchain {
        identity: format!("{version} {}", fingerprint(&compiler)),
        version,
        compile: Some(Compile {
            launch: launch("{name}.java", compile),
            output: Output::Artifact,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run: launch("program.jar", run),
    })
}

/// The class that is to be run, with its package, and behind `@` the one that the file is to be named for, where that is
/// another: the public one if it has `main(String...)`, else the first that has, or has a `main` without parameters, else the
/// public one, else the last.
///
/// Reads tokens, not grammar: of the top-level types it takes the first in whose braces `main` is followed by an opening
/// parenthesis and `String`.
fn main_class(source: &[u8]) -> String {
    let tokens = tokens(&String::from_utf8_lossy(source));
    let (mut depth, mut package, mut public) = (0_usize, String::new(), false);
    let (mut current, mut with_main, mut with_bare, mut public_class) = (None, None, None, None);
    for (at, token) in tokens.iter().enumerate() {
        let next = |ahead: usize| tokens.get(at + ahead).map(String::as_str);
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => public = false,
            "package" if depth == 0 && package.is_empty() => {
                package = tokens[at + 1..]
                    .iter()
                    .map(String::as_str)
                    .take_while(|&token| token != ";")
                    .filter(|&token| token == "." || is_word(token))
                    .collect();
                package.push('.');
            }
            "public" if depth == 0 => public = true,
            "class" | "record" | "enum" | "interface" if depth == 0 => {
                let Some(name) = next(1).filter(|name| is_word(name)) else {
                    continue;
                };
                current = Some(name);
                if public && public_class.is_none() {
                    public_class = current;
                }
                public = false;
            }
            "main" if depth == 1 && next(1) == Some("(") => match next(2) {
                Some("String" | "final" | "java") => {
                    with_main = chosen(with_main, current, public_class);
                }
                Some(")") => with_bare = chosen(with_bare, current, public_class),
                _ => {}
            },
            _ => {}
        }
    }
    let name = with_main
        .or(with_bare)
        .or(public_class)
        .or(current)
        .unwrap_or("Main");
    match public_class.filter(|&public| public != name) {
        Some(file) => format!("{package}{name}@{file}"),
        None => package + name,
    }
}

/// Of two classes with a `main` the public one, else the first.
fn chosen<'a>(
    before: Option<&'a str>,
    now: Option<&'a str>,
    public: Option<&'a str>,
) -> Option<&'a str> {
    match before {
        Some(_) if now != public => before,
        _ => now,
    }
}

pub(super) fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || "_$".contains(first))
}

/// Names and single signs of a source, without comments, texts and characters.
pub(super) fn tokens(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_name = |character: char| character.is_alphanumeric() || "_$".contains(character);
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(text) = rest.strip_prefix("\"\"\"") {
            text.find("\"\"\"").map_or(rest.len(), |end| end + 6)
        } else if first == '"' || first == '\'' {
            quoted(rest)
        } else if is_name(first) {
            let length = rest
                .find(|character| !is_name(character))
                .unwrap_or(rest.len());
            found.push(rest[..length].to_owned());
            length
        } else {
            if first.is_ascii_punctuation() {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// Bytes of the text or character at the start, which ends at the same quote or at the end of the line.
fn quoted(source: &str) -> usize {
    let mut characters = source.char_indices();
    let quote = characters.next().map(|(_, quote)| quote);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '\n' => return at,
            other if Some(other) == quote => return at + 1,
            _ => {}
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_class_to_run_is_found() {
        for (source, expected) in [
            ("public class Solution { }", "Solution"),
            (
                "class A { static class B {} public static void main(String[] a) {} } class C {}",
                "A",
            ),
            (
                "class Node {} class Run { static void main(String[] a) {} }",
                "Run",
            ),
            (
                "import java.util.*; // public class X\npublic final class Y {}",
                "Y",
            ),
            (
                "/* class Z { main( } */ class Q { String s = \"class W { main(\"; char c = '\"'; void main(){} }",
                "Q",
            ),
            ("package a.b;\npublic class Main {}", "a.b.Main"),
            (
                "public class Helper {} class Run { public static void main(String[] a) {} }",
                "Run@Helper",
            ),
            (
                "class Early { static void main(int x) {} } class Late { static void main(final String... a) {} }",
                "Late",
            ),
            (
                "class Main { public static void main(String[] a) {} } public class Run { public static void main(String[] a) {} }",
                "Run",
            ),
            (
                "public class Größe { public static void main(String[] a) {} }",
                "Größe",
            ),
            (
                "record P(int x) {} class M { public static void main(String... a) {} }",
                "M",
            ),
            ("", "Main"),
            ("class", "Main"),
        ] {
            assert_eq!(main_class(source.as_bytes()), expected, "{source}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_name_without_slashes(source in proptest::collection::vec(any::<u8>(), 0..200)) {
            let name = main_class(&source);
            prop_assert!(!name.is_empty() && !name.contains('/'), "{name}");
        }
    }
}
