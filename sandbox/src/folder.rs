//! Files that lie around a program when it starts, and those that are wanted of it afterwards. How they cross to the jail: one
//! after the other, each behind its name's and its own length. What comes back begins with a byte that says whether it is all.

use std::collections::{HashMap, HashSet};

use crate::error::SandboxError;
use crate::limits::Limits;

/// Files given and wanted at most.
const MOST: usize = 256;
/// Bytes of a name with its folders.
const LONGEST_NAME: usize = 512;
/// Bytes of all names that are wanted, as the jail is told them: it takes messages of some kilobytes.
const LONGEST_WISH: usize = 4096;
/// Folders in one another.
const DEEPEST: usize = 16;
/// A file takes whole pages.
const PAGE: u64 = 4096;
/// First byte of what comes back: all that was found, or nothing because it is too much. See `rlef_collect.py`.
const WHOLE: u8 = 1;
const TOO_MUCH: u8 = 2;

/// Files in a program's work directory: names with `/` between folders, relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// What lies there when it starts.
    pub given: Vec<(String, Vec<u8>)>,
    /// Files wanted from it once everything that it started has ended. Only plain files are given back, and only where all
    /// together hold no more than `Limits::file_bytes` and what is given.
    pub wanted: Vec<String>,
}

/// Files by their names.
pub type FoundFiles = Vec<(String, Vec<u8>)>;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unpacked {
    /// All that was found of what was asked for.
    All(FoundFiles),
    /// It holds more than it may.
    TooMuch,
    /// Whoever gathers it was ended before.
    Unfinished,
    /// Something else.
    Foreign,
}

impl Folder {
    /// Refuses names that lead anywhere else, and those that can't all be there.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let bad = |reason| Err(SandboxError::BadFiles(reason));
        if self.given.len() > MOST || self.wanted.len() > MOST {
            return bad("there may be 256 of them at most");
        }
        let given = self.given.iter().map(|(name, _)| name);
        if !given.clone().chain(&self.wanted).all(|name| is_plain(name)) {
            return bad(
                "names are relative, without `.` and `..`, of at most 512 bytes and 16 folders",
            );
        }
        // Texts always serialise.
        if serde_json::to_string(&self.wanted)
            .unwrap_or_default()
            .len()
            > LONGEST_WISH
        {
            return bad("the names of those wanted have 4096 bytes at most");
        }
        let names: HashSet<&str> = given.map(String::as_str).collect();
        if names.len() < self.given.len() {
            return bad("one is given twice");
        }
        let wanted: HashSet<&String> = self.wanted.iter().collect();
        if wanted.len() < self.wanted.len() {
            return bad("one is wanted twice");
        }
        let is_folder_too = |name: &&str| {
            name.match_indices('/')
                .any(|(at, _)| names.contains(&name[..at]))
        };
        if names.iter().any(is_folder_too) {
            return bad("one is a file and a folder");
        }
        Ok(())
    }

    /// Bytes that what is given takes in the memory of the jail.
    pub(crate) fn given_bytes(&self) -> u64 {
        self.given
            .iter()
            .map(|(name, bytes)| {
                let folders = name.matches('/').count() as u64;
                (bytes.len() as u64).next_multiple_of(PAGE) + folders * PAGE
            })
            .sum()
    }

    /// The same of what is given and wanted back.
    pub(crate) fn returned_bytes(&self) -> u64 {
        let sizes: HashMap<&str, u64> = self
            .given
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.len() as u64))
            .collect();
        self.wanted
            .iter()
            .filter_map(|name| sizes.get(name.as_str()))
            .map(|size| size.next_multiple_of(PAGE))
            .sum()
    }

    /// What those that come back may hold together: as much as there is room for in the work directory.
    pub(crate) fn most_bytes(&self, limits: &Limits) -> u64 {
        limits
            .file_bytes
            .saturating_add(self.given_bytes())
            .min(1 << 61)
    }

    /// What is given, as it crosses.
    pub(crate) fn packed(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, bytes) in &self.given {
            out.extend((name.len() as u64).to_le_bytes());
            out.extend((bytes.len() as u64).to_le_bytes());
            out.extend(name.as_bytes());
            out.extend(bytes);
        }
        out
    }

    /// What came back. Only what was asked for counts, and each once.
    pub(crate) fn unpacked(&self, packed: &[u8]) -> Unpacked {
        match packed.split_first() {
            Some((&WHOLE, rest)) => self.files(rest).map_or(Unpacked::Foreign, Unpacked::All),
            Some((&TOO_MUCH, _)) => Unpacked::TooMuch,
            Some((0, _)) | None => Unpacked::Unfinished,
            Some(_) => Unpacked::Foreign,
        }
    }

    fn files(&self, mut packed: &[u8]) -> Option<FoundFiles> {
        let mut missing: HashSet<&str> = self.wanted.iter().map(String::as_str).collect();
        let mut found = Vec::new();
        while !packed.is_empty() {
            let number = |at: usize| {
                let bytes = packed.get(at..at + 8)?.try_into().ok()?;
                usize::try_from(u64::from_le_bytes(bytes)).ok()
            };
            let (name, size) = (number(0)?, number(8)?);
            let start = 16_usize.checked_add(name)?;
            let end = start.checked_add(size)?;
            let name = std::str::from_utf8(packed.get(16..start)?).ok()?;
            let bytes = packed.get(start..end)?;
            if !missing.remove(name) {
                return None;
            }
            found.push((name.to_owned(), bytes.to_vec()));
            packed = &packed[end..];
        }
        Some(found)
    }
}

