//! The child: a module on standard input → machine code, or the reason why there is none, on standard output.
//!
//! Bounds itself before it reads the first byte of the module. Has one purpose and then ends.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::{process, thread};

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;

use crate::wasm::modules;

/// First argument of a process that is to compile a module.
pub(crate) const ARGUMENT: &str = "__compile";
/// What it says before it looks at the module: from here on the module is to blame for how it ends.
pub(super) const HELLO: &[u8] = b"rlef compiles a module\n";
/// Exit codes: it says why it made none; it panicked.
pub(super) const REFUSED: i32 = 3;
pub(super) const CRASHED: i32 = 101;
/// Most bytes that it gives back.
pub(super) const LARGEST_RESULT: usize = 256 << 20;
/// Bytes of stack for parsers and compilers that call themselves.
const STACK: usize = 64 << 20;
/// Bytes that this program and an engine take before they begin.
const OWN: u64 = 128 << 20;

/// Compiles and ends the process.
pub(crate) fn entry(arguments: impl Iterator<Item = OsString>) -> ! {
    let mut numbers = arguments.filter_map(|argument| argument.to_str()?.parse::<u64>().ok());
    let code = match (numbers.next(), numbers.next()) {
        (Some(memory), Some(seconds)) => compile(memory, seconds),
        _ => Err(io::Error::other("it was started without its limits")),
    };
    process::exit(code.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{error}");
        2
    }))
}

fn compile(memory: u64, seconds: u64) -> io::Result<i32> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)?;
    let bound = |resource, bytes: u64| setrlimit(resource, bytes, bytes);
    bound(Resource::RLIMIT_CORE, 0)?;
    bound(
        Resource::RLIMIT_DATA,
        memory.saturating_add(STACK as u64 + OWN),
    )?;
    bound(Resource::RLIMIT_FSIZE, LARGEST_RESULT as u64)?;
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds + 1)?;
    let mut output = io::stdout();
    output.write_all(HELLO)?;
    output.flush()?;
    let mut source = Vec::new();
    io::stdin().read_to_end(&mut source)?;
    let made = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || modules::compiled(&source))?
        .join();
    let (code, bytes) = match made {
        Ok(Ok(artefact)) if artefact.len() + HELLO.len() >= LARGEST_RESULT => (
            REFUSED,
            format!("the compiled module has {} bytes", artefact.len()).into_bytes(),
        ),
        Ok(Ok(artefact)) => (0, artefact),
        Ok(Err(reason)) => (REFUSED, reason.into_bytes()),
        Err(_) => (CRASHED, Vec::new()),
    };
    output.write_all(&bytes)?;
    output.flush()?;
    Ok(code)
}
