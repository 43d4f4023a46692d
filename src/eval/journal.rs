//! An evaluation as it happens: every answer of the policy and every verdict as one line, so that an evaluation that was
//! interrupted at any instant is played again to where it was without asking or judging anything twice.
//!
//! The first line says what is evaluated and how; a journal of something else is refused. Then come answers and verdicts in
//! the order they came, and the episodes they add up to, which are what `rlef replay` reads. A line is written with one
//! call as soon as there is something to write, which is all that a killed process can lose; it is forced to the disk a
//! second later at most. What a killed machine leaves of a last line is cut off.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::record::{PlayStamp, PolicyStamp, SandboxStamp};
use crate::journal::{EpisodeRecord, JournalError, Lines};
use crate::policy::remote::Usage;
use crate::policy::sampler::{Completion, Sampling, StopCause};
use crate::policy::tokenizer::{Place, TokenizerError};
use crate::policy::{Answer, Ask, Heard, Policy, PolicyError};
use crate::rollout::{Grader, Group, Work, tasks_of};
use crate::verdict::{HostJudge, JudgeError, Task, Verdict, VerdictKey, shortened};

/// Form of the file; another one is refused.
const SCHEMA: &str = "rlef-eval-journal/1";

/// Longest time that lines are left to the system before they are forced to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What must be equal for an evaluation to be the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Form of the file.
    schema: String,
    /// Hash over all problems, their limits and rules.
    problems: String,
    /// What proposes the programs.
    policy: PolicyStamp,
    /// How episodes are played.
    play: PlayStamp,
    /// What runs the programs.
    sandbox: SandboxStamp,
    /// Episodes per problem.
    rollouts: usize,
    /// Seed of all draws.
    seed: u64,
    /// Whether timeouts near the limit are judged again.
    reruns: bool,
}

impl Settings {
    /// Of an evaluation as it will be recorded.
    pub fn new(
        problems_hash: String,
        policy: PolicyStamp,
        play: PlayStamp,
        sandbox: SandboxStamp,
        rollouts: usize,
        seed: u64,
        reruns: bool,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            problems: problems_hash,
            policy,
            play,
            sandbox,
            rollouts,
            seed,
            reruns,
        }
    }

    /// Where these differ from others, in words.
    fn differences(&self, other: &Self) -> Vec<String> {
        let fields = |settings: &Self| serde_json::to_value(settings).unwrap_or_default();
        let mut found = Vec::new();
        walk("", &fields(self), &fields(other), &mut found);
        found
    }
}

/// Collects the places where two values differ.
fn walk(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if let (Value::Object(one), Value::Object(other)) = (old, new) {
        let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let name = match name {
                "" => key.clone(),
                name => format!("{name}.{key}"),
            };
            let value = |of: &Value| of.get(key).cloned().unwrap_or_default();
            walk(&name, &value(old), &value(new), found);
        }
    } else if old != new {
        found.push(format!("{name} was {old}, is {new}"));
    }
}

/// A line that is no episode.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Settings(Settings),
    Answer(Said),
    Verdict { key: String, verdict: Verdict },
}

/// One answer of the policy.
#[derive(Serialize, Deserialize)]
struct Said {
    problem_id: String,
    sample: usize,
    turn: usize,
    /// Hash of the ids it was an answer to.
    prefix: String,
    text: String,
    /// Its ids; absent where they are the bytes of the text, then perhaps [`CLOSED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<u32>>,
    #[serde(default)]
    closed: bool,
    /// Absent where all are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<f32>>,
    stop: StopCause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// The id that ends an answer where ids are bytes.
const CLOSED: u32 = 256;

impl Said {
    fn new(ask: &Ask<'_>, completion: &Completion, text: &str, usage: Option<&Usage>) -> Self {
        let closed = completion.tokens.last() == Some(&CLOSED);
        let bytes = text.bytes().map(u32::from).chain(closed.then_some(CLOSED));
        let plain = bytes.eq(completion.tokens.iter().copied());
        let silent = completion
            .sampler_logprobs
            .iter()
            .all(|&value| value == 0.0);
        Self {
            problem_id: ask.problem_id.to_owned(),
            sample: ask.sample,
            turn: ask.turn,
            prefix: hash(ask.prefix),
            text: text.to_owned(),
            tokens: (!plain).then(|| completion.tokens.clone()),
            closed: plain && closed,
            logprobs: (!silent).then(|| completion.sampler_logprobs.clone()),
            stop: completion.stop,
            usage: usage.cloned(),
        }
    }

