//! What stands behind the opening fence → the language it names.

use rlef_sandbox::Language;

/// What an info string says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Nothing.
    None,
    /// A language that programs may be in.
    Language(Language),
    /// Something well known that is no such language: text, output, a shell, another language.
    Other,
    /// Markdown, which may hold blocks of its own.
    Markdown,
    /// A word that names nothing known.
    Unknown,
}

/// Well known words that name no language of programs, or a record of one being used.
const OTHERS: &str = "\
    text txt plaintext plain output out stdout stderr input in stdin console terminal bash sh shell shellsession \
    shell-session zsh fish powershell ps1 cmd bat batch dos pycon python-repl python-console python-session \
    python-traceback pytb py3tb repl doctest log json jsonl json5 yaml yml toml ini csv tsv xml html css svg sql \
    diff patch latex tex math mermaid graphviz dot ascii none pseudocode pseudo algorithm python2 py2 typescript ts \
    tsx jsx fsharp f# swift ruby rb php perl pl lua r julia jl dart elixir \
    ex erlang clojure clj ocaml ml lisp scheme racket fortran pascal delphi ada d nim zig crystal groovy cobol \
    matlab octave objectivec objective-c objc vb vbnet asm assembly nasm llvm prolog solidity verilog vhdl cuda \
    cython mojo makefile make cmake dockerfile docker tool_code tool_call tool_output xml-doc http nginx awk sed vim \
    graphql proto protobuf";

/// The tag of an info string.
pub(super) fn tag(info: &str) -> Tag {
    let info = info.trim();
    if info.is_empty() {
        return Tag::None;
    }
    let info = info.to_ascii_lowercase();
    // `{python}`, `{.python .numberLines}`, `{code-cell} python`.
    let bare = ["{code-cell}", "{code-block}", "{code}"]
        .iter()
        .find_map(|directive| info.strip_prefix(directive))
        .unwrap_or(&info)
        .trim_start();
    let bare = bare.trim_start_matches(['{', '.', '[', '(', '`', '\'', '"', '#', '/', ' ']);
    let bare = [
        "language-",
        "language=",
        "language:",
        "lang-",
        "lang=",
        "lang:",
        "highlight-",
    ]
    .iter()
    .find_map(|prefix| bare.strip_prefix(prefix))
    .unwrap_or(bare)
    .trim_start_matches(['"', '\'', ' ']);
    let word = bare
        .split(|character: char| character.is_whitespace() || ":,;{}[]()=|\"'".contains(character))
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let rest = bare[word.len().min(bare.len())..].trim();
    // `python 2.7`, `python console`.
    let second = rest.split_whitespace().next().unwrap_or_default();
    if [
        "console",
        "repl",
        "session",
        "output",
        "traceback",
        "2",
        "2.7",
    ]
    .contains(&second)
        && !word.is_empty()
    {
        return Tag::Other;
    }
    // `gnu c++17`, `ansi c`.
    if matches!(word, "gnu" | "ansi" | "iso" | "standard") && !second.is_empty() {
        return tag(rest);
    }
    word_tag(word)
        .or_else(|| file_tag(&info))
        .or_else(|| parts_tag(word))
        .unwrap_or(Tag::Unknown)
}

/// A word made of several, of which one names the language and the others say that it is code: `python-script`,
/// `text/x-python`, `c/c++`.
fn parts_tag(word: &str) -> Option<Tag> {
    const CODE: &[&str] = &[
        "x",
        "text",
        "application",
        "script",
        "code",
        "program",
        "source",
        "src",
        "solution",
        "exec",
        "run",
        "editor",
        "lang",
        "language",
        "final",
    ];
    let parts = word.split(|sign: char| "/_-\\.".contains(sign));
    let mut language = None;
    for part in parts.filter(|part| !part.is_empty()) {
        if CODE.contains(&part) || part.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        match word_tag(part)? {
            // Of several the last, as C++ is said behind C.
            Tag::Language(named) => language = Some(named),
            other => return Some(other),
        }
    }
    language.map(Tag::Language)
}

fn is_other(word: &str) -> bool {
    OTHERS.split(' ').any(|other| other == word)
}

