//! Journal: every episode as one line of JSON, in the order it was played. Write, read, and cut back to a
//! checkpoint. Holds no wall times, so that equal runs have equal journals; those live in `timings.jsonl`.

pub mod again;
#[cfg(test)]
mod agreement;
pub mod diff;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::completion::Sampled;
use crate::episode::{Episode, StopReason};
use crate::judge::Score;
use crate::program::Extraction;
use crate::verdict::{Grade, Verdict};

/// One turn as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnRecord {
    /// What the policy said.
    pub text: String,
    /// The ids it sampled; absent where it said text alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<u32>>,
    /// Their log-probabilities when they were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler_logprobs: Option<Vec<f32>>,
    /// Which block of the text is the program and by which rule, or why there is none; absent in journals that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Extraction>,
    /// What the public tests said.
    pub grade: Grade,
    /// Public tests passed.
    pub passed: usize,
    /// Public tests.
    pub total: usize,
    /// What judges besides the tests said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// What the policy was told next.
    pub feedback: String,
    /// What all tests say of it; only of an earlier answer that passed the public ones without ending the episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Grade>,
}

/// One episode as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodeRecord {
    /// Policy version that played it.
    pub step: usize,
    /// The problem.
    #[serde(deserialize_with = "crate::problem::id::deserialize")]
    pub problem_id: String,
    /// Which of the group's episodes.
    pub sample: usize,
    /// Its turns.
    pub turns: Vec<TurnRecord>,
    /// Why it ended.
    pub stop: StopReason,
    /// What all tests say of the last answer; absent where the sandbox failed.
    pub outcome: Option<Grade>,
    /// Tests the last answer passed.
    pub passed: usize,
    /// Tests there are.
    pub total: usize,
}

/// Why a journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file could not be opened, written or read.
    #[error("failed to {action} {path}: {cause}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason; no `source`, for the message says it.
        cause: std::io::Error,
    },
    /// Another process writes to it.
    #[error("failed to write to {path}: another process does; let it end, or name another file")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It holds less than was written to it: to go on would leave a hole.
    #[error(
        "failed to continue {path}: it holds {found} bytes, and {expected} were written to it; put back what was there"
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// Bytes there are.
        found: u64,
        /// Bytes there were.
        expected: u64,
    },
    /// What was written to it would end within a line: one of the two was changed.
    #[error(
        "failed to continue {path}: byte {bytes}, where it was left, is within a line; put back what was there"
    )]
    MidLine {
        /// The file.
        path: PathBuf,
        /// Bytes there were.
        bytes: u64,
    },
    /// A line is no record.
    #[error("failed to read {path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What was expected.
        reason: String,
    },
}

impl TurnRecord {
    /// The ids that were sampled, where they were. Journals of before held the bytes of a text that had no ids, each with a
    /// log-probability of 0, perhaps with an end behind them.
    pub fn sampled(&self) -> Option<Sampled> {
        let (ids, log_probs) = (self.tokens.clone()?, self.sampler_logprobs.clone()?);
        let bytes = |ids: &[u32]| self.text.bytes().map(u32::from).eq(ids.iter().copied());
        let open = ids.strip_suffix(&[MADE_UP_END]).unwrap_or(&ids);
        let made_up = log_probs.iter().all(|&value| value == 0.0) && bytes(open);
        (!made_up).then_some(Sampled { ids, log_probs })
    }
}

/// The id that ended a text where ids were its bytes.
pub(crate) const MADE_UP_END: u32 = 256;

impl EpisodeRecord {
    /// The record of an ended episode.
    pub fn new(step: usize, episode: &Episode) -> Self {
        let turns = episode.turns.iter().map(|turn| TurnRecord {
            text: turn.text.clone(),
            tokens: turn.sampled.as_ref().map(|sampled| sampled.ids.clone()),
            sampler_logprobs: (turn.sampled.as_ref()).map(|sampled| sampled.log_probs.clone()),
            program: turn.found.as_ref().map(Extraction::of),
            grade: turn.verdict.grade,
            passed: turn.verdict.passed,
            total: turn.verdict.total,
            scores: turn.scores.clone(),
            feedback: turn.feedback.clone(),
            full: turn.full.as_ref().map(|verdict| verdict.grade),
        });
        let count = |pick: fn(&Verdict) -> usize| episode.outcome.as_ref().map_or(0, pick);
        Self {
            step,
            problem_id: episode.problem_id.clone(),
            sample: episode.sample,
            turns: turns.collect(),
            stop: episode.stop.unwrap_or(StopReason::Aborted),
            outcome: episode.outcome.as_ref().map(|verdict| verdict.grade),
            passed: count(|verdict| verdict.passed),
            total: count(|verdict| verdict.total),
        }
    }
}

/// Refuses a path that leads to something other than a file: a FIFO would be waited for, a device read for ever.
fn regular(path: &Path) -> std::io::Result<()> {
    match crate::files::regular(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        found => found.map(drop),
    }
}

