//! A verb that computes models → the same process, whose C library keeps all memory in one place. glibc gives threads
//! places ("arenas") of their own; what a pool's threads free in theirs is cut up and no use to others, half of a small
//! model's memory and more (`benchmarks/results/2026-11-27-epyc-2core/memory.md`). Other C libraries have no such thing.
//! It doesn't know what memory is for, nor who asks for it.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable that glibc reads as a process starts (mallopt(3), `M_ARENA_MAX`).
const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Starts the program again in this process, with one arena; does nothing where the variable is set already, be it by
/// the user, or where glibc isn't what it was built for.
pub(super) fn keep_one() {
    if !cfg!(target_env = "gnu") || env::var_os(VARIABLE).is_some() {
        return;
    }
    let mut arguments = env::args_os();
    let (Ok(program), Some(name)) = (env::current_exe(), arguments.next()) else {
        return;
    };
    // Comes back only if it failed, and then nothing is lost but memory.
    let error = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(VARIABLE, "1")
        .exec();
    tracing::debug!("{VARIABLE} could not be set: {error}");
}
