//! A program and the interactor that decides about it, driven to their ends so that nothing depends on who was faster.
//!
//! Each sees only what the other said, in order, and its end:
//! - What the program prints goes through here, and the interactor reads nothing else but its preface before it. Neither
//!   holds a descriptor of a pipe that the other reads secrets from.
//! - Writing never fails because the other is gone: what is said to somebody who has ended is dropped here.
//! - The interactor is told that the program's words are over only if the program ended well. If the program failed, the
//!   interactor may go on until it has ended or waits for more; then it is ended, and its outcome says nothing.
//! - The program is told that the interactor's words are over when they are. If the interactor did not end with the exit
//!   code that says it is content, nothing that the program does later can matter, and it is ended at once.
//!
//! So whatever the interactor says, it says because of what it heard, never because of a program's crash.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::drive::wait;
use super::run::{LONGEST_CHECK, Run};
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::outcome::{Interaction, Status};

/// Bytes on their way to the interactor at most, beside what the pipes hold and the preface.
const ROOM: usize = 1 << 16;
/// Bytes that an interactor may say to a program that has ended.
const MONOLOGUE: u64 = 1 << 20;
/// How long a program must have slept, all of it and without a break, to count as waiting.
const REST: Duration = Duration::from_millis(50);
/// How often that is looked at.
const TICK: Duration = Duration::from_millis(5);

/// The pipes between the two, as far as they are held here.
#[derive(Debug)]
pub(crate) struct Channel {
    /// What the program prints.
    words: Option<File>,
    /// Where the interactor reads it; closed once it has been told the end.
    ear: Option<File>,
    /// The reading end of the same pipe, to see whether anything is left in it.
    unread: OwnedFd,
    /// On its way: these bytes from here on.
    pending: Vec<u8>,
    at: usize,
    /// Bytes the program has printed in all.
    printed: u64,
    /// What the interactor says, read here once the program has ended.
    answers: Option<File>,
    /// Bytes of it that nobody heard.
    unheard: u64,
    buffer: Vec<u8>,
}

impl Channel {
    /// Reads `words`, writes to `ear`, whose other end is `unread`; the interactor hears `preface` first.
    pub(crate) fn new(
        words: OwnedFd,
        ear: OwnedFd,
        unread: OwnedFd,
        answers: OwnedFd,
        preface: &[u8],
    ) -> Result<Self, SandboxError> {
        do_not_wait(&words)?;
        do_not_wait(&ear)?;
        Ok(Self {
            words: Some(words.into()),
            ear: Some(ear.into()),
            unread,
            pending: preface.to_vec(),
            at: 0,
            printed: 0,
            answers: Some(answers.into()),
            unheard: 0,
            buffer: vec![0; ROOM],
        })
    }

    /// What to wait for; `alone` says that the program has ended.
    fn watched(&self, alone: bool) -> Vec<PollFd<'_>> {
        let room = self.pending.len() - self.at < ROOM;
        let words = self.words.as_ref().filter(|_| room);
        let ear = self.ear.as_ref().filter(|_| self.at < self.pending.len());
        let answers = self.answers.as_ref().filter(|_| alone);
        [
            words.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)),
            ear.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLOUT)),
            answers.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Takes what the program has printed and hands on what the interactor has room for.
    fn carry(&mut self) -> Result<(), SandboxError> {
        if self.at == self.pending.len() {
            self.pending.clear();
            self.at = 0;
        }
        if let Some(words) = self.words.as_mut()
            && self.pending.len() - self.at < ROOM
        {
            match read(words, &mut self.buffer)? {
                Some(0) => self.words = None,
                Some(length) => {
                    self.printed += length as u64;
                    if self.ear.is_some() {
                        self.pending.extend_from_slice(&self.buffer[..length]);
                    }
                }
                None => {}
            }
        }
        while let Some(ear) = self.ear.as_mut()
            && self.at < self.pending.len()
        {
            match ear.write(&self.pending[self.at..]) {
                Ok(length) => self.at += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(SandboxError::ReadStream(error)),
            }
        }
        Ok(())
    }

    /// Whether all that the program printed, and ever will, is on its way no more.
    fn is_carried(&self) -> bool {
        self.words.is_none() && self.at == self.pending.len()
    }

    /// Whether the interactor has read all there is.
    fn is_heard(&self) -> bool {
        let unread = PollFd::new(self.unread.as_fd(), PollFlags::POLLIN);
        self.is_carried() && poll(&mut [unread], PollTimeout::ZERO) == Ok(0)
    }

    /// Tells the interactor that there is no more.
    fn finish(&mut self) {
        self.ear = None;
    }

    /// The interactor has ended: what the program prints is dropped.
    fn drop_words(&mut self) {
        self.ear = None;
        self.pending.clear();
        self.at = 0;
    }

    /// The program has ended: what the interactor says is dropped.
    fn drop_answers(&mut self) -> Result<(), SandboxError> {
        if self.unheard == 0
            && let Some(answers) = &self.answers
        {
            // Not before: the program's own standard input would no longer wait.
            do_not_wait(answers)?;
        }
        while let Some(answers) = self.answers.as_mut() {
            match read(answers, &mut self.buffer)? {
                Some(0) => self.answers = None,
                Some(length) => {
                    self.unheard += length as u64;
                    if self.unheard > MONOLOGUE {
                        break;
                    }
                }
                None => break,
            }
        }
        Ok(())
    }
}