/// A file of JSON lines that is appended to and can be cut back.
pub struct Lines {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Whether the file may hold more than `bytes`, which goes before anything is written.
    uncut: bool,
    /// Keeps other processes away as long as it is open.
    lock: Option<File>,
}

impl Lines {
    /// Opens for appending after the first `bytes` bytes, dropping what a killed run wrote past them.
    pub fn open(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        let mut lines = Self::at(path, bytes)?;
        lines.cut()?;
        Ok(lines)
    }

    /// The same, but what was written past them stays until something takes its place: whoever opens may yet find a reason not
    /// to go on.
    pub fn after(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        let lines = Self::at(path, bytes)?;
        if let Some(last) = bytes.checked_sub(1) {
            let mut end = [0];
            let read = lines.file.read_exact_at(&mut end, last);
            read.map_err(|cause| JournalError::File {
                action: "read",
                path: path.to_owned(),
                cause,
            })?;
            if end != *b"\n" {
                return Err(JournalError::MidLine {
                    path: path.to_owned(),
                    bytes,
                });
            }
        }
        Ok(lines)
    }

    fn at(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        let failed = |action| {
            move |cause| JournalError::File {
                action,
                path: path.to_owned(),
                cause,
            }
        };
        regular(path).map_err(failed("open"))?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed("open"))?;
        let found = file.metadata().map_err(failed("read"))?.len();
        if found < bytes {
            return Err(JournalError::Short {
                path: path.to_owned(),
                found,
                expected: bytes,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            uncut: true,
            lock: None,
        })
    }

    fn cut(&mut self) -> Result<(), JournalError> {
        if !self.uncut {
            return Ok(());
        }
        let failed = |action| {
            let path = self.path.clone();
            move |cause| JournalError::File {
                action,
                path,
                cause,
            }
        };
        self.file.set_len(self.bytes).map_err(failed("cut back"))?;
        std::io::Seek::seek(&mut self.file, std::io::SeekFrom::Start(self.bytes))
            .map_err(failed("seek in"))?;
        self.uncut = false;
        Ok(())
    }

    /// Opens for appending after the last whole line, for this process alone, and gives the lines that are there. What a
    /// killed process or machine left of one more is cut off.
    pub fn continued(path: &Path) -> Result<(Self, Vec<String>), JournalError> {
        let failed = |action| {
            move |cause| JournalError::File {
                action,
                path: path.to_owned(),
                cause,
            }
        };
        regular(path).map_err(failed("open"))?;
        // Locked first: the end of a file that another process appends to is never cut off.
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed("open"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(std::fs::TryLockError::Error(cause)) => return Err(failed("lock")(cause)),
        }
        let bytes = std::fs::read(path).map_err(failed("read"))?;
        let end = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |place| place + 1);
        let mut lines = Vec::new();
        for (index, line) in bytes[..end]
            .split_inclusive(|&byte| byte == b'\n')
            .enumerate()
        {
            let text = std::str::from_utf8(line).map_err(|error| JournalError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason: error.to_string(),
            })?;
            if !text.trim().is_empty() {
                lines.push(text.trim_end().to_owned());
            }
        }
        // What begins otherwise is no journal: nothing of it is cut off, and whoever asked will refuse its first line.
        let start = &bytes[..bytes.len().min(EVENT.len())];
        let ours = EVENT.as_bytes().starts_with(start);
        if lines.is_empty() && !ours {
            lines.push(String::from_utf8_lossy(&bytes[end..]).into_owned());
        }
        let end = if ours { end } else { bytes.len() };
        let mut opened = Self::open(path, end as u64)?;
        opened.lock = Some(lock);
        Ok((opened, lines))
    }

    /// Appends records as whole lines with one write.
    pub fn append<T: Serialize>(&mut self, records: &[T]) -> Result<(), JournalError> {
        self.cut()?;
        let failed = |cause| JournalError::File {
            action: "write",
            path: self.path.clone(),
            cause,
        };
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        if let Err(cause) = self.file.write_all(&text) {
            // A full disk may have taken half a line: leave whole lines behind.
            self.file.set_len(self.bytes).map_err(failed)?;
            return Err(failed(cause));
        }
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Forces what was appended to the disk and gives the file's length.
    pub fn sync(&mut self) -> Result<u64, JournalError> {
        self.cut()?;
        let failed = |cause| JournalError::File {
            action: "sync",
            path: self.path.clone(),
            cause,
        };
        self.file.sync_data().map_err(failed)?;
        Ok(self.bytes)
    }
}

/// Whether a line of an evaluation's journal is no episode.
pub(crate) fn is_event(line: &str) -> bool {
    line.starts_with(EVENT)
}

/// How a line of an evaluation's journal begins that is no episode; the first of them is.
const EVENT: &str = "{\"event\":";

