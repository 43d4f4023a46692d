//! Standard input, output and error of one run: a sealed file to read, and pipes drained up to a cap.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Gid, Uid, fchown, pipe2};

use crate::error::SandboxError;

/// How long programs may leave no room for a pipe of ours.
const CROWDED: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(2);

/// A file in memory that nobody can change any more, opened anew for reading from its start.
pub(crate) fn sealed(what: &'static str, bytes: &[u8]) -> Result<OwnedFd, SandboxError> {
    let make = || -> io::Result<OwnedFd> {
        let mut file = File::from(memfd_create(
            "input",
            MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
        )?);
        file.write_all(bytes)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
        Ok(File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?.into())
    };
    make().map_err(|source| SandboxError::MakeStream { what, source })
}

/// A pipe: reading end here, writing end for the program. `owner` may open it by name (/dev/stdout).
pub(crate) fn pipe(
    what: &'static str,
    owner: Option<u32>,
) -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let make = || -> io::Result<(OwnedFd, OwnedFd)> {
        let (reader, writer) = with_patience(|| pipe2(OFlag::O_CLOEXEC))?;
        if let Some(owner) = owner {
            fchown(
                &writer,
                Some(Uid::from_raw(owner)),
                Some(Gid::from_raw(owner)),
            )?;
        }
        Ok((reader, writer))
    };
    make().map_err(|source| SandboxError::MakeStream { what, source })
}

/// Makes a pipe, and waits where there is no room for one: open files are counted over the whole host, and pages of pipes
/// by user, so it may be a program of ours that has them all. It has to end.
fn with_patience<T>(make: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    let deadline = Instant::now() + CROWDED;
    loop {
        match make() {
            Err(Errno::ENFILE) if Instant::now() < deadline => thread::sleep(PAUSE),
            result => return result,
        }
    }
}

/// What comes out of a pipe, up to a cap.
#[derive(Debug)]
pub(crate) struct Capture {
    reader: Option<File>,
    bytes: Vec<u8>,
    cap: usize,
    over: bool,
}

impl Capture {
    /// Takes the reading end of a pipe.
    pub(crate) fn new(reader: OwnedFd, cap: u64) -> Result<Self, SandboxError> {
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| {
            SandboxError::MakeStream {
                what: "output pipe",
                source: errno.into(),
            }
        })?;
        let cap = usize::try_from(cap).unwrap_or(usize::MAX - 1);
        Ok(Self {
            reader: Some(reader.into()),
            bytes: Vec::new(),
            cap,
            over: false,
        })
    }

    /// A capture of nothing, for output that goes to somebody else.
    pub(crate) fn nothing() -> Self {
        Self {
            reader: None,
            bytes: Vec::new(),
            cap: 0,
            over: false,
        }
    }

    /// What to poll, as long as there may be more.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there now.
    pub(crate) fn drain(&mut self) -> Result<(), SandboxError> {
        let mut buffer = [0; 1 << 14];
        while let Some(reader) = &mut self.reader {
            match reader.read(&mut buffer) {
                Ok(0) => self.reader = None,
                Ok(length) => {
                    let room = self.cap - self.bytes.len();
                    self.bytes.extend_from_slice(&buffer[..length.min(room)]);
                    if length > room {
                        self.over = true;
                        // Closing the reading end also stops whoever still writes.
                        self.reader = None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SandboxError::ReadStream(error)),
            }
        }
        Ok(())
    }

    /// What has come so far, at most the cap.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether more came than the cap allows.
    pub(crate) fn over(&self) -> bool {
        self.over
    }

    /// The bytes, at most the cap.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_file_reads_from_its_start_and_cannot_be_written() {
        let file = File::from(sealed("input", b"12\n").unwrap());
        let mut text = String::new();
        (&file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "12\n");
        assert!((&file).write_all(b"x").is_err());
        assert!(
            File::options()
                .write(true)
                .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
                .unwrap()
                .write(b"x")
                .is_err()
        );
    }

    #[test]
    fn a_pipe_for_which_there_is_no_room_is_waited_for() {
        let tries = std::cell::Cell::new(0);
        let made = with_patience(|| {
            tries.set(tries.get() + 1);
            if tries.get() < 3 {
                return Err(Errno::ENFILE);
            }
            Ok(tries.get())
        });
        assert_eq!(made, Ok(3));
        assert_eq!(
            with_patience(|| Err::<(), _>(Errno::EMFILE)),
            Err(Errno::EMFILE)
        );
    }

    #[test]
    fn a_capture_keeps_the_first_bytes_and_notices_the_rest() {
        let (reader, writer) = pipe("output", None).unwrap();
        let mut capture = Capture::new(reader, 4).unwrap();
        nix::unistd::write(&writer, b"1234").unwrap();
        capture.drain().unwrap();
        assert!(!capture.over());
        nix::unistd::write(&writer, b"5").unwrap();
        capture.drain().unwrap();
        assert!(capture.over() && capture.descriptor().is_none());
        assert_eq!(capture.into_bytes(), b"1234");
    }
}
