//! What transformers adds to Jinja: a tag that marks what a loss is about, and the day.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};
use minijinja::{Error, ErrorKind};

/// The template with `{% generation %}` as a scope and nothing else: it marks the tokens that a loss is about, which are known
/// here without it. Comments, strings and raw text stay as they are.
pub(super) fn without_generation_tags(template: &str) -> String {
    let mut result = String::with_capacity(template.len());
    let mut rest = template;
    let mut is_raw = false;
    while let Some(start) = next_tag(rest) {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = end_of_tag(rest);
        let (tag, after) = rest.split_at(end);
        rest = after;
        let word = word(tag);
        match word {
            Some("endraw") => is_raw = false,
            Some("raw") => is_raw = true,
            _ => {}
        }
        let scope = match word {
            Some("generation") if !is_raw => tag.replacen("generation", "with", 1),
            Some("endgeneration") if !is_raw => tag.replacen("endgeneration", "endwith", 1),
            _ => tag.to_owned(),
        };
        result.push_str(&scope);
    }
    result + rest
}

/// Where the next comment, statement or expression begins.
fn next_tag(text: &str) -> Option<usize> {
    let places = ["{%", "{{", "{#"].map(|mark| text.find(mark));
    places.into_iter().flatten().min()
}

/// Where a comment, statement or expression at the start of `text` ends; what stands in its strings ends nothing.
fn end_of_tag(text: &str) -> usize {
    let close = match &text[..2] {
        "{%" => "%}",
        "{{" => "}}",
        _ => return text.find("#}").map_or(text.len(), |end| end + 2),
    };
    let mut quote = None;
    let mut is_escaped = false;
    for (place, letter) in text.char_indices().skip(2) {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(open) => {
                is_escaped = letter == '\\';
                quote = Some(open).filter(|_| letter != open);
            }
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None if text[place..].starts_with(close) => return place + 2,
            None => {}
        }
    }
    text.len()
}

/// The first word of a statement.
fn word(tag: &str) -> Option<&str> {
    let inner = tag.strip_prefix("{%")?.trim_start_matches(['-', '+']);
    inner
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .find(|word| !word.is_empty())
}

/// The day as strftime(3) writes it, in UTC. `SOURCE_DATE_EPOCH` sets it, for prompts that are to be the same tomorrow.
pub(super) fn strftime_now(format: &str) -> Result<String, Error> {
    let refused = |reason: String| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("strftime_now: {reason}"),
        )
    };
    let now = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| {
            refused(format!(
                "expected seconds since 1970 in SOURCE_DATE_EPOCH, found {text:?}"
            ))
        })?,
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |passed| passed.as_secs() as i64),
    };
    let now: DateTime<Utc> = DateTime::from_timestamp(now, 0).ok_or_else(|| {
        refused(format!(
            "expected a year that calendars have, found {now} seconds since 1970"
        ))
    })?;
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Err(refused(format!(
            "expected a format of strftime, found {format:?}"
        )));
    }
    Ok(now.format_with_items(items.iter()).to_string())
}
