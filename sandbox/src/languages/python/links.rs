//! Libraries that a distribution lets an administrator choose are links out of the system's library directories
//! (`libblas.so.3` -> `/etc/alternatives/...`). What such a link leads through is made anew in the jail, link by link;
//! nothing else of those directories is shown.

use std::fs;
use std::path::{Path, PathBuf};

/// Links that one library may lead through.
const LONGEST_CHAIN: usize = 8;

/// Each link outside of `bound` that a library within it leads through: where it leads, and where it lies.
pub(super) fn outside(bound: &[PathBuf]) -> Vec<(PathBuf, PathBuf)> {
    let mut links = Vec::new();
    for directory in bound.iter().flat_map(|path| library_directories(path)) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(is_library_link) {
            follow(&entry.path(), bound, &mut links);
        }
    }
    links.sort();
    links.dedup();
    links
}

/// Where the dynamic loader looks below a system directory: in it, and in the one of an architecture.
fn library_directories(path: &Path) -> Vec<PathBuf> {
    let inner = fs::read_dir(path).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = inner
        .filter(|entry| entry.file_name().to_string_lossy().contains("-linux-"))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.push(path.to_owned());
    found
}

fn is_library_link(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_symlink())
        && entry.file_name().to_string_lossy().contains(".so")
}

fn follow(library: &Path, bound: &[PathBuf], links: &mut Vec<(PathBuf, PathBuf)>) {
    let is_bound = |path: &Path| bound.iter().any(|outer| path.starts_with(outer));
    // One that ends nowhere is of no use to anybody.
    if !library.canonicalize().is_ok_and(|end| is_bound(&end)) {
        return;
    }
    let mut at = library.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Ok(target) = fs::read_link(&at) else {
            return;
        };
        if target.is_relative() {
            // It stays in its directory, or takes a way that the jail may not have: then it is as if it were missing.
            return;
        }
        if at != library {
            links.push((target.clone(), at));
        }
        if is_bound(&target) {
            return;
        }
        at = target;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_links_that_a_library_leads_through_are_made_anew() {
        let host = tempfile::tempdir().unwrap();
        let (lib, choices) = (host.path().join("lib"), host.path().join("alternatives"));
        let inner = lib.join("x86_64-linux-gnu");
        fs::create_dir_all(inner.join("blas")).unwrap();
        fs::create_dir_all(&choices).unwrap();
        fs::write(inner.join("blas/libblas.so.3"), "").unwrap();
        fs::write(host.path().join("secret.so"), "").unwrap();
        symlink(inner.join("blas/libblas.so.3"), choices.join("second")).unwrap();
        symlink(choices.join("second"), choices.join("libblas")).unwrap();
        symlink(choices.join("libblas"), inner.join("libblas.so.3")).unwrap();
        symlink("blas/libblas.so.3", inner.join("libother.so")).unwrap();
        // Neither a way out, nor one to nowhere, nor what is no library.
        symlink(host.path().join("secret.so"), lib.join("libleak.so")).unwrap();
        symlink(host.path().join("nothing"), lib.join("libgone.so")).unwrap();
        symlink(choices.join("second"), lib.join("editor")).unwrap();
        symlink(lib.join("libloop.so"), lib.join("libloop.so")).unwrap();
        let expected = vec![
            (choices.join("second"), choices.join("libblas")),
            (inner.join("blas/libblas.so.3"), choices.join("second")),
        ];
        let mut found = outside(&[lib]);
        found.sort_by_key(|(_, link)| link.clone());
        assert_eq!(found, expected);
    }
}
