//! Hostile modules → machine code, in a child process under limits: this executable, started again.
//!
//! A module or its text is as hostile as any source, and a compiler takes what memory and time a source makes it take. So
//! parsing, checking, metering and compiling all happen in `child`, which has bounds on memory and CPU time of its own;
//! this process hands it the bytes and takes bytes back. The child needs no namespace and no privilege, so there is one
//! wherever this executable can be started again. What it makes is machine code that this process will run, which is safe
//! for the same reasons as if it had been compiled here: it is the same program with the same compiler, it comes through
//! a descriptor that nobody but that child ever held, and a child that did not end by itself, saying that it made a
//! module, gives none. It counts as the program's run: it is started after admission and ended by cancelling.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, SysconfVar, pipe2, sysconf};

use self::child::{CRASHED, HELLO, LARGEST_RESULT, REFUSED};
use super::WasmError;
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::diagnostics;
use crate::error::SandboxError;
use crate::limits::Limits;

pub(crate) mod child;

/// Bytes kept of what a child says on standard error.
const COMPLAINT: usize = 1000;

/// What compiling gave.
#[derive(Debug)]
pub(super) enum Answer {
    /// A compiled module.
    Artefact(Vec<u8>),
    /// Why there is none. `keep`: it would be so on every machine.
    Refused { reason: String, keep: bool },
}

/// How modules are compiled.
#[derive(Debug)]
pub(super) struct Compiler {
    helper: PathBuf,
    limits: Limits,
}

impl Compiler {
    pub(super) fn new(config: &SandboxConfig) -> Result<Self, WasmError> {
        // Without this a library's user whose `main` lacks the call would start itself for ever.
        if std::env::args_os()
            .nth(1)
            .is_some_and(|argument| argument == child::ARGUMENT)
        {
            let reason = "this process is to be a compiler: main must call \
                          rlef_sandbox::jail_entry() first";
            return Err(WasmError::Compiler(reason.to_owned()));
        }
        Ok(Self {
            helper: config
                .helper
                .clone()
                .unwrap_or_else(|| "/proc/self/exe".into()),
            limits: config.compile_limits.clone(),
        })
    }