    fn answer(&self) -> (Completion, String) {
        let tokens = self.tokens.clone().unwrap_or_else(|| {
            let end = self.closed.then_some(CLOSED);
            self.text.bytes().map(u32::from).chain(end).collect()
        });
        let completion = Completion {
            sampler_logprobs: (self.logprobs.clone()).unwrap_or_else(|| vec![0.0; tokens.len()]),
            tokens,
            stop: self.stop,
        };
        (completion, self.text.clone())
    }
}

fn hash(ids: &[u32]) -> String {
    let mut digest = Sha256::new();
    for id in ids {
        digest.update(id.to_le_bytes());
    }
    let mut text = String::with_capacity(16);
    for byte in &digest.finalize()[..8] {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Why a journal can't be continued. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another evaluation is in it.
    #[error("continue {}: another evaluation is in it: {}; name another file with --journal, or remove this one", path.display(), differences.join("; "))]
    Differs {
        /// The file.
        path: PathBuf,
        /// Where it differs.
        differences: Vec<String>,
    },
    /// It is no journal of an evaluation.
    #[error("continue {}: line 1 does not say which evaluation it is of; name another file with --journal, or remove this one", path.display())]
    NoJournal {
        /// The file.
        path: PathBuf,
    },
    /// There is none.
    #[error("resume {}: there is no such file; use --journal to begin one", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
}

/// An open journal.
pub struct EvalJournal {
    book: Mutex<Book>,
    /// Interrupts so far; after the first, nothing new is begun.
    interrupts: std::sync::Arc<AtomicUsize>,
}

struct Book {
    lines: Lines,
    synced: Instant,
    answers: HashMap<(String, usize, usize), Said>,
    verdicts: HashMap<String, Verdict>,
    episodes: HashSet<(String, usize)>,
    /// What the answers found here had cost.
    usage: Usage,
    /// Tokens and programs found here since they were last asked for.
    found: (usize, usize),
    /// Answers and verdicts found here in all.
    reused: (usize, usize),
    /// Answers and verdicts that this process wrote.
    written: (usize, usize),
    broken: Option<JournalError>,
}

impl EvalJournal {
    /// Opens a journal to begin or to continue the evaluation with these settings. `interrupts` counts the user's.
    pub fn open(
        path: &Path,
        settings: &Settings,
        interrupts: std::sync::Arc<AtomicUsize>,
    ) -> Result<Self, ResumeError> {
        let (lines, whole) = Lines::continued(path)?;
        let mut book = Book {
            lines,
            synced: Instant::now(),
            answers: HashMap::new(),
            verdicts: HashMap::new(),
            episodes: HashSet::new(),
            usage: Usage::default(),
            found: (0, 0),
            reused: (0, 0),
            written: (0, 0),
            broken: None,
        };
        for (index, line) in whole.iter().enumerate() {
            book.read(path, index, line, settings)?;
        }
        if whole.is_empty() {
            book.lines.append(&[Event::Settings(settings.clone())])?;
            book.lines.sync()?;
        }
        Ok(Self {
            book: Mutex::new(book),
            interrupts,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // A line is appended whole or the error is kept, so a poisoned book is still sound.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the user has asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.interrupts.load(Ordering::Relaxed) > 0
    }

    /// Answers and verdicts that are there.
    pub fn holds(&self) -> (usize, usize) {
        let book = self.lock();
        (book.answers.len(), book.verdicts.len())
    }

    /// Forces everything to the disk.
    pub fn sync(&self) -> Result<(), JournalError> {
        let mut book = self.lock();
        match book.broken.take() {
            Some(error) => Err(error),
            None => book.lines.sync().map(drop),
        }
    }

    /// Answers and verdicts that are there, with those of this process.
    pub fn holds_now(&self) -> (usize, usize) {
        let book = self.lock();
        let (answers, verdicts) = book.written;
        (book.answers.len() + answers, book.verdicts.len() + verdicts)
    }

    /// Answers and verdicts that were taken from it.
    pub fn reused(&self) -> (usize, usize) {
        self.lock().reused
    }

    /// What the answers taken from it had cost.
    pub fn usage(&self) -> Usage {
        self.lock().usage.clone()
    }

    /// Tokens and programs taken from it since this was last asked.
    pub fn take_found(&self) -> (usize, usize) {
        std::mem::take(&mut self.lock().found)
    }

    /// Writes finished episodes that are not there yet, and forces everything to the disk. Lost episodes are left out: they
    /// are played again when the evaluation is continued.
    pub fn keep_episodes(&self, groups: &[Group]) -> Result<(), JournalError> {
        let mut book = self.lock();
        if let Some(error) = book.broken.take() {
            return Err(error);
        }
        let mut new = Vec::new();
        for episode in groups.iter().flat_map(|group| &group.episodes) {
            let name = (episode.problem_id.clone(), episode.sample);
            if episode.outcome.is_some() && book.episodes.insert(name) {
                new.push(EpisodeRecord::new(0, episode));
            }
        }
        book.lines.append(&new)?;
        book.lines.sync()?;
        book.synced = Instant::now();
        Ok(())
    }
}

impl Book {
    fn read(
        &mut self,
        path: &Path,
        index: usize,
        line: &str,
        settings: &Settings,
    ) -> Result<(), ResumeError> {
        let bad = |error: serde_json::Error| JournalError::Line {
            path: path.to_owned(),
            line: index + 1,
            reason: error.to_string(),
        };
        let no_journal = || ResumeError::NoJournal {
            path: path.to_owned(),
        };
        if !crate::journal::is_event(line) {
            if index == 0 {
                return Err(no_journal());
            }
            let record: EpisodeRecord = serde_json::from_str(line).map_err(bad)?;
            self.episodes.insert((record.problem_id, record.sample));
            return Ok(());
        }
        match (index, serde_json::from_str(line).map_err(bad)?) {
            (0, Event::Settings(found)) if found == *settings => {}
            (0, Event::Settings(found)) => {
                return Err(ResumeError::Differs {
                    path: path.to_owned(),
                    differences: found.differences(settings),
                });
            }
            (0, _) | (_, Event::Settings(_)) => return Err(no_journal()),
            (_, Event::Answer(said)) => {
                let name = (said.problem_id.clone(), said.sample, said.turn);
                self.answers.insert(name, said);
            }
            (_, Event::Verdict { key, verdict }) => {
                self.verdicts.insert(key, verdict);
            }
        }
        Ok(())
    }

    /// The answer to this very ask, if it was given before.
    fn answer(&mut self, ask: &Ask<'_>) -> Option<(Completion, String)> {
        let name = (ask.problem_id.to_owned(), ask.sample, ask.turn);
        let said = self.answers.get(&name)?;
        if said.prefix != hash(ask.prefix) {
            return None;
        }
        let answer = said.answer();
        if let Some(usage) = &said.usage {
            self.usage.add(usage);
        }
        self.found.0 += answer.0.tokens.len();
        self.reused.0 += 1;
        Some(answer)
    }

    /// Appends a line; whether that went well.
    fn append(&mut self, event: Event) -> bool {
        match event {
            Event::Settings(_) => {}
            Event::Answer(_) => self.written.0 += 1,
            Event::Verdict { .. } => self.written.1 += 1,
        }
        let written = self.lines.append(&[event]).and_then(|()| {
            if self.synced.elapsed() >= SYNC_EVERY {
                self.lines.sync()?;
                self.synced = Instant::now();
            }
            Ok(())
        });
        if let Err(error) = written {
            self.broken.get_or_insert(error);
        }
        self.broken.is_none()
    }
}

/// A policy whose answers are in a journal, or get there as they come.
pub struct JournalledPolicy<'a, P: ?Sized> {
    /// Who answers what is not in the journal.
    pub policy: &'a mut P,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl<P: Policy + ?Sized> Policy for JournalledPolicy<'_, P> {
    fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.policy.message(place, text)
    }

    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError> {
        let mut answers: Vec<Option<Answer>> = {
            let mut book = self.journal.lock();
            asks.iter().map(|ask| book.answer(ask).map(Ok)).collect()
        };
        let places: Vec<usize> = (0..asks.len())
            .filter(|&place| answers[place].is_none())
            .collect();
        let rest: Vec<Ask<'_>> = places.iter().map(|&place| asks[place]).collect();
        if !rest.is_empty() {
            if self.journal.is_stopped() {
                return Err(PolicyError::Stopped);
            }
            let journal = self.journal;
            let heard: Heard<'_> = &mut |place, answer, usage| {
                let kept = match answer {
                    Ok((completion, text)) => {
                        let said = Said::new(&rest[place], completion, text, usage);
                        journal.lock().append(Event::Answer(said))
                    }
                    Err(_) => true,
                };
                kept && !journal.is_stopped()
            };
            let said = self.policy.propose_each(&rest, sampling, heard)?;
            for (place, answer) in places.into_iter().zip(said) {
                answers[place] = Some(answer);
            }
        }
        // A policy answers each ask or gives an error for all.
        answers
            .into_iter()
            .map(|answer| answer.ok_or(PolicyError::Stopped))
            .collect()
    }

    fn end(&self) -> u32 {
        self.policy.end()
    }

    fn context(&self) -> usize {
        self.policy.context()
    }
}

/// A judge whose verdicts are in a journal, or get there as they come.
pub struct JournalledJudge<'a> {
    /// Who judges what is not in the journal.
    pub judge: &'a HostJudge,
    /// The journal.
    pub journal: &'a EvalJournal,
}

impl Grader for JournalledJudge<'_> {
    fn grade(&self, work: &[Work<'_>]) -> Vec<Result<Verdict, JudgeError>> {
        let tasks = tasks_of(work);
        let keys: Vec<Option<String>> = self
            .judge
            .keys(&tasks)
            .into_iter()
            .map(|key| key.as_ref().map(VerdictKey::to_string))
            .collect();
        let mut verdicts: Vec<Option<Result<Verdict, JudgeError>>> = {
            let mut book = self.journal.lock();
            let found: Vec<Option<Verdict>> = keys
                .iter()
                .map(|key| book.verdicts.get(key.as_ref()?).cloned())
                .collect();
            let count = found.iter().flatten().count();
            book.found.1 += count;
            book.reused.1 += count;
            found.into_iter().map(|verdict| verdict.map(Ok)).collect()
        };
        let places: Vec<usize> = (0..tasks.len())
            .filter(|&place| verdicts[place].is_none())
            .collect();
        let rest: Vec<Task<'_>> = places.iter().map(|&place| tasks[place]).collect();
        if !rest.is_empty() && !self.journal.is_stopped() {
            self.judge
                .judge()
                .judge_all(&rest, self.judge.workers(), &mut |index, result| {
                    let place = places[index];
                    let mut goes_on = true;
                    let result = result.map(|verdict| shortened(&verdict));
                    if let (Ok(verdict), Some(key)) = (&result, &keys[place]) {
                        let event = Event::Verdict {
                            key: key.clone(),
                            verdict: verdict.clone(),
                        };
                        goes_on = self.journal.lock().append(event);
                    }
                    verdicts[place] = Some(result);
                    goes_on && !self.journal.is_stopped()
                });
        }
        verdicts
            .into_iter()
            .map(|verdict| verdict.unwrap_or(Err(JudgeError::Stopped)))
            .collect()
    }
}
