//! Programs that try to leave the jail.

use rlef_sandbox::Status;

use crate::support::{canary, printed, run, text};

/// Calls through ctypes; prints what each returns with its errno.
const LIBC: &str = "import ctypes, os, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n";

fn denied(call: &str) {
    let outcome = run(format!("{LIBC}{call}\nprint('still here')"), "");
    assert_eq!(
        outcome.status,
        Status::Denied,
        "{call}: {} {}",
        text(&outcome.stdout),
        text(&outcome.stderr)
    );
    canary();
}

macro_rules! denied {
    ($($name:ident: $call:expr;)*) => {
        $(#[test]
        fn $name() {
            denied($call);
        })*
    };
}

denied! {
    ptrace: "libc.ptrace(0, 0, 0, 0)";
    process_vm_readv: "libc.process_vm_readv(1, 0, 0, 0, 0, 0)";
    process_vm_writev: "libc.process_vm_writev(1, 0, 0, 0, 0, 0)";
    unshare_user: "libc.unshare(0x10000000)";
    unshare_mounts: "libc.unshare(0x20000)";
    setns: "libc.setns(0, 0)";
    mount: "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)";
    umount: "libc.umount2(b'/proc', 2)";
    chroot: "libc.chroot(b'/tmp')";
    pivot_root: "libc.syscall(155, b'/', b'/')";
    bpf: "libc.syscall(321, 0, 0, 0)";
    keyctl: "libc.syscall(250, 0, 0, 0)";
    userfaultfd: "libc.syscall(323, 0)";
    perf_event_open: "libc.syscall(298, 0, 0, 0, 0, 0)";
    io_uring: "libc.syscall(425, 1, 0)";
    open_by_handle: "libc.syscall(304, 0, 0, 0)";
    pidfd_getfd: "libc.syscall(438, 0, 0, 0)";
    kernel_log: "libc.klogctl(3, None, 0)";
    kernel_module: "libc.syscall(175, 0, 0, 0)";
    clone_into_a_user_namespace: "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)";
    old_system_call_interface: "import mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\nctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()";
    set_the_clock: "libc.syscall(227, 0, 0)";
    reboot: "libc.syscall(169, 0, 0, 0, 0)";
}

#[test]
fn new_style_clone_is_unknown() {
    assert_eq!(
        printed(
            format!("{LIBC}print(libc.syscall(435, 0, 0), ctypes.get_errno())"),
            ""
        ),
        "-1 38\n"
    );
    canary();
}

#[test]
fn the_second_numbering_of_system_calls_is_unknown() {
    assert_eq!(
        printed(
            format!("{LIBC}print(libc.syscall(0x40000000 + 39), ctypes.get_errno())"),
            ""
        ),
        "-1 38\n"
    );
    canary();
}

#[test]
fn another_filter_cannot_be_installed() {
    assert_eq!(
        printed(
            format!("{LIBC}print(libc.prctl(22, 1, 0, 0, 0), ctypes.get_errno())"),
            ""
        ),
        "-1 38\n"
    );
    canary();
}

#[test]
fn there_are_no_capabilities_and_no_way_to_more() {
    let source = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapPrm', 'CapEff', 'CapInh', 'CapAmb', 'NoNewPrivs', 'Seccomp:'))])";
    let zero = "0000000000000000";
    assert_eq!(
        printed(source, ""),
        format!("['{zero}', '{zero}', '{zero}', '{zero}', '1', '2']\n")
    );
    let source = "import os\nfor f, a in ((os.setuid, 0), (os.setgid, 0), (os.setgroups, [0]), (os.nice, -5)):\n    try: f(a); print('done', f)\n    except OSError as e: print(e.errno)";
    assert_eq!(
        printed(source, ""),
        "1\n1\n1\n1\n".replace("1\n1\n1\n1\n", &printed_errnos())
    );
    canary();
}

/// EPERM where the kernel checks a capability, EINVAL where the id has no mapping at all.
fn printed_errnos() -> String {
    "22\n22\n1\n1\n".to_owned()
}

#[test]
fn networks_of_every_family_are_refused() {
    let source = "import socket\nfor family in range(1, 46):\n    for kind in (1, 2, 3):\n        try: socket.socket(family, kind); print(family) if family != 1 else None\n        except OSError as e: assert e.errno in (13, 94), (family, kind, e)";
    assert_eq!(printed(source, ""), "");
    canary();
}

