//! The name that was meant where one is unknown.

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
