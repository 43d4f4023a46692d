//! This program, started again for one piece of work on what somebody else made, with bounded memory and processor time:
//! whatever the work does to itself, the process that asked goes on. For parsers and interpreters that have no bounds of their
//! own; it is no jail, and knows nothing of programs.

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// First argument of a process that is to do one piece of work.
const ARGUMENT: &str = "__apart";
/// Address space of such a process, in MiB.
const MEMORY_MIB: u64 = 2048;
/// Seconds of processor time that it may take.
const CPU_SECONDS: u64 = 10;
/// Bytes of the longest result.
const RESULT_BYTES: u64 = 64 << 20;

/// Whether this program's `main` calls [`apart_entry`], so that it can be started again.
static CAN_BE_STARTED: AtomicBool = AtomicBool::new(false);

/// A piece of work: its name, and what it makes of an input.
pub type ApartWork = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Why a piece of work has no result.
#[derive(Debug, thiserror::Error)]
pub enum ApartError {
    /// This program can't be started again: its `main` doesn't call [`apart_entry`].
    #[error("start this program again: its main doesn't call rlef_sandbox::apart_entry")]
    NoEntry,
    /// The process could not be started or spoken to.
    #[error("start this program again: {0}")]
    Start(io::Error),
    /// It did not end by itself.
    #[error("end within {MEMORY_MIB} MiB and {CPU_SECONDS} s: it was ended by {0}")]
    Ended(String),
}

/// If this process was started for one of `works`, does it and never returns; otherwise does nothing.
///
/// Must be called in `main` before any thread is started.
pub fn apart_entry(works: &[ApartWork]) {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_none_or(|argument| argument != ARGUMENT) {
        CAN_BE_STARTED.store(true, Ordering::Relaxed);
        return;
    }
    let name = arguments.next().unwrap_or_default();
    let Some((_, work)) = works.iter().find(|(known, _)| name == *known) else {
        exit(2)
    };
    let bounds = [
        (Resource::RLIMIT_AS, MEMORY_MIB << 20),
        (Resource::RLIMIT_CPU, CPU_SECONDS),
        (Resource::RLIMIT_CORE, 0),
    ];
    let bounded = bounds
        .into_iter()
        .all(|(resource, most)| bound(resource, most).is_ok());
    let mut input = Vec::new();
    if !bounded || io::stdin().read_to_end(&mut input).is_err() {
        exit(2)
    }
    let result = work(&input);
    let written = io::stdout().write_all(&result);
    exit(i32::from(written.is_err()))
}

/// Lowers a limit; one that is lower already stays.
fn bound(resource: Resource, most: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    let most = most.min(hard);
    setrlimit(resource, most, most)
}

/// Has a process of its own do the work called `name`.
pub fn apart(name: &str, input: &[u8]) -> Result<Vec<u8>, ApartError> {
    if !CAN_BE_STARTED.load(Ordering::Relaxed) {
        return Err(ApartError::NoEntry);
    }
    let mut child = Command::new("/proc/self/exe")
        .args([ARGUMENT, name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ApartError::Start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It reads all of it before it works; where it doesn't, its end says why.
        let _ = stdin.write_all(input);
    }
    let mut result = Vec::new();
    let read = match child.stdout.take() {
        Some(stdout) => stdout.take(RESULT_BYTES + 1).read_to_end(&mut result),
        None => Ok(0),
    };
    if result.len() as u64 > RESULT_BYTES {
        let _ = child.kill();
    }
    let status = child.wait().map_err(ApartError::Start)?;
    read.map_err(ApartError::Start)?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(result),
        (Some(code), _) => Err(ApartError::Ended(format!("itself, with code {code}"))),
        (_, Some(signal)) => {
            let name = nix::sys::signal::Signal::try_from(signal);
            Err(ApartError::Ended(name.map_or_else(
                |_| format!("signal {signal}"),
                |signal| signal.to_string(),
            )))
        }
        (None, None) => Err(ApartError::Ended("nobody knows what".to_owned())),
    }
}