fn word_tag(word: &str) -> Option<Tag> {
    if word.is_empty() {
        return None;
    }
    if matches!(word, "markdown" | "md" | "mdx" | "commonmark") {
        return Some(Tag::Markdown);
    }
    if let Some(language) = Language::from_tag(word) {
        return Some(Tag::Language(language));
    }
    if is_other(word) {
        return Some(Tag::Other);
    }
    // What the block is, not what it is in.
    if matches!(
        word,
        "code" | "program" | "source" | "solution" | "answer" | "editor"
    ) {
        return Some(Tag::None);
    }
    let stem = word.trim_end_matches(|character: char| {
        character.is_ascii_digit() || ".-_+".contains(character)
    });
    let version = &word[stem.len()..];
    // `c++17`, `gnu++20`, `c++2a`, `g++`.
    let plus = ["gnu++", "c++", "g++", "clang++", "cpp"];
    if plus.iter().any(|name| {
        word.strip_prefix(name).is_some_and(|rest| {
            rest.len() <= 4
                && rest
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || ".-_".contains(character))
        })
    }) {
        return Some(Tag::Language(Language::Cpp));
    }
    let stem = stem.trim_end_matches("-v");
    match stem {
        "python" | "py" | "pypy" | "cpython" | "ipython" | "ipy" | "pyodide" => {
            let old = version.trim_start_matches(['-', '_', '.']).starts_with('2');
            Some(if old {
                Tag::Other
            } else {
                Tag::Language(Language::Python)
            })
        }
        "gcc" | "gnu" | "gnuc" | "ansi-c" | "clang" | "h" => Some(Tag::Language(Language::C)),
        "cplusplus" | "hpp" | "hxx" | "hh" => Some(Tag::Language(Language::Cpp)),
        "jdk" | "openjdk" => Some(Tag::Language(Language::Java)),
        "es" | "ecmascript" | "jsnode" | "mjs" | "cjs" => Some(Tag::Language(Language::JavaScript)),
        _ => match Language::from_tag(stem) {
            Some(language) => Some(Tag::Language(language)),
            None if is_other(stem) => Some(Tag::Other),
            None => None,
        },
    }
}

/// A file name: `main.py`, `src/main.rs`, `filename="a.cpp"`.
fn file_tag(info: &str) -> Option<Tag> {
    info.split(|character: char| character.is_whitespace() || "\"'=:,;{}()[]".contains(character))
        .filter_map(|part| part.rsplit_once('.'))
        .filter(|(stem, _)| !stem.is_empty())
        .find_map(|(_, extension)| {
            Language::from_extension(extension)
                .map(Tag::Language)
                .or_else(|| {
                    ["txt", "sh", "json", "md", "out", "in", "log", "csv"]
                        .contains(&extension)
                        .then_some(Tag::Other)
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_strings_of_all_sorts() {
        for info in [
            "python",
            "Python",
            " python ",
            "py",
            "py3",
            "python3",
            "Python3.11",
            "python 3",
            "python-3",
            "python_3.12",
            "pypy",
            "pypy3",
            "PyPy3.10",
            "{python}",
            "{.python .numberLines}",
            "{code-cell} python",
            "python:main.py",
            "python title=\"x\"",
            "python{1,3-4}",
            "python,linenos",
            "lang=python",
            "language-python",
            "python showLineNumbers",
            "main.py",
            "sol.py:1",
            "filename=\"a.py\"",
            "ipython3",
            "cpython",
            "python;",
            "[python]",
            "# python",
            "python/3",
            "python\\",
            "python-script",
            "python_code",
            "text/x-python",
            "script.python",
            "python_exec",
        ] {
            assert_eq!(tag(info), Tag::Language(Language::Python), "{info}");
        }
        for info in [
            "cpp",
            "c++",
            "C++",
            "C++17",
            "cpp17",
            "cpp20",
            "gnu++20",
            "c++2a",
            "g++",
            "g++17",
            "cc",
            "cxx",
            "C++ 17",
            "c++ (gcc)",
            "main.cpp",
            "cpp14",
            "c++23",
            "cpp:a.cpp",
            "clang++",
            "cplusplus",
            "hpp",
            "C/C++",
            "GNU C++17",
        ] {
            assert_eq!(tag(info), Tag::Language(Language::Cpp), "{info}");
        }
        for (info, language) in [
            ("c", Language::C),
            ("c11", Language::C),
            ("c23", Language::C),
            ("ansi c", Language::C),
            ("clang", Language::C),
            ("openjdk", Language::Java),
            ("java17", Language::Java),
            ("Java 21", Language::Java),
            ("rust2021", Language::Rust),
            ("rust,editable", Language::Rust),
            ("go1.22", Language::Go),
            ("js", Language::JavaScript),
            ("node18", Language::JavaScript),
            ("es6", Language::JavaScript),
            ("wat", Language::Wasm),
            ("bash", Language::Bash),
            ("typescript", Language::TypeScript),
            ("c#", Language::CSharp),
            ("csharp", Language::CSharp),
            ("Main.kt", Language::Kotlin),
            ("scala", Language::Scala),
            ("haskell", Language::Haskell),
        ] {
            assert_eq!(tag(info), Tag::Language(language), "{info}");
        }
        for info in [
            "text",
            "output",
            "f#",
            "swift",
            "pycon",
            "python-repl",
            "python console",
            "python2",
            "python2.7",
            "json",
            "out.txt",
            "cobol",
            "pseudocode",
            "python-output",
            "python_output",
        ] {
            assert_eq!(tag(info), Tag::Other, "{info}");
        }
        assert_eq!(tag(""), Tag::None);
        assert_eq!(tag("code"), Tag::None);
        assert_eq!(tag("  "), Tag::None);
        assert_eq!(tag("markdown"), Tag::Markdown);
        for info in [
            "This multiplies",
            "Explanation:",
            "pythonn",
            "e.g. so",
            "{",
            "3",
            "++",
        ] {
            assert_eq!(tag(info), Tag::Unknown, "{info}");
        }
    }
}
