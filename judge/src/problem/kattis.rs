//! Kattis problem packages (folders with `problem.yaml` and `data/`; legacy and 2023-07) → native rows.
//!
//! Tests of `data/sample` are public, those of `data/secret`, in whatever groups, only grade; a problem is solved where all
//! pass, also one with points. The default validator is the rule `kattis` with the package's flags; a validator of the
//! package's own is run as the format says (input, answer and a folder as arguments, the output on standard input, 42 or 43).
//! Submissions become references and programs known to be wrong. What the format has and this does not is refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rlef_sandbox::Language;
use serde_json::{Map, Value, json};

use super::kattis_validator::validator;
use super::tree::Tree;
use super::{Place, ProblemError, Where, yaml};
use crate::program::language_of_tag;

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

/// One package as it is read.
pub(super) struct Package<'a> {
    pub(super) tree: &'a Tree,
    pub(super) root: PathBuf,
    pub(super) place: Place,
}

impl Package<'_> {
    pub(super) fn wrong(
        &self,
        field: &str,
        expected: &str,
        found: impl Into<String>,
    ) -> ProblemError {
        ProblemError::Field {
            place: self.place.clone(),
            field: field.to_owned(),
            expected: expected.to_owned(),
            found: found.into(),
        }
    }

    /// Files below a folder of the package, with their paths below it.
    pub(super) fn below<'b>(&'b self, folder: &str) -> Vec<(&'b Path, &'b [u8])> {
        let folder = self.root.join(folder);
        let files = self.tree.files().iter();
        files
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder).ok()?, bytes.as_slice())))
            .collect()
    }

    /// Bytes of a file that must be text.
    pub(super) fn text(&self, path: &Path, bytes: &[u8]) -> Result<String, ProblemError> {
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            self.wrong(
                &path.to_string_lossy(),
                "UTF-8, which tests of rlef are kept as",
                "other bytes",
            )
        })
    }

    fn settings(&self, path: &str) -> Result<Map<String, Value>, ProblemError> {
        let Some(bytes) = self.tree.files().get(&self.root.join(path)) else {
            return Ok(Map::new());
        };
        let text = self.text(Path::new(path), bytes)?;
        match yaml::parse(&text) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(self.wrong(path, "settings by name", "a list")),
            Err(words) => Err(self.wrong(path, "settings in plain YAML", words)),
        }
    }
}

/// Rows by folder, or `None` where the tree holds no package.
pub(super) fn rows(
    path: &Path,
    tree: &Tree,
) -> Option<Result<Vec<(PathBuf, Value)>, ProblemError>> {
    let settings = |file: &&PathBuf| file.file_name().is_some_and(|name| name == "problem.yaml");
    let roots: Vec<PathBuf> = tree
        .files()
        .keys()
        .filter(settings)
        .filter_map(|file| file.parent().map(Path::to_owned))
        .filter(|root| {
            tree.files()
                .keys()
                .any(|file| file.starts_with(root.join("data")))
        })
        .collect();
    if roots.is_empty() {
        return None;
    }
    let row = |(index, root): (usize, PathBuf)| {
        let package = Package {
            tree,
            place: Place {
                path: path.join(&root),
                at: Where::Row(index + 1),
            },
            root: root.clone(),
        };
        Ok((root, row(&package, path)?))
    };
    Some(roots.into_iter().enumerate().map(row).collect())
}

/// What the settings say.
#[derive(Default)]
struct Settings {
    custom: bool,
    interactive: bool,
    flags: Vec<String>,
    cpu_ms: Option<u64>,
    memory_bytes: Option<u64>,
    output_bytes: Option<u64>,
}

fn row(package: &Package<'_>, path: &Path) -> Result<Value, ProblemError> {
    let name = package.root.file_name().or_else(|| path.file_name());
    let id = name
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut settings = settings(package)?;
    if let Some(at) = package.below("include").first() {
        return Err(package.wrong(
            "include",
            "no files that are added to every program",
            at.0.display().to_string(),
        ));
    }
    if let Some(seconds) = time_limit(package)? {
        settings.cpu_ms = Some(seconds);
    }
    let (public, private, flags) = tests(package, settings.interactive)?;
    settings.flags.extend(flags);
    let comparison = comparison(package, &settings)?;
    let (references, wrong) = submissions(package);
    let mut limits = Map::new();
    if let Some(cpu_ms) = settings.cpu_ms {
        limits.insert("cpu_ms".to_owned(), cpu_ms.into());
        limits.insert(
            "wall_ms".to_owned(),
            cpu_ms.saturating_mul(3).max(10_000).into(),
        );
    }
    for (name, value) in [
        ("memory_bytes", settings.memory_bytes),
        ("output_bytes", settings.output_bytes),
    ] {
        if let Some(value) = value {
            limits.insert(name.to_owned(), value.into());
        }
    }
    Ok(json!({
        "id": id,
        "statement": statement(package)?,
        "public_tests": public,
        "private_tests": private,
        "comparison": comparison,
        "references": references,
        "wrong": wrong,
        "limits": limits,
    }))
}

