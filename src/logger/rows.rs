//! A run's record → a row of named numbers a round.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What is known of the policy after so many rounds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Rounds done.
    pub(crate) round: usize,
    /// Names, with the group they are drawn in before a slash; those of a round itself have none.
    pub(crate) numbers: BTreeMap<String, f64>,
}

/// The rows of a run, or of its last round alone, which has the number that is given.
pub(crate) fn read(folder: &Path, last: Option<usize>) -> std::io::Result<Vec<Row>> {
    let lines = |name: &str| -> std::io::Result<Vec<Value>> {
        let text = crate::files::read_to_string(&folder.join(name))?;
        // A line that is being written is another round's.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().rev().take(last.map_or(usize::MAX, |_| 1));
        let read: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
        Ok(read?)
    };
    let mut rows: BTreeMap<usize, BTreeMap<String, f64>> = BTreeMap::new();
    for (name, group) in [("metrics.jsonl", ""), ("timings.jsonl", "time/")] {
        for line in lines(name)? {
            let round = line["round"].as_u64().unwrap_or(0) as usize + 1;
            add(rows.entry(round).or_default(), group, &line);
        }
    }
    if let Some(last) = last {
        rows.retain(|&round, _| round == last);
    }
    for (round, numbers) in &mut rows {
        let path = folder.join(format!("validation-{round:06}.json"));
        if path.exists() {
            let report: Value = serde_json::from_str(&crate::files::read_to_string(&path)?)?;
            // Runs of older versions keep the report alone.
            let report = report.get("report").unwrap_or(&report);
            let turns = report["solved_by_turn"].as_array();
            let solved = turns.and_then(|turns| number(&turns.last()?["mean"]));
            numbers.extend(solved.map(|solved| ("validation/solved".to_owned(), solved)));
        }
    }
    let rows = rows.into_iter();
    Ok(rows
        .map(|(round, numbers)| Row { round, numbers })
        .collect())
}

fn add(numbers: &mut BTreeMap<String, f64>, group: &str, line: &Value) {
    for (name, value) in line.as_object().into_iter().flatten() {
        if name == "round" || name == "schema" {
            continue;
        }
        if value.is_object() {
            add(numbers, &format!("{group}{name}/"), value);
        } else if let Some(value) = number(value) {
            numbers.insert(format!("{group}{name}"), value);
        }
    }
}

/// A number; one that is not finite is written as a text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}
