//! The child side: a helper process that becomes a jail and then the zygote of an interpreter.
//!
//! The helper (in the host's namespaces) makes one process in new namespaces, which builds a private root,
//! gives up everything but the right to make process namespaces, and becomes the interpreter. The helper
//! stays to end the jail when the supervisor goes away, and to remove its control groups.
//! Knows nothing of programs, inputs or limits. All unsafe code of process isolation is here; WebAssembly has one such
//! place more, where a compiled module is mapped (`wasm/precompiled.rs`).

mod bpf;
pub(crate) mod error;
mod root;
mod seccomp;
mod syscalls;

use std::ffi::CString;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::{fs, process};

use nix::errno::Errno;
use nix::fcntl::{OFlag, SealFlag, open};
use nix::mount::MsFlags;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::personality::{self, Persona};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{
    Gid, Pid, Uid, dup, execve, pipe2, setgroups, sethostname, setresgid, setresuid, setsid,
};

use self::error::JailError;
use self::syscalls::{clone_process, close_on_exec_from, keep_only_capability, open_process};
use crate::process::cgroup::remove_directory;
use crate::protection::Safeguard;
use crate::protocol::plan::{
    CONTROL_FD, FILTER_FD, INSIDE_ID, NAMESPACE_FD, PROGRAM_FD, Plan, Progress,
};
use crate::protocol::wire;

const CAP_SYS_ADMIN: u32 = 21;
/// Stack limit at exec: decides how far below the stack the kernel maps libraries, thus how far it can grow.
const STACK_ROOM_BYTES: u64 = 4 << 30;

/// Becomes a jail, as the supervisor at the other end of standard input says, and returns when it has ended.
pub(crate) fn become_helper() -> i32 {
    match dup(std::io::stdin()) {
        Ok(control) => run_helper(&control),
        Err(_) => 2,
    }
}

fn run_helper(control: &OwnedFd) -> i32 {
    match start_jail(control) {
        Ok((pid, plan)) => {
            guard(control, pid);
            plan.cgroups
                .iter()
                .for_each(|directory| remove_directory(directory));
            0
        }
        Err(error) => {
            report_failure(control, &error);
            1
        }
    }
}

fn report_failure(control: &OwnedFd, error: &JailError) {
    let progress = Progress::Failed {
        safeguard: error.safeguard(),
        reason: error.to_string(),
    };
    if wire::send_json(control.as_fd(), &progress).is_err() {
        // The supervisor is gone; what is left is its standard error.
        let _ = writeln!(std::io::stderr(), "failed to {error}");
    }
}

/// Reads the plan and makes the jail's first process.
fn start_jail(control: &OwnedFd) -> Result<(Pid, Plan), JailError> {
    let plan = wire::receive_json::<Plan>(control.as_fd())
        .map_err(|error| JailError::Plan(error.to_string()))?;
    umask(Mode::from_bits_truncate(0o022));
    // A program that signals its whole process group must not find the supervisor in it.
    setsid().map_err(JailError::Descriptors)?;
    if plan.as_root {
        unshare(CloneFlags::CLONE_NEWNS).map_err(JailError::UnshareMounts)?;
        root::assemble(&plan)?;
    }
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWCGROUP;
    let (gate_reader, gate) = pipe2(OFlag::O_CLOEXEC).map_err(JailError::Descriptors)?;
    let mut missing = Vec::new();
    let pid = match clone_process(flags.bits()) {
        Err(Errno::ENOSPC | Errno::EPERM)
            if plan.may_lack.contains(&Safeguard::NetworkNamespace) =>
        {
            flags.remove(CloneFlags::CLONE_NEWNET);
            missing.push((
                Safeguard::NetworkNamespace,
                "the kernel makes no network namespace".to_owned(),
            ));
            clone_process(flags.bits())
        }
        result => result,
    }
    .map_err(|errno| JailError::Clone {
        lacking: lacking_namespace(),
        errno,
    })?;
    if pid == 0 {
        drop(gate);
        let error = become_jail(control, &gate_reader, &plan, missing);
        report_failure(control, &error);
        process::exit(1)
    }
    wire::send_json(control.as_fd(), &Progress::Born { pid })?;
    wire::receive_go(control.as_fd())?;
    nix::unistd::write(&gate, b"g").map_err(JailError::Descriptors)?;
    Ok((Pid::from_raw(pid), plan))
}

