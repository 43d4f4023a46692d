//! The files that rlef reads and writes: a schema of each is made from the types that serde writes it by, the pages show them, and
//! what the programs write fits.
//!
//! `RLEF_UPDATE=1 cargo test --profile checked --test main formats` writes schemas and page anew.

mod check;
mod code;
mod made;
mod page;
mod schema;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::documents::hold;
use code::Code;
pub(crate) use page::table;
use schema::Maker;

/// A format: name of its schema, what it is, and the types that a line (or the whole file) is one of.
struct Format {
    name: &'static str,
    title: &'static str,
    types: &'static [(&'static str, &'static str)],
}

const EPISODE: (&str, &str) = ("src/journal/record.rs", "EpisodeRecord");

const fn format(
    name: &'static str,
    title: &'static str,
    types: &'static [(&'static str, &'static str)],
) -> Format {
    Format { name, title, types }
}

const FORMATS: [Format; 30] = [
    format(
        "problem",
        "A problem: a line of a file of problems",
        &[("judge/src/problem.rs", "Problem")],
    ),
    format(
        "program",
        "A program or an answer: a line for `rlef judge`",
        &[("judge/src/programs.rs", "Line")],
    ),
    format(
        "verdict",
        "A verdict: a line of `rlef judge --json`",
        &[("judge/src/programs/line.rs", "Judged")],
    ),
    format(
        "quarantine",
        "A list of problems to leave out",
        &[("judge/src/problem/quarantine.rs", "Quarantine")],
    ),
    format(
        "finding",
        "What is found of a problem: a line of `rlef doctor --problems --json`",
        &[("judge/src/problem/audit.rs", "Finding")],
    ),
    format(
        "machine",
        "What a machine can do: `rlef doctor --json`",
        &[("serve/src/cli/machine.rs", "Machine")],
    ),
    format(
        "evaluation",
        "An evaluation: `rlef eval --out`",
        &[("judge/src/evaluation/record.rs", "Evaluation")],
    ),
    format(
        "report",
        "The figures of an evaluation: `rlef eval --json`",
        &[("judge/src/evaluation.rs", "Report")],
    ),
    format(
        "evaluation-journal",
        "A line of an evaluation's journal",
        &[("src/eval/journal/event.rs", "Event"), EPISODE],
    ),
    format(
        "gate",
        "The answer of `rlef gate --json`",
        &[("judge/src/gate/report.rs", "Report")],
    ),
    format(
        "journal",
        "A line of a run's journal",
        &[("src/journal/frames.rs", "Event"), EPISODE],
    ),
    format(
        "credit",
        "What a round made of an episode: a line of `credit.jsonl.zst`",
        &[
            ("src/journal/frames.rs", "Event"),
            ("src/journal/credit.rs", "CreditRecord"),
        ],
    ),
    format(
        "journal-head",
        "The head of a frame: a line of a journal's index",
        &[("src/journal/frame.rs", "Head")],
    ),
    format(
        "change",
        "Where two judgements part: a line of `rlef replay --json`",
        &[("src/journal/diff.rs", "Change")],
    ),
    format(
        "metrics",
        "A round in numbers: a line of `metrics.jsonl`",
        &[("src/train/metrics.rs", "RoundMetrics")],
    ),
    format(
        "timings",
        "Where a round's seconds went: a line of `timings.jsonl`",
        &[("src/train/metrics.rs", "RoundTimings")],
    ),
    format(
        "inputs",
        "What a run learns from: `inputs.json`",
        &[("src/run/inputs.rs", "Inputs")],
    ),
    format(
        "protection",
        "What protected a run: `protection.json`",
        &[("sandbox/src/protection.rs", "Protection")],
    ),
    format(
        "progress",
        "How far a checkpoint is: `progress.json`",
        &[("src/run/files.rs", "Progress")],
    ),
    format(
        "rates",
        "How often problems were solved: `rates.json` of a checkpoint",
        &[("src/train/rates.rs", "Rates")],
    ),
    format(
        "baseline",
        "A stored answer: a value of a checkpoint's `baselines.json`",
        &[("src/train/stored.rs", "StoredAnswer")],
    ),
    format(
        "objective",
        "What moves along a run: `objective.json` of a checkpoint",
        &[("src/objective/rlhf_ppo.rs", "Kept")],
    ),
    format(
        "best",
        "What the best policy did: `validation.json` of the checkpoint `best`",
        &[("src/run/best.rs", "Best")],
    ),
    format(
        "preference",
        "A pair, a ranking, an answer held good or bad, or steps: a line of preference data",
        &[("src/preference.rs", "Item")],
    ),
    format(
        "demonstration",
        "A demonstration: a line of `rlef rft --out`",
        &[("src/rejection.rs", "Demonstration")],
    ),
    format(
        "label",
        "A line of `labels.jsonl`, as `rlef label` writes it",
        &[("src/view/label/book.rs", "Event")],
    ),
    format(
        "labels-report",
        "How labels agree: `rlef labels --json`",
        &[("src/labels/report.rs", "Report")],
    ),
    format(
        "scale",
        "How scores become rewards: `reward.json` beside a reward model",
        &[("src/reward_model.rs", "Scale")],
    ),
    format(
        "reward-report",
        "How good a reward model is: `rlef reward --json`",
        &[("src/reward_model/report.rs", "Report")],
    ),
    format(
        "process-report",
        "How good a process reward model is: `rlef reward --kind process --json`",
        &[("src/process_model/report.rs", "Report")],
    ),
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

impl Format {
    fn schema(&self, code: &Code) -> Value {
        let mut maker = Maker::new(code);
        let forms: Vec<Value> = self
            .types
            .iter()
            .map(|(file, name)| maker.refer(name, file))
            .collect();
        let mut made = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.title,
        });
        match forms.as_slice() {
            [one] => made["$ref"] = one["$ref"].clone(),
            _ => made["anyOf"] = json!(forms),
        }
        made["$defs"] = Value::Object(maker.parts());
        made
    }
}

