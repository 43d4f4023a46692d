//! Processes that hide from the one that must end them, and what they try to keep alive.

use rlef_sandbox::{Limits, Status};

use crate::support::{canary, limits, printed, run, run_all, run_with, text};

const LIBC: &str =
    "import ctypes, os, signal, sys, time\nlibc = ctypes.CDLL(None, use_errno=True)\n";

/// Each of two tests finds no process but its own, and no file of the other.
fn leaves_no_process(source: &str) {
    let source = format!(
        "{LIBC}print(os.path.exists('/tmp/alive'), len([p for p in os.listdir('/proc') if p.isdigit()]), flush=True)\n\
         def linger():\n    while True:\n        try: open('/tmp/alive', 'w').write('x')\n        except OSError: pass\n{source}"
    );
    for outcome in run_all(source, &[b"", b"", b""]) {
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "False 1\n"),
            "{}",
            text(&outcome.stderr)
        );
    }
    canary();
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_sibling_instead_of_a_child() {
    leaves_no_process(
        "if libc.syscall(56, 0x8000 | 17, 0, 0, 0, 0) == 0: linger()\ntime.sleep(0.05)",
    );
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_child_that_ends_without_a_signal() {
    leaves_no_process(
        "for s in (0, 10, 40):\n    if libc.syscall(56, s, 0, 0, 0, 0) == 0: linger()\ntime.sleep(0.05)",
    );
}

#[test]
fn a_stopped_orphan() {
    leaves_no_process(
        "if os.fork() == 0:\n    if os.fork() == 0:\n        os.kill(os.getpid(), signal.SIGSTOP)\n        linger()\n    os._exit(0)\nos.wait()",
    );
}

#[test]
fn a_parent_that_ends_before_its_children() {
    leaves_no_process(
        "for _ in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        for n in (0, 1, 2): os.close(n)\n        linger()",
    );
}

#[test]
fn a_family_that_replaces_its_dead() {
    leaves_no_process(
        "def guard():\n    while True:\n        child = os.fork()\n        if child == 0:\n            os.setsid()\n            linger()\n        os.waitpid(child, 0)\nfor _ in range(4):\n    if os.fork() == 0: guard()\ntime.sleep(0.05)",
    );
}

#[test]
fn a_family_that_ignores_and_blocks_every_signal() {
    leaves_no_process(
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nfor _ in range(4):\n    if os.fork() == 0: linger()\ntime.sleep(0.05)\nos._exit(0)",
    );
}

#[test]
fn a_race_with_the_cleaning() {
    leaves_no_process(
        "if os.fork() == 0:\n    while True:\n        try:\n            os.makedirs('/box/a/b'); os.rename('/box/a', '/box/c'); os.symlink('/etc', '/box/a'); os.unlink('/box/a'); os.rename('/box/c', '/tmp/c')\n        except OSError:\n            try: os.rename('/tmp/c', '/box/a')\n            except OSError: pass\ntime.sleep(0.05)",
    );
}

/// Keeps others of these tests, in this process or in a variant's, from using up one user's descriptors in flight.
fn alone_with_descriptors() -> std::fs::File {
    let everywhere = std::fs::File::open("/etc/passwd").unwrap();
    everywhere.lock().unwrap();
    everywhere
}

/// What writes to the output is in flight between sockets that only know each other.
#[test]
fn output_kept_open_by_nobody() {
    let _alone = alone_with_descriptors();
    let source = "import array, os, socket\na, b = socket.socketpair()\nfor s in (a, b):\n    while True:\n        # Another program of the same user may have too many on their way.\n        try: s.sendmsg([b'x'], [(1, 1, array.array('i', [1, 2, a.fileno(), b.fileno()]))]); break\n        except OSError: pass\nprint('end')";
    for outcome in run_all(source, &[b"", b""]) {
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "end\n")
        );
    }
    canary();
}

/// The kernel counts descriptors in flight by user, who may be the supervisor's.
#[test]
fn descriptors_in_flight_do_not_keep_others_from_running() {
    let _alone = alone_with_descriptors();
    let source = "import array, os, socket, time\nfor _ in range(30):\n    if os.fork() == 0:\n        kept = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(20)]\n        time.sleep(0.2)\n        for a, b in kept:\n            try:\n                while True: a.sendmsg([b'x'], [(1, 1, array.array('i', [0] * 253))], socket.MSG_DONTWAIT)\n            except OSError: pass\n        time.sleep(2)\n        os._exit(0)\ntime.sleep(1.5)\nprint('end')";
    std::thread::scope(|scope| {
        let crowd = scope.spawn(|| run(source, ""));
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(300));
            assert_eq!(printed("print(1)", ""), "1\n");
        }
        assert_eq!(text(&crowd.join().unwrap().stdout), "end\n");
    });
    canary();
}

#[test]
fn every_signal_by_every_other_way_to_the_parent() {
    let source = "pid = os.pidfd_open(1) if hasattr(os, 'pidfd_open') else libc.syscall(434, 1, 0)\n\
        for s in range(1, 65):\n    libc.syscall(424, pid, s, None, 0)\n    libc.sigqueue(1, s, None)\n    libc.syscall(234, 1, 1, s)\n    libc.syscall(200, 1, s)\n\
        try: os.setpgid(0, os.getpgid(1)); os.killpg(os.getpgid(1), 9)\nexcept OSError: pass\nprint(os.getppid())";
    for outcome in run_all(format!("{LIBC}{source}"), &[b"", b""]) {
        assert_eq!(text(&outcome.stdout), "1\n", "{}", text(&outcome.stderr));
    }
    canary();
}

#[test]
fn queued_signals_are_bounded() {
    let source = "signal.pthread_sigmask(signal.SIG_BLOCK, [40])\nn = 0\nwhile n < 5000 and libc.sigqueue(os.getpid(), 40, None) == 0: n += 1\nprint(n <= 1024)";
    assert_eq!(printed(format!("{LIBC}{source}"), ""), "True\n");
    canary();
}

/// A process that another program was started in may write its own score; the kernel then picks another victim.
#[test]
fn a_victim_that_the_kernel_is_told_to_spare() {
    let source = "import os, sys\nif len(sys.argv) < 2: os.execv(sys.executable, [sys.executable, __file__, 'again'])\n\
        for score in ('-1000', '-1', '0'):\n    try: open('/proc/self/oom_score_adj', 'w').write(score)\n    except OSError: pass\n\
        kept = []\nwhile True: kept.append(bytearray(1 << 20))";
    for outcome in run_all(source, &[b"", b""]) {
        assert_eq!(
            outcome.status,
            Status::MemoryLimit,
            "{}",
            text(&outcome.stderr)
        );
    }
    canary();
}

#[test]
fn threads_that_go_on_when_the_program_has_ended() {
    let source = "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()\nprint('end', flush=True)";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 200,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    canary();
}

#[test]
fn work_in_threads_is_charged() {
    let source = "import hashlib, threading\ndata = bytes(1 << 24)\ndef f():\n    while True: hashlib.sha256(data).digest()\nfor _ in range(3): threading.Thread(target=f, daemon=True).start()\nf()";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 300,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    assert!(outcome.usage.cpu_us > 300_000, "{:?}", outcome.usage);
    canary();
}
