//! `data/` → tests, and the flags that they give the validator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::package::Package;
use crate::problem::ProblemError;

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
