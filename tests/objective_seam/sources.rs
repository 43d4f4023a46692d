//! What the sources of the loop hold.

use super::*;

/// Lines that are neither blank nor comment, before a file's own tests.
fn code(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(str::trim);
    let lines = lines.take_while(|line| *line != "#[cfg(test)]");
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// The loop is read in one go, and no file but the objectives' own, the configuration and the verb that sets the key tells
/// one objective from another.
#[test]
fn the_loop_is_short_and_asks_for_no_name() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lines = code(&source.join("train.rs")).len();
    assert!(lines < 150, "{lines} lines");
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 100);
    let may = ["objective", "objective.rs", "config", "config.rs"];
    for path in files {
        let place = path.strip_prefix(&source).unwrap();
        let first = place.components().next().unwrap().as_os_str();
        let sets = place.to_string_lossy().starts_with("cli/train");
        if sets || may.iter().any(|name| first == *name) || place.ends_with("tests.rs") {
            continue;
        }
        let code = code(&path).join("\n");
        for (name, _) in objective::names() {
            let quoted = format!("\"{name}\"");
            assert!(!code.contains(&quoted), "{}: {quoted}", place.display());
        }
        assert!(!code.contains(".algorithm"), "{}", place.display());
    }
}
