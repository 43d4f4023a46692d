//! Verdicts on disk by what they depend on, so that the same program on the same tests is run once.
//!
//! One file a verdict, in 256 folders by the first byte of its key; a file is written under another name and renamed, so
//! that any number of processes may share the folder and none ever reads half a verdict. Each folder is bounded: the files
//! used longest ago go first. A folder that another user owns or can write to is refused, and so is a file that is not this
//! user's own or whose content is not what was written. Nothing here fails a run: what can't be read is judged anew. Errors are never kept, for
//! there is no verdict to keep; a timeout is kept only where `settle` found that more time would not have helped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use nix::fcntl::OFlag;
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Failure, Verdict};
use crate::judge::{Judgement, JudgementKey as VerdictKey};

/// Form of a file and of what its key is made of; another one is judged anew.
pub(crate) const SCHEMA: &str = "rlef-verdict/2";

/// Largest file that is read: failing tests' texts are bounded far below it.
const LARGEST: u64 = 64 << 20;

/// Bytes of all files, by default.
pub const CACHE_BYTES: u64 = 512 << 20;

/// Folders that the bound is shared among.
const SHARDS: u64 = 256;

/// Files written into a folder before its size is looked at again.
const PATIENCE: u64 = 16;

/// Failing tests whose texts are kept: as many as feedback shows.
const KEPT_FAILURES: usize = 8;

/// A file's first line; the verdict is the rest.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Head<'a> {
    schema: std::borrow::Cow<'a, str>,
    key: String,
    /// Hash over the key and the verdict's bytes: a file that was damaged, edited or moved no longer fits it. It keeps
    /// nobody out who may write here, which the folder's owner and mode do.
    seal: String,
}

impl Head<'_> {
    fn of(key: &VerdictKey, verdict: &[u8]) -> Self {
        let key = key.to_string();
        let mut digest = Sha256::new();
        digest.update(&key);
        digest.update(verdict);
        Self {
            schema: SCHEMA.into(),
            seal: VerdictKey(digest.finalize().into()).to_string(),
            key,
        }
    }
}

/// Why there is no cache. Completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[error("keep verdicts in {}: {cause}; name another folder with RLEF_CACHE, or use --no-cache", folder.display())]
pub struct CacheError {
    /// The folder.
    folder: PathBuf,
    /// What the system said.
    cause: std::io::Error,
}

/// Whether a file or folder belongs to this user and nobody else can write to it.
fn is_own(about: &fs::Metadata) -> bool {
    about.uid() == Uid::effective().as_raw() && about.mode() & 0o022 == 0
}

/// Verdicts on disk.
#[derive(Debug)]
pub struct VerdictCache {
    folder: PathBuf,
    shard_bytes: u64,
    /// Files written to each folder by this process.
    written: Mutex<HashMap<u8, u64>>,
}

