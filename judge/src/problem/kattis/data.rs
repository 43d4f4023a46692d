//! `data/` → tests, and the flags that they give the validator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::package::Package;
use crate::problem::ProblemError;

/// Settings of tests and their groups: those of the validator and of a program's arguments, which decide, and those that
/// are of points and their order, of input validators and of pictures, which don't.
const KNOWN: [&str; 20] = [
    "output_validator_flags",
    "output_validator_args",
    "args",
    "on_reject",
    "grading",
    "grader_flags",
    "input_validator_flags",
    "input_validator_args",
    "accept_score",
    "reject_score",
    "range",
    "scoring",
    "max_score",
    "score_aggregation",
    "require_pass",
    "input_visualizer_args",
    "output_visualizer_args",
    "full_feedback",
    "hint",
    "description",
];

pub(super) type Tests = (Vec<Value>, Vec<Value>, Vec<String>);

/// Public and private tests, and the flags for the validator that all of them have.
pub(super) fn tests(package: &Package<'_>, interactive: bool) -> Result<Tests, ProblemError> {
    let files: BTreeMap<PathBuf, &[u8]> = package
        .below("data")
        .into_iter()
        .map(|(path, bytes)| (path.to_owned(), bytes))
        .collect();
    let (mut public, mut private) = (Vec::new(), Vec::new());
    let mut flags: Option<Vec<String>> = None;
    for (path, bytes) in &files {
        let place = Path::new("data").join(path);
        if path.ancestors().skip(1).any(is_files) {
            let expected = "tests without files beside the input";
            return Err(package.wrong(&place.to_string_lossy(), expected, "a folder of files"));
        }
        match path.extension().and_then(|end| end.to_str()) {
            Some("in") => {}
            Some(
                "ans" | "out" | "desc" | "hint" | "md" | "png" | "jpg" | "jpeg" | "svg"
                | "interaction" | "yaml" | "download" | "statement",
            ) => continue,
            _ if path.starts_with("invalid_input")
                || path.starts_with("invalid_output")
                || path.starts_with("invalid_inputs")
                || path.starts_with("valid_output") =>
            {
                continue;
            }
            _ => {
                return Err(package.wrong(
                    &place.to_string_lossy(),
                    "tests as .in and .ans",
                    "a file whose kind decides and is not known",
                ));
            }
        }
        let is_sample = path.starts_with("sample");
        if !is_sample && !path.starts_with("secret") {
            continue;
        }
        let expected = match files.get(&path.with_extension("ans")) {
            Some(bytes) => package.text(&place.with_extension("ans"), bytes)?,
            None if interactive => String::new(),
            None => {
                return Err(package.wrong(
                    &place.to_string_lossy(),
                    "an answer beside it, .ans",
                    "none",
                ));
            }
        };
        let test =
            json!({"kind": "stdin", "input": package.text(&place, bytes)?, "expected": expected});
        let own = flags_of(package, path)?;
        match &flags {
            None => flags = Some(own),
            Some(known) if *known == own => {}
            Some(known) => {
                let expected = format!("the same output_validator_flags for all tests ({known:?})");
                return Err(package.wrong(&place.to_string_lossy(), &expected, format!("{own:?}")));
            }
        }
        if is_sample && !interactive {
            public.push(test);
        } else {
            private.push(test);
        }
    }
    Ok((public, private, flags.unwrap_or_default()))
}

/// Whether this is the folder of files that a test has beside its input.
fn is_files(folder: &Path) -> bool {
    folder.extension().is_some_and(|end| end == "files")
}

/// The validator's flags of a test: those of its own settings, else of the innermost group that says any.
fn flags_of(package: &Package<'_>, test: &Path) -> Result<Vec<String>, ProblemError> {
    let own = test.with_extension("yaml");
    let groups = test
        .ancestors()
        .skip(1)
        .flat_map(|folder| ["testdata.yaml", "test_group.yaml"].map(|name| folder.join(name)));
    let mut flags = None;
    for path in std::iter::once(own).chain(groups) {
        let path = Path::new("data").join(path);
        let path = path.to_string_lossy().into_owned();
        let settings = package.settings(&path)?;
        if let Some(key) = settings.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            let expected = "settings of tests that are known (remove it where it decides nothing)";
            return Err(package.wrong(&path, expected, format!("`{key}`")));
        }
        if settings.get("args").is_some_and(|value| !is_empty(value)) {
            return Err(package.wrong(&path, "tests without arguments", "`args`"));
        }
        for key in ["output_validator_flags", "output_validator_args"] {
            let said: Vec<String> = match settings.get(key) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
                Some(Value::Array(items)) if items.iter().all(Value::is_string) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                Some(Value::Number(number)) => vec![number.to_string()],
                Some(_) => {
                    return Err(package.wrong(&path, "flags as a text", format!("`{key}`")));
                }
            };
            flags.get_or_insert(said);
        }
    }
    Ok(flags.unwrap_or_default())
}

/// Whether nothing stands here.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
