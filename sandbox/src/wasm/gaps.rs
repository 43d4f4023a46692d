//! What a Python program meets under WebAssembly that it would not meet under `python3`. `doctor` and the README tell it.

/// A sentence each. Where a program is said to be unsupported, that is its status, never a verdict on it.
pub(crate) const GAPS: [&str; 10] = [
    "What is unsupported is refused by an error: a program that fails after it asked for it is not judged, one that copes \
     with it is.",
    "The interpreter is CPython 3.14, whatever python3 the host has: its messages, new syntax and removed modules.",
    "Packages that are not in the standard library (numpy ...) are unsupported.",
    "Processes, sockets, signals, threads that wait for one another, asyncio, ctypes, bz2, lzma, sqlite3 and ssl are \
     unsupported; a thread that is started runs to its end at once.",
    "Files that are written, and files of a Linux host (/proc, /etc ...), are unsupported; the standard library and the \
     program can be read.",
    "Integers of C have 32 bits: hash() is another, sets have another order and objects another size; a program that fails \
     for want of longer ones is unsupported, as is one that asks os, select, signal, socket or time for what is not there.",
    "Clocks start at 2025-01-01 and pass with the work done and the time slept; randomness without a seed is the same in \
     every run.",
    "A CPU limit counts instructions: a program that mostly waits for memory may take several times its limit, up to \
     ten times, before it is ended.",
    "Recursion through C ends at 64 MB of stack by RecursionError or as if by signal 11, and a lock that nobody can free as \
     if by signal 6.",
    "The other program of a pair never seems to be gone: what is written to one that has ended is dropped.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_tells_every_gap() {
        let readme = include_str!("../../README.md");
        let words: Vec<&str> = readme.split_whitespace().collect();
        let readme = words.join(" ");
        for gap in GAPS {
            assert!(readme.contains(gap), "{gap}");
        }
    }
}