impl VerdictCache {
    /// Where verdicts are kept unless told otherwise: `RLEF_CACHE`, else `rlef/verdicts` in the user's cache folder.
    pub fn default_folder() -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(folder) = set("RLEF_CACHE") {
            return Some(PathBuf::from(folder).join("verdicts"));
        }
        let base = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
        Some(base.join("rlef").join("verdicts"))
    }

    /// Opens a folder of at most about `bytes` bytes, and makes it, for this user alone, where it's absent: what failing
    /// tests expect is in it.
    pub fn open(folder: &Path, bytes: u64) -> Result<Self, CacheError> {
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|cause| CacheError {
                folder: folder.to_owned(),
                cause,
            })?;
        // Whoever can write here can say what is accepted. A link is judged by what it leads to.
        let about = fs::metadata(folder).map_err(|cause| CacheError {
            folder: folder.to_owned(),
            cause,
        })?;
        if !is_own(&about) {
            return Err(CacheError {
                folder: folder.to_owned(),
                cause: std::io::Error::new(
                    std::io::ErrorKind::PermissionDenied,
                    "it belongs to or can be written by somebody else (chmod 700 it)",
                ),
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            shard_bytes: bytes / SHARDS,
            written: Mutex::default(),
        })
    }

    /// The verdict of this key, if it is there and whole.
    pub fn get(&self, key: &VerdictKey) -> Option<Judgement> {
        let path = self.path(key);
        if !is_own(&path.parent()?.symlink_metadata().ok()?) {
            return None;
        }
        // Neither a link nor a pipe, which would keep one waiting.
        let mut file = File::options()
            .read(true)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&path)
            .ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() || !is_own(&about) || about.len() > LARGEST {
            return None;
        }
        let mut text = Vec::new();
        (&mut file).take(LARGEST).read_to_end(&mut text).ok()?;
        let end = text.iter().position(|&byte| byte == b'\n')?;
        let head: Head<'_> = serde_json::from_slice(&text[..end]).ok()?;
        let body = &text[end + 1..];
        if head != Head::of(key, body) {
            return None;
        }
        let judgement = serde_json::from_slice(body).ok()?;
        // So that what is used stays; a failure only makes it look older.
        let _ = File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(judgement)
    }

    /// Keeps a judgement; where that fails it will be found out again.
    pub fn put(&self, key: &VerdictKey, judgement: &Judgement) {
        let Ok(body) = serde_json::to_vec(&judgement.clone().shortened()) else {
            return;
        };
        let head = Head::of(key, &body);
        let path = self.path(key);
        let Some(shard) = path.parent() else { return };
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(shard);
        let written = made.and_then(|()| {
            let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(shard)?;
            file.write_all(&serde_json::to_vec(&head)?)?;
            file.write_all(b"\n")?;
            file.write_all(&body)?;
            file.persist(&path).map_err(|error| error.error)
        });
        if let Err(error) = written {
            tracing::debug!(%error, "a verdict is not kept");
            return;
        }
        let mut counts = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.0[0]).or_insert(0);
        *count += 1;
        let due = *count % PATIENCE == 1;
        drop(counts);
        if due {
            self.tidy(shard);
        }
    }

    /// Removes the files of a folder that were used longest ago until it is a fifth below its bound.
    fn tidy(&self, shard: &Path) {
        let Ok(entries) = fs::read_dir(shard) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let about = entry.metadata().ok()?;
                Some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        if bytes <= self.shard_bytes {
            return;
        }
        files.sort();
        for (_, size, path) in files {
            if bytes <= self.shard_bytes / 5 * 4 {
                break;
            }
            // Another process may have removed it.
            let _ = fs::remove_file(path);
            bytes = bytes.saturating_sub(size);
        }
    }

    fn path(&self, key: &VerdictKey) -> PathBuf {
        let name = key.to_string();
        self.folder.join(&name[..2]).join(name)
    }
}