/// Which namespace it is that the kernel refuses, found by asking for one after the other.
fn lacking_namespace() -> Safeguard {
    let user = CloneFlags::CLONE_NEWUSER;
    let each = [
        (CloneFlags::CLONE_NEWPID, Safeguard::ProcessNamespace),
        (CloneFlags::CLONE_NEWNET, Safeguard::NetworkNamespace),
        (CloneFlags::CLONE_NEWIPC, Safeguard::IpcNamespace),
        (CloneFlags::CLONE_NEWUTS, Safeguard::IpcNamespace),
        (CloneFlags::CLONE_NEWNS, Safeguard::PrivateRoot),
    ];
    let refused = |flags: CloneFlags| match clone_process(flags.bits()) {
        Ok(0) => process::exit(0),
        Ok(pid) => {
            // Fails only if somebody else reaped it.
            let _ = waitpid(Pid::from_raw(pid), None);
            false
        }
        Err(_) => true,
    };
    if refused(user) {
        return Safeguard::UserNamespace;
    }
    let found = each.into_iter().find(|&(flag, _)| refused(user | flag));
    found.map_or(Safeguard::UserNamespace, |(_, safeguard)| safeguard)
}

/// In the new namespaces: everything up to exec. Returns only if a step failed.
fn become_jail(
    control: &OwnedFd,
    gate: &OwnedFd,
    plan: &Plan,
    mut missing: Vec<(Safeguard, String)>,
) -> JailError {
    match try_become_jail(control, gate, plan, &mut missing) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn try_become_jail(
    control: &OwnedFd,
    gate: &OwnedFd,
    plan: &Plan,
    missing: &mut Vec<(Safeguard, String)>,
) -> Result<std::convert::Infallible, JailError> {
    // Nothing here has an identity until the supervisor has written the maps.
    if nix::unistd::read(gate, &mut [0]).map_err(JailError::Descriptors)? == 0 {
        return Err(JailError::Plan("the helper went away".to_owned()));
    }
    // Again, now that the supervisor has moved this process: its group's name, with our process id, is the root.
    unshare(CloneFlags::CLONE_NEWCGROUP).map_err(|errno| JailError::Clone {
        lacking: Safeguard::UserNamespace,
        errno,
    })?;
    let (user, group) = (Uid::from_raw(INSIDE_ID), Gid::from_raw(INSIDE_ID));
    if plan.as_root {
        setgroups(&[]).map_err(JailError::Identity)?;
    }
    setresgid(group, group, group).map_err(JailError::Identity)?;
    setresuid(user, user, user).map_err(JailError::Identity)?;
    sethostname("jail").map_err(JailError::HostName)?;
    // The host's /proc is still there, and shows this process in its own new namespace.
    let namespace = open(
        "/proc/self/ns/pid",
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .map_err(JailError::Descriptors)?;
    if plan.as_root {
        nix::mount::mount(
            None::<&str>,
            "/",
            None::<&str>,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            None::<&str>,
        )
        .map_err(JailError::PrivateMounts)?;
    } else {
        root::assemble(plan)?;
    }
    let filter = filter_file(plan, missing)?;
    let (program, lacks) = root::finish(plan)?;
    missing.extend(lacks);
    let input = sealed_nothing()?;

    raise_stack_limit()?;
    fix_addresses();
    prctl::set_no_new_privs().map_err(JailError::NoNewPrivileges)?;
    keep_only_capability(CAP_SYS_ADMIN).map_err(JailError::Capabilities)?;
    // Cleared by the change of identity, so only now.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(JailError::DieTogether)?;
    wire::send_json(
        control.as_fd(),
        &Progress::Built {
            missing: std::mem::take(missing),
        },
    )?;
    arrange_descriptors([
        (input.as_fd(), 0),
        (control.as_fd(), CONTROL_FD),
        (namespace.as_fd(), NAMESPACE_FD),
        (program.as_fd(), PROGRAM_FD),
        (filter.as_fd(), FILTER_FD),
    ])?;
    let path = CString::new(plan.python.as_os_str().as_bytes()).unwrap_or_default();
    // By its full path, from which the interpreter finds its library and `sys.executable`.
    let arguments = [path.as_c_str(), c"/program/main.pyc"];
    let environment: Vec<CString> = plan
        .environment
        .iter()
        .filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok())
        // Symbols are looked up once, not again in every fork. The zygote removes both.
        .chain([
            c"PYTHONPATH=/zygote".to_owned(),
            c"LD_BIND_NOW=1".to_owned(),
        ])
        .collect();
    let Err(errno) = execve(&path, &arguments, &environment);
    Err(JailError::Exec {
        path: plan.python.clone(),
        errno,
    })
}

/// The filter in a file, empty if the plan lets them be missing and this kernel has none.
fn filter_file(plan: &Plan, missing: &mut Vec<(Safeguard, String)>) -> Result<OwnedFd, JailError> {
    let file = memfd_create("filter", MFdFlags::MFD_CLOEXEC).map_err(JailError::Descriptors)?;
    let known =
        fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("Seccomp:"));
    if !known && plan.may_lack.contains(&Safeguard::SystemCallFilter) {
        missing.push((
            Safeguard::SystemCallFilter,
            "the kernel has no seccomp".to_owned(),
        ));
        return Ok(file);
    }
    let bytes = seccomp::filter()?;
    let mut written = 0;
    while written < bytes.len() {
        written += nix::unistd::write(&file, &bytes[written..]).map_err(JailError::Descriptors)?;
    }
    Ok(file)
}

