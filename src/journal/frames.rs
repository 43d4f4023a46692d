//! A journal of frames that is appended to and can be cut back.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::frame::{Chain, Head, Name, Packer, SCHEMA};
use super::index::{Index, IndexFile};
use super::tail::Tail;
use super::{EpisodeRecord, JournalError};

/// Bytes of lines after which a new frame begins: more of them are compressed better, fewer are found faster.
const FRAME: usize = 1 << 20;

/// What a line of such a file is of.
pub(super) trait Record: Serialize {
    /// The episode.
    fn name(&self) -> Name;

    /// The name of its prompt, whose text stands before it.
    fn prompt(&self) -> Option<&String> {
        None
    }
}

impl Record for EpisodeRecord {
    fn name(&self) -> Name {
        (self.step, self.problem_id.clone(), self.sample)
    }

    fn prompt(&self) -> Option<&String> {
        self.prompt.as_ref()
    }
}

/// A line that is no episode.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    /// The first one.
    Journal {
        /// Form of the file.
        schema: &'a str,
    },
    /// The text of a prompt, before the first episode that it is of.
    Prompt {
        /// Its name, a hash of the text.
        name: &'a str,
        /// All of it.
        text: &'a str,
    },
}

/// The open file.
pub struct Frames {
    tail: Tail,
    /// Form of the file.
    schema: &'static str,
    /// None once it could not be written.
    index: Option<IndexFile>,
    packer: Packer,
    /// Frames there are.
    count: usize,
    /// Their heads.
    chain: Chain,
    /// Prompts whose texts are there.
    prompts: HashSet<String>,
}

/// Frames on their way to the disk.
struct Batch<'a> {
    packer: &'a mut Packer,
    head: Head,
    lines: Vec<u8>,
    out: Vec<u8>,
    index: Vec<u8>,
    chain: Chain,
    start: u64,
}

impl Batch<'_> {
    /// Ends a frame and begins the next.
    fn end_frame(&mut self) -> std::io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let next = Head {
            frame: self.head.frame + 1,
            ..empty()
        };
        let mut head = std::mem::replace(&mut self.head, next);
        head.at = self.start + self.out.len() as u64;
        let heads = (&mut self.index, &mut self.chain);
        let packed = (self.packer).pack(head, &self.lines, &mut self.out, heads);
        self.lines.clear();
        packed
    }

    /// Adds an episode's line to those that go before it, and all of them to this frame, or to the next where it is full.
    fn add(
        &mut self,
        mut lines: Vec<u8>,
        record: &impl Record,
        prompt: Option<&String>,
    ) -> std::io::Result<()> {
        line(&mut lines, record)?;
        if self.lines.len() + lines.len() > FRAME {
            self.end_frame()?;
        }
        self.lines.append(&mut lines);
        self.head.episodes.push(record.name());
        self.head.prompts.extend(prompt.cloned());
        Ok(())
    }
}

const fn empty() -> Head {
    Head {
        schema: None,
        frame: 0,
        at: 0,
        before: None,
        bytes: 0,
        text: 0,
        episodes: Vec::new(),
        prompts: Vec::new(),
    }
}

fn line(out: &mut Vec<u8>, record: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.push(b'\n');
    Ok(())
}

impl Frames {
    /// Opens for appending after the first `bytes` bytes. What was written past them stays until something takes its place:
    /// whoever opens may yet find a reason not to go on.
    pub fn after(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        Self::of(path, bytes, SCHEMA)
    }

    /// The same of a file of another form.
    pub(super) fn of(path: &Path, bytes: u64, schema: &'static str) -> Result<Self, JournalError> {
        let tail = Tail::after(path, bytes)?;
        let index = Index::read(path, tail.file(), (bytes, schema))?;
        if index.end() != bytes {
            return Err(JournalError::Within {
                path: path.to_owned(),
                bytes,
                part: "frame",
            });
        }
        let count = index.entries.len();
        let heads = index.entries.iter().map(|entry| &entry.head);
        let prompts = heads.flat_map(|head| &head.prompts).cloned().collect();
        let chain = index.chain.clone();
        let packer = Packer::new().map_err(JournalError::of_file("compress", path))?;
        Ok(Self {
            index: Some(index.into_file(path)?),
            tail,
            schema,
            packer,
            count,
            chain,
            prompts,
        })
    }

    /// Appends episodes with one write, each with the text of its prompt where it has one.
    #[expect(
        private_bounds,
        reason = "what is kept in frames is decided in this module"
    )]
    pub fn append<R: Record>(&mut self, episodes: &[(R, Arc<str>)]) -> Result<(), JournalError> {
        let schema = self.schema;
        let path = self.tail.path().to_owned();
        let mut batch = Batch {
            packer: &mut self.packer,
            head: Head {
                frame: self.count,
                ..empty()
            },
            lines: Vec::new(),
            out: Vec::new(),
            index: Vec::new(),
            chain: self.chain.clone(),
            start: self.tail.bytes(),
        };
        let mut new = HashSet::new();
        let packed = (|| {
            if batch.head.frame == 0 {
                batch.head.schema = Some(schema.to_owned());
                line(&mut batch.lines, &Event::Journal { schema })?;
                batch.end_frame()?;
            }
            for (record, text) in episodes {
                let mut lines = Vec::new();
                let prompt = (record.prompt())
                    .filter(|&name| !self.prompts.contains(name) && new.insert(name.clone()));
                if let Some(name) = prompt {
                    line(&mut lines, &Event::Prompt { name, text })?;
                }
                batch.add(lines, record, prompt)?;
            }
            batch.end_frame()
        })();
        packed.map_err(JournalError::of_file("compress", &path))?;
        let Batch {
            head,
            out,
            index,
            chain,
            ..
        } = batch;
        self.tail.append(&out)?;
        self.count = head.frame;
        self.chain = chain;
        self.prompts.extend(new);
        if let Some(Err(error)) = self.index.as_mut().map(|file| file.append(&index)) {
            // It is never needed.
            tracing::warn!(%error, "the journal goes on without its index");
            self.index = None;
        }
        Ok(())
    }

    /// Forces what was appended to the disk and gives the file's length.
    pub fn sync(&mut self) -> Result<u64, JournalError> {
        self.tail.sync()
    }
}
