//! The messages between supervisor, helper, zygote and program process, and how they travel.
//!
//! Each message is one packet of a Unix socket, little-endian, its kind in the first byte; descriptors ride
//! along. The Python side is `languages/python`. Nothing in a test's process holds such a socket.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a message could not be sent, received or understood.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The sockets could not be made.
    #[error("make a socket pair: {0}")]
    Pair(Errno),
    /// The other side does not take the message.
    #[error("send a message: {0}")]
    Send(Errno),
    /// Nothing could be received.
    #[error("receive a message: {0}")]
    Receive(Errno),
    /// The other side is gone.
    #[error("receive a message: the other side is gone")]
    Gone,
    /// No message within the time given.
    #[error("receive a message within {0:?}")]
    Late(Duration),
    /// The message is not one that this side knows.
    #[error("understand a message of {length} bytes of kind {kind:?}")]
    Unknown {
        /// First byte.
        kind: Option<char>,
        /// Bytes.
        length: usize,
    },
    /// The message is not the JSON that was expected.
    #[error("understand a message: {0}")]
    Json(#[from] serde_json::Error),
}

/// How long descriptors of other processes of this user may crowd out ours.
const CROWDED: Duration = Duration::from_mins(1);
const LARGEST_MESSAGE: usize = 128 << 10;
/// Bytes of the longest answer; one that says what failed may name a path.
const LONGEST_WORDS: usize = 16 << 10;
const GO: &[u8] = b"G";
pub(crate) const END_PROGRAM: &[u8] = b"K";
pub(crate) const RUN_TEST: &[u8] = b"R";
/// From the helper, as a failure.
pub(crate) const JAIL_ENDED: &[u8] = b"Xthe jail's first process ended";

/// How a program is started that is no Python, or that has files for its input and output, as the zygote is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Recipe {
    /// Name of its file in /program.
    pub(crate) file: String,
    /// Whether that file may be executed.
    pub(crate) executable: bool,
    /// Executable and arguments; none for Python.
    pub(crate) command: Vec<String>,
    /// Its whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Names of the files for input and output, if it has them.
    pub(crate) files: Option<[String; 2]>,
    /// What is wanted of a program which is given a folder of files.
    pub(crate) wanted: Option<Box<Wanted>>,
}

/// Files to bring home.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Wanted {
    /// Their names.
    pub(crate) names: Vec<String>,
    /// What they may hold together.
    pub(crate) bytes: u64,
}

/// How a program's process begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// As a fork of the warm interpreter.
    Fork = 0,
    /// As a fresh process.
    Exec = 1,
    /// As a fresh interpreter, but of a source that the warm one compiles.
    CheckedExec = 2,
}

/// What a program may use, as the zygote is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgramRequest {
    pub(crate) beginning: Beginning,
    pub(crate) cpu_seconds: u64,
    /// RLIMIT_AS, or 0 where a control group limits memory.
    pub(crate) address_space_bytes: u64,
    /// RLIMIT_NPROC, or 0 where a control group limits processes.
    pub(crate) processes: u64,
    pub(crate) open_files: u64,
    pub(crate) file_bytes: u64,
    pub(crate) stack_bytes: u64,
    /// One more than the digits that a number's text may have, or 0 for the interpreter's own rule.
    pub(crate) digits: u64,
    /// Size of the scratch space.
    pub(crate) scratch_bytes: u64,
}

impl ProgramRequest {
    pub(crate) fn encode(&self, recipe: Option<&Recipe>) -> Result<Vec<u8>, WireError> {
        let numbers = [
            self.cpu_seconds,
            self.address_space_bytes,
            self.processes,
            self.open_files,
            self.file_bytes,
            self.stack_bytes,
            self.digits,
            self.scratch_bytes,
        ];
        let mut message = vec![b'P', self.beginning as u8];
        message.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        if let Some(recipe) = recipe {
            message.extend(serde_json::to_vec(recipe)?);
        }
        Ok(message)
    }
}

/// What the zygote or a program's process says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The zygote is warm; its Python version.
    Ready { version: String },
    /// The program's process has read the source.
    Compiled { accepted: bool, own_cpu_us: u64 },
    /// A test ended, and nothing of it is left.
    Ended {
        wait_status: i32,
        cpu_us: u64,
        memory_bytes: u64,
        wall_us: u64,
        own_cpu_us: u64,
    },
    /// The program's process and everything it started is dead and reaped.
    Done {
        wait_status: i32,
        cpu_us: u64,
        memory_bytes: u64,
    },
    /// The program's process cannot go on, through no fault of the program.
    Failed { reason: String },
}

