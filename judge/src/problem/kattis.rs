//! Kattis problem packages (folders with `problem.yaml` and `data/`; legacy and 2023-07) → native rows.
//!
//! Tests of `data/sample` are public, those of `data/secret`, in whatever groups, only grade; a problem is solved where all
//! pass, also one whose groups have points. The default validator is the rule `kattis` with the package's flags; a validator
//! of the package's own is run as the format says (input, answer and a folder as arguments, the output on standard input, 42
//! or 43). That of an interactive problem talks with the program, and all of its tests only grade, for the format forbids to
//! show them. Submissions become references and programs known to be wrong. What the format has and this does not is refused
//! by name: points that a validator gives, several passes, arguments, files beside the input.

use std::path::{Path, PathBuf};

use rlef_sandbox::Language;
use serde_json::{Map, Value, json};

use self::data::tests;
use self::package::Package;
use self::settings::{Settings, settings, time_limit};
use self::validator::validator;
use super::tree::Tree;
use super::{Place, ProblemError, Where};
use crate::program::language_of_tag;

mod data;
mod package;
mod settings;
mod validator;

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

fn comparison(package: &Package<'_>, settings: &Settings) -> Result<Value, ProblemError> {
    if settings.interactive {
        return validator(package, "interactor", settings);
    }
    let own = package.below("output_validator");
    if settings.custom || !own.is_empty() {
        return validator(package, "checker", settings);
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
                    f64::from_bits(1)
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
