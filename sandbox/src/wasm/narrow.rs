//! C and C++ sources that could mean something else where `long`, `size_t` and pointers have 32 bits, or that use what
//! the libraries for WebAssembly lack: found by their words alone, before anything is compiled.
//!
//! A false alarm costs nothing but the choice of another isolation, a miss may cost a wrong verdict. So comments and
//! strings count like code, and whatever can spell names otherwise (`##`, `\u`) is an alarm.

use crate::job::Language;

/// Whose width differs, or whose value does because of it.
const NARROW: [&str; 33] = [
    "size_t",
    "ssize_t",
    "ptrdiff_t",
    "intptr_t",
    "uintptr_t",
    "size_type",
    "difference_type",
    "int_fast16_t",
    "int_fast32_t",
    "uint_fast16_t",
    "uint_fast32_t",
    "strtol",
    "strtoul",
    "atol",
    "stol",
    "stoul",
    "labs",
    "ldiv",
    "lround",
    "lrint",
    "to_ulong",
    "LONG_MAX",
    "LONG_MIN",
    "ULONG_MAX",
    "SIZE_MAX",
    "__builtin_clzl",
    "__builtin_ctzl",
    "__builtin_popcountl",
    "__builtin_ffsl",
    "__builtin_parityl",
    "hash",
    "npos",
    "__SIZE_TYPE__",
];
/// What the libraries or the target lack, or do otherwise.
const LACKING: [&str; 23] = [
    "catch",
    "throw",
    "setjmp",
    "longjmp",
    "thread",
    "mutex",
    "future",
    "async",
    "pthread_create",
    "signal",
    "raise",
    "fork",
    "popen",
    "system",
    "mmap",
    "socket",
    "freopen",
    "fopen",
    "ifstream",
    "ofstream",
    "fstream",
    "asm",
    "__asm__",
];
/// Their results are used as an index or a length; the difference of two has the narrow type.
const SEARCHES: [&str; 12] = [
    "lower_bound",
    "upper_bound",
    "unique",
    "find",
    "find_if",
    "max_element",
    "min_element",
    "partition_point",
    "strchr",
    "strstr",
    "begin",
    "distance",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Number(&'a str),
    Sign(char),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let part = |kept: fn(char) -> bool| {
            let end = rest
                .find(|letter: char| !kept(letter))
                .unwrap_or(rest.len());
            &rest[..end]
        };
        let length = if first.is_alphabetic() || first == '_' {
            let word = part(|letter| letter.is_alphanumeric() || letter == '_');
            tokens.push(Token::Word(word));
            word.len()
        } else if first.is_ascii_digit() {
            let number = part(|letter| letter.is_alphanumeric() || letter == '.' || letter == '\'');
            tokens.push(Token::Number(number));
            number.len()
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// Why a program is not compiled to WebAssembly, if it is one of those.
pub(crate) fn hazard(language: Language, source: &[u8]) -> Option<String> {
    // A name may go on in the next line after a backslash.
    let text = String::from_utf8_lossy(source)
        .replace("\\\r\n", "")
        .replace("\\\n", "");
    for spelling in ["##", "%:%:", "\\u", "\\U", "??"] {
        if text.contains(spelling) {
            return Some(format!("`{spelling}` can make names that are not seen"));
        }
    }
    for format in ["%l", "%z", "%t", "%j", "%p"] {
        // `%lld`, `%llu` and `%lf` are as wide as everywhere.
        let narrow = text.match_indices(format).find(|(at, _)| {
            let after = &text[at + format.len()..];
            format != "%l" || !after.starts_with(['l', 'f', 'e', 'g', 'L'])
        });
        if narrow.is_some() {
            return Some(format!("`{format}` prints or reads what has 32 bits"));
        }
    }
    let tokens = tokens(&text);
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1).copied();
        let previous = index.checked_sub(1).and_then(|at| tokens.get(at)).copied();
        let reason = match *token {
            Token::Word("long") => {
                let wide = |other| matches!(other, Some(Token::Word("long" | "double")));
                (!wide(next) && previous != Some(Token::Word("long"))).then_some("has 32 bits")
            }
            Token::Word(word) if NARROW.contains(&word) => Some("has 32 bits"),
            Token::Word(word) if LACKING.contains(&word) => Some("is lacking"),
            Token::Word("size" | "length" | "strlen" | "count")
                if next == Some(Token::Sign('(')) && is_used_in_a_sum(&tokens, index) =>
            {
                Some("has 32 bits and no sign, and is part of a sum")
            }
            Token::Word(word)
                if SEARCHES.contains(&word)
                    && next == Some(Token::Sign('('))
                    && is_used_in_a_sum(&tokens, index) =>
            {
                Some("gives 32 bits, and is part of a sum")
            }
            Token::Number(number) if is_long_literal(number) => Some("has 32 bits"),
            _ => None,
        };
        if let Some(reason) = reason {
            let name = match token {
                Token::Word(text) | Token::Number(text) => (*text).to_owned(),
                Token::Sign(sign) => sign.to_string(),
            };
            let language = language.title();
            return Some(format!("in {language} for WebAssembly `{name}` {reason}"));
        }
    }
    None
}

fn is_long_literal(number: &str) -> bool {
    let lower = number.to_ascii_lowercase();
    let lower = lower.trim_end_matches('u');
    let hexadecimal = lower.starts_with("0x");
    let real = !hexadecimal && lower.contains(['.', 'e']);
    lower.ends_with('l') && !lower.ends_with("ll") && !real
}

/// Whether a call, named at `index`, stands beside an arithmetic sign, or is what an `auto` is made of.
fn is_used_in_a_sum(tokens: &[Token<'_>], index: usize) -> bool {
    let arithmetic = |token: Option<&Token<'_>>| {
        matches!(
            token,
            Some(Token::Sign('-' | '+' | '*' | '~' | '&' | '|' | '^'))
        )
    };
    // Behind the call: its closing bracket, and what follows all brackets that close there.
    let (mut depth, mut at) = (0_i32, index + 1);
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => {
                depth -= 1;
                if depth <= 0 {
                    break;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at += 1;
    while matches!(tokens.get(at), Some(Token::Sign(')'))) {
        at += 1;
    }
    let shift = tokens.get(at) == Some(&Token::Sign('<'))
        && tokens.get(at + 1) == Some(&Token::Sign('<'))
        // Printing it is none.
        && matches!(tokens.get(at + 2), Some(Token::Number(_)));
    if arithmetic(tokens.get(at)) || shift {
        return true;
    }
    // Before it: what it is called on, then what stands there. `->` belongs to the name.
    let mut at = index;
    let mut depth = 0_i32;
    while let Some(before) = at.checked_sub(1) {
        let arrow = tokens[before] == Token::Sign('>')
            && before > 0
            && tokens[before - 1] == Token::Sign('-');
        match tokens[before] {
            Token::Sign(']' | ')') => depth += 1,
            Token::Sign('[' | '(') => {
                if depth == 0 && tokens[before] == Token::Sign('[') {
                    break;
                }
                depth -= 1;
            }
            Token::Sign('.' | ':') | Token::Word(_) | Token::Number(_) => {
                if tokens[before] == Token::Word("return") {
                    break;
                }
            }
            _ if arrow => at = before,
            _ if depth > 0 => {}
            Token::Sign(_) => break,
        }
        at = at.saturating_sub(1);
    }
    let before = at.checked_sub(1).and_then(|at| tokens.get(at));
    if arithmetic(before) {
        return true;
    }
    // `auto n = v.size()`: the narrow type goes on under another name.
    let start = at.saturating_sub(4);
    tokens[start..index].contains(&Token::Word("auto"))
}

/// The source as the libraries for WebAssembly want it: `bits/stdc++.h` written out, and what they miss of exceptions
/// as the end of the program, for none is caught.
pub(crate) fn adapted(language: Language, source: &[u8]) -> Vec<u8> {
    const EXCEPTIONS: &str = "extern \"C\" {\n[[noreturn]] void __cxa_throw(void *, void *, void (*)(void *)) \
        { __builtin_trap(); }\nvoid *__cxa_allocate_exception(decltype(sizeof 0)) noexcept { __builtin_trap(); }\n}\n";
    const EVERYTHING: &str = "#include <algorithm>\n#include <array>\n#include <bitset>\n#include <cassert>\n\
        #include <cctype>\n#include <cerrno>\n#include <cfloat>\n#include <chrono>\n#include <cinttypes>\n\
        #include <climits>\n#include <cmath>\n#include <complex>\n#include <cstdint>\n#include <cstdio>\n\
        #include <cstdlib>\n#include <cstring>\n#include <ctime>\n#include <deque>\n#include <forward_list>\n\
        #include <functional>\n#include <initializer_list>\n#include <iomanip>\n#include <iostream>\n\
        #include <iterator>\n#include <limits>\n#include <list>\n#include <map>\n#include <memory>\n\
        #include <numeric>\n#include <optional>\n#include <queue>\n#include <random>\n#include <regex>\n\
        #include <set>\n#include <sstream>\n#include <stack>\n#include <stdexcept>\n#include <string>\n\
        #include <string_view>\n#include <tuple>\n#include <type_traits>\n#include <typeinfo>\n\
        #include <unordered_map>\n#include <unordered_set>\n#include <utility>\n#include <valarray>\n\
        #include <variant>\n#include <vector>\n";
    if language != Language::Cpp {
        return source.to_vec();
    }
    let text = String::from_utf8_lossy(source);
    let text = text
        .replace("#include <bits/stdc++.h>", EVERYTHING)
        .replace("#include<bits/stdc++.h>", EVERYTHING)
        .replace("#include \"bits/stdc++.h\"", EVERYTHING);
    format!("{EXCEPTIONS}{text}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_narrower_is_found() {
        for source in [
            "long x;",
            "unsigned long x = 1;",
            "long int f();",
            "size_t n = v.size();",
            "x = 1L << 40;",
            "x = 5ul;",
            "printf(\"%ld\", x);",
            "printf(\"%zu\", n);",
            "long long x = v.size() - 5;",
            "ll x = a.size() * b.size();",
            "ll x = n - s.length();",
            "ll x = 3 * p->size();",
            "ll x = (n) - v[i].size();",
            "auto n = v.size(); x = n * n;",
            "int p = lower_bound(v.begin(), v.end(), x) - v.begin();",
            "#define J(a, b) a##b",
            "lo\\\nng x;",
            "try { f(); } catch (...) {}",
            "std::thread t;",
            "if (s.find(x) == string::npos) f();",
        ] {
            assert!(
                hazard(Language::Cpp, source.as_bytes()).is_some(),
                "{source}"
            );
        }
    }

    #[test]
    fn what_is_as_wide_everywhere_passes() {
        for source in [
            "long long x = 1LL << 40; long double y; unsigned long long z = 5ULL;",
            "for (int i = 0; i < v.size(); i++) cout << v[i];",
            "int n = (int) s.size(); printf(\"%lld %lf\", x, y);",
            "sort(v.begin(), v.end());",
            "if (m.find(x) != m.end()) f();",
            "cout << v.size() << endl;",
            "scanf(\"%d\", &n); double e = 1e9, l = 2.5L;",
        ] {
            assert_eq!(hazard(Language::Cpp, source.as_bytes()), None, "{source}");
        }
    }

    #[test]
    fn only_cpp_is_adapted() {
        let source = b"#include <bits/stdc++.h>\nint main() {}\n";
        let adapted_text = String::from_utf8(adapted(Language::Cpp, source)).unwrap();
        assert!(!adapted_text.contains("bits/") && adapted_text.ends_with("int main() {}\n"));
        assert_eq!(adapted(Language::C, source), source);
    }
}
