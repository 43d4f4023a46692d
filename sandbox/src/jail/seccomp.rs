//! Which system calls a program may make, as one BPF program. Knows nothing of who installs it.
//!
//! Calls that only an attack makes kill the process; sockets other than AF_UNIX fail with EACCES; of the rest,
//! what is not on the allow-list fails with ENOSYS, so that C libraries fall back to older calls.

use std::collections::BTreeMap;

use super::bpf::{self, Answer, Rule};

/// Why the filter could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    /// This processor has no filter.
    #[error("find a system call filter for the processor {0} (x86_64 and aarch64 have one)")]
    Architecture(&'static str),
}

const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
/// Requests that type into a terminal (TIOCSTI, TIOCLINUX), and those that mark files and directories with
/// flags that outlive what is in them (FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR).
const REFUSED_REQUESTS: [u32; 4] = [0x5412, 0x541c, 0x4008_6602, 0x401c_5820];
/// Waits for what others do with a shared file: F_SETLEASE would hold up the host, F_NOTIFY would watch it.
const REFUSED_COMMANDS: [u32; 2] = [1024, 1026];
/// Socket options that load BPF: SO_ATTACH_FILTER, SO_ATTACH_BPF and their two kin for ports.
const REFUSED_OPTIONS: [u32; 4] = [26, 50, 51, 52];
/// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of `linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// Allowed whatever their arguments.
#[rustfmt::skip]
const ALLOWED: &[libc::c_long] = &[
    // memory
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect, libc::SYS_madvise,
    libc::SYS_msync, libc::SYS_mincore, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock,
    libc::SYS_membarrier, libc::SYS_get_mempolicy, libc::SYS_mbind, libc::SYS_set_mempolicy,
    // files
    libc::SYS_openat, libc::SYS_close, libc::SYS_close_range, libc::SYS_read, libc::SYS_write, libc::SYS_readv,
    libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_preadv, libc::SYS_pwritev,
    libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_lseek, libc::SYS_fstat, libc::SYS_newfstatat,
    libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_ftruncate, libc::SYS_truncate,
    libc::SYS_fallocate, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_flock, libc::SYS_ioctl, libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_getdents64,
    libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_mkdirat, libc::SYS_unlinkat,
    libc::SYS_symlinkat, libc::SYS_linkat, libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_readlinkat,
    libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown,
    libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_umask, libc::SYS_mknodat, libc::SYS_sendfile,
    libc::SYS_copy_file_range, libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr,
    libc::SYS_listxattr, libc::SYS_llistxattr, libc::SYS_flistxattr,
    // waiting
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_eventfd2, libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime,
    libc::SYS_signalfd4, libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_restart_syscall,
    // processes, threads, signals
    libc::SYS_execve, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_set_tid_address, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_rseq,
    libc::SYS_futex, libc::SYS_sched_yield, libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam, libc::SYS_sched_getscheduler, libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min, libc::SYS_getpriority, libc::SYS_kill,
    libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigqueueinfo, libc::SYS_sigaltstack,
    libc::SYS_getitimer, libc::SYS_setitimer, libc::SYS_timer_create, libc::SYS_timer_settime,
    libc::SYS_timer_gettime, libc::SYS_timer_getoverrun, libc::SYS_timer_delete,
    // who and how much
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_setpgid,
    libc::SYS_getsid, libc::SYS_setsid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid,
    libc::SYS_getegid, libc::SYS_getgroups, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_setuid,
    libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid, libc::SYS_setresgid,
    libc::SYS_setgroups, libc::SYS_capget, libc::SYS_getrlimit, libc::SYS_setrlimit,
    libc::SYS_getrusage, libc::SYS_times, libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getcpu,
    libc::SYS_getrandom, libc::SYS_gettimeofday, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    // local sockets (asyncio and multiprocessing talk to themselves)
    libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_connect,
    libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt,
    libc::SYS_sendto, libc::SYS_recvfrom, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg,
    libc::SYS_recvmmsg, libc::SYS_shutdown,
];

/// Older forms of the calls above, which x86_64 still has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_open, libc::SYS_creat, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_dup2,
    libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait,
    libc::SYS_eventfd, libc::SYS_signalfd, libc::SYS_pause, libc::SYS_alarm, libc::SYS_time, libc::SYS_fork,
    libc::SYS_vfork, libc::SYS_getpgrp, libc::SYS_getdents, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink,
    libc::SYS_symlink, libc::SYS_link, libc::SYS_rename, libc::SYS_readlink, libc::SYS_chmod, libc::SYS_chown,
    libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_mknod,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[libc::c_long] = &[];

