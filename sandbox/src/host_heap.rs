//! What the process around the sandboxes asks of its C library. Nothing to do with programs under judgement; it is in this
//! crate because this is the one that holds calls without a safe interface.

/// Keeps freed memory for the next allocation instead of giving it back to the system, piece by piece up to 32 MiB: what
/// computes in large temporaries otherwise pays for the same pages again and again. Larger pieces still go back at once.
///
/// For the whole process, once and for all. Does nothing with another C library than glibc (mallopt(3)).
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // As much as glibc takes; set by hand, the two stop following what is freed.
        const LARGEST: libc::c_int = 32 << 20;
        // SAFETY: mallopt takes two numbers by value and the allocator's own lock.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}