fn is_plain(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.len() <= 200 && part != "." && part != "..";
    name.len() <= LONGEST_NAME
        && !name.contains('\0')
        && name.split('/').count() <= DEEPEST
        && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(names: &[&str]) -> Folder {
        Folder {
            given: names
                .iter()
                .map(|name| ((*name).to_owned(), vec![1]))
                .collect(),
            wanted: Vec::new(),
        }
    }

    #[test]
    fn names_lead_nowhere_else_and_fit_together() {
        for names in [&["a", "b/c", "b/d.txt"][..], &["a.b", "a/b", "aa"], &[]] {
            given(names).check().unwrap();
        }
        let long = "x".repeat(201);
        let deep = "a/".repeat(16) + "a";
        for names in [
            &["/etc/passwd"][..],
            &["../a"],
            &["a/../../b"],
            &["./a"],
            &["a//b"],
            &["a/"],
            &[""],
            &["a\0b"],
            &[&long],
            &[&deep],
            &["a", "a"],
            &["a", "a/b"],
            &["a/b/c", "a/b"],
        ] {
            assert!(given(names).check().is_err(), "{names:?}");
            let wanted = Folder {
                wanted: names.iter().map(|name| (*name).to_owned()).collect(),
                given: Vec::new(),
            };
            // A folder that was wished for is not found, which is no reason to refuse.
            let twice = names.len() == 2 && names[0] == names[1];
            let fits = names.iter().all(|name| is_plain(name)) && !twice;
            assert_eq!(wanted.check().is_ok(), fits, "{names:?}");
        }
    }

    #[test]
    fn no_more_is_wished_for_than_a_message_holds() {
        let wishes = |count| Folder {
            wanted: (0..count)
                .map(|number| format!("{number}{}", "x".repeat(100)))
                .collect(),
            given: Vec::new(),
        };
        assert!(wishes(30).check().is_ok());
        assert!(wishes(60).check().is_err());
    }

    #[test]
    fn what_came_back_is_known_to_be_all_of_it_or_is_not_taken() {
        let folder = Folder {
            wanted: vec!["a".to_owned(), "b".to_owned()],
            ..given(&["a"])
        };
        let whole = |files: &[u8]| [&[WHOLE][..], files].concat();
        let a = folder.packed();
        assert_eq!(
            folder.unpacked(&whole(&a)),
            Unpacked::All(folder.given.clone())
        );
        assert_eq!(folder.unpacked(&whole(b"")), Unpacked::All(Vec::new()));
        // Twice the same, another name, less than it says, and a word that nobody says.
        for foreign in [
            whole(&[&a[..], &a].concat()),
            whole(&given(&["c"]).packed()),
            whole(&a[..a.len() - 1]),
            vec![3],
        ] {
            assert_eq!(folder.unpacked(&foreign), Unpacked::Foreign, "{foreign:?}");
        }
        assert_eq!(folder.unpacked(&[TOO_MUCH]), Unpacked::TooMuch);
        for unfinished in [&[][..], &[0], &[0, 1, 1]] {
            assert_eq!(folder.unpacked(unfinished), Unpacked::Unfinished);
        }
    }

    #[test]
    fn as_much_comes_back_as_there_is_room_for() {
        let limits = Limits::default();
        let mut folder = given(&["a", "b/c"]);
        folder.wanted = vec!["b/c".to_owned(), "d".to_owned()];
        assert_eq!(folder.given_bytes(), 3 * PAGE);
        assert_eq!(folder.returned_bytes(), PAGE);
        assert_eq!(folder.most_bytes(&limits), limits.file_bytes + 3 * PAGE);
        let unbounded = Limits {
            file_bytes: u64::MAX,
            ..limits
        };
        assert!(folder.most_bytes(&unbounded) < u64::MAX);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again_and_nothing_else_does(
            files in prop::collection::btree_map("[a-z]{1,3}", prop::collection::vec(any::<u8>(), 0..20), 0..5),
            noise in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let folder = Folder {
                wanted: files.keys().cloned().collect(),
                given: files.into_iter().collect(),
            };
            let packed = folder.packed();
            prop_assert_eq!(folder.files(&packed), Some(folder.given.clone()));
            // Whatever comes, nothing panics.
            let _ = folder.unpacked(&noise);
            let _ = folder.files(&noise);
            let _ = folder.files(&packed[..packed.len() / 2]);
        }
    }
}
