//! System calls that have no safe wrapper: thin, one each, with the kernel's error.
//!
//! Called only in the helper process, which has one thread.

use std::ffi::{CStr, c_int};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;

use nix::NixPath;
use nix::errno::Errno;

/// Mount attributes (`linux/mount.h`).
pub(crate) const READ_ONLY: u64 = 0x1;
pub(crate) const NO_SET_UID: u64 = 0x2;
pub(crate) const NO_DEVICES: u64 = 0x4;
pub(crate) const NO_EXECUTION: u64 = 0x8;

#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Like fork, with namespaces: 0 in the child, its process id in the parent.
pub(crate) fn clone_process(flags: c_int) -> Result<i32, Errno> {
    let flags = libc::c_long::from(flags) | libc::c_long::from(libc::SIGCHLD);
    // SAFETY: no stack is given, so the child goes on with a copy of this one as after fork(2); the process
    // has a single thread, so no lock is held by a thread that the child lacks.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    Errno::result(pid).map(|pid| pid as i32)
}

/// Sets attributes on a mount and, if asked, on all mounts below it.
pub(crate) fn set_mount_attributes(
    path: &Path,
    attributes: u64,
    recursive: bool,
) -> Result<(), Errno> {
    change_mount(path, attributes, 0, recursive)
}

/// Lets files on a mount of this namespace's own be executed.
pub(crate) fn allow_execution(path: &Path) -> Result<(), Errno> {
    change_mount(path, 0, NO_EXECUTION, false)
}

fn change_mount(path: &Path, set: u64, clear: u64, recursive: bool) -> Result<(), Errno> {
    let change = MountAttributes {
        set,
        clear,
        propagation: 0,
        user_namespace: 0,
    };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    path.with_nix_path(|path: &CStr| {
        // SAFETY: `path` is a C string and `change` a struct mount_attr of the size given; both outlive the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                libc::AT_FDCWD,
                path.as_ptr(),
                flags,
                &raw const change,
                size_of::<MountAttributes>(),
            )
        };
        Errno::result(result).map(drop)
    })?
}

/// A descriptor that becomes readable when the process ends.
pub(crate) fn open_process(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: takes two integers; no memory is passed.
    let descriptor = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel just made this descriptor, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as i32) })
}

/// Makes the descriptor `number` refer to what `descriptor` refers to, open across exec.
pub(crate) fn place_raw(descriptor: i32, number: i32) -> Result<(), Errno> {
    // SAFETY: `number` is one of those reserved for the interpreter; the process execs next, and a Rust
    // object that owned it is never used again.
    Errno::result(unsafe { libc::dup2(descriptor, number) }).map(drop)
}

/// Marks every descriptor from `first` on as closed by exec.
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: takes integers; it closes nothing now, so no Rust object loses its descriptor.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC)
    })
    .map(drop)
}

/// Keeps only `kept` of all capabilities, so that exec passes it on, and nothing else ever.
pub(crate) fn keep_only_capability(kept: u32) -> Result<(), Errno> {
    for capability in (0..64).filter(|&capability| capability != kept) {
        // SAFETY: takes integers.
        match Errno::result(unsafe {
            libc::prctl(
                libc::PR_CAPBSET_DROP,
                libc::c_ulong::from(capability),
                0,
                0,
                0,
            )
        }) {
            Err(Errno::EINVAL) => break,
            result => result.map(drop)?,
        }
    }
    let header: [u32; 2] = [0x2008_0522, 0];
    let (low, high) = (
        1_u32.checked_shl(kept).unwrap_or(0),
        kept.checked_sub(32).map_or(0, |bit| 1_u32 << bit),
    );
    let data: [u32; 6] = [low, low, low, high, high, high];
    // SAFETY: version 3 of the interface reads a header of two words and two sets of three words.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })?;
    // SAFETY: takes integers.
    Errno::result(unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong,
            libc::c_ulong::from(kept),
            0 as libc::c_ulong,
            0 as libc::c_ulong,
        )
    })
    .map(drop)
}
