//! Files that lie around a program when it starts, and those that are wanted of it afterwards. How they cross to the jail: one
//! after the other, each behind its name's and its own length.

use std::collections::HashSet;

use crate::error::SandboxError;

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

/// Files in a program's work directory: names with `/` between folders, relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// What lies there when it starts.
    pub given: Vec<(String, Vec<u8>)>,
    /// Files wanted from it once everything that it started has ended. Only plain files are given back.
    pub wanted: Vec<String>,
}

/// Files by their names.
pub type FoundFiles = Vec<(String, Vec<u8>)>;

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
        let is_folder_too = |name: &&str| {
            name.match_indices('/')
                .any(|(at, _)| names.contains(&name[..at]))
        };
        if names.iter().any(is_folder_too) {
            return bad("one is a file and a folder");
        }
        Ok(())
    }

    /// Bytes that they take in the memory of the jail.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.given
            .iter()
            .map(|(name, bytes)| {
                let folders = name.matches('/').count() as u64;
                (bytes.len() as u64).next_multiple_of(PAGE) + folders * PAGE
            })
            .sum()
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

    /// What came back. Only what was asked for counts.
    pub(crate) fn unpacked(&self, mut packed: &[u8]) -> Option<FoundFiles> {
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
            if !self.wanted.iter().any(|wanted| wanted == name) {
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
            let fits = names.iter().all(|name| is_plain(name));
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
            prop_assert_eq!(folder.unpacked(&packed), Some(folder.given.clone()));
            // Whatever comes, nothing panics.
            let _ = folder.unpacked(&noise);
            let _ = folder.unpacked(&packed[..packed.len() / 2]);
        }
    }
}