/// A verdict with the texts of its first failing tests alone: enough for feedback and for what is printed.
pub fn shortened(verdict: &Verdict) -> Verdict {
    let mut short = verdict.clone();
    for failure in short.failures.iter_mut().skip(KEPT_FAILURES) {
        *failure = Failure {
            input: String::new(),
            expected: String::new(),
            got: String::new(),
            trace: String::new(),
            ..*failure
        };
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::FeedbackOptions;
    use crate::verdict::Grade;

    fn key(byte: u8) -> VerdictKey {
        VerdictKey([byte; 32])
    }

    fn judgement(got: &str, failures: usize) -> Judgement {
        verdict(got, failures).into()
    }

    fn verdict(got: &str, failures: usize) -> Verdict {
        let failure = Failure {
            test: 0,
            grade: Grade::WrongAnswer,
            input: "1".into(),
            expected: "2".into(),
            got: got.into(),
            trace: String::new(),
        };
        Verdict {
            grade: Grade::WrongAnswer,
            passed: 0,
            total: failures,
            failures: vec![failure; failures],
            cpu_ms: 1.25,
            wall_ms: 0.1,
            fuel: None,
        }
    }

    #[test]
    fn a_verdict_comes_back_and_a_broken_file_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = VerdictCache::open(folder.path(), CACHE_BYTES).unwrap();
        assert_eq!(cache.get(&key(1)), None);
        cache.put(&key(1), &judgement("x", 2));
        assert_eq!(cache.get(&key(1)), Some(judgement("x", 2)));
        let other = VerdictCache::open(folder.path(), CACHE_BYTES).unwrap();
        assert_eq!(other.get(&key(1)), Some(judgement("x", 2)));
        let path = cache.path(&key(1));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(cache.get(&key(1)), None);
        fs::create_dir_all(cache.path(&key(2)).parent().unwrap()).unwrap();
        fs::write(cache.path(&key(2)), &whole).unwrap();
        assert_eq!(cache.get(&key(2)), None, "a file under another's name");
        let text = String::from_utf8(whole.clone()).unwrap();
        let edited = text.replace("wrong_answer", "accepted");
        assert_ne!(text, edited);
        fs::write(&path, edited).unwrap();
        assert_eq!(cache.get(&key(1)), None, "a file edited by hand");
        fs::write(&path, &whole).unwrap();
        assert_eq!(cache.get(&key(1)), Some(judgement("x", 2)));
    }

    #[test]
    fn what_others_can_write_to_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let cache = VerdictCache::open(folder.path(), CACHE_BYTES).unwrap();
        cache.put(&key(1), &judgement("x", 1));
        let path = cache.path(&key(1));
        let shard = path.parent().unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        assert_eq!(shard.metadata().unwrap().mode() & 0o777, 0o700);
        for (place, own) in [(path.as_path(), 0o600), (shard, 0o700)] {
            mode(place, 0o777);
            assert_eq!(cache.get(&key(1)), None, "{}", place.display());
            mode(place, own);
            assert!(cache.get(&key(1)).is_some());
        }
        for bits in [0o777, 0o770, 0o702] {
            mode(folder.path(), bits);
            let error = VerdictCache::open(folder.path(), CACHE_BYTES).unwrap_err();
            assert!(error.to_string().contains("chmod 700"), "{error}");
        }
        mode(folder.path(), 0o755);
        assert!(VerdictCache::open(folder.path(), CACHE_BYTES).is_ok());
        // A link to a good file, and a pipe that nobody writes to.
        fs::rename(&path, shard.join("moved")).unwrap();
        std::os::unix::fs::symlink("moved", &path).unwrap();
        assert_eq!(cache.get(&key(1)), None);
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(cache.get(&key(1)), None);
    }

    #[test]
    fn feedback_finds_in_a_kept_verdict_all_it_shows() {
        let short = shortened(&verdict("x", 20));
        assert_eq!(short.failures.len(), 20);
        let shown = FeedbackOptions::default().cases;
        assert_eq!(short.failures[..shown], verdict("x", 20).failures[..shown]);
        assert_eq!(short.failures[19].got, "");
    }

    #[test]
    fn a_full_folder_forgets_what_was_used_longest_ago() {
        let folder = tempfile::tempdir().unwrap();
        let one = judgement(&"x".repeat(1000), 1);
        let bytes = serde_json::to_vec(&one).unwrap().len() as u64;
        // About ten verdicts a folder; all keys begin with the same byte.
        let cache = VerdictCache::open(folder.path(), 10 * bytes * SHARDS).unwrap();
        let numbered = |number: u8| {
            let mut bytes = [7; 32];
            bytes[31] = number;
            VerdictKey(bytes)
        };
        for number in 0..64 {
            cache.put(&numbered(number), &one);
            assert!(cache.get(&numbered(0)).is_some(), "used all the time");
        }
        let left = (0..64)
            .filter(|&n| cache.path(&numbered(n)).exists())
            .count();
        assert!((1..=10 + PATIENCE as usize).contains(&left), "{left}");
        assert!(!cache.path(&numbered(1)).exists());
    }

    #[test]
    fn two_writers_and_two_readers_see_whole_verdicts_only() {
        let folder = tempfile::tempdir().unwrap();
        let long = [
            judgement(&"a".repeat(20_000), 1),
            judgement(&"b".repeat(30_000), 1),
        ];
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let (folder, long) = (folder.path(), &long);
                scope.spawn(move || {
                    let cache = VerdictCache::open(folder, CACHE_BYTES).unwrap();
                    for _ in 0..200 {
                        cache.put(&key(3), &long[writer]);
                    }
                });
                scope.spawn(move || {
                    let cache = VerdictCache::open(folder, CACHE_BYTES).unwrap();
                    let mut seen = false;
                    while !seen {
                        seen = cache.get(&key(3)).is_some();
                    }
                    for _ in 0..200 {
                        let found = cache.get(&key(3));
                        assert!(found.is_some_and(|found| long.contains(&found)));
                    }
                });
            }
        });
    }
}
