//! Read-only files in memory, by normal path: no leading slash, no `.` or `..`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A tree of files.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Arc<[u8]>>,
    directories: BTreeMap<String, BTreeSet<String>>,
}

impl Tree {
    /// Adds a file and the directories above it.
    pub(super) fn insert(&mut self, path: &str, bytes: Arc<[u8]>) {
        let path = normal("", path);
        let mut child = path.as_str();
        loop {
            let (parent, name) = child.rsplit_once('/').unwrap_or(("", child));
            self.directories
                .entry(parent.to_owned())
                .or_default()
                .insert(name.to_owned());
            if parent.is_empty() {
                break;
            }
            child = parent;
        }
        self.files.insert(path, bytes);
    }
}

/// What lies at a path.
pub(super) enum Found {
    /// A file.
    File(Arc<[u8]>),
    /// A directory.
    Directory,
}

/// What one guest sees: a tree made at most once and shared, and files of its own.
#[derive(Clone, Default)]
pub(crate) struct Files {
    shared: Option<fn() -> Option<&'static Tree>>,
    own: Vec<(String, Arc<[u8]>)>,
}

impl Files {
    /// Files of a shared tree, which is asked for only when a guest looks below `lib`.
    pub(super) fn of(shared: fn() -> Option<&'static Tree>) -> Self {
        Self {
            shared: Some(shared),
            own: Vec::new(),
        }
    }

    /// The same with one more file.
    pub(super) fn with(mut self, path: &str, bytes: Arc<[u8]>) -> Self {
        self.own.push((normal("", path), bytes));
        self
    }

    fn tree(&self, path: &str) -> Option<&'static Tree> {
        let below = path == "lib" || path.starts_with("lib/");
        if below { self.shared?() } else { None }
    }

    /// What lies at a normal path.
    pub(super) fn find(&self, path: &str) -> Option<Found> {
        if let Some((_, bytes)) = self.own.iter().find(|(own, _)| own == path) {
            return Some(Found::File(Arc::clone(bytes)));
        }
        let prefix = format!("{path}/");
        if path.is_empty() || self.own.iter().any(|(own, _)| own.starts_with(&prefix)) {
            return Some(Found::Directory);
        }
        let tree = self.tree(path)?;
        if let Some(bytes) = tree.files.get(path) {
            return Some(Found::File(Arc::clone(bytes)));
        }
        tree.directories
            .contains_key(path)
            .then_some(Found::Directory)
    }

    /// Names in a directory, in order.
    pub(super) fn list(&self, path: &str) -> Vec<String> {
        let tree = self.tree(path);
        let names = tree.and_then(|tree| tree.directories.get(path));
        names.into_iter().flatten().cloned().collect()
    }
}

/// `path` seen from `directory`, without `.`, `..` and empty parts; it cannot leave the root.
pub(super) fn normal(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_the_root() {
        assert_eq!(normal("a/b", "../c/./d"), "a/c/d");
        assert_eq!(normal("", "../../etc/passwd"), "etc/passwd");
        assert_eq!(normal("", "/"), "");
    }

    #[test]
    fn own_files_are_found_with_the_directories_above_them() {
        let files = Files::default().with("/program/main.py", Arc::from(&b"x"[..]));
        assert!(matches!(
            files.find("program/main.py"),
            Some(Found::File(_))
        ));
        assert!(matches!(files.find("program"), Some(Found::Directory)));
        assert!(files.find("etc/passwd").is_none());
    }
}
