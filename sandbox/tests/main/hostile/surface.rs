//! What of the kernel a program can touch at all: calls, devices, mounts, namespaces.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use rlef_sandbox::Status;

use crate::support::{canary, printed, run, text};

const LIBC: &str = "import ctypes, os, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n";

/// Each in a child of its own, because each is deadly.
#[test]
#[cfg(target_arch = "x86_64")]
fn every_call_that_only_an_attack_makes_is_deadly() {
    let source = "calls = dict(ptrace=101, process_vm_readv=310, process_vm_writev=311, process_madvise=440, process_mrelease=448, kcmp=312, pidfd_getfd=438, perf_event_open=298, bpf=321, userfaultfd=323, io_uring_setup=425, io_uring_enter=426, io_uring_register=427, add_key=248, request_key=249, keyctl=250, mount=165, umount2=166, pivot_root=155, chroot=161, open_tree=428, move_mount=429, fsopen=430, fsconfig=431, fsmount=432, fspick=433, mount_setattr=442, unshare=272, setns=308, name_to_handle_at=303, open_by_handle_at=304, init_module=175, finit_module=313, delete_module=176, kexec_load=246, kexec_file_load=320, reboot=169, swapon=167, swapoff=168, acct=163, quotactl=179, syslog=103, settimeofday=164, clock_settime=227, clock_adjtime=305, adjtimex=159, vhangup=153, sethostname=170, setdomainname=171, fanotify_init=300, iopl=172, ioperm=173, modify_ldt=154, uselib=134)\n\
        calls = [(name, (number,)) for name, number in calls.items()]\n\
        calls += [('clone %x' % flag, (56, flag | 17)) for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)]\n\
        for name, call in calls:\n    child = os.fork()\n    if child == 0:\n        libc.syscall(*call, 0, 0, 0, 0)\n        os._exit(0)\n    if os.waitpid(child, 0)[1] != 31: print(name)\nprint(len(calls))";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "61\n");
    canary();
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_that_no_program_needs_are_not_offered() {
    let source = "calls = dict(memfd_create=319, memfd_secret=447, execveat=322, seccomp=317, clone3=435, landlock=444, splice=275, vmsplice=278, tee=276, inotify_init1=294, fanotify_mark=301, mq_open=240, shmget=29, semget=64, msgget=68, personality=135, sched_setattr=314, ioprio_set=251, mlockall=151, move_pages=279, migrate_pages=256, remap_file_pages=216, setxattr=188, lsetxattr=189, fsetxattr=190, setdomain=467, openat2=437, io_setup=206, process_creation=1000)\n\
        for name, number in calls.items():\n    result = libc.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()\n    if result != (-1, 38): print(name, result)\nfor policy in (1, 2, 3, 5, 6):\n    result = libc.syscall(144, 0, policy, 0), ctypes.get_errno()\n    if result != (-1, 38): print('policy', policy, result)\n\
        print(len(calls))";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "29\n");
    canary();
}

/// A program in memory only, and one in a place it may write to.
#[test]
fn no_file_of_the_programs_own_can_be_executed() {
    let source = "try: print(os.memfd_create('x'))\nexcept (OSError, AttributeError): print('no memfd')\n\
        open('f', 'wb').write(open(sys.executable, 'rb').read()); os.chmod('f', 0o777)\nd = os.open('f', os.O_RDONLY)\n\
        for p in ('./f', '/box/f', '/proc/self/fd/%d' % d):\n    try: os.execv(p, ['f', '-c', 'print(1)'])\n    except OSError as e: print(e.errno)\n\
        import mmap\ntry: mmap.mmap(d, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC); print('mapped')\nexcept OSError as e: print(e.errno)";
    assert_eq!(
        printed(format!("{LIBC}{source}"), ""),
        "no memfd\n13\n13\n13\n1\n"
    );
    canary();
}

/// prctl: memory map, subreaper, tracer, dumpable, seccomp, keeping capabilities, signal at the parent's death.
#[test]
fn settings_of_the_process_that_help_an_attack_are_not_offered() {
    let source = "print({(libc.prctl(n, 1, 0, 0, 0), ctypes.get_errno()) for n in (1, 4, 8, 22, 24, 35, 36, 47, 0x59616d61)})";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "{(-1, 38)}\n");
    canary();
}

#[test]
fn devices_are_few_and_cannot_be_marked() {
    let source = "print(*sorted(os.listdir('/dev')))\n\
        for p in ('/dev/null', '/dev/zero', '/dev/urandom'):\n    for f in (lambda: os.utime(p), lambda: os.utime(p, (1, 1)), lambda: os.chmod(p, 0o600), lambda: os.chown(p, 1000, 1000), lambda: os.unlink(p)):\n        try: f(); print('marked', p)\n        except OSError as e: assert e.errno in (1, 30, 13, 22), e\n\
        print(open('/dev/null', 'w').write('x'), open('/dev/zero', 'rb').read(2), len(open('/dev/urandom', 'rb').read(3)))";
    assert_eq!(
        printed(format!("{LIBC}{source}"), ""),
        "fd full null random shm stderr stdin stdout urandom zero\n1 b'\\x00\\x00' 3\n"
    );
    canary();
}