impl Reply {
    pub(crate) fn decode(message: &[u8]) -> Result<Self, WireError> {
        let unknown = || WireError::Unknown {
            kind: message.first().map(|&kind| kind.into()),
            length: message.len(),
        };
        let (&kind, rest) = message.split_first().ok_or_else(unknown)?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        let number = |at: usize| -> Result<u64, WireError> {
            let bytes = rest.get(at..at + 8).ok_or_else(unknown)?;
            Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| unknown())?))
        };
        let wait_status = || -> Result<i32, WireError> {
            let bytes = rest.get(..4).ok_or_else(unknown)?;
            Ok(i32::from_le_bytes(bytes.try_into().map_err(|_| unknown())?))
        };
        match (kind, rest.len()) {
            (b'Y', _) => Ok(Self::Ready { version: text() }),
            (b'X', _) => Ok(Self::Failed { reason: text() }),
            (b'C', 9) => Ok(Self::Compiled {
                accepted: rest[0] != 0,
                own_cpu_us: number(1)?,
            }),
            (b'E', 36) => Ok(Self::Ended {
                wait_status: wait_status()?,
                cpu_us: number(4)?,
                memory_bytes: number(12)?,
                wall_us: number(20)?,
                own_cpu_us: number(28)?,
            }),
            (b'D', 20) => Ok(Self::Done {
                wait_status: wait_status()?,
                cpu_us: number(4)?,
                memory_bytes: number(12)?,
            }),
            _ => Err(unknown()),
        }
    }
}

/// A pair of connected sockets; neither is inherited by other processes.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), WireError> {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .map_err(WireError::Pair)
}

/// Sends one message with descriptors.
pub(crate) fn send(
    to: BorrowedFd<'_>,
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), WireError> {
    let raw: Vec<i32> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let control = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &control };
    let deadline = Instant::now() + CROWDED;
    loop {
        match sendmsg::<()>(
            to.as_raw_fd(),
            &[IoSlice::new(message)],
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        ) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            // Descriptors on their way are counted by user, and a program of ours may be the same user.
            Err(Errno::ETOOMANYREFS) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(WireError::Gone),
            Err(errno) => return Err(WireError::Send(errno)),
        }
    }
}

/// Receives one message.
pub(crate) fn receive(from: BorrowedFd<'_>) -> Result<Vec<u8>, WireError> {
    receive_sized(from, 512)
}

fn receive_sized(from: BorrowedFd<'_>, capacity: usize) -> Result<Vec<u8>, WireError> {
    let mut buffer = vec![0; capacity];
    loop {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        match recvmsg::<()>(from.as_raw_fd(), &mut slices, None, MsgFlags::empty()) {
            Ok(received) if received.bytes == 0 => return Err(WireError::Gone),
            Ok(received) => {
                let length = received.bytes;
                buffer.truncate(length);
                return Ok(buffer);
            }
            // Reported once when the other side left without reading; its last words come next.
            Err(Errno::EINTR | Errno::ECONNRESET) => {}
            Err(errno) => return Err(WireError::Receive(errno)),
        }
    }
}

/// Receives one message, unless none comes within `patience`.
pub(crate) fn receive_within(
    from: BorrowedFd<'_>,
    patience: Duration,
) -> Result<Vec<u8>, WireError> {
    wait_readable(from, patience)?;
    receive_sized(from, LONGEST_WORDS)
}

/// Whether there is something to receive, be it the other side's end.
pub(crate) fn has_spoken(from: BorrowedFd<'_>) -> bool {
    poll(
        &mut [PollFd::new(from, PollFlags::POLLIN)],
        PollTimeout::ZERO,
    ) != Ok(0)
}

fn wait_readable(from: BorrowedFd<'_>, patience: Duration) -> Result<(), WireError> {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .as_millis() as i32;
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(from, PollFlags::POLLIN)], timeout) {
            Ok(0) if Instant::now() >= deadline => return Err(WireError::Late(patience)),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(WireError::Receive(errno)),
        }
    }
}

pub(crate) fn send_json(to: BorrowedFd<'_>, value: &impl Serialize) -> Result<(), WireError> {
    send(to, &serde_json::to_vec(value)?, &[])
}

pub(crate) fn receive_json<T: DeserializeOwned>(from: BorrowedFd<'_>) -> Result<T, WireError> {
    Ok(serde_json::from_slice(&receive_sized(
        from,
        LARGEST_MESSAGE,
    )?)?)
}

pub(crate) fn receive_json_within<T: DeserializeOwned>(
    from: BorrowedFd<'_>,
    patience: Duration,
) -> Result<T, WireError> {
    wait_readable(from, patience)?;
    receive_json(from)
}

pub(crate) fn send_go(to: BorrowedFd<'_>) -> Result<(), WireError> {
    send(to, GO, &[])
}

pub(crate) fn receive_go(from: BorrowedFd<'_>) -> Result<(), WireError> {
    let message = receive(from)?;
    if message == GO {
        return Ok(());
    }
    Err(WireError::Unknown {
        kind: message.first().map(|&kind| kind.into()),
        length: message.len(),
    })
}

#[cfg(test)]
mod tests;