/// What is there; nothing if one would have to wait.
fn read(file: &mut File, buffer: &mut [u8]) -> Result<Option<usize>, SandboxError> {
    loop {
        match file.read(buffer) {
            Ok(length) => return Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(SandboxError::ReadStream(error)),
        }
    }
}

fn do_not_wait(descriptor: &impl AsFd) -> Result<(), SandboxError> {
    fcntl(descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map(drop)
        .map_err(|errno| SandboxError::MakeStream {
            what: "pipe between two programs",
            source: errno.into(),
        })
}

/// Since when somebody has been asleep without a break.
#[derive(Debug, Default)]
struct Sleep(Option<(u64, Instant)>);

impl Sleep {
    /// Whether it has slept long enough to be waiting; `ran` is what [`Run::asleep`] says.
    fn is_long(&mut self, ran: Option<u64>, now: Instant) -> bool {
        match (ran, self.0) {
            (Some(ran), Some((before, since))) if ran == before => now - since >= REST,
            (ran, _) => {
                self.0 = ran.map(|ran| (ran, now));
                false
            }
        }
    }
}

/// Drives both to their ends. When one has ended well, the other is given `grace` to end too; an interactor does so with
/// the exit code `content`.
pub(crate) fn converse<'a>(
    (mut interactor, content): (Run<'a>, i32),
    mut program: Run<'a>,
    mut channel: Channel,
    grace: Duration,
    cancel: &Cancel,
) -> Result<Interaction, SandboxError> {
    let mut waited = false;
    let mut listener = Sleep::default();
    let mut speaker = Sleep::default();
    while !(interactor.is_over() && program.is_over()) {
        let alone = program.is_over();
        // Somebody may be waiting for the other's end, which only looking tells.
        let silent = channel.words.is_none() && channel.ear.is_some();
        let longest = if silent { TICK } else { LONGEST_CHECK };
        let ready = wait(
            [&interactor, &program],
            channel.watched(alone),
            longest,
            cancel,
        )?;
        if cancel.is_cancelled() {
            for run in [&mut interactor, &mut program] {
                if !run.is_over() {
                    run.give_up()?;
                }
            }
            return Err(SandboxError::Cancelled);
        }
        channel.carry()?;
        let now = Instant::now();
        for (run, ready) in [&mut interactor, &mut program].into_iter().zip(ready) {
            if !run.is_over() && ready {
                run.hear()?;
            }
            if !run.is_over() && run.is_due(now) {
                run.look(now)?;
            }
        }
        if !program.is_over() && channel.printed > program.limits().output_bytes {
            program.end_for_output()?;
        }
        match (interactor.status(), program.status()) {
            (None, Some(ended)) => {
                interactor.grace(now + grace);
                channel.drop_answers()?;
                let well = ended == Status::Exited(0);
                if well && channel.is_carried() {
                    channel.finish();
                }
                let rests = channel.is_heard() && listener.is_long(interactor.asleep(), now);
                if !well && (rests || channel.unheard > MONOLOGUE) {
                    interactor.end_for_peer()?;
                    waited = true;
                } else if channel.unheard > MONOLOGUE {
                    interactor.end_for_output()?;
                }
            }
            (Some(Status::Exited(code)), None) if code == content => {
                channel.drop_words();
                program.grace(now + grace);
            }
            (Some(_), None) => program.end_for_peer()?,
            // It closed its output and now waits for what the interactor makes of that.
            (None, None)
                if silent && speaker.is_long(program.asleep(), now) && channel.is_carried() =>
            {
                channel.finish();
            }
            _ => {}
        }
    }
    Ok(Interaction {
        interactor: interactor.outcome()?,
        program: program.outcome()?,
        waited,
    })
}