#[test]
fn every_mount_is_read_only_or_without_execution_and_none_keeps_set_uid() {
    let source = "for p in ('/', '/usr/lib', os.path.dirname(os.__file__), sys.executable, '/etc/passwd', '/program', '/dev/null', '/box', '/tmp', '/dev/shm', '/proc'):\n\
        \x20   f = os.statvfs(p).f_flag\n    if not f & os.ST_NOSUID or not f & (os.ST_RDONLY | os.ST_NOEXEC): print(p, f)\n    if p in ('/box', '/tmp', '/dev/shm', '/proc') and not f & os.ST_NOEXEC: print(p, f)\n\
        \x20   if p == '/program' and not f & os.ST_RDONLY: print(p, f)";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "");
    canary();
}

#[test]
fn others_use_of_shared_files_cannot_be_watched_or_held_up() {
    let source = "import fcntl\nf = open(os.__file__); d = os.open(os.path.dirname(os.__file__), os.O_RDONLY)\n\
        for what, command, argument in ((f, 1024, fcntl.F_RDLCK), (d, 1026, 1)):\n    try: fcntl.fcntl(what, command, argument); print('done')\n    except OSError as e: print(e.errno)";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "38\n38\n");
    canary();
}

#[test]
fn no_filter_program_is_loaded_through_a_socket() {
    let source = "import socket, struct\ns = socket.socket(socket.AF_UNIX)\ncode = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0))\n\
        for option in (26, 50, 51, 52):\n    try: s.setsockopt(1, option, struct.pack('HxxxxxxP', 1, ctypes.addressof(code))); print('loaded')\n    except OSError as e: print(e.errno)";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "38\n38\n38\n38\n");
    canary();
}

#[test]
fn a_local_socket_of_the_host_cannot_be_reached() {
    let name = format!("rlef-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listening = UnixListener::bind_addr(&address).unwrap();
    let source = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect('\\0{name}'); print('reached')\nexcept OSError as e: print(e.errno)"
    );
    assert_eq!(printed(source, ""), "111\n");
    canary();
}

#[test]
fn every_namespace_is_another_than_the_hosts() {
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
    let source = format!(
        "for n in {names:?}: print(os.readlink('/proc/self/ns/' + n))\nfor n in {names:?}:\n    if os.fork() == 0: libc.setns(os.open('/proc/self/ns/' + n, 0), 0); os._exit(0)\n    if os.wait()[1] != 31: print('entered', n)"
    );
    let inside = printed(format!("{LIBC}{source}"), "");
    assert_eq!(inside.lines().count(), names.len(), "{inside}");
    for (name, inside) in names.iter().zip(inside.lines()) {
        let outside = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        assert_ne!(outside.to_string_lossy(), inside);
    }
    canary();
}

#[test]
fn the_identity_cannot_be_mapped_anew_and_groups_are_hidden() {
    let source = "for n in ('uid_map', 'gid_map', 'setgroups'):\n    try: os.write(os.open('/proc/self/' + n, os.O_WRONLY), b'0 0 1'); print('mapped', n)\n    except OSError: pass\n\
        print(os.getresuid(), os.getresgid(), {line.split(':')[2] for line in open('/proc/self/cgroup')}, os.uname().nodename)";
    assert_eq!(
        printed(format!("{LIBC}{source}"), ""),
        "(1000, 1000, 1000) (1000, 1000, 1000) {'/\\n'} jail\n"
    );
    canary();
}

/// The supervisor's environment holds what Cargo set, and more where it matters.
#[test]
fn nothing_of_the_supervisors_environment_is_passed_on() {
    assert!(std::env::vars_os().count() > 1);
    let source =
        "import os, sys\nprint(*sorted(os.environ))\nprint(sys.argv, sys.flags.ignore_environment)";
    assert_eq!(
        printed(source, ""),
        "HOME LANG MKL_NUM_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS PATH PYTHONHASHSEED\n['/program/main.py'] 0\n"
    );
    canary();
}

#[test]
fn there_is_no_shell_and_no_other_program_to_become() {
    let source = "import os\nprint([p for p in ('/bin/sh', '/bin/bash', '/usr/bin/env', '/usr/bin/perl', '/bin/mount', '/usr/bin/sudo', '/sbin/init') if os.path.exists(p)], os.system('true') != 0)";
    assert_eq!(printed(source, ""), "[] True\n");
    canary();
}

#[test]
fn a_filtered_call_inside_a_thread_ends_the_whole_process() {
    let source = "import threading, time\nthreading.Thread(target=lambda: libc.ptrace(0, 0, 0, 0)).start()\ntime.sleep(5)\nprint('alive')";
    let outcome = run(format!("{LIBC}{source}"), "");
    assert_eq!(
        (outcome.status, text(&outcome.stdout).as_str()),
        (Status::Denied, "")
    );
    canary();
}