/// Reads all records of a file of JSON lines; in an evaluation's journal, its episodes.
pub fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, JournalError> {
    let failed = |cause| JournalError::File {
        action: "read",
        path: path.to_owned(),
        cause,
    };
    let file = crate::files::open(path).map_err(failed)?;
    let mut records = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(failed)?;
        if line.trim().is_empty() || is_event(&line) {
            continue;
        }
        let record = serde_json::from_str(&line).map_err(|error| JournalError::Line {
            path: path.to_owned(),
            line: index + 1,
            reason: error.to_string(),
        })?;
        records.push(record);
    }
    Ok(records)
}

/// An unnamed file beside the one it will become, with the permissions any new file of this user gets.
pub(crate) fn partial_in(directory: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(|error| {
            // The name that was tried says nothing to anybody.
            let text = error.to_string();
            let reason = text.split(" at path ").next().unwrap_or_default();
            std::io::Error::new(error.kind(), reason.to_owned())
        })
}

/// Writes a whole file under a temporary name in the same directory, then renames it into place.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = partial_in(directory)?;
    // By the file itself: the errors of its name say a name that nobody knows.
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_lost_some_of_its_lines_is_not_filled_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12\n45").unwrap();
        let message = Lines::open(&path, 1 << 50).map(drop).unwrap_err();
        assert!(message.to_string().contains("holds 5 bytes"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n45");
        let message = Lines::after(&path, 2).map(drop).unwrap_err();
        assert!(message.to_string().contains("within a line"), "{message}");
        let mut lines = Lines::after(&path, 3).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n45");
        lines.append(&[1]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n1\n");
        Lines::open(&path, 3).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n");
    }

    /// Lines as version 0.3 wrote them: of a server, whose ids were made up, and of a policy that was sampled here.
    #[test]
    fn lines_of_before_are_read_and_their_made_up_ids_are_none() {
        let line = |tokens: &str, log_probs: &str| {
            format!(
                r#"{{"step":3,"problem_id":"p","sample":1,"turns":[{{"text":"é","tokens":{tokens},"sampler_logprobs":{log_probs},"program":{{"reason":"no_fence"}},"grade":"no_program","passed":0,"total":2,"feedback":""}}],"stop":"max_turns","outcome":"no_program","passed":0,"total":3}}"#
            )
        };
        let read = |tokens: &str, log_probs: &str| {
            let line = line(tokens, log_probs).replace(r#""program":{"reason":"no_fence"},"#, "");
            let record: EpisodeRecord = serde_json::from_str(&line).unwrap();
            assert_eq!((record.step, record.sample), (3, 1));
            // It is written as it was.
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
            record.turns[0].sampled()
        };
        assert_eq!(read("[195,169,256]", "[0.0,0.0,0.0]"), None);
        assert_eq!(read("[195,169]", "[0.0,0.0]"), None);
        let sampled = read("[195,169]", "[-0.5,-0.25]").unwrap();
        assert_eq!(sampled.log_probs, [-0.5, -0.25]);
        // Drawn at temperature 0, of a vocabulary that is not bytes.
        assert_eq!(read("[7,2]", "[0.0,0.0]").unwrap().ids, [7, 2]);
    }

    #[test]
    fn a_text_alone_is_written_without_ids() {
        let mut episode = crate::episode::tests::played(&[Grade::Accepted], true);
        episode.turns[0].sampled = None;
        let record = EpisodeRecord::new(0, &episode);
        let line = serde_json::to_string(&record).unwrap();
        assert!(
            !line.contains("tokens") && !line.contains("logprobs"),
            "{line}"
        );
        assert_eq!(
            serde_json::from_str::<EpisodeRecord>(&line).unwrap(),
            record
        );
    }

    #[test]
    fn only_a_journal_s_half_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, left, lines) in [
            ("my notes, no line end", "my notes, no line end", 1),
            ("a line\nand a half", "a line\nand a half", 1),
            ("{\"event\":\"a\"}\n{\"ev", "{\"event\":\"a\"}\n", 1),
            ("{\"event\":\"a\"", "", 0),
            ("{\"ev", "", 0),
            ("", "", 0),
        ] {
            std::fs::write(&path, text).unwrap();
            let (_, found) = Lines::continued(&path).unwrap();
            assert_eq!(found.len(), lines, "{text:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left, "{text:?}");
        }
    }

    #[test]
    fn a_journal_is_a_regular_file_wherever_its_name_leads() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (name, target) in [("full", "/dev/full"), ("zero", "/dev/zero"), ("root", "/")] {
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        }
        for name in ["fifo", "full", "zero", "root"] {
            let path = at(name);
            let errors = [
                Lines::open(&path, 0).map(drop).unwrap_err(),
                Lines::continued(&path).map(drop).unwrap_err(),
                read::<EpisodeRecord>(&path).map(drop).unwrap_err(),
            ];
            for error in errors {
                assert!(error.to_string().contains("regular file"), "{error}");
            }
        }
        std::os::unix::fs::symlink(at("new"), at("link")).unwrap();
        Lines::continued(&at("link")).unwrap();
        assert!(at("new").exists());
    }
}
