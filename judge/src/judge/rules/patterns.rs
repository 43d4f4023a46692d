//! Rules as regular expressions: those of the crate `regex`, whose time grows with the text alone, whatever is written.

use regex::Regex;

use super::Broken;

/// Texts that have nothing in common: an expression that matches all of them matches whatever there is.
const UNLIKE: [&str; 4] = ["", "a", "0 \n", "é(\t)"];

/// The expressions of a field; the reason where one can't be judged by.
pub(super) fn read(field: &str, texts: &[String]) -> Result<Vec<Regex>, String> {
    let read = |text: &String| {
        let pattern = Regex::new(text).map_err(|error| {
            format!("{field} has {text:?}, which is no regular expression: {error}")
        })?;
        if UNLIKE.iter().all(|unlike| pattern.is_match(unlike)) {
            return Err(format!(
                "{field} has {text:?}, which matches every answer; leave it out"
            ));
        }
        Ok(pattern)
    };
    texts.iter().map(read).collect()
}

/// What of a text breaks these rules, and where.
pub(super) fn broken(text: &str, require: &[Regex], forbid: &[Regex]) -> Vec<Broken> {
    let missing = require.iter().filter(|pattern| !pattern.is_match(text));
    let missing = missing.map(|pattern| (None, format!("nothing in it matches {pattern}")));
    let found = forbid.iter().filter_map(|pattern| {
        let found = pattern.find(text)?;
        let reason = format!("{:?} in it matches {pattern}", found.as_str());
        Some((Some(found.range()), reason))
    });
    missing.chain(found).collect()
}
