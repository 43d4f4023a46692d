//! Whether a problem can be judged at all, as far as it shows without running anything: its limits, its files, and what its
//! tests call. A problem that can't is unreadable; judged, it would reject every program.

use rlef_sandbox::{Files, Language};

use super::{Place, Problem, ProblemError, TestCase, asserts};
use crate::comparator::Comparison;

/// Languages whose functions can be called by tests.
const CALLABLE: [Language; 6] = [
    Language::Python,
    Language::Cpp,
    Language::JavaScript,
    Language::Java,
    Language::Go,
    Language::Rust,
];

/// Open files that a program needs to start.
const LEAST_FILES: u64 = 8;

/// Refuses a problem that no program could solve because of what it says of itself.
pub(super) fn check(problem: &Problem, place: &Place) -> Result<(), ProblemError> {
    let wrong = |field: &str, expected: &str, found: String| ProblemError::Field {
        place: place.clone(),
        field: field.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    if problem.id.trim().is_empty() {
        let expected = "a name that tells the problem from others";
        return Err(wrong("id", expected, "an empty one".to_owned()));
    }
    let limits = &problem.limits;
    for (name, value, least) in [
        ("cpu_ms", limits.cpu_ms, 1),
        ("wall_ms", limits.wall_ms, limits.cpu_ms.max(1)),
        ("memory_bytes", limits.memory_bytes, 1),
        ("processes", limits.processes, 1),
        ("open_files", limits.open_files, LEAST_FILES),
        ("output_bytes", limits.output_bytes, 1),
        ("stack_bytes", limits.stack_bytes, 1),
    ] {
        if value < least {
            let field = format!("limits.{name}");
            let expected = match name {
                "wall_ms" => format!("at least cpu_ms ({least})"),
                _ => format!("at least {least}, for a program to run"),
            };
            return Err(wrong(&field, &expected, value.to_string()));
        }
    }
    for (name, tolerance) in tolerances(&problem.comparison) {
        if !(tolerance.is_finite() && tolerance >= 0.0) {
            let expected = "a number that is not negative";
            return Err(wrong(
                &format!("comparison.{name}"),
                expected,
                tolerance.to_string(),
            ));
        }
    }
    if let Some(files) = &problem.files {
        let names = Files {
            input: files.input.clone(),
            output: files.output.clone(),
        };
        if !names.are_plain() {
            let expected = "two different plain names of files, without folders";
            let found = format!("{:?} and {:?}", names.input, names.output);
            return Err(wrong("files", expected, found));
        }
    }
    let lists = [
        ("public_tests", &problem.public_tests),
        ("private_tests", &problem.private_tests),
    ];
    let mut spoken = None;
    for (list, tests) in lists {
        for test in tests {
            let (field, name, language) = match test {
                TestCase::Stdin { .. } => continue,
                TestCase::Call { function, .. } => ("function", function, Language::Python),
                TestCase::Asserted {
                    entry_point,
                    language,
                    ..
                } => ("entry_point", entry_point, *language),
            };
            if !CALLABLE.contains(&language) {
                let expected = "tests of functions in Python, C++, JavaScript, Java, Go or Rust";
                let field = format!("{list}.language");
                return Err(wrong(&field, expected, language.title().to_owned()));
            }
            if let Some(expected) = uncallable(name, language) {
                let field = format!("{list}.{field}");
                return Err(wrong(&field, expected, format!("{name:?}")));
            }
            if let TestCase::Asserted { code, .. } = test
                && language == Language::Python
                && is_class(problem, name, code)
            {
                let field = format!("{list}.{field}");
                let expected = "a function, as the objects of a program's own class stay in its process; tests of a method call \
                                `Class.method`";
                return Err(wrong(&field, expected, format!("the class {name:?}")));
            }
            if *spoken.get_or_insert(language) != language {
                let expected = "functions of one language in all tests";
                let found = "tests in several".to_owned();
                return Err(wrong(&format!("{list}.language"), expected, found));
            }
        }
    }
    let Some(label) = problem.labels.get("language") else {
        return Ok(());
    };
    let named = Language::from_tag(label.trim());
    let natural = |label: &str| NATURAL.contains(&label.trim().to_ascii_lowercase().as_str());
    let expected = match (named, spoken) {
        (None, None) if !label.trim().is_empty() && !natural(label) => {
            "a language that programs are run in, such as `python`, `cpp` or `java`".to_owned()
        }
        (Some(named), Some(spoken)) if named != spoken => {
            format!("{}, which the tests are in", spoken.title())
        }
        _ => return Ok(()),
    };
    Err(wrong("labels.language", &expected, format!("{label:?}")))
}

/// The tolerances of a rule, by the names of their fields.
fn tolerances(rule: &Comparison) -> Vec<(&'static str, f64)> {
    match *rule {
        Comparison::Floats { absolute, relative } => {
            vec![("absolute", absolute), ("relative", relative)]
        }
        Comparison::Kattis {
            float_absolute_tolerance,
            float_relative_tolerance,
            ..
        } => vec![
            ("float_absolute_tolerance", float_absolute_tolerance),
            ("float_relative_tolerance", float_relative_tolerance),
        ],
        _ => Vec::new(),
    }
}

/// Whether the tests make objects of a class that is the program's.
fn is_class(problem: &Problem, name: &str, code: &str) -> bool {
    let defines = |source: &str| {
        source.lines().any(|line| {
            line.strip_prefix("class ")
                .and_then(|rest| rest.trim_start().strip_prefix(name))
                .is_some_and(|rest| rest.trim_start().starts_with(['(', ':']))
        })
    };
    let is_own = |source: &str| defines(source) && !source.contains("def __new__");
    !defines(&problem.preamble)
        && (asserts::makes_objects(code, name)
            || problem.references.iter().any(|reference| {
                reference.language == Language::Python && is_own(&reference.source)
            }))
}

/// What statements are written in: rows of several sets have that under the same name.
const NATURAL: [&str; 13] = [
    "en", "english", "ru", "russian", "zh", "chinese", "ja", "japanese", "de", "fr", "es", "pt",
    "ko",
];

/// What is expected in place of a name that can't be called; nothing where it can.
fn uncallable(name: &str, language: Language) -> Option<&'static str> {
    if language == Language::Cpp {
        return (!name.split("::").all(is_identifier))
            .then_some("the name of a function, such as `f`");
    }
    if language != Language::Python {
        return (!is_identifier(name.trim_start_matches('$')))
            .then_some("the name of a function or method, such as `f`");
    }
    let parts: Vec<&str> = name.split('.').collect();
    let good = parts.len() <= 2 && parts.iter().all(|part| is_identifier(part));
    (!good || parts.iter().any(|part| KEYWORDS.contains(part))).then_some(
        "a name that the judge can call: a function, such as `f`, or a method, such as `Solution.f`",
    )
}

fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|next| next.is_alphanumeric() || next == '_')
}

/// Python's, which name no function.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_methods_can_be_called_and_nothing_else() {
        for name in ["f", "Solution.f", "_f1", "naïve"] {
            assert_eq!(uncallable(name, Language::Python), None, "{name}");
        }
        for name in [
            "Solution().f",
            "f()",
            "",
            "a.b.c",
            ".f",
            "f.",
            "1f",
            "f g",
            "lambda",
            "Solution.class",
            "f\n",
            "f;g",
            "obj[0]",
        ] {
            assert!(uncallable(name, Language::Python).is_some(), "{name:?}");
        }
        assert_eq!(uncallable("ns::f", Language::Cpp), None);
        assert!(uncallable("Solution.f", Language::Cpp).is_some());
    }
}