/// Standard input of the interpreter: a file like those the tests get, so that its stream is made alike.
fn sealed_nothing() -> Result<OwnedFd, JailError> {
    let file = memfd_create("input", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
        .map_err(JailError::Descriptors)?;
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_ADD_SEALS(SealFlag::all()))
        .map_err(JailError::Descriptors)?;
    Ok(file)
}

fn raise_stack_limit() -> Result<(), JailError> {
    let (_, hard) = getrlimit(Resource::RLIMIT_STACK).map_err(JailError::StackLimit)?;
    setrlimit(Resource::RLIMIT_STACK, STACK_ROOM_BYTES.min(hard), hard)
        .map_err(JailError::StackLimit)
}

/// From here on addresses are the same in every jail: a program that prints one, sorts by one, or reads memory that it never wrote does
/// the same each time. Where a container forbids it they differ, as they do without a jail: nothing that protects is lost by that.
fn fix_addresses() {
    let _ = personality::get()
        .and_then(|current| personality::set(current | Persona::ADDR_NO_RANDOMIZE));
}

/// Moves each descriptor to its number; everything else is closed by exec.
fn arrange_descriptors<const N: usize>(
    wanted: [(BorrowedFd<'_>, i32); N],
) -> Result<(), JailError> {
    // First out of the way, so that no move overwrites a descriptor still to be moved.
    let moved = wanted
        .iter()
        .map(|(descriptor, number)| {
            let high = nix::fcntl::fcntl(descriptor, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(100))?;
            Ok((high, *number))
        })
        .collect::<Result<Vec<(i32, i32)>, Errno>>()
        .map_err(JailError::Descriptors)?;
    close_on_exec_from(FILTER_FD as u32 + 1).map_err(JailError::Descriptors)?;
    for (high, number) in moved {
        syscalls::place_raw(high, number).map_err(JailError::Descriptors)?;
    }
    Ok(())
}

/// Waits until the supervisor goes away; then the jail is dead and reaped. If the jail ends before, says so.
fn guard(control: &OwnedFd, pid: Pid) {
    if let Ok(jail) = open_process(pid.as_raw()) {
        let mut watched = [
            PollFd::new(control.as_fd(), PollFlags::empty()),
            PollFd::new(jail.as_fd(), PollFlags::POLLIN),
        ];
        if first_of(&mut watched) == Some(1) {
            let how = match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(WaitStatus::Signaled(_, signal, _)) => format!(": {signal}"),
                Ok(WaitStatus::Exited(_, code)) => format!(" with exit code {code}"),
                _ => String::new(),
            };
            // The supervisor may be gone as well; then nobody needs to know.
            let words = [wire::JAIL_ENDED, how.as_bytes()].concat();
            let _ = wire::send(control.as_fd(), &words, &[]);
            // Its control groups stay, for the supervisor to read why.
            first_of(&mut watched[..1]);
        }
    }
    // Its death kills every process in it; fails only if it is already dead.
    let _ = kill(pid, Signal::SIGKILL);
    while waitpid(pid, None) == Err(Errno::EINTR) {}
}

/// Waits until something happens on one of the descriptors, and returns the last of those on which it did.
fn first_of(watched: &mut [PollFd<'_>]) -> Option<usize> {
    loop {
        match poll(watched, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(_) => return None,
            Ok(_) => return watched.iter().rposition(|one| one.any() == Some(true)),
        }
    }
}
