//! The output validator of a Kattis package → a checker or interactor of one source.
//!
//! Headers of its own are put where they are included; a validator of several sources, or one that is built by a script, is
//! refused by name.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::package::Package;
use super::settings::Settings;
use crate::problem::ProblemError;

/// The comparison, of the `rule` "checker" or "interactor".
pub(super) fn validator(
    package: &Package<'_>,
    rule: &str,
    settings: &Settings,
) -> Result<Value, ProblemError> {
    let mut files = package.below("output_validator");
    let field = if files.is_empty() {
        "output_validators"
    } else {
        "output_validator"
    };
    if files.is_empty() {
        files = package.below(field);
    }
    // One folder, or the files as they stand.
    let folders: Vec<&Path> = files.iter().filter_map(|(path, _)| path.parent()).collect();
    if folders.is_empty() {
        return Err(package.wrong(field, "a validator, which problem.yaml asks for", "none"));
    }
    if folders.iter().any(|folder| *folder != folders[0]) {
        return Err(package.wrong(field, "one validator", "several folders"));
    }
    let named: BTreeMap<String, &[u8]> = files
        .iter()
        .filter_map(|(path, bytes)| Some((path.file_name()?.to_str()?.to_owned(), *bytes)))
        .collect();
    if let Some(script) = named
        .keys()
        .find(|name| ["build", "run", "Makefile", "CMakeLists.txt"].contains(&name.as_str()))
    {
        return Err(package.wrong(
            field,
            "a validator of one source in C++ or Python",
            format!("the script `{script}`"),
        ));
    }
    let ends = |name: &str, all: &[&str]| {
        Path::new(name)
            .extension()
            .and_then(|end| end.to_str())
            .is_some_and(|end| all.contains(&end))
    };
    let sources: Vec<&String> = named
        .keys()
        .filter(|name| !ends(name, &["h", "hh", "hpp", "md", "txt"]))
        .collect();
    let [main] = sources.as_slice() else {
        let found = sources
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(package.wrong(field, "a validator of one source in C++ or Python", found));
    };
    let points = |bytes: &&[u8]| {
        ["score.txt", "score_multiplier.txt"].iter().any(|name| {
            bytes
                .windows(name.len())
                .any(|part| part == name.as_bytes())
        })
    };
    if settings.scores && named.values().any(points) {
        let expected = "a validator that accepts or rejects";
        return Err(package.wrong(field, expected, "one that gives points (`score.txt`)"));
    }
    let text = package.text(Path::new(main), named[main.as_str()])?;
    let (language, source) = if ends(main, &["py", "py3"]) {
        ("python", text)
    } else if ends(main, &["cc", "cpp", "cxx", "C"]) {
        ("cpp", whole(package, &text, &named, &mut Vec::new())?)
    } else {
        return Err(package.wrong(field, "a validator in C++ or Python", format!("`{main}`")));
    };
    let mut comparison =
        json!({"rule": rule, "language": language, "source": source, "protocol": "kattis"});
    if !settings.flags.is_empty() {
        comparison["flags"] = json!(settings.flags);
    }
    Ok(comparison)
}

/// The source with its own headers in place of what includes them, each once.
fn whole(
    package: &Package<'_>,
    source: &str,
    files: &BTreeMap<String, &[u8]>,
    seen: &mut Vec<String>,
) -> Result<String, ProblemError> {
    let mut text = String::new();
    for line in source.split_inclusive('\n') {
        let squeezed: String = line.split_whitespace().collect();
        let name = squeezed
            .strip_prefix("#include\"")
            .and_then(|rest| rest.split('"').next());
        match name.and_then(|name| Some((name, files.get(name)?))) {
            None => text.push_str(line),
            Some((name, _)) if seen.iter().any(|known| known == name) => {}
            Some((name, bytes)) => {
                seen.push(name.to_owned());
                let header = package.text(Path::new(name), bytes)?;
                text.push_str(&whole(package, &header, files, seen)?);
                text.push('\n');
            }
        }
    }
    Ok(text)
}
