//! One frame of a journal: a head that says what is in it, and lines of JSON, compressed by themselves. To zstd the head is a
//! frame to be passed over, so that the whole file is an ordinary one: `zstdcat` gives its lines.
//!
//! Whoever knows where a frame begins reads it without those before it, and whoever walks from head to head reads no lines.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zstd::bulk::Compressor;

use super::JournalError;

/// Form of a journal; another one is refused.
pub(super) const SCHEMA: &str = "rlef-journal/2";
/// How a head begins: a mark of frames that are passed over, and the bytes of what follows.
pub(super) const MARK: [u8; 4] = 0x184D_2A5A_u32.to_le_bytes();
/// Bytes of mark and length.
const PREFIX: u64 = 8;
/// Bytes of a head's text.
const LARGEST_HEAD: u32 = 1 << 28;
/// Bytes of a frame's lines.
const LARGEST_TEXT: u64 = crate::files::LARGEST_TEXT;
/// As zstd has it: faster levels save little time, slower ones little room.
const LEVEL: i32 = 3;

/// Policy version, problem and sample of an episode.
pub type Name = (usize, String, usize);

/// What is in a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Form of the file, in its first frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    /// Which frame, from zero.
    pub(super) frame: usize,
    /// Where it begins.
    pub(super) at: u64,
    /// Hash of the heads before it; absent in the first frame, and in journals that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
    /// Bytes of the lines as they are compressed.
    pub(super) bytes: u64,
    /// Bytes of the lines.
    pub(super) text: u64,
    /// Its episodes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) episodes: Vec<Name>,
    /// The prompts whose texts it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) prompts: Vec<String>,
}

/// The heads so far. Each head says what those before it were, so that a last one that holds proves all.
#[derive(Clone, Default)]
pub(super) struct Chain {
    digest: Sha256,
    any: bool,
}

impl Chain {
    /// Adds the text of a head.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.digest.update(text);
        self.digest.update(b"\n");
        self.any = true;
    }

    /// What the next head says of them; nothing where there are none.
    pub(super) fn name(&self) -> Option<String> {
        let digest = self.any.then(|| self.digest.clone().finalize())?;
        let bytes = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        Some(bytes.collect::<Vec<_>>().concat())
    }
}

/// A frame in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) head: Head,
    /// Where its compressed lines begin.
    pub(super) data: u64,
}

/// What stands at a place of a file.
pub(super) enum Found {
    /// A whole frame, and the text of its head.
    Whole(Entry, Vec<u8>),
    /// The beginning of one, or nothing: whoever wrote it was killed.
    Torn,
}

impl Entry {
    /// Of a head whose text has so many bytes.
    pub(super) const fn new(head: Head, text: usize) -> Self {
        Self {
            data: head.at + PREFIX + text as u64,
            head,
        }
    }

    /// Where the next frame begins.
    pub(super) const fn end(&self) -> u64 {
        self.data + self.head.bytes
    }

    /// What stands at a place of a file of `length` bytes and this form.
    pub(super) fn at(
        file: &File,
        path: &Path,
        (at, frame): (u64, usize),
        (length, schema): (u64, &str),
    ) -> Result<Found, JournalError> {
        let damaged = |reason: String| JournalError::Frame {
            path: path.to_owned(),
            at,
            frame,
            reason,
        };
        let read = |bytes: &mut [u8], place| {
            let read = file.read_exact_at(bytes, place);
            read.map_err(JournalError::of_file("read", path))
        };
        if length < at + PREFIX {
            return Ok(Found::Torn);
        }
        let mut prefix = [0; PREFIX as usize];
        read(&mut prefix, at)?;
        if prefix == [0; PREFIX as usize]
            && only_zeros(file, at, length).map_err(JournalError::of_file("read", path))?
        {
            // A machine that died had made room, and written nothing.
            return Ok(Found::Torn);
        }
        let [a, b, c, d, e, f, g, h] = prefix;
        let size = u32::from_le_bytes([e, f, g, h]);
        if [a, b, c, d] != MARK || size > LARGEST_HEAD {
            return Err(damaged("there is no head of a frame".to_owned()));
        }
        if length < at + PREFIX + u64::from(size) {
            return Ok(Found::Torn);
        }
        let mut text = vec![0; size as usize];
        read(&mut text, at + PREFIX)?;
        let head = Self::parsed(&text).map_err(|reason| damaged(format!("its head: {reason}")))?;
        if (head.at, head.frame) != (at, frame) {
            return Err(damaged(format!(
                "its head says byte {}, frame {}",
                head.at, head.frame
            )));
        }
        if frame == 0 && head.schema.as_deref() != Some(schema) {
            let found = head.schema.as_deref().unwrap_or("none");
            let words = format!("the form is {found:?}; this version of rlef reads {schema:?}");
            return Err(damaged(words));
        }
        let entry = Self::new(head, text.len());
        Ok(if length < entry.end() {
            Found::Torn
        } else {
            Found::Whole(entry, text)
        })
    }

