//! C++ types that are understood here without a compiler: arithmetic ones and the library's containers of them.
//!
//! Where a problem does not declare its function, only the program does. Its text must not reach the tests' process, so its
//! types are read and written anew: what is not understood is refused, and nothing that a program defines can mean
//! something else there.

use super::declared::{Declared, End, Parameter};

/// Templates of the library, their parameters that are types, and whether a number follows.
const TEMPLATES: [(&str, std::ops::RangeInclusive<usize>, bool); 14] = [
    ("vector", 1..=1, false),
    ("list", 1..=1, false),
    ("deque", 1..=1, false),
    ("set", 1..=1, false),
    ("multiset", 1..=1, false),
    ("unordered_set", 1..=1, false),
    ("unordered_multiset", 1..=1, false),
    ("map", 2..=2, false),
    ("multimap", 2..=2, false),
    ("unordered_map", 2..=2, false),
    ("pair", 2..=2, false),
    ("tuple", 1..=8, false),
    ("optional", 1..=1, false),
    ("array", 1..=1, true),
];
/// Words that arithmetic types are made of.
const WORDS: [&str; 9] = [
    "unsigned", "signed", "short", "long", "int", "char", "bool", "float", "double",
];
/// Other names of whole numbers.
const NAMES: [&str; 9] = [
    "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t",
    "size_t",
];
/// Brackets within brackets.
const DEEPEST: usize = 8;

/// The same declaration in the library's own names, or the type that is not understood.
pub(super) fn plain(declared: &Declared) -> Result<Declared, String> {
    let read = |text: &str| whole(text).ok_or_else(|| text.to_owned());
    let result = match declared.result.as_str() {
        "void" => "void".to_owned(),
        text => read(text)?,
    };
    // A reference to a result has nothing to refer to here.
    let result = result
        .trim_end_matches('&')
        .trim_start_matches("const ")
        .to_owned();
    let parameters = declared.parameters.iter().enumerate().map(|(index, one)| {
        Ok(Parameter {
            kind: read(&one.kind)?,
            name: format!("rlef_{index}"),
            default: String::new(),
        })
    });
    Ok(Declared {
        start: 0,
        name: declared.name.clone(),
        result,
        parameters: parameters.collect::<Result<_, String>>()?,
        end: End::Prototype,
    })
}

/// The headers of these types.
pub(super) fn headers(declared: &Declared) -> String {
    let text = declared.function_type();
    let mut headers = vec!["cstdint"];
    for (name, header) in [
        ("string", "string"),
        ("vector", "vector"),
        ("list", "list"),
        ("deque", "deque"),
        ("unordered_set", "unordered_set"),
        ("unordered_multiset", "unordered_set"),
        ("unordered_map", "unordered_map"),
        ("set", "set"),
        ("multiset", "set"),
        ("map", "map"),
        ("multimap", "map"),
        ("pair", "utility"),
        ("tuple", "tuple"),
        ("optional", "optional"),
        ("array", "array"),
        ("size_t", "cstddef"),
    ] {
        if text.contains(&format!("std::{name}")) {
            headers.push(header);
        }
    }
    headers.dedup();
    headers
        .iter()
        .flat_map(|header| ["#include <", header, ">\n"])
        .collect()
}

fn whole(text: &str) -> Option<String> {
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let kind = one(&mut rest, 0)?;
    let kind = match rest {
        [] => kind,
        ["&"] => format!("{kind}&"),
        ["&", "&"] => format!("{kind}&&"),
        _ => return None,
    };
    Some(kind)
}

fn tokens(text: &str) -> Option<Vec<&str>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let length = if word(first) {
            rest.find(|letter| !word(letter)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else if "<>,&".contains(first) {
            1
        } else {
            return None;
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Takes one type off the front.
fn one(rest: &mut &[&str], depth: usize) -> Option<String> {
    let mut constant = take(rest, "const");
    if rest.first() == Some(&"std") && rest.get(1) == Some(&"::") {
        *rest = &rest[2..];
    }
    let first = *rest.first()?;
    let mut kind = if WORDS.contains(&first) {
        let mut words = Vec::new();
        while let Some(word) = rest.first().filter(|word| WORDS.contains(word)) {
            words.push(*word);
            *rest = &rest[1..];
        }
        words.join(" ")
    } else if first == "string" || NAMES.contains(&first) {
        *rest = &rest[1..];
        format!("std::{first}")
    } else {
        let (name, types, number) = TEMPLATES.iter().find(|(name, ..)| *name == first)?;
        *rest = &rest[1..];
        let mut parts = Vec::new();
        if depth == DEEPEST || !take(rest, "<") {
            return None;
        }
        loop {
            let is_number = rest
                .first()
                .is_some_and(|token| token.bytes().all(|byte| byte.is_ascii_digit()));
            if *number && is_number && parts.len() == 1 {
                parts.push(rest[0].to_owned());
                *rest = &rest[1..];
            } else {
                parts.push(one(rest, depth + 1)?);
            }
            if !take(rest, ",") {
                break;
            }
        }
        if !take(rest, ">") || !types.contains(&(parts.len() - usize::from(*number))) {
            return None;
        }
        format!("std::{name}<{}>", parts.join(", "))
    };
    constant |= take(rest, "const");
    if constant {
        kind = format!("const {kind}");
    }
    Some(kind)
}

fn take(rest: &mut &[&str], token: &str) -> bool {
    let there = rest.first() == Some(&token);
    if there {
        *rest = &rest[1..];
    }
    there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood_is_written_in_the_librarys_names() {
        for (text, expected) in [
            ("int", "int"),
            ("unsigned long long", "unsigned long long"),
            ("const string &", "const std::string&"),
            ("vector<vector<int>>&", "std::vector<std::vector<int>>&"),
            (
                "std::map<string, std::pair<int,double> > const&",
                "const std::map<std::string, std::pair<int, double>>&",
            ),
            ("array<int, 3>", "std::array<int, 3>"),
            ("tuple<int>", "std::tuple<int>"),
            ("int64_t", "std::int64_t"),
        ] {
            assert_eq!(whole(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "A",
            "int *",
            "vector<A>",
            "vector<int, my::allocator>",
            "std::any",
            "auto",
            "decltype(0)",
            "vector<int",
            "map<int>",
            "array<3, int>",
            "my::vector<int>",
            "int x",
            "int[3]",
            "std::std::string",
            "",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
        let deep = format!("{}int{}", "vector<".repeat(20), ">".repeat(20));
        assert_eq!(whole(&deep), None);
    }
}
