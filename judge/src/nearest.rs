//! What was meant: the nearest name where one is unknown, and plain words where a reader of files names its own types.

use std::sync::LazyLock;

use regex::Regex;

/// ` (did you mean x?)`, where one of the names is near enough; of equals the first by name.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |other| format!(" (did you mean {other}?)"))
}

/// The name that is nearest, where one is near enough; of equals the first by name.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|other| (strsim::osa_distance(&lower, &other.to_lowercase()), other))
        .filter(|(distance, _)| *distance <= 1 + name.chars().count() / 4)
        .min()
        .map(|(_, other)| other)
}

/// What serde calls a type of Rust → what a person writes there.
static TYPES: LazyLock<[(Regex, &'static str); 6]> = LazyLock::new(|| {
    [
        (
            r"expected (?:struct|(?:internally |adjacently )?tagged enum|struct variant) [\w:]+",
            "expected an object",
        ),
        (
            r"expected (?:u8|u16|u32|u64|usize)\b",
            "expected a whole number, not negative",
        ),
        (
            r"expected (?:i8|i16|i32|i64|isize)\b",
            "expected a whole number",
        ),
        (r"expected (?:f32|f64)\b", "expected a number"),
        (r"expected a sequence\b", "expected a list"),
        (r"expected a map\b", "expected an object"),
    ]
    // Each is a literal that a test compiles.
    .map(|(pattern, words)| {
        (
            Regex::new(pattern).unwrap_or_else(|_| unreachable!()),
            words,
        )
    })
});

/// The same text without types of Rust.
pub fn plain(text: &str) -> String {
    if !text.contains("expected ") {
        return text.to_owned();
    }
    let plain = |text: String, (pattern, words): &(Regex, &str)| {
        pattern.replace_all(&text, *words).into_owned()
    };
    TYPES.iter().fold(text.to_owned(), plain)
}

/// The same text, and the name that was meant at its end, where it is one of serde's about a field or variant that is unknown:
/// ``unknown field `x`, expected one of `y`, `z` ``.
pub fn completed(text: &str) -> String {
    let found = ["unknown field `", "unknown variant `"]
        .iter()
        .find_map(|words| text.split_once(words));
    let Some((name, rest)) = found.and_then(|(_, rest)| rest.split_once("`, expected ")) else {
        return text.to_owned();
    };
    // What is expected stands in backticks; other words between them end the list.
    let list = rest.split('\n').next().unwrap_or_default();
    let mut parts = list.split('`');
    let mut known = Vec::new();
    while let Some(between) = parts.next() {
        if !matches!(between, "" | "one of " | ", " | " or ") {
            break;
        }
        known.extend(parts.next());
    }
    let near = meant(name, known);
    match text.strip_suffix('\n') {
        Some(line) => format!("{line}{near}\n"),
        None => format!("{text}{near}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told() {
        let known = ["difficulty", "language"];
        assert_eq!(meant("dificulty", known), " (did you mean difficulty?)");
        assert_eq!(meant("Language", known), " (did you mean language?)");
        assert_eq!(meant("lnaguage", known), " (did you mean language?)");
        assert_eq!(meant("topic", known), "");
        assert_eq!(meant("", known), "");
    }

    #[test]
    fn types_are_said_in_plain_words() {
        for (said, words) in [
            (
                "invalid type: string \"x\", expected struct Reference at line 1",
                "invalid type: string \"x\", expected an object at line 1",
            ),
            (
                "invalid type: string \"x\", expected internally tagged enum TestCase",
                "invalid type: string \"x\", expected an object",
            ),
            (
                "invalid value: integer `-1`, expected usize",
                "invalid value: integer `-1`, expected a whole number, not negative",
            ),
            (
                "invalid type: null, expected f64",
                "invalid type: null, expected a number",
            ),
            (
                "invalid type: map, expected a sequence",
                "invalid type: map, expected a list",
            ),
            ("expected 3 answers", "expected 3 answers"),
        ] {
            assert_eq!(plain(said), words);
        }
    }

    #[test]
    fn what_serde_says_is_completed() {
        let one = "x.toml: unknown field `turn`, expected one of `turns`, `group`, `k` at line 1";
        assert_eq!(completed(one), format!("{one} (did you mean turns?)"));
        let two = "unknown variant `slient`, expected `real` or `silent`\n";
        assert_eq!(
            completed(two),
            "unknown variant `slient`, expected `real` or `silent` (did you mean silent?)\n"
        );
        for unchanged in [
            "unknown field `far`, expected `turns`",
            "unknown field `turn`, there are no fields",
            "no such file",
        ] {
            assert_eq!(completed(unchanged), unchanged);
        }
    }
}