    /// Refuses a torn frame that others come after: one of its lengths was changed.
    pub(super) fn none_behind(
        file: &File,
        path: &Path,
        (at, frame): (u64, usize),
        length: u64,
    ) -> Result<(), JournalError> {
        const WINDOW: usize = 1 << 20;
        // Mark, length, and how a head begins: in compressed bytes nobody meets them by chance.
        const START: &[u8] = b"{\"frame\":";
        let whole = PREFIX as usize + START.len();
        let (mut place, mut bytes) = (at + 1, vec![0; WINDOW]);
        while place + (whole as u64) <= length {
            let size = WINDOW.min((length - place) as usize);
            let window = &mut bytes[..size];
            let read = file.read_exact_at(window, place);
            read.map_err(JournalError::of_file("read", path))?;
            let found = window
                .windows(whole)
                .position(|part| part.starts_with(&MARK) && part.ends_with(START));
            if let Some(found) = found {
                return Err(JournalError::Frame {
                    path: path.to_owned(),
                    at,
                    frame,
                    reason: format!(
                        "its length leads past the frame at byte {}",
                        place + found as u64
                    ),
                });
            }
            place += (size - whole + 1) as u64;
        }
        Ok(())
    }

    /// The head that a text says.
    pub(super) fn parsed(text: &[u8]) -> Result<Head, String> {
        let head: Head = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let small = head.text <= LARGEST_TEXT && head.bytes <= LARGEST_TEXT;
        if small && head.at.checked_add(head.bytes).is_some() {
            Ok(head)
        } else {
            let (bytes, text) = (head.bytes, head.text);
            Err(format!("no frame has {bytes} bytes for {text} of lines"))
        }
    }

    /// The lines of the frame.
    pub(super) fn lines(&self, file: &File, path: &Path) -> Result<String, JournalError> {
        let damaged = |reason: String| JournalError::Frame {
            path: path.to_owned(),
            at: self.head.at,
            frame: self.head.frame,
            reason,
        };
        // Both are bounded where the head is read, so that they fit.
        let mut packed = vec![0; self.head.bytes as usize];
        let read = file.read_exact_at(&mut packed, self.data);
        read.map_err(JournalError::of_file("read", path))?;
        let text = zstd::bulk::decompress(&packed, self.head.text as usize);
        let text = text.map_err(|error| damaged(format!("its lines: {error}")))?;
        if text.len() as u64 != self.head.text {
            let (found, expected) = (text.len(), self.head.text);
            return Err(damaged(format!(
                "its lines have {found} bytes, and its head says {expected}"
            )));
        }
        String::from_utf8(text).map_err(|error| damaged(format!("its lines: {error}")))
    }
}

/// Whether a file holds nothing else from here to its end.
fn only_zeros(file: &File, at: u64, length: u64) -> std::io::Result<bool> {
    let (mut place, mut bytes) = (at, vec![0; 1 << 16]);
    while place < length {
        let size = bytes.len().min((length - place) as usize);
        file.read_exact_at(&mut bytes[..size], place)?;
        if bytes[..size].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        place += size as u64;
    }
    Ok(true)
}

/// Packs frames, one after the other.
pub(super) struct Packer {
    compressor: Compressor<'static>,
}

impl Packer {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self { compressor })
    }

    /// Appends a frame with these lines to `out` and the text of its head to `index` and `chain`; `head` says all but the sizes
    /// and what was before.
    pub(super) fn pack(
        &mut self,
        head: Head,
        lines: &[u8],
        out: &mut Vec<u8>,
        (index, chain): (&mut Vec<u8>, &mut Chain),
    ) -> std::io::Result<()> {
        let packed = self.compressor.compress(lines)?;
        let head = Head {
            before: chain.name(),
            bytes: packed.len() as u64,
            text: lines.len() as u64,
            ..head
        };
        let text = serde_json::to_vec(&head)?;
        let size = u32::try_from(text.len()).map_err(std::io::Error::other)?;
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&text);
        out.extend_from_slice(&packed);
        chain.add(&text);
        index.extend_from_slice(&text);
        index.push(b'\n');
        Ok(())
    }
}
