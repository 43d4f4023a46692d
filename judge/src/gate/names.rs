//! Names that the options give and the evaluations may not have: a misspelt slice would weaken the gate, a misspelt golden
//! problem would fail it, a misspelt quarantined one would let it fail. And the lists of ids that options name.

use std::collections::BTreeSet;
use std::path::Path;

use super::Options;
use crate::evaluation::record::Evaluation;
use crate::nearest::meant;
use crate::problem::quarantine::{Quarantine, is_date};

/// What is wrong with the names, a reason each, with the nearest name there is.
pub(super) fn unknown(
    baseline: &Evaluation,
    candidate: &Evaluation,
    options: &Options,
) -> Vec<String> {
    let records = || baseline.problems.iter().chain(&candidate.problems);
    let labels: BTreeSet<&str> = records()
        .flat_map(|record| record.labels.keys().map(String::as_str))
        .collect();
    let ids: BTreeSet<&str> = records().map(|record| record.id.as_str()).collect();
    let slices = options
        .slices
        .iter()
        .filter(|label| !labels.contains(label.as_str()))
        .map(|label| {
            let known = match labels.len() {
                0 => "none".to_owned(),
                _ => labels.iter().copied().collect::<Vec<_>>().join(", "),
            };
            let near = meant(label, labels.iter().copied());
            format!(
                "no problem carries the label {label} that --slice names{near}; there are: {known}"
            )
        });
    let problems = |names: &BTreeSet<String>, option: &str| -> Vec<String> {
        names
            .iter()
            .filter(|id| !ids.contains(id.as_str()))
            .map(|id| {
                let near = meant(id, ids.iter().copied());
                format!("neither side has the problem {id} that --{option} names{near}")
            })
            .collect()
    };
    let mut found: Vec<String> = slices.collect();
    found.extend(problems(&options.golden, "golden"));
    found.extend(problems(&options.quarantine, "quarantine"));
    found
}

/// Ids of a list.
#[derive(Debug, Default)]
pub struct Listed {
    /// Those that hold.
    pub ids: BTreeSet<String>,
    /// What is to be said of those whose date has passed.
    pub expired: Vec<String>,
}

/// The ids of a list's text: the one that `doctor` writes, or one id a line with a date after which it holds no more.
pub fn listed(path: &Path, text: &str, today: &str) -> Result<Listed, String> {
    let mut list = Listed::default();
    let shown = path.display();
    if text.trim_start().starts_with('{') {
        let quarantine =
            Quarantine::parse(path, text.as_bytes()).map_err(|error| error.to_string())?;
        for entry in quarantine.entries {
            if entry.holds(today) {
                list.ids.insert(entry.problem_id);
            } else {
                let words = format!("{shown}: {} is no longer quarantined", entry.problem_id);
                list.expired.push(words);
            }
        }
        return Ok(list);
    }
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(id) = words.next() else { continue };
        let date = words.next();
        if !date.is_none_or(is_date) || words.next().is_some() {
            return Err(format!(
                "read {shown}, line {}: expected an id, then nothing or a date YYYY-MM-DD",
                index + 1
            ));
        }
        // Dates of this form compare as texts; the last day still counts.
        if date.is_some_and(|date| date < today) {
            let words = format!("{shown}, line {}: {id} is no longer quarantined", index + 1);
            list.expired.push(words);
        } else {
            list.ids.insert(id.to_owned());
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_expires() {
        let path = Path::new("list");
        let ids = |text: &str| {
            let list = listed(path, text, "2026-11-25")?;
            let names: Vec<String> = list.ids.into_iter().collect();
            Ok::<_, String>((names.join(" "), list.expired.len()))
        };
        let plain = "a\nb 2026-11-25 # flaky\nc 2026-11-24\n\n";
        assert_eq!(ids(plain), Ok(("a b".to_owned(), 1)));
        let entry = |id: &str, expires: &str| {
            format!(r#"{{"problem_id":"{id}","sha256":"","reason":"flaky","detail":""{expires}}}"#)
        };
        let list = [
            entry("a", ""),
            entry("b", r#","expires":"2026-11-25""#),
            entry("c", r#","expires":"2026-11-24""#),
        ];
        let list = format!("{{\"entries\":[{}]}}", list.join(","));
        assert_eq!(ids(&list), Ok(("a b".to_owned(), 1)));
        let error = ids(&list.replace("2026-11-24", "soon")).unwrap_err();
        assert!(error.contains("c expires on \"soon\""), "{error}");
        assert!(ids("a tomorrow\n").unwrap_err().contains("line 1"));
    }
}
