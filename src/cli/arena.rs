//! A verb that computes models → the same process, whose C library keeps all memory in one place. glibc gives threads
//! places ("arenas") of their own; what a pool's threads free in theirs is cut up and no use to others, half of a small
//! model's memory and more (`benchmarks/results/2026-11-28-xeon-2core/memory.md`). Other C libraries have no such thing.
//! It doesn't know what memory is for, nor who asks for it.

/// The variable that glibc reads as a process starts (mallopt(3), `M_ARENA_MAX`).
const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Starts the program again in this process, with one arena; does nothing where the variable is set already, or where the
/// C library is another one.
pub(super) fn keep_one() {
    if cfg!(target_env = "gnu") && std::env::var_os(VARIABLE).is_none() {
        // Nothing is lost but memory.
        let error = rlef_sandbox::restart_with(VARIABLE, "1");
        tracing::debug!("{VARIABLE} could not be set: {error}");
    }
}
