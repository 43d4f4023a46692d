//! Assertions as lines of text → asserted tests: which function they call, where nothing else says so. Pure.

use rlef_sandbox::Language;
use serde_json::Value;

use super::row::Fields;
use super::{ProblemError, TestCase};

/// Names that stand before a parenthesis in assertions and are Python's own.
const PYTHONS: [&str; 48] = [
    "abs",
    "all",
    "and",
    "any",
    "assert",
    "bool",
    "bytes",
    "callable",
    "chr",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "if",
    "in",
    "int",
    "is",
    "isinstance",
    "iter",
    "lambda",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "not",
    "or",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
];

/// Attributes of values that cross between processes.
const OF_VALUES: [&str; 48] = [
    "add",
    "append",
    "appendleft",
    "copy",
    "count",
    "denominator",
    "difference",
    "dtype",
    "elements",
    "endswith",
    "extend",
    "find",
    "flatten",
    "format",
    "get",
    "imag",
    "index",
    "intersection",
    "is_integer",
    "isdigit",
    "issubset",
    "issuperset",
    "items",
    "join",
    "keys",
    "lower",
    "most_common",
    "numerator",
    "pop",
    "popleft",
    "real",
    "remove",
    "replace",
    "reshape",
    "reverse",
    "shape",
    "size",
    "sort",
    "split",
    "startswith",
    "strip",
    "sum",
    "tolist",
    "union",
    "update",
    "upper",
    "values",
    "all",
];

/// The names called in `text` that are no method of something, each with the byte at which it starts.
fn calls(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices('(').filter_map(move |(at, _)| {
        // A blank may stand before the parenthesis.
        let before = text[..at].trim_end_matches([' ', '\t']);
        let start = before
            .rfind(|character| !is_name(character))
            .map_or(0, |last| {
                last + before[last..].chars().next().map_or(1, char::len_utf8)
            });
        let name = &before[start..];
        let first = name.chars().next()?;
        (!first.is_numeric() && !before[..start].trim_end().ends_with('.')).then_some((start, name))
    })
}

/// The first name called in `text` for which `is_defined` holds.
pub(super) fn called(text: &str, is_defined: impl Fn(&str) -> bool) -> Option<&str> {
    calls(text)
        .map(|(_, name)| name)
        .find(|name| is_defined(name))
}

/// Whether test code says anywhere that something has to hold. What only calls the program accepts all programs.
pub(super) fn can_fail(code: &str) -> bool {
    let words = [
        "assert", "raise", "fail", "exit", "abort", "doctest", "Assert", "throw", "panic", "Error",
    ];
    words.iter().any(|word| code.contains(word))
}

/// Whether test code makes an object of the class `name` and then uses what only that class has: nothing that crosses to
/// the process of the tests has such attributes.
pub(super) fn makes_objects(code: &str, name: &str) -> bool {
    if !name.starts_with(char::is_uppercase) {
        return false;
    }
    let is_own = |rest: &str| {
        let attribute: String = rest
            .chars()
            .take_while(|&letter| letter.is_alphanumeric() || letter == '_')
            .collect();
        !attribute.is_empty() && !OF_VALUES.contains(&attribute.as_str())
    };
    calls(code)
        .filter(|(_, called)| *called == name)
        .any(|(at, _)| {
            let open = at + code[at..].find('(').unwrap_or_default();
            let Some(end) = closing(&code[open..]) else {
                return false;
            };
            if let Some(rest) = code[open + end..].strip_prefix('.') {
                return is_own(rest);
            }
            // What it is assigned to.
            let line = code[..at].rsplit('\n').next().unwrap_or_default();
            let Some(target) = line.trim().strip_suffix('=').map(str::trim) else {
                return false;
            };
            let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
            !target.is_empty()
                && target.chars().all(is_name)
                && code.match_indices(target).any(|(at, _)| {
                    !code[..at].ends_with(|letter| is_name(letter) || letter == '.')
                        && code[at + target.len()..]
                            .strip_prefix('.')
                            .is_some_and(is_own)
                })
        })
}

