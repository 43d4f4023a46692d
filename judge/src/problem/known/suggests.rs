//! Whether an unknown field decides, as far as its name and its value tell. Pure.
//!
//! Mistakes should fall on the side of deciding: a field that is refused by name costs its user a minute, a checker that
//! is dropped costs a run.

use serde_json::Value;

/// Parts of words that name what decides.
const STEMS: &str = "\
    test check assert judge oracle grader grading validat verif expect output toleran epsilon precis interact \
    compar scorer scoring rubric criteri evaluat harness stdin stdout timeout limit sensitiv answer truth spj \
    reward corner input fixture teardown setup entrypoint forbid allowlist denylist unordered matcher subtask \
    stderr stdio exitcode returncode whitespace normaliz normalis postproc preamble prelude boilerplate \
    functionname methodname classname callable ordermatter anyorder rounding";

/// Whole words that do.
const WORDS: &str = "\
    atol rtol eps gt io case cases fn func entry special exact strict match banned property properties \
    invariant invariants grade partial weight weights args argv kwargs env files tol delta decimals cmp \
    memory mem tl ml metric gold golden target regex imports helper helpers driver runner command cmd \
    function functions";

/// Whole names that do.
const NAMES: &str = "\
    time timems timesec cputime walltime maxtime method exit";

/// What a test may be called or explained by.
const DESCRIBING: &str = "\
    id idx index no number uuid hash name title explanation comment note notes remark remarks description \
    source origin sample example is public hidden visible";

/// Values that say by themselves how a problem is judged.
const KINDS: &str = "\
    interactive interaction communication outputonly specialjudge spj functional functioncall functionbased \
    callbased unittest unittests pytest";

/// Names of what a row says it has or has not: where it has not, nothing is dropped.
const ABSENT: &str = "\
    checker haschecker customchecker spj isspj specialjudge isspecialjudge interactive isinteractive interactor \
    hasinteractor validator hasvalidator testlib usestestlib subtasks hassubtasks partial";

/// Words in which a stem stands for something else.
const OTHERS: [&str; 8] = [
    "contests",
    "contest",
    "latest",
    "fastest",
    "greatest",
    "attest",
    "unlimited",
    "testimonial",
];

/// Keys that say which language a program is to be in, or which ones it may be in.
const LANGUAGE: &str = "\
    language lang programminglanguage sourcelanguage executionlanguage codelanguage targetlanguage languages \
    langs allowedlanguages programminglanguages";

/// Whether a list, written as one text, has this word.
fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}

/// Whether a field of this name and value decides.
pub(super) fn decides(name: &str, value: &Value) -> bool {
    let is_no = matches!(value, Value::Bool(false)) || value.as_i64() == Some(0);
    if is_no && is_in(ABSENT, &words(name).concat()) {
        return false;
    }
    named(name) || is_other_language(name, value) || is_kind(value) || shaped(value, 0)
}

/// Whether a field of a test only tells one from the other, or explains it.
pub(super) fn describes(name: &str) -> bool {
    words(name).iter().all(|word| is_in(DESCRIBING, word))
}

fn is_kind(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() < 40 && is_in(KINDS, &words(text).concat()))
}

/// Whether the name says so.
pub(super) fn named(name: &str) -> bool {
    let words = words(name);
    let squashed: String = words.concat();
    let squashed = OTHERS
        .iter()
        .fold(squashed, |text, other| text.replace(other, "-"));
    STEMS.split(' ').any(|stem| squashed.contains(stem))
        || is_in(NAMES, &squashed)
        || words.iter().any(|word| is_in(WORDS, word))
}

/// `publicTests`, `public-tests` and `PUBLIC_TESTS` as `public`, `tests`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (lower && character.is_uppercase()) {
            words.push(String::new());
        }
        lower = character.is_lowercase() || character.is_numeric();
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A language that is not Python, for a row that would be taken for one in Python.
fn is_other_language(name: &str, value: &Value) -> bool {
    let is_other = |tag: &str| {
        let tag = tag.trim().to_ascii_lowercase();
        !(tag.starts_with("py") || matches!(tag.as_str(), "en" | "english"))
    };
    let squashed = words(name).concat();
    is_in(LANGUAGE, &squashed)
        && match value {
            Value::String(tag) => is_other(tag),
            Value::Array(tags) => {
                !tags.is_empty() && tags.iter().filter_map(Value::as_str).all(is_other)
            }
            _ => false,
        }
}

/// Containers looked into at most; past that nobody keeps tests.
const DEEPEST: usize = 6;

