//! Names of problem sets and policies → their problems and tokenizers, each loaded once, when a page first needs it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::checkpoint::tokenizer::Tokenizer;
use crate::problem::Problem;

/// How names are loaded: what names mean is the command line's.
#[derive(Clone, Copy)]
pub struct Loaders {
    /// The problems of a name.
    pub problems: fn(&str) -> Result<Vec<Problem>, String>,
    /// The tokenizer of a policy.
    pub tokenizer: fn(&Path) -> Result<Tokenizer, String>,
}

/// Problems, and where each stands.
#[derive(Debug, Default)]
pub struct Pieces {
    /// In their order.
    pub problems: Vec<Problem>,
    by_id: HashMap<String, usize>,
}

impl Pieces {
    /// Of these.
    pub fn of(problems: Vec<Problem>) -> Self {
        let by_id = problems
            .iter()
            .enumerate()
            .map(|(place, problem)| (problem.id.clone(), place))
            .collect();
        Self { problems, by_id }
    }

    /// The problem of an id.
    pub fn find(&self, id: &str) -> Option<&Problem> {
        self.problems.get(*self.by_id.get(id)?)
    }
}

type Loaded<T> = Arc<Result<T, String>>;

/// What was loaded so far.
pub(super) struct Sets {
    loaders: Loaders,
    problems: Mutex<HashMap<String, Loaded<Pieces>>>,
    tokenizers: Mutex<HashMap<String, Loaded<Tokenizer>>>,
}

impl Sets {
    pub(super) fn new(loaders: Loaders) -> Self {
        Self {
            loaders,
            problems: Mutex::default(),
            tokenizers: Mutex::default(),
        }
    }

    /// The problems of a name, or why there are none.
    pub(super) fn problems(&self, name: &str) -> Loaded<Pieces> {
        once(&self.problems, name, || {
            (self.loaders.problems)(name).map(Pieces::of)
        })
    }

    /// The tokenizer of a policy, or why there is none.
    pub(super) fn tokenizer(&self, policy: &Path) -> Loaded<Tokenizer> {
        let name = policy.display().to_string();
        once(&self.tokenizers, &name, || (self.loaders.tokenizer)(policy))
    }
}

/// The name of a set as a record has it, who was written in another folder perhaps: a relative file that isn't here is looked
/// for beside the record, and in the folders around it.
pub(super) fn near(name: &str, record: &Path) -> String {
    let (schema, file) = match name.split_once(':') {
        // A built-in set is no file.
        Some(("contest", _)) => return name.to_owned(),
        Some((schema, file)) if !Path::new(name).is_file() => (format!("{schema}:"), file),
        _ => (String::new(), name),
    };
    let path = Path::new(file);
    if path.is_absolute() || path.is_file() {
        return name.to_owned();
    }
    let around = record.ancestors().skip(1).take(4);
    let found = around
        .map(|folder| folder.join(path))
        .find(|path| path.is_file());
    found.map_or_else(
        || name.to_owned(),
        |path| format!("{schema}{}", path.display()),
    )
}

/// What was loaded under a name; what failed is tried again the next time, for a file may be there by then.
fn once<T>(
    known: &Mutex<HashMap<String, Loaded<T>>>,
    name: &str,
    load: impl FnOnce() -> Result<T, String>,
) -> Loaded<T> {
    // Held while it loads: two pages that ask at once load it once.
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(name).filter(|found| found.is_ok()) {
        return Arc::clone(found);
    }
    let loaded = Arc::new(load());
    known.insert(name.to_owned(), Arc::clone(&loaded));
    loaded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_around_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir_all(at.join("runs/one")).unwrap();
        std::fs::write(at.join("own.jsonl"), "").unwrap();
        std::fs::write(at.join("test"), "").unwrap();
        let record = at.join("runs/one/journal.jsonl");
        let own = at.join("own.jsonl").display().to_string();
        assert_eq!(near("own.jsonl", &record), own);
        assert_eq!(near("mbpp:own.jsonl", &record), format!("mbpp:{own}"));
        for name in ["other.jsonl", "contest:test", own.as_str()] {
            assert_eq!(near(name, &record), name);
        }
    }
}
