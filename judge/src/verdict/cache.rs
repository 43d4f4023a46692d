//! Verdicts on disk by what they depend on, so that the same program on the same tests is run once.
//!
//! A [`Store`] keeps them: it refuses what somebody else could have written, and sees damage. Nothing here fails a run: what
//! can't be read is judged anew. Errors are never kept, for there is no verdict to keep; a timeout is kept only where
//! `settle` found that more time would not have helped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rlef_sandbox::{Store, StoreError, StoreKey, StoreLayout};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Failure, RULES, Scope, StopAt, Verdict};
use crate::comparator::Comparison;
use crate::problem::Problem;
use crate::program::Program;

/// Form of a kept verdict and of what its key is made of; another one is judged anew.
const SCHEMA: &str = "rlef-verdict/2";

/// Bytes of all verdicts, by default.
pub const CACHE_BYTES: u64 = 512 << 20;

/// Failing tests whose texts are kept: as many as feedback shows.
const KEPT_FAILURES: usize = 8;

/// What a verdict depends on, as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerdictKey([u8; 32]);

impl std::fmt::Display for VerdictKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Tests of a problem that was seen, and their hash.
type Seen<'p> = (&'p Problem, [u8; 32]);

/// Keys of programs on problems; a problem's tests, which may be large, are hashed once.
///
/// Problems are told apart by where they are in memory. So they are borrowed for as long as the keys live: none can change or
/// make room for another.
///
/// ```
/// use rlef_judge::{problem::Problem, verdict::{Keys, Scope, StopAt}};
///
/// let keys = Keys::default();
/// let program = rlef_judge::program::Program { language: rlef_sandbox::Language::Python, source: String::new() };
/// let problem = Problem::default();
/// keys.of(&program, &problem, Scope::All, StopAt::Never, "");
/// drop(keys);
/// drop(problem);
/// ```
///
/// ```compile_fail,E0505
/// use rlef_judge::{problem::Problem, verdict::{Keys, Scope, StopAt}};
///
/// let keys = Keys::default();
/// let program = rlef_judge::program::Program { language: rlef_sandbox::Language::Python, source: String::new() };
/// let problem = Problem::default();
/// keys.of(&program, &problem, Scope::All, StopAt::Never, "");
/// drop(problem);
/// drop(keys);
/// ```
#[derive(Debug, Default)]
pub struct Keys<'p> {
    tests: Mutex<HashMap<(usize, Scope), Seen<'p>>>,
}

impl<'p> Keys<'p> {
    /// The key of a program on some tests; `stamp` names what runs it.
    pub fn of(
        &self,
        program: &Program,
        problem: &'p Problem,
        scope: Scope,
        stop: StopAt,
        stamp: &str,
    ) -> VerdictKey {
        let place = (std::ptr::from_ref(problem).addr(), scope);
        let known = self.lock().get(&place).map(|(_, hash)| *hash);
        let tests = known.unwrap_or_else(|| {
            let hash = hash_of(&(
                (scope.tests(problem), problem.public_tests.len()),
                (&problem.limits, &problem.comparison),
                (&problem.preamble, &problem.files),
            ));
            self.lock().insert(place, (problem, hash));
            hash
        });
        VerdictKey(hash_of(&((SCHEMA, RULES), stamp, program, stop, tests)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(usize, Scope), Seen<'p>>> {
        // Entries are inserted whole, so a poisoned map is still sound.
        self.tests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash_of(parts: &impl Serialize) -> [u8; 32] {
    // Plain structs of texts and numbers always serialise.
    Sha256::digest(serde_json::to_vec(parts).unwrap_or_default()).into()
}

/// The languages a verdict depends on: the program's, and that of the program that decides.
pub(super) fn languages(program: &Program, problem: &Problem) -> Vec<rlef_sandbox::Language> {
    match &problem.comparison {
        Comparison::Checker(one) | Comparison::Interactor(one) => {
            vec![program.language, one.language]
        }
        _ => vec![program.language],
    }
}

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
    pub fn get(&self, key: &VerdictKey) -> Option<Verdict> {
        let kept = self.0.get(&StoreKey::of_hash(key.0));
        let bytes = kept.unwrap_or_else(|error| {
            tracing::debug!(%error, "a kept verdict is passed over");
            None
        })?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps a verdict; where that fails it will be found out again.
    pub fn put(&self, key: &VerdictKey, verdict: &Verdict) {
        let Ok(bytes) = serde_json::to_vec(&shortened(verdict)) else {
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
        cache.put(&key(1), &verdict("x", 2));
        assert_eq!(cache.get(&key(1)), Some(verdict("x", 2)));
        let other = VerdictCache::open(folder.path(), CACHE_BYTES).unwrap();
        assert_eq!(other.get(&key(1)), Some(verdict("x", 2)));
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
        assert_eq!(cache.get(&key(1)), Some(verdict("x", 2)));
    }

    #[test]
    fn a_folder_that_others_can_write_to_or_exchange_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("verdicts");
        let cache = VerdictCache::open(&folder, CACHE_BYTES).unwrap();
        cache.put(&key(1), &verdict("x", 1));
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
        let one = verdict(&"x".repeat(1000), 1);
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
    fn unlike_problems_have_unlike_keys_and_the_same_one_the_same() {
        let program = Program {
            language: rlef_sandbox::Language::Python,
            source: "print(1)".into(),
        };
        let expecting = |expected: &str| Problem {
            private_tests: vec![crate::problem::TestCase::Stdin {
                input: "1".into(),
                expected: expected.into(),
            }],
            ..Problem::default()
        };
        let problems: Vec<Problem> = ["1", "2", "1"].map(expecting).into();
        let keys = Keys::default();
        let of = |problem| keys.of(&program, problem, Scope::All, StopAt::Never, "");
        let [one, two, again] = [0, 1, 2].map(|index| of(&problems[index]));
        assert_ne!(one, two);
        assert_eq!(one, again);
        assert_eq!(of(&problems[1]), two, "hashed once");
    }

    #[test]
    fn two_writers_and_two_readers_see_whole_verdicts_only() {
        let folder = tempfile::tempdir().unwrap();
        let long = [
            verdict(&"a".repeat(20_000), 1),
            verdict(&"b".repeat(30_000), 1),
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
