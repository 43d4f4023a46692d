//! C++ by the host's g++ or clang++: compiled once, `bits/stdc++.h` in advance, linked statically where possible.

use super::toolchain::{Compile, Launch, Library, Output, Precompiled, Toolchain, words};
use super::{Definition, always_main, gcc};

const STANDARD: &str = "-std=gnu++17";

const WHOLE: &str = "#include <bits/stdc++.h>\n";
/// The same without three parts whose inline functions instantiate 600 templates in every program that includes
/// the header, used or not: a third of the compiler's time. What does not compile with it is compiled with the whole one
/// before it is refused.
const LIGHT: &str = "#define _GLIBCXX_BITS_SPECFUN_H 1\n#define _GLIBCXX_FILESYSTEM 1\n\
    #define _GLIBCXX_FUTURE 1\n#include <bits/stdc++.h>\n";
/// What a program that refers to one of those parts cannot do without: their names (or a part that all of a kind
/// have), and every means to make a name, or to see what is defined, without spelling it out.
const NAMES: [&str; 27] = [
    "filesystem",
    "future",
    "promise",
    "packaged_task",
    "async",
    "launch",
    "beta",
    "ellint",
    "bessel",
    "neumann",
    "expint",
    "hermite",
    "laguerre",
    "legendre",
    "riemann_zeta",
    "hyperg",
    "airy_",
    "tr1",
    "specfun",
    "bits/fs_",
    "__STDCPP",
    "__cpp",
    "_GLIBCXX",
    "__detail",
    "##",
    "%:%:",
    "\\u",
];

/// What only sources for C++20 have: they are compiled as such.
const OF_20: [&str; 27] = [
    "<ranges>",
    "<concepts>",
    "<span>",
    "<numbers>",
    "<bit>",
    "<compare>",
    "<coroutine>",
    "ranges::",
    "views::",
    "<=>",
    "std::popcount",
    "std::ssize",
    "std::bit_width",
    "std::bit_ceil",
    "std::bit_floor",
    "std::countr_zero",
    "std::countl_zero",
    "std::has_single_bit",
    "std::midpoint",
    "std::erase_if",
    "[[likely]]",
    "[[unlikely]]",
    "consteval",
    "constinit",
    ".starts_with(",
    ".ends_with(",
    ".contains(",
];

/// Whether a header serves a source.
type Suits = fn(&[u8]) -> bool;

pub(crate) const DEFINITION: Definition = Definition {
    title: "C++",
    tags: &[
        "cpp", "c++", "cc", "cxx", "c++17", "cpp17", "c++20", "cpp20", "c++14", "c++11",
    ],
    extensions: &["cpp", "cc", "cxx"],
    find,
    unit: always_main,
    wanted_memory: |last| last.signal == libc::SIGABRT && last.contain("std::bad_alloc"),
};

fn find() -> Result<Toolchain, String> {
    let driver = gcc::find(&["g++", "clang++"], &["libc.a", "libm.a", "libstdc++.a"])?;
    let basic = || {
        let mut command = vec![driver.executable.clone()];
        // Warnings would drown the errors, and only the first errors help.
        command.extend(words([STANDARD, "-O2", "-w", "-fdiagnostics-color=never"]));
        command.push(
            if driver.clang {
                "-ferror-limit=5"
            } else {
                "-fmax-errors=5"
            }
            .to_owned(),
        );
        command
    };
    let mut command = basic();
    command.extend(words(["-pipe", "-o", "/box/out", "/program/main.cpp"]));
    command.extend(driver.link.iter().cloned());
    let mut header = basic();
    header.extend(words([
        "-x",
        "c++-header",
        "-o",
        "/box/out",
        "/program/main.hpp",
    ]));
    // Clang wants its precompiled headers named on the command line, which changes what a program means.
    let kinds: &[(_, Suits)] = if driver.clang {
        &[]
    } else {
        &[(LIGHT, needs_little), (WHOLE, includes_everything)]
    };
    let precompiled = kinds.iter().map(|&(text, suits)| Precompiled {
        header: text,
        command: header.clone(),
        inside: "/precompiled/bits/stdc++.h.gch",
        beside: (
            "/precompiled/bits/stdc++.h",
            "#include_next <bits/stdc++.h>\n",
        ),
        arguments: words(["-I", "/precompiled"]),
        suits,
        whole: text == WHOLE,
    });
    Ok(Toolchain {
        version: driver.version,
        identity: driver.identity,
        compile: Some(Compile {
            launch: Launch::compiler("main.cpp", command, driver.tools),
            output: Output::Artifact,
            precompiled: precompiled.collect(),
            libraries: driver
                .libraries
                .into_iter()
                // Of two standards on a command line the last counts.
                .chain(OF_20.map(|mark| Library {
                    mark,
                    argument: "-std=gnu++20",
                }))
                .collect(),
        }),
        run: Launch::native(),
    })
}

/// Whether the source may include the header. The compiler itself ignores the precompiled one where something
/// before the inclusion would change its meaning.
fn includes_everything(source: &[u8]) -> bool {
    let name = b"bits/stdc++.h";
    source.windows(name.len()).any(|part| part == name)
}

/// Whether it is compiled to the same program with the light header.
fn needs_little(source: &[u8]) -> bool {
    // `\\U` and `\\N` are other ways to write letters.
    let text = joined(&String::from_utf8_lossy(source))
        .replace("\\U", "\\u")
        .replace("\\N{", "\\u");
    includes_everything(source) && !NAMES.iter().any(|name| text.contains(name))
}

/// The source with the lines in one that a backslash continues, as the compiler reads them: blanks may stand behind it.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let after = &rest[at + 1..];
        let blank = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '\x0b' | '\0');
        let end = after.find(|letter| !blank(letter)).unwrap_or(after.len());
        if let Some(newline) = after[..end].find('\n') {
            joined.push_str(&rest[..at]);
            rest = &after[newline + 1..];
        } else {
            joined.push_str(&rest[..=at]);
            rest = after;
        }
    }
    joined.push_str(rest);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_light_header_is_for_sources_that_cannot_tell() {
        let with =
            |text: &str| needs_little(format!("#include <bits/stdc++.h>\n{text}").as_bytes());
        assert!(with(
            "using namespace std;\nint main() { vector<int> v; cout << v.size() << \"\\n\"; }"
        ));
        assert!(with(
            "#define REP(i, n) \\\n for (int i = 0; i < n; i++)\nint main() {}"
        ));
        for text in [
            "auto f = std::async([] { return 1; });",
            "int beta = 3;",
            "namespace fs = std::filesystem;",
            "std::fut\\\nure<int> f;",
            "std::fut\\\r\nure<int> f;",
            "std::fut\\ \nure<int> f;",
            "std::fut\\ \t\x0b\x0c\0\r\nure<int> f;",
            "std::fut\\\n\\\nure<int> f;",
            "#define JOIN(a, b) a#\\ \n#b",
            "std::f\\N{LATIN SMALL LETTER U}ture<int> f;",
            "#ifndef __STDCPP_MATH_SPEC_FUNCS__\n#error\n#endif",
            "#include <bits/specfun.h>",
            "#include <bits/fs_path.h>",
            "std::f\\u0075ture<int> f;",
            "std::f\\U00000075ture<int> f;",
            "#define JOIN(a, b) a##b",
            "#ifdef __cpp_lib_filesystem\nint x;\n#endif",
            "#include <tr1/cmath>",
            "double d = std::cyl_bessel_jf(1, 2);",
        ] {
            assert!(!with(text), "{text}");
        }
        assert!(!needs_little(b"#include <vector>\n"));
    }
}