/// Holds a value to a committed schema.
pub(crate) fn fits(schema: &str, value: &Value) {
    let path = docs().join(format!("schemas/{schema}.json"));
    let whole: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    if let Some(fault) = check::fault(value, &whole, &whole, schema) {
        panic!("{fault}\nin {value}");
    }
}

/// Holds every line to a committed schema; how many there were.
pub(crate) fn lines_fit(schema: &str, text: &str) -> usize {
    for line in text.lines() {
        fits(schema, &serde_json::from_str(line).unwrap());
    }
    text.lines().count()
}

#[test]
fn schemas_and_page_are_as_the_code() {
    let code = Code::read();
    let mut made: Vec<(&Format, Value)> = Vec::new();
    for format in &FORMATS {
        let schema = format.schema(&code);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        hold(&format!("schemas/{}.json", format.name), &text);
        made.push((format, schema));
    }
    hold("fields.md", &page::fields(&made));
    // None is left of what there was.
    for entry in std::fs::read_dir(docs().join("schemas")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = FORMATS
            .iter()
            .any(|format| name == format!("{}.json", format.name));
        assert!(known, "docs/schemas/{name} is of no format");
    }
}

/// Each line of JSON on the page fits the schema that was linked before it, and every schema has such a line.
#[test]
fn lines_on_the_page_fit() {
    let text = std::fs::read_to_string(docs().join("files.md")).unwrap();
    let (mut schema, mut is_json, mut seen) = (None, false, Map::new());
    for line in text.lines() {
        for link in line.split("](schemas/").skip(1) {
            schema = link.split(".json)").next();
        }
        if line.starts_with("```") {
            is_json = line == "```json";
        } else if is_json {
            let name = schema.expect("a schema is linked above");
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
            fits(name, &value);
            seen.insert(name.to_owned(), Value::Null);
        }
    }
    for format in &FORMATS {
        assert!(
            seen.contains_key(format.name),
            "docs/files.md shows no {}",
            format.name
        );
    }
}