/// Deadly: nothing that judges, sorts or prints needs these.
#[rustfmt::skip]
const DEADLY: &[libc::c_long] = &[
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
    libc::SYS_process_mrelease, libc::SYS_kcmp, libc::SYS_pidfd_getfd, libc::SYS_perf_event_open,
    libc::SYS_bpf, libc::SYS_userfaultfd, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl,
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_open_tree,
    libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick,
    libc::SYS_mount_setattr, libc::SYS_unshare, libc::SYS_setns, libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module,
    libc::SYS_kexec_load, libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct,
    libc::SYS_quotactl, libc::SYS_syslog, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_clock_adjtime, libc::SYS_adjtimex, libc::SYS_vhangup, libc::SYS_sethostname,
    libc::SYS_setdomainname, libc::SYS_lookup_dcookie, libc::SYS_nfsservctl, libc::SYS_fanotify_init,
];
#[cfg(target_arch = "x86_64")]
const DEADLY_HERE: &[libc::c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const DEADLY_HERE: &[libc::c_long] = &[];

/// The filter as the kernel reads it, 8 bytes an instruction.
pub(crate) fn filter() -> Result<Vec<u8>, FilterError> {
    let architecture = ARCHITECTURE.ok_or(FilterError::Architecture(std::env::consts::ARCH))?;
    Ok(
        bpf::program(architecture, &rules(), Answer::Errno(libc::ENOSYS))
            .iter()
            .flat_map(|instruction| instruction.to_bytes())
            .collect(),
    )
}

fn rules() -> BTreeMap<u32, Rule> {
    let number = |call: &libc::c_long| *call as u32;
    let plain = |calls: &'static [libc::c_long], answer| {
        calls
            .iter()
            .map(move |call| (number(call), Rule::always(answer)))
    };
    let mut rules: BTreeMap<u32, Rule> = plain(ALLOWED, Answer::Allow)
        .chain(plain(ALLOWED_HERE, Answer::Allow))
        .chain(plain(DEADLY, Answer::Kill))
        .chain(plain(DEADLY_HERE, Answer::Kill))
        .collect();
    let unknown = Answer::Errno(libc::ENOSYS);
    let mut add = |call: libc::c_long, rule| rules.insert(number(&call), rule);
    add(
        libc::SYS_clone,
        Rule::if_any_bit(0, NAMESPACES, Answer::Kill, Answer::Allow),
    );
    let names = [
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_GET_DUMPABLE,
        libc::PR_CAPBSET_READ,
    ];
    add(
        libc::SYS_prctl,
        Rule::if_one_of(0, &names.map(|name| name as u32), Answer::Allow, unknown),
    );
    add(
        libc::SYS_ioctl,
        Rule::if_one_of(1, &REFUSED_REQUESTS, unknown, Answer::Allow),
    );
    add(
        libc::SYS_fcntl,
        Rule::if_one_of(1, &REFUSED_COMMANDS, unknown, Answer::Allow),
    );
    add(
        libc::SYS_setsockopt,
        Rule::if_one_of(2, &REFUSED_OPTIONS, unknown, Answer::Allow),
    );
    // Of another process the kernel checks only the user: a program could lower the limits of its parent.
    add(
        libc::SYS_prlimit64,
        Rule::if_one_of(0, &[0], Answer::Allow, Answer::Errno(libc::EPERM)),
    );
    // Nor may it choose its parent's core, which every later test would inherit.
    // To be what every program is already, which Mono ends itself over.
    add(
        libc::SYS_sched_setscheduler,
        Rule::if_one_of(1, &[libc::SCHED_OTHER as u32], Answer::Allow, unknown),
    );
    add(
        libc::SYS_sched_setaffinity,
        Rule::if_one_of(0, &[0], Answer::Allow, Answer::Errno(libc::EPERM)),
    );
    // By group or user it would slow the parent down as well, which nothing could undo: only its own process.
    add(
        libc::SYS_setpriority,
        Rule::if_both_zero(0, Answer::Allow, Answer::Errno(libc::EPERM)),
    );
    let local = Rule::if_one_of(
        0,
        &[libc::AF_UNIX as u32],
        Answer::Allow,
        Answer::Errno(libc::EACCES),
    );
    add(libc::SYS_socket, local.clone());
    add(libc::SYS_socketpair, local);
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_allowed_and_deadly() {
        for call in DEADLY.iter().chain(DEADLY_HERE) {
            assert!(
                !ALLOWED.contains(call) && !ALLOWED_HERE.contains(call),
                "{call}"
            );
        }
    }

    #[test]
    fn every_call_gets_its_answer() {
        let architecture = ARCHITECTURE.unwrap();
        let program = bpf::program(architecture, &rules(), Answer::Errno(libc::ENOSYS));
        assert!(program.len() < 1000, "{}", program.len());
        let ask = |call: libc::c_long, first: u64, second: u64| {
            bpf::answer(
                &program,
                architecture,
                call as u32,
                [first, second, 0, 0, 0, 0],
            )
        };
        let unknown = Answer::Errno(libc::ENOSYS);
        for call in ALLOWED.iter().chain(ALLOWED_HERE) {
            assert_eq!(ask(*call, 1, 0), Answer::Allow, "{call}");
        }
        for call in DEADLY.iter().chain(DEADLY_HERE) {
            assert_eq!(ask(*call, 1, 0), Answer::Kill, "{call}");
        }
        for call in [
            libc::SYS_clone3,
            libc::SYS_seccomp,
            libc::SYS_memfd_create,
            467,
            5000,
            -1,
        ] {
            assert_eq!(ask(call, 0, 0), unknown, "{call}");
        }
        assert_eq!(ask(libc::SYS_clone, libc::SIGCHLD as u64, 0), Answer::Allow);
        for bit in (0..32)
            .map(|bit| 1_u32 << bit)
            .filter(|bit| NAMESPACES & bit != 0)
        {
            assert_eq!(
                ask(libc::SYS_clone, u64::from(bit) | 0x11, 0),
                Answer::Kill,
                "{bit:#x}"
            );
        }
        assert_eq!(ask(libc::SYS_socket, 1, 1), Answer::Allow);
        assert_eq!(ask(libc::SYS_socket, 2, 1), Answer::Errno(libc::EACCES));
        assert_eq!(
            ask(libc::SYS_socket, 1 << 32 | 2, 1),
            Answer::Errno(libc::EACCES)
        );
        assert_eq!(ask(libc::SYS_ioctl, 0, 0x5412), unknown);
        assert_eq!(ask(libc::SYS_ioctl, 0, 7 << 32 | 0x5412), unknown);
        assert_eq!(ask(libc::SYS_ioctl, 0, 0x5401), Answer::Allow);
        assert_eq!(ask(libc::SYS_fcntl, 0, 1024), unknown);
        assert_eq!(ask(libc::SYS_fcntl, 0, 1026), unknown);
        assert_eq!(ask(libc::SYS_fcntl, 0, 1030), Answer::Allow);
        let option = |option| {
            let call = libc::SYS_setsockopt as u32;
            bpf::answer(&program, architecture, call, [3, 1, option, 0, 0, 0])
        };
        assert_eq!((option(26), option(50)), (unknown, unknown));
        assert_eq!(option(2), Answer::Allow);
        assert_eq!(ask(libc::SYS_prlimit64, 0, 0), Answer::Allow);
        assert_eq!(ask(libc::SYS_prlimit64, 1, 0), Answer::Errno(libc::EPERM));
        assert_eq!(ask(libc::SYS_sched_setaffinity, 0, 0), Answer::Allow);
        assert_eq!(ask(libc::SYS_sched_setscheduler, 4, 0), Answer::Allow);
        // In turn, in batches, when nothing else runs; and the plain one for children alone.
        for policy in [1, 2, 3, 5, 1 << 30] {
            assert_eq!(
                ask(libc::SYS_sched_setscheduler, 0, policy),
                Answer::Errno(libc::ENOSYS)
            );
        }
        assert_eq!(
            ask(libc::SYS_sched_setaffinity, 1, 0),
            Answer::Errno(libc::EPERM)
        );
        assert_eq!(ask(libc::SYS_setpriority, 0, 0), Answer::Allow);
        for (which, who) in [(0, 1), (1, 0), (2, 0), (2, 1)] {
            assert_eq!(
                ask(libc::SYS_setpriority, which, who),
                Answer::Errno(libc::EPERM)
            );
        }
        assert_eq!(ask(libc::SYS_prctl, 22, 2), unknown);
        assert_eq!(ask(libc::SYS_prctl, 15, 0), Answer::Allow);
        assert_eq!(bpf::answer(&program, 0x4000_0003, 20, [0; 6]), Answer::Kill);
    }
}
