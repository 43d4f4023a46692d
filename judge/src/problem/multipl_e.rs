//! MultiPL-E rows (`nuprl/MultiPL-E`: HumanEval and MBPP in other languages) → Problem with one asserted test.
//!
//! The benchmark joins prompt, answer and `tests`, and the tests of several languages begin with the brace that closes the
//! function. The head that ends the prompt says what the tests call. Languages whose functions can't be judged are refused by
//! name. Reflexion's form of the set says `test` in place of `tests`.

use rlef_sandbox::Language;

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "name",
        "language",
        "prompt",
        "tests",
        "test",
        "entry_point",
        "canonical_solution",
        "original",
    ],
    harmless: &[
        ("task_id", "the name once more"),
        ("doctests", "says how the statement was made"),
        ("prompt_terminology", "says how the statement was made"),
        (
            "stop_tokens",
            "where an answer without a fence is cut off, which --stop does",
        ),
        ("gpt_solution", "an answer of a model"),
        ("__internal_uuid__", "a name"),
    ],
    refused: &[],
};

/// Names that the benchmark has for languages whose functions can be judged.
const LANGUAGES: [(&str, Language); 8] = [
    ("py", Language::Python),
    ("python", Language::Python),
    ("cpp", Language::Cpp),
    ("js", Language::JavaScript),
    ("java", Language::Java),
    ("go", Language::Go),
    ("go_test.go", Language::Go),
    ("rs", Language::Rust),
];

/// The language of this name.
pub(super) fn language(
    fields: &Fields<'_>,
    name: &str,
    tag: &str,
) -> Result<Language, ProblemError> {
    let found = LANGUAGES.iter().find(|(known, _)| *known == tag);
    found.map(|(_, language)| *language).ok_or_else(|| {
        let expected = "a language whose functions can be judged: py, cpp, js, java, go or rs";
        fields.wrong_text(name, expected, &format!("`{tag}`"))
    })
}

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let language = language(fields, "language", fields.text("language")?)?;
    let prompt = fields.text("prompt")?;
    let field = if fields.get("tests").is_some() {
        "tests"
    } else {
        "test"
    };
    let tests = fields.text(field)?;
    if fields.get("tests").is_some()
        && fields.get("test").is_some()
        && fields.text("test")? != tests
    {
        return Err(fields.wrong_text(
            "test",
            "no such field beside `tests`, or the same",
            "other tests",
        ));
    }
    let entry_point = match fields.text_or_empty("entry_point")? {
        "" => called(prompt).ok_or_else(|| {
            fields.wrong_text("prompt", "the head of a function at its end", "none")
        })?,
        name => name,
    };
    if tests.trim().is_empty() {
        return Err(fields.wrong_text(field, "test code", "an empty string"));
    }
    let mut labels = fields.labels(&["original"]);
    if language != Language::Python {
        labels.insert("language".to_owned(), language.name().to_owned());
    }
    let references = match fields.text_or_empty("canonical_solution")? {
        "" => Vec::new(),
        source => vec![Reference {
            language,
            source: source.to_owned(),
        }],
    };
    Ok(Problem {
        id: fields.name("name")?,
        statement: prompt.to_owned(),
        private_tests: vec![TestCase::Asserted {
            entry_point: entry_point.to_owned(),
            code: code(tests, language),
            language,
        }],
        preamble: prompt.to_owned(),
        references,
        labels,
        ..Problem::default()
    })
}

/// The tests as the judge wants them: C++'s are a program of their own.
pub(super) fn code(tests: &str, language: Language) -> String {
    if language != Language::Cpp {
        return tests.to_owned();
    }
    let own = tests.trim_start();
    format!(
        "#undef NDEBUG\n#include <assert.h>\n{}",
        own.strip_prefix('}').unwrap_or(own)
    )
}

/// The function whose head ends a prompt.
pub(super) fn called(prompt: &str) -> Option<&str> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    // In Python the docstring stands behind it.
    let heads = prompt.lines().rev().filter(|line| line.contains('('));
    heads
        .into_iter()
        .find(|line| {
            let line = line.trim();
            let comment = ["//", "#", "*", ">>>"]
                .iter()
                .any(|mark| line.starts_with(mark));
            !comment && (line.ends_with('{') || line.starts_with("def "))
        })
        .and_then(|line| {
            let (before, _) = line.split_once('(')?;
            let before = without_generics(before.trim_end());
            // `const f = (` names it in front of the sign.
            let before = before.strip_suffix('=').map_or(before, str::trim_end);
            let start = before
                .rfind(|letter| !is_word(letter))
                .map_or(0, |at| at + 1);
            let name = &before[start..];
            (!name.is_empty()).then_some(name)
        })
}

/// `f<T: Into<U>>` without what stands between the angles at its end.
fn without_generics(text: &str) -> &str {
    if !text.ends_with('>') || text.ends_with("=>") {
        return text;
    }
    let mut depth = 0_i64;
    let open = text.char_indices().rev().find(|(_, letter)| {
        depth += i64::from(*letter == '>') - i64::from(*letter == '<');
        depth == 0
    });
    open.map_or(text, |(at, _)| text[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_at_the_end_is_called() {
        for (prompt, name) in [
            ("// >>> g(1)\nfunction f(xs, k){\n", "f"),
            (
                "class Problem {\n    // g(1)\n    public static ArrayList<Long> f(int a) {\n",
                "f",
            ),
            ("fn f<T: Into<U>>(x: T) -> T {\n", "f"),
            ("package f_test\nfunc f(x int) int {\n", "f"),
            ("def f(x):\n    \"\"\" >>> f(1) \"\"\"\n", "f"),
            ("const f = (x) => {\n", "f"),
            ("std::vector<std::pair<int, int>> f(int x) {\n", "f"),
        ] {
            assert_eq!(called(prompt), Some(name), "{prompt}");
        }
        assert_eq!(called("text"), None);
    }
}