/// Whether the value looks like tests: test code, or inputs with outputs.
fn shaped(value: &Value, depth: usize) -> bool {
    match value {
        Value::String(text) => is_test_code(text),
        Value::Array(items) if depth < DEEPEST => {
            items.iter().take(20).any(|item| shaped(item, depth + 1))
        }
        Value::Object(object) if depth < DEEPEST => object.iter().any(|(name, inner)| {
            !super::is_blank(inner) && (named(name) || shaped(inner, depth + 1))
        }),
        _ => false,
    }
}

fn is_test_code(text: &str) -> bool {
    const STARTS: [&str; 7] = [
        "assert ",
        "assert(",
        "assert_",
        "self.assert",
        "def check(",
        "def test_",
        "class Test",
    ];
    const WITHIN: [&str; 4] = ["testlib.h", "registerTestlibCmd", "unittest.", "pytest"];
    text.lines().any(|line| {
        let line = line.trim_start();
        STARTS.iter().any(|start| line.starts_with(start))
    }) || WITHIN.iter().any(|within| text.contains(within))
        // JSON of tests in a string.
        || (text.trim_start().starts_with(['{', '['])
            && ["\"input", "\"output", "\"test", "'input", "'output"]
                .iter()
                .any(|key| text.contains(key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_decide() {
        for name in [
            "test",
            "tests",
            "hiddenTests",
            "hidden_tests",
            "UNIT-TESTS",
            "testcases",
            "checker",
            "assert_case",
            "special_judge",
            "spj",
            "oracle",
            "grader",
            "validator",
            "expected",
            "expected_output",
            "output",
            "outputs",
            "float_tolerance",
            "atol",
            "eps",
            "time_limit",
            "timeLimitMs",
            "timeout",
            "corner_cases",
            "gt",
            "ground_truth",
            "interactor",
            "fn_name",
            "entryPoint",
            "entry_point",
            "io_pairs",
            "case_sensitive",
            "contest_tests",
            "scoring",
            "verification_code",
            "strict",
            "is_stdio",
            "weight",
            "args",
            "exit_code",
            "stderr",
            "rel_tol",
            "max_memory_mb",
            "partial",
            "function_name",
            "time",
            "cpu_time",
            "order_matters",
            "ignore_whitespace",
            "helper_code",
            "runner",
            "metric",
        ] {
            assert!(named(name), "{name}");
        }
        for name in [
            "source",
            "contest_id",
            "contestName",
            "latest_edit",
            "url",
            "tags",
            "difficulty",
            "license",
            "created_at",
            "notes",
            "hints",
            "split",
            "uuid",
            "index",
            "translated",
            "topic",
            "language",
            "time_created",
            "score",
            "method_of_generation",
        ] {
            assert!(!named(name), "{name}");
        }
    }

    #[test]
    fn values_that_decide() {
        for value in [
            json!("def check(f):\n    pass"),
            json!(["x = 1", "assert f(1) == 2"]),
            json!([{"stdin": "1", "reply": "2"}]),
            json!({"private": {"expected": [1]}}),
            json!("#include \"testlib.h\"\nint main() {}"),
            json!("[{\"input\": 1}]"),
        ] {
            assert!(decides("extra", &value), "{value}");
        }
        for value in [
            json!("A text that says: assert nothing."),
            json!(["a", "b"]),
            json!({"url": "x", "likes": 3}),
            json!(7),
            json!(true),
        ] {
            assert!(!decides("extra", &value), "{value}");
        }
    }

    #[test]
    fn what_a_row_says_that_it_has_not_decides_nothing() {
        for name in ["special_judge", "is_spj", "checker", "isInteractive"] {
            assert!(
                !decides(name, &json!(false)) && !decides(name, &json!(0)),
                "{name}"
            );
            assert!(
                decides(name, &json!(true)) && decides(name, &json!(1)),
                "{name}"
            );
        }
        // Nought of these is not what is meant without them.
        for name in ["case_sensitive", "strict", "float_tolerance", "time_limit"] {
            assert!(
                decides(name, &json!(false)) && decides(name, &json!(0)),
                "{name}"
            );
        }
    }

    #[test]
    fn another_language_decides() {
        for (value, other) in [
            ("python3", false),
            ("Python", false),
            ("cpp", true),
            ("rs", true),
        ] {
            assert_eq!(decides("language", &json!(value)), other, "{value}");
        }
        assert!(decides("allowed_languages", &json!(["rust", "go"])));
        assert!(!decides("languages", &json!(["rust", "python3"])));
        assert!(decides("kind", &json!("interactive")));
        assert!(!decides("kind", &json!("implementation")));
        assert!(decides("type", &json!("functional")));
        assert!(decides("call_type", &json!("function_call")));
    }
}