fn settings(package: &Package<'_>) -> Result<Settings, ProblemError> {
    let mut settings = Settings::default();
    for (name, value) in package.settings("problem.yaml")? {
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
                        "pass-fail" | "scoring" => {}
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
                        "default" | "score" => {}
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
            // What may be sent in, which the verdict on a program does not look at.
            "languages" => {}
            "allow_file_writing" | "constants"
                if value == Value::Bool(false) || value.is_null() => {}
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
fn time_limit(package: &Package<'_>) -> Result<Option<u64>, ProblemError> {
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

/// Whether a file is TeX or Markdown.
fn is_text(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| ["tex", "md"].contains(&end))
}

fn statement(package: &Package<'_>) -> Result<String, ProblemError> {
    let mut found: Vec<(usize, String, &Path, &[u8])> = Vec::new();
    for folder in ["problem_statement", "statement"] {
        for (path, bytes) in package.below(folder) {
            let name = path.to_string_lossy().into_owned();
            let rank = match name.as_str() {
                "problem.en.md" => 0,
                "problem.md" => 1,
                "problem.en.tex" => 2,
                "problem.tex" => 3,
                other if other.starts_with("problem.") && is_text(path) => 4,
                _ => continue,
            };
            found.push((rank, name, path, bytes));
        }
    }
    found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    match found.first() {
        Some((_, _, path, bytes)) => package.text(path, bytes),
        None => Err(package.wrong(
            "problem_statement",
            "a statement in TeX or Markdown",
            "none",
        )),
    }
}

type Tests = (Vec<Value>, Vec<Value>, Vec<String>);

/// Public and private tests, and the flags for the validator that all of them have.
fn tests(package: &Package<'_>, interactive: bool) -> Result<Tests, ProblemError> {
    let files: BTreeMap<PathBuf, &[u8]> = package
        .below("data")
        .into_iter()
        .map(|(path, bytes)| (path.to_owned(), bytes))
        .collect();
    let (mut public, mut private) = (Vec::new(), Vec::new());
    let mut flags: Option<Vec<String>> = None;
    for (path, bytes) in &files {
        let place = Path::new("data").join(path);
        match path.extension().and_then(|end| end.to_str()) {
            Some("in") => {}
            Some(
                "ans" | "desc" | "hint" | "md" | "png" | "jpg" | "jpeg" | "svg" | "interaction"
                | "yaml" | "download" | "statement",
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
        if is_sample {
            public.push(test);
        } else {
            private.push(test);
        }
    }
    Ok((public, private, flags.unwrap_or_default()))
}

/// The validator's flags of the innermost group of a test that says any.
fn flags_of(package: &Package<'_>, test: &Path) -> Result<Vec<String>, ProblemError> {
    for folder in test.ancestors().skip(1) {
        for name in ["testdata.yaml", "test_group.yaml"] {
            let path = Path::new("data").join(folder).join(name);
            let path = path.to_string_lossy().into_owned();
            let settings = package.settings(&path)?;
            for key in settings.keys() {
                if ["args", "input_files", "output_validator"].contains(&key.as_str()) {
                    return Err(package.wrong(
                        &path,
                        "tests without arguments or files",
                        format!("`{key}`"),
                    ));
                }
            }
            for key in ["output_validator_flags", "output_validator_args"] {
                match settings.get(key) {
                    None | Some(Value::Null) => {}
                    Some(Value::String(text)) => {
                        return Ok(text.split_whitespace().map(str::to_owned).collect());
                    }
                    Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                        return Ok(items
                            .iter()
                            .filter_map(Value::as_str)
                            .map(str::to_owned)
                            .collect());
                    }
                    Some(Value::Number(number)) => return Ok(vec![number.to_string()]),
                    Some(_) => {
                        return Err(package.wrong(&path, "flags as a text", format!("`{key}`")));
                    }
                }
            }
        }
    }
    Ok(Vec::new())
}

fn comparison(package: &Package<'_>, settings: &Settings) -> Result<Value, ProblemError> {
    let own = package.below("output_validator");
    if settings.custom || settings.interactive || !own.is_empty() {
        let rule = if settings.interactive {
            "interactor"
        } else {
            "checker"
        };
        return validator(package, rule, &settings.flags);
    }
    let mut rule = json!({"rule": "kattis"});
    let mut flags = settings.flags.iter();
    while let Some(flag) = flags.next() {
        match flag.as_str() {
            "case_sensitive" | "space_change_sensitive" => rule[flag] = true.into(),
            "float_tolerance" | "float_absolute_tolerance" | "float_relative_tolerance" => {
                let value = flags
                    .next()
                    .and_then(|text| text.parse::<f64>().ok())
                    .filter(|value| value.is_finite());
                let value = value.ok_or_else(|| {
                    package.wrong(
                        "validator_flags",
                        &format!("a number behind {flag}"),
                        "none",
                    )
                })?;
                // Nought means that numbers are compared as words; the smallest number there is, by their value.
                let value = if value > 0.0 {
                    value
                } else {
                    f64::MIN_POSITIVE
                };
                if flag != "float_relative_tolerance" {
                    rule["float_absolute_tolerance"] = value.into();
                }
                if flag != "float_absolute_tolerance" {
                    rule["float_relative_tolerance"] = value.into();
                }
            }
            other => {
                return Err(package.wrong(
                    "validator_flags",
                    "flags of the default validator",
                    format!("`{other}`"),
                ));
            }
        }
    }
    Ok(rule)
}

/// References, and programs known to be wrong, of the languages that can be run; those of several files are left out.
fn submissions(package: &Package<'_>) -> (Vec<Value>, Vec<Value>) {
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for (path, bytes) in package.below("submissions") {
        let mut parts = path.components();
        let kind = parts
            .next()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .unwrap_or_default();
        if parts.count() != 1 {
            continue;
        }
        let list = match kind.as_str() {
            "accepted" => &mut right,
            "wrong_answer" | "run_time_error" | "rejected" => &mut wrong,
            _ => continue,
        };
        let extension = path
            .extension()
            .and_then(|end| end.to_str())
            .unwrap_or_default();
        let language = match extension {
            "py" | "py3" => Some(Language::Python),
            other => Language::from_extension(other)
                .filter(|&language| language_of_tag(language.name(), Language::Python).is_some()),
        };
        if let (Some(language), Ok(source)) = (language, std::str::from_utf8(bytes)) {
            list.push(json!({"language": language, "source": source}));
        }
    }
    (right, wrong)
}
