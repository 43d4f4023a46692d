//! Paths that a user names → runs, evaluations and journals below them. Looked for whenever a list is asked for, so that what begins
//! later is found; nothing is read but the first bytes of files.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Folders below a named one that are looked into.
const DEPTH: usize = 4;
/// Entries that are looked at in all: a page is not to walk a whole disk.
const MOST: usize = 20_000;
/// Bytes at the start of a file by which it is known.
const START: usize = 256;

/// What a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A run's folder.
    Run,
    /// The record of an evaluation.
    Evaluation,
    /// A journal of an evaluation, or one that stands alone.
    Journal,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// Its path as it is shown, and named in addresses.
    pub name: String,
}

impl Place {
    /// Where it is.
    pub fn path(&self) -> &Path {
        Path::new(&self.name)
    }
}

/// What a user has named.
#[derive(Clone, Debug)]
pub struct Places {
    given: Vec<PathBuf>,
}

impl Places {
    /// Of these paths; says which is not there.
    pub fn of(given: Vec<PathBuf>) -> Result<Self, String> {
        for path in &given {
            if path.to_str().is_none() {
                return Err(format!(
                    "failed to use {}: its name is not UTF-8",
                    path.display()
                ));
            }
            if let Err(error) = std::fs::metadata(path) {
                return Err(format!(
                    "failed to open {}: {error}; name a run, an evaluation, a journal or a folder of them",
                    path.display()
                ));
            }
            if path.is_file() && kind_of(path).is_none() {
                return Err(format!(
                    "failed to use {}: it is neither an evaluation (rlef eval --out) nor a journal (rlef eval --journal)",
                    path.display()
                ));
            }
        }
        Ok(Self { given })
    }

    /// All there is, by kind and name.
    pub fn list(&self) -> Vec<Place> {
        let (mut found, mut left) = (Vec::new(), MOST);
        for path in &self.given {
            walk(path, DEPTH, &mut left, &mut found);
        }
        found.sort();
        found.dedup();
        found
    }

    /// The place of this kind and name, which must be among those that are listed: no address leads elsewhere.
    pub fn find(&self, kind: Kind, name: &str) -> Option<Place> {
        self.list()
            .into_iter()
            .find(|place| place.kind == kind && place.name == name)
    }
}

fn walk(path: &Path, depth: usize, left: &mut usize, found: &mut Vec<Place>) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    let Some(name) = path.to_str() else { return };
    let mut add = |kind| {
        found.push(Place {
            kind,
            name: name.to_owned(),
        });
    };
    if !path.is_dir() {
        kind_of(path).into_iter().for_each(add);
        return;
    }
    let is_run = is_run(path);
    if is_run {
        add(Kind::Run);
    }
    if depth == 0 {
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let below = entry.path();
        // `.` is not said before every name.
        let below = below
            .strip_prefix(".")
            .map_or(below.clone(), Path::to_owned);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Links may lead anywhere, in circles too; a run's own journal is shown with it.
        let is_plain = entry.file_type().is_ok_and(|kind| !kind.is_symlink());
        let own = is_run && (below.is_dir() || below.extension().is_some_and(|end| end != "json"));
        if is_plain && !hidden && !own {
            walk(&below, depth - 1, left, found);
        }
    }
}

fn is_run(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    has("config.toml") && (has("metrics.jsonl") || has("checkpoints"))
}

/// What a file is, by its first bytes.
fn kind_of(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let end = path.extension()?.to_str()?;
    if !["json", "jsonl", "zst"].contains(&end) || crate::files::regular(path).is_err() {
        return None;
    }
    let mut start = Vec::with_capacity(START);
    std::fs::File::open(path)
        .ok()?
        .take(START as u64)
        .read_to_end(&mut start)
        .ok()?;
    if name.ends_with(".jsonl.zst") {
        // How a frame of a journal begins.
        return (start.starts_with(&[0x5a, 0x2a, 0x4d, 0x18])).then_some(Kind::Journal);
    }
    let text = String::from_utf8_lossy(&start);
    if end == "json" {
        let bare: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .collect();
        return bare
            .starts_with("{\"schema\":\"rlef-evaluation/")
            .then_some(Kind::Evaluation);
    }
    let is_journal = text.starts_with("{\"event\":\"settings\"") || text.starts_with("{\"step\":");
    is_journal.then_some(Kind::Journal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_evaluations_and_journals_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let write = |name: &str, text: &str| {
            let path = at.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("runs/one/config.toml", "");
        write("runs/one/metrics.jsonl", "{\"step\":1}\n");
        write(
            "runs/one/before.json",
            "{\n\"schema\":\"rlef-evaluation/1\",",
        );
        write(
            "runs/one/checkpoints/000001/config.json",
            "{\"schema\":\"rlef-evaluation/1\"}",
        );
        write("runs/two/config.toml", "");
        write("eval/new.json", "{\"schema\": \"rlef-evaluation/1\"}");
        write("eval/other.json", "{\"schema\":\"gate\"}");
        write("eval/new.jsonl", "{\"event\":\"settings\"}\n");
        write("eval/pairs.jsonl", "{\"kind\":\"pair\"}\n");
        write(".hidden/new.json", "{\"schema\":\"rlef-evaluation/1\"}");
        std::os::unix::fs::symlink(at, at.join("circle")).unwrap();
        let places = Places::of(vec![at.to_owned()]).unwrap();
        let found: Vec<(Kind, String)> = (places.list().into_iter())
            .map(|place| {
                (
                    place.kind,
                    place.name[at.to_str().unwrap().len() + 1..].to_owned(),
                )
            })
            .collect();
        let expected = [
            (Kind::Run, "runs/one"),
            (Kind::Evaluation, "eval/new.json"),
            (Kind::Evaluation, "runs/one/before.json"),
            (Kind::Journal, "eval/new.jsonl"),
        ];
        assert_eq!(found, expected.map(|(kind, name)| (kind, name.to_owned())));
        assert!(places.find(Kind::Run, "/etc").is_none());
        let wrong = Places::of(vec![at.join("eval/other.json")]).unwrap_err();
        assert!(wrong.contains("neither an evaluation"), "{wrong}");
        assert!(Places::of(vec![at.join("none")]).is_err());
    }
}