#[test]
fn no_network_interface_exists() {
    let source = "import os\nprint(os.path.exists('/sys'), os.path.exists('/proc/net'))";
    assert_eq!(printed(source, ""), "False False\n");
    canary();
}

#[test]
fn the_root_is_read_only_and_holds_nothing_of_the_host() {
    // Where NumPy is there, the links that its libraries lead through may be: links to what is shown, and nothing else.
    let source = "import os, sys\nprint(sorted(n for n in os.listdir('/etc') if n != 'alternatives'), sorted(os.listdir('/program')))\n\
        links = '/etc/alternatives'\n\
        for n in os.listdir(links) if os.path.isdir(links) else []: assert os.path.realpath(links + '/' + n).startswith('/usr/lib/') and '.so' in n, n\n\
        for p in ('/x', '/etc/x', '/usr/lib/x', '/program/x', '/dev/x', '/zygote/x', os.path.dirname(os.__file__) + '/x', '/proc/x'):\n\
        \x20   try: open(p, 'w'); print('wrote', p)\n    except OSError as e: assert e.errno in (30, 13, 2), (p, e)";
    assert_eq!(
        printed(source, ""),
        "['group', 'ld.so.cache', 'passwd'] ['main.py']\n"
    );
    canary();
}

#[test]
fn the_hosts_secrets_are_not_there() {
    let source = "import os\nfor p in ('/etc/shadow', '/root/.ssh', '/home', '/var', '/run', '/sys', '/boot', '/.dockerenv', '/proc/1/root/etc', '/proc/kcore', '/proc/sys', '/proc/cmdline', '/proc/mounts'):\n    if os.path.exists(p): print(p)";
    assert_eq!(printed(source, ""), "");
    canary();
}

#[test]
fn the_standard_library_cannot_be_poisoned() {
    let source = "import os, json, random\nn = 0\nfor m in (os, json, random):\n    for p in (m.__file__, os.path.dirname(m.__file__)):\n        for f in (lambda: open(p, 'r+b'), lambda: os.unlink(p), lambda: os.chmod(p, 0o777), lambda: os.rename(p, '/tmp/x')):\n            try: f(); print('did', p)\n            except OSError: n += 1\nprint(n)";
    assert_eq!(printed(source, ""), "24\n");
    canary();
}

#[test]
fn the_working_directory_cannot_be_left_upwards() {
    let source = "import os\nfor _ in range(100): os.chdir('..')\nprint(os.getcwd(), os.path.exists('etc/shadow'))";
    assert_eq!(printed(source, ""), "/ False\n");
    canary();
}

#[test]
fn links_lead_nowhere_else() {
    let source = "import os\nos.symlink('/etc/shadow', 's')\nos.symlink('/proc/1/root/etc/shadow', 't')\nos.symlink('../../../../etc/shadow', 'u')\nfor p in 'stu':\n    try: open(p); print('read', p)\n    except OSError: pass\nfor p in ('/program/main.py', '/etc/passwd'):\n    try: os.link(p, 'hard'); print('linked', p)\n    except OSError: pass\nprint('end')";
    assert_eq!(printed(source, ""), "end\n");
    canary();
}

#[test]
fn device_nodes_cannot_be_made_and_set_uid_means_nothing() {
    let source = "import os, stat\ntry: os.mknod('/tmp/d', 0o666 | stat.S_IFBLK, os.makedev(254, 0)); print('made')\nexcept OSError as e: print(e.errno)\nopen('f', 'w').write('x')\nos.chmod('f', 0o6777)\ntry: os.execv('./f', ['f'])\nexcept OSError as e: print(e.errno)";
    assert_eq!(printed(source, ""), "1\n13\n");
    canary();
}

#[test]
fn core_dumps_are_off() {
    let source = "import os, resource\nprint(resource.getrlimit(resource.RLIMIT_CORE), flush=True)\nif os.fork() == 0: os.abort()\nprint(os.WCOREDUMP(os.wait()[1]), os.listdir('.'))";
    assert_eq!(printed(source, ""), "(1, 1)\nFalse []\n");
    canary();
}

#[test]
fn terminals_cannot_be_typed_into() {
    let source = "import fcntl\nfor request in (0x5412, 0x541c):\n    try: fcntl.ioctl(0, request, b'x'); print('typed')\n    except OSError as e: print(e.errno)";
    assert_eq!(printed(source, ""), "38\n38\n");
    canary();
}