    /// Compiles a module, binary or as text. Everything about it that goes wrong is a reason, not an error.
    pub(super) fn compile(&self, cancel: &Cancel, source: &[u8]) -> Result<Answer, SandboxError> {
        cancel.check()?;
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            WasmError::Compiler(format!("{what}: {error}"))
        };
        let no_stream = |error: io::Error| failed("make its streams", &error);
        let mut input = memory_file().map_err(no_stream)?;
        input
            .write_all(source)
            .and_then(|()| input.seek(SeekFrom::Start(0)))
            .map_err(no_stream)?;
        let output = memory_file().map_err(no_stream)?;
        let (complaints, voice) =
            pipe2(OFlag::O_CLOEXEC).map_err(|errno| no_stream(errno.into()))?;
        let child = Command::new(&self.helper)
            .arg(child::ARGUMENT)
            .arg(self.limits.memory_bytes.to_string())
            .arg(self.limits.cpu_ms.div_ceil(1000).max(1).to_string())
            .env_clear()
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output.try_clone().map_err(no_stream)?))
            .stderr(Stdio::from(voice))
            .spawn()
            .map_err(|error| failed(&format!("start {}", self.helper.display()), &error))?;
        let mut child = Running(child);
        let said = self.wait(cancel, &mut child, File::from(complaints))?;
        let (status, cpu) = child
            .end()
            .map_err(|error| failed("wait for its end", &error))?;
        let answer = read(output).map_err(|error| failed("read what it made", &error))?;
        let strange = || {
            let said = String::from_utf8_lossy(&said);
            WasmError::Compiler(format!("it ended with {status}: {}", said.trim()))
        };
        // It was not yet at work: nothing of this is the module's doing.
        let Some(answer) = answer.strip_prefix(HELLO) else {
            return Err(strange().into());
        };
        self.answer(status, cpu, answer)
            .ok_or_else(|| strange().into())
    }

    /// What the end of a child that was at work says; nothing where something else ended it.
    fn answer(&self, status: ExitStatus, cpu: Duration, said: &[u8]) -> Option<Answer> {
        let limit = Duration::from_secs(self.limits.cpu_ms.div_ceil(1000).max(1));
        let refused = |reason: String, keep| Some(Answer::Refused { reason, keep });
        let out_of_time = || {
            let limit = limit.as_secs();
            refused(
                format!("compiling the module takes more than {limit} s of CPU time"),
                false,
            )
        };
        let gave_up = || {
            refused(
                format!(
                    "compiling the module takes more than {} MB of memory, or the compiler fails on it",
                    self.limits.memory_bytes >> 20
                ),
                false,
            )
        };
        match (status.code(), status.signal()) {
            (Some(0), _) => Some(Answer::Artefact(said.to_vec())),
            (Some(REFUSED), _) => refused(diagnostics::trimmed(said), true),
            (Some(CRASHED), _) => gave_up(),
            (_, Some(signal)) => match Signal::try_from(signal).ok()? {
                Signal::SIGXCPU => out_of_time(),
                // The kernel sends it a second after the other one. Whoever else sends it says nothing of the module.
                Signal::SIGKILL if cpu >= limit => out_of_time(),
                // Rust's end where there is no memory, and an overflow of the stack.
                Signal::SIGABRT
                | Signal::SIGSEGV
                | Signal::SIGBUS
                | Signal::SIGILL
                | Signal::SIGTRAP => gave_up(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Waits until the child has ended, and returns the start of its complaints.
    fn wait(
        &self,
        cancel: &Cancel,
        child: &mut Running,
        mut complaints: File,
    ) -> Result<Vec<u8>, SandboxError> {
        let broken = |error: io::Error| WasmError::Compiler(format!("listen to it: {error}"));
        let deadline = Instant::now() + Duration::from_millis(self.limits.wall_ms.min(1 << 40));
        let mut said = Vec::new();
        loop {
            let ended = {
                let mut watched = vec![PollFd::new(complaints.as_fd(), PollFlags::POLLIN)];
                if let Some(descriptor) = cancel.descriptor() {
                    watched.push(PollFd::new(descriptor, PollFlags::POLLIN));
                }
                let rest = deadline.saturating_duration_since(Instant::now());
                let rest = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
                match poll(&mut watched, rest) {
                    Err(Errno::EINTR) => continue,
                    Err(errno) => return Err(broken(errno.into()).into()),
                    Ok(0) if Instant::now() >= deadline => {
                        // Its CPU time is bounded, so it did not get any.
                        child.kill();
                        return Err(WasmError::Overloaded {
                            waited_ms: self.limits.wall_ms,
                        }
                        .into());
                    }
                    Ok(_) => watched[0].any() == Some(true),
                }
            };
            if let Err(cancelled) = cancel.check() {
                child.kill();
                return Err(cancelled);
            }
            if ended {
                let mut buffer = [0; 512];
                let length = complaints.read(&mut buffer).map_err(broken)?;
                if length == 0 {
                    return Ok(said);
                }
                let room = COMPLAINT.saturating_sub(said.len()).min(length);
                said.extend_from_slice(&buffer[..room]);
            }
        }
    }
}

/// A file without a name.
fn memory_file() -> io::Result<File> {
    Ok(memfd_create("module", MFdFlags::MFD_CLOEXEC)?.into())
}

/// All of a file, from its start.
fn read(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(LARGEST_RESULT as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A child that doesn't outlive whoever waits for it.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        // Both fail if it has ended, which is the point.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// How it ended, and the CPU time it took.
    fn end(&mut self) -> io::Result<(ExitStatus, Duration)> {
        let pid = Pid::from_raw(self.0.id().cast_signed());
        // While it is not waited for, the kernel still tells what it used.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
        let cpu = cpu_time(pid).unwrap_or_default();
        Ok((self.0.wait()?, cpu))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// CPU time of a process that has ended.
fn cpu_time(pid: Pid) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // User and system time are the twelfth and thirteenth after the name, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()? + next()?;
    let second = sysconf(SysconfVar::CLK_TCK).ok()??.cast_unsigned();
    Some(Duration::from_millis(ticks * 1000 / second))
}

#[cfg(test)]
mod tests;