/// Where the parenthesis that a text starts with is closed; strings are not looked at.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// `assert_case`: assertions as test code, one test each, about the function `named` or the only one they all call.
pub(super) fn tests(fields: &Fields<'_>, named: &str) -> Result<Vec<TestCase>, ProblemError> {
    const FIELD: &str = "assert_case";
    let cases = match fields.get(FIELD) {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![text.as_str()],
        Some(_) => fields.texts(FIELD)?,
    };
    let cases: Vec<&str> = cases
        .into_iter()
        .filter(|case| !case.trim().is_empty())
        .collect();
    if let Some(other) = cases.iter().find(|case| !case.contains("assert")) {
        return Err(fields.wrong_text(FIELD, "assertions", &format!("{other:?}")));
    }
    let entry_point = if named.is_empty() && !cases.is_empty() {
        entry_point_of(&cases).map_err(|found| {
            let expected =
                "assertions that call one function of the program, or its name in `fn_name`";
            fields.wrong_text(FIELD, expected, &found)
        })?
    } else {
        named
    };
    Ok(cases
        .into_iter()
        .map(|case| TestCase::Asserted {
            entry_point: entry_point.to_owned(),
            code: format!("{case}\n"),
            language: Language::Python,
        })
        .collect())
}

/// The only name that all of them call and that is neither Python's nor defined by themselves.
pub(super) fn entry_point_of<'a>(cases: &[&'a str]) -> Result<&'a str, String> {
    let of = |case: &'a str| -> Vec<&'a str> {
        let foreign = |name: &&str| {
            let own = ["def ", "class ", "import "]
                .iter()
                .any(|word| case.contains(&format!("{word}{name}")));
            !own && !PYTHONS.contains(name)
        };
        calls(case).map(|(_, name)| name).filter(foreign).collect()
    };
    let mut names: Vec<&str> = cases.iter().flat_map(|&case| of(case)).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [name] if cases.iter().all(|&case| of(case).contains(name)) => Ok(*name),
        [] => Err("no call".to_owned()),
        [name] => Err(format!("some without a call of {name}")),
        several => Err(format!("calls of {}", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_function_all_call_is_the_entry_point() {
        assert_eq!(
            entry_point_of(&["assert f(1) == 2", "assert sorted (f (2)) == [1]"]),
            Ok("f")
        );
        assert_eq!(
            entry_point_of(&["import math\nassert math.isclose(f(1), 2)"]),
            Ok("f")
        );
        for unclear in [
            &["assert f(1) == g(2)"][..],
            &["assert f(1)", "assert g(1)"],
            &["assert True"],
            &["assert Solution().m(1) == f(2)"],
        ] {
            assert!(entry_point_of(unclear).is_err(), "{unclear:?}");
        }
    }

    #[test]
    fn tests_of_a_class_are_told_from_tests_of_a_function() {
        for code in [
            "s = Stack()\ns.push(3)\nassert s.top() == 3",
            "assert Stack([1, (2)]).top() == 2",
            "def check(c):\n    x = Stack(1)\n    assert x.peek == 1",
        ] {
            assert!(makes_objects(code, "Stack"), "{code}");
        }
        for code in [
            "assert Diff([1], [2]) == [1]",
            "x = Diff([1], [2])\nx.sort()\nassert x == [1]",
            "assert Diff(3).count(1) == 2",
            "assert Diff(')') == 1",
        ] {
            assert!(!makes_objects(code, "Diff"), "{code}");
        }
        assert!(!makes_objects("f(1).shape2", "f"));
    }

    #[test]
    fn a_blank_may_stand_before_the_parenthesis() {
        let names: Vec<&str> = calls("assert set(é_f  (3)) == x.y(4)")
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names, ["set", "é_f"]);
    }
}
