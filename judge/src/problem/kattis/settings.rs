//! `problem.yaml` → what decides; what is not known is refused by name.

use serde_json::Value;

use super::package::Package;
use crate::problem::ProblemError;

/// Settings that decide nothing here.
const HARMLESS: [&str; 20] = [
    "problem_format_version",
    "name",
    "uuid",
    "author",
    "credits",
    "source",
    "source_url",
    "license",
    "rights_owner",
    "keywords",
    "version",
    "embargo_until",
    "grading",
    "libraries",
    "difficulty",
    "short_name",
    "shortname",
    "language",
    "added",
    "cover",
];

/// What the settings say.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) custom: bool,
    pub(super) interactive: bool,
    /// Whether its validator may give points for what it accepts.
    pub(super) scores: bool,
    pub(super) flags: Vec<String>,
    pub(super) cpu_ms: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) output_bytes: Option<u64>,
}

/// What `problem.yaml` and the files of judging systems say.
pub(super) fn settings(package: &Package<'_>) -> Result<Settings, ProblemError> {
    let mut settings = Settings::default();
    let all = package.settings("problem.yaml")?;
    let version = all.get("problem_format_version");
    // Validators of the older format give points only where `validation` says so.
    let legacy = version
        .and_then(Value::as_str)
        .is_none_or(|version| version.starts_with("legacy"));
    for (name, value) in all {
        let words = || match &value {
            Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        match name.as_str() {
            "type" => {
                for word in words() {
                    match word.as_str() {
                        "pass-fail" => {}
                        "scoring" => settings.scores = !legacy,
                        "interactive" => (settings.interactive, settings.custom) = (true, true),
                        other => {
                            return Err(package.wrong(
                                "problem.yaml: type",
                                "pass-fail, scoring or interactive",
                                format!("`{other}`"),
                            ));
                        }
                    }
                }
            }
            "validation" => {
                for word in words() {
                    match word.as_str() {
                        "default" => {}
                        "score" => {
                            let expected = "a validator that accepts or rejects";
                            let found = "`score`: one that gives points, which make no verdict";
                            return Err(package.wrong("problem.yaml: validation", expected, found));
                        }
                        "custom" => settings.custom = true,
                        "interactive" => settings.interactive = true,
                        other => {
                            return Err(package.wrong(
                                "problem.yaml: validation",
                                "default, or custom and maybe interactive",
                                format!("`{other}`"),
                            ));
                        }
                    }
                }
            }
            "validator_flags" => settings.flags = words(),
            "limits" => limits(package, &value, &mut settings)?,
            // What may be sent in, which the verdict on a program does not look at; and programs may write files anyway.
            "languages" | "allow_file_writing" => {}
            "constants" if value.is_null() => {}
            known if HARMLESS.contains(&known) => {}
            other => {
                let expected = "settings that are known (remove it where it decides nothing)";
                return Err(package.wrong("problem.yaml", expected, format!("`{other}`")));
            }
        }
    }
    Ok(settings)
}

fn limits(
    package: &Package<'_>,
    value: &Value,
    settings: &mut Settings,
) -> Result<(), ProblemError> {
    let number = |name: &str, value: &Value| {
        value
            .as_f64()
            .filter(|&number| number > 0.0)
            .ok_or_else(|| {
                package.wrong(
                    &format!("problem.yaml: limits.{name}"),
                    "a number above 0",
                    value.to_string(),
                )
            })
    };
    for (name, value) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "time_limit" => settings.cpu_ms = Some((number(name, value)? * 1e3) as u64),
            "memory" => settings.memory_bytes = Some((number(name, value)? * 1_048_576.0) as u64),
            "output" => settings.output_bytes = Some((number(name, value)? * 1_048_576.0) as u64),
            "validation_passes" => {
                return Err(package.wrong("problem.yaml: limits", "one pass", "several"));
            }
            // Of compilers, validators and of how the time limit is found.
            "code"
            | "compilation_time"
            | "compilation_memory"
            | "validation_time"
            | "validation_memory"
            | "validation_output"
            | "time_multiplier"
            | "time_safety_margin"
            | "time_multipliers"
            | "time_resolution"
            | "time_limit_resolution" => {}
            other => {
                return Err(package.wrong(
                    "problem.yaml: limits",
                    "limits that are known",
                    format!("`{other}`"),
                ));
            }
        }
    }
    Ok(())
}

/// The time limit where judging systems leave it, in milliseconds.
pub(super) fn time_limit(package: &Package<'_>) -> Result<Option<u64>, ProblemError> {
    let file = |name: &str| package.tree.text(&package.root.join(name));
    let ini = file("domjudge-problem.ini").and_then(|text| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == "timelimit").then(|| value.trim().trim_matches(['\'', '"']).to_owned())
        })
    });
    let Some(text) = file(".timelimit").or(ini) else {
        return Ok(None);
    };
    match text.trim().parse::<f64>() {
        Ok(seconds) if seconds > 0.0 => Ok(Some((seconds * 1e3) as u64)),
        _ => Err(package.wrong(".timelimit", "seconds above 0", text.trim())),
    }
}
