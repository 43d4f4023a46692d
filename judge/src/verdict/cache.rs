//! Verdicts on disk by what they depend on, so that the same program on the same tests is run once.
//!
//! A [`Store`] keeps them: it refuses what somebody else could have written, and sees damage. Nothing here fails a run: what
//! can't be read is judged anew. Errors are never kept, for there is no verdict to keep; a timeout is kept only where
//! `judge::Reruns` found that more time would not have helped.

use std::path::{Path, PathBuf};

use rlef_sandbox::{Store, StoreError, StoreKey, StoreLayout};

use super::{Failure, Verdict};
use crate::judge::{Judgement, JudgementKey as VerdictKey};

/// Form of a kept verdict and of what its key is made of; another one is judged anew.
pub(crate) const SCHEMA: &str = "rlef-verdict/2";

/// Bytes of all verdicts, by default.
pub const CACHE_BYTES: u64 = 512 << 20;

/// Failing tests whose texts are kept: as many as feedback shows.
const KEPT_FAILURES: usize = 8;

/// Why there is no cache. Completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[error(
    "keep verdicts: failed to {}; --no-cache does without",
    super::chain(cause)
)]
pub struct CacheError {
    /// What is wrong with the folder.
    cause: StoreError,
}

/// Verdicts on disk.
#[derive(Debug)]
pub struct VerdictCache(Store);

impl VerdictCache {
    /// Where verdicts are kept unless told otherwise: `verdicts` where all stores are.
    pub fn default_folder() -> Option<PathBuf> {
        Some(Store::default_root()?.join("verdicts"))
    }

    /// Opens a folder of at most about `bytes` bytes, and makes it, for this user alone, where it's absent: what failing
    /// tests expect is in it, and whoever can write there can say what is accepted.
    pub fn open(folder: &Path, bytes: u64) -> Result<Self, CacheError> {
        match Store::open(folder, bytes, StoreLayout::Spread) {
            Ok(store) => Ok(Self(store)),
            Err(cause) => Err(CacheError { cause }),
        }
    }

    /// The verdict of this key, if it is there and whole.
    pub fn get(&self, key: &VerdictKey) -> Option<Judgement> {
        let kept = self.0.get(&StoreKey::of_hash(key.0));
        let bytes = kept.unwrap_or_else(|error| {
            tracing::debug!(%error, "a kept verdict is passed over");
            None
        })?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps a judgement; where that fails it will be found out again.
    pub fn put(&self, key: &VerdictKey, judgement: &Judgement) {
        let Ok(bytes) = serde_json::to_vec(&judgement.clone().shortened()) else {
            return;
        };
        if let Err(error) = self.0.put(&StoreKey::of_hash(key.0), &bytes) {
            tracing::debug!(%error, "a verdict is not kept");
        }
    }

    /// Where the verdict of this key lies, or would lie.
    #[cfg(test)]
    fn path(&self, key: &VerdictKey) -> PathBuf {
        self.0.path(&StoreKey::of_hash(key.0))
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
    use std::fs;

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
        let word = b"wrong_answer";
        let at = whole.windows(word.len()).position(|part| part == word);
        let (before, after) = whole.split_at(at.unwrap());
        let edited = [before, b"accepted", &after[word.len()..]].concat();
        fs::write(&path, edited).unwrap();
        assert_eq!(cache.get(&key(1)), None, "a file edited by hand");
        fs::write(&path, &whole).unwrap();
        assert_eq!(cache.get(&key(1)), Some(judgement("x", 2)));
    }

    #[test]
    fn a_folder_that_others_can_write_to_or_exchange_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("verdicts");
        let cache = VerdictCache::open(&folder, CACHE_BYTES).unwrap();
        cache.put(&key(1), &judgement("x", 1));
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let path = cache.path(&key(1));
        for (place, own) in [(path.as_path(), 0o600), (path.parent().unwrap(), 0o700)] {
            mode(place, 0o777);
            assert_eq!(cache.get(&key(1)), None, "{}", place.display());
            mode(place, own);
            assert!(cache.get(&key(1)).is_some());
        }
        for (place, own) in [(folder.as_path(), 0o755), (outer.path(), 0o755)] {
            for bits in [0o777, 0o770, 0o702] {
                mode(place, bits);
                let error = VerdictCache::open(&folder, CACHE_BYTES).unwrap_err();
                let words = error.to_string();
                assert!(
                    words.contains("chmod 700") && words.contains("--no-cache"),
                    "{words}"
                );
            }
            mode(place, own);
            assert!(VerdictCache::open(&folder, CACHE_BYTES).is_ok());
        }
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
        // About ten verdicts in each of 256 folders; all keys begin with the same byte.
        let cache = VerdictCache::open(folder.path(), 10 * bytes * 256).unwrap();
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
        assert!((1..=10).contains(&left), "{left}");
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
