//! Libraries that a distribution lets an administrator choose are links out of the system's library directories
//! (`libblas.so.3` -> `/etc/alternatives/...`). What such a link leads through is made anew in the jail, link by link;
//! nothing else of those directories is shown.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Parts of a path and of the links in it, before it is taken to lead nowhere.
const LONGEST_WAY: usize = 200;
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

/// Each link outside of `bound` on the way to a file, of which any part of its path may be one: where it leads, and where
/// it lies.
pub(super) fn way(file: &Path, bound: &[PathBuf]) -> Vec<(PathBuf, PathBuf)> {
    let mut links = Vec::new();
    let mut left: Vec<OsString> = parts(file);
    let mut at = PathBuf::from("/");
    for _ in 0..LONGEST_WAY {
        let Some(part) = left.pop() else {
            break;
        };
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Ok(target) = fs::read_link(&next) else {
            at = next;
            continue;
        };
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(parts(&target));
        if !bound.iter().any(|outer| next.starts_with(outer)) {
            links.push((target, next));
        }
    }
    links.sort();
    links.dedup();
    links
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect()
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
    fn every_link_on_the_way_is_found_wherever_it_lies() {
        let host = tempfile::tempdir().unwrap();
        let top = host.path().canonicalize().unwrap();
        let (versions, env) = (top.join("versions"), top.join("env/bin"));
        fs::create_dir_all(versions.join("3.12.4/bin")).unwrap();
        fs::create_dir_all(&env).unwrap();
        fs::write(versions.join("3.12.4/bin/python3.12"), "").unwrap();
        symlink("python3.12", versions.join("3.12.4/bin/python3")).unwrap();
        symlink("3.12.4", versions.join("3.12")).unwrap();
        symlink(versions.join("3.12/bin/python3"), env.join("python")).unwrap();
        symlink("../elsewhere/../env", top.join("other")).unwrap();
        symlink(&env, top.join("shortcut")).unwrap();
        // What is bound shows its own links.
        let bound = [env.clone(), versions.join("3.12.4")];
        let link = (PathBuf::from("3.12.4"), versions.join("3.12"));
        assert_eq!(
            way(&env.join("python"), &bound),
            std::slice::from_ref(&link)
        );
        assert_eq!(
            way(&top.join("shortcut/python"), &bound),
            [(env.clone(), top.join("shortcut")), link]
        );
        assert_eq!(way(&versions.join("3.12.4/bin/python3"), &bound), []);
        symlink("round", top.join("round")).unwrap();
        assert_eq!(way(&top.join("round/python"), &bound).len(), 1);
    }

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
