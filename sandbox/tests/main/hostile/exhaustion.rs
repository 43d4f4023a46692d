//! Programs that take all there is: processes, memory, disk, descriptors, output.

use std::time::Instant;

use rlef_sandbox::{Batch, Limits, Status};

use crate::support::{canary, job, limits, printed, run, run_with, sandbox, text};

fn contained(source: &str) {
    let began = Instant::now();
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 500,
            wall_ms: 5_000,
            ..limits()
        },
    );
    assert!(began.elapsed().as_secs() < 40, "{source}");
    assert!(outcome.stdout.len() <= 1 << 20, "{source}");
    canary();
}

#[test]
fn fork_bomb() {
    contained("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass");
}

#[test]
fn fork_bomb_whose_parents_leave() {
    contained(
        "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n    except OSError: pass",
    );
}

#[test]
fn fork_bomb_of_daemons() {
    contained(
        "import os\nwhile True:\n    try:\n        if os.fork() == 0:\n            os.setsid()\n            os.fork()\n    except OSError: pass",
    );
}

#[test]
fn exec_bomb() {
    contained("import os, sys\nos.execv(sys.executable, [sys.executable, __file__])");
}

#[test]
fn a_daemon_does_not_survive() {
    let source = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True:\n            time.sleep(0.05)\n            open('/tmp/alive', 'w').write('x')\n    os._exit(0)\ntime.sleep(0.2)\nprint('bye')";
    assert_eq!(printed(source, ""), "bye\n");
    assert_eq!(
        printed(
            "import os, time\ntime.sleep(0.3)\nprint(os.path.exists('/tmp/alive'))",
            ""
        ),
        "False\n"
    );
    canary();
}

#[test]
fn thread_bomb() {
    contained(
        "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(99,)).start()\n    except RuntimeError: pass",
    );
}

#[test]
fn memory_by_shared_mappings() {
    let source = "import mmap\nkept = []\nwhile True:\n    m = mmap.mmap(-1, 16 << 20, mmap.MAP_SHARED)\n    m.write(bytes(16 << 20))\n    kept.append(m)";
    assert_eq!(run(source, "").status, Status::MemoryLimit);
    canary();
}

#[test]
fn memory_by_files() {
    let source = "import os\nfor d in ('/box', '/tmp', '/dev/shm'):\n    try:\n        for i in range(9999): open('%s/%d' % (d, i), 'wb').write(bytes(1 << 20))\n    except OSError as e: print(e.errno)";
    let outcome = run_with(
        source,
        "",
        &Limits {
            file_bytes: 8 << 20,
            ..limits()
        },
    );
    assert_eq!(
        (outcome.status, text(&outcome.stdout).as_str()),
        (Status::Exited(0), "28\n28\n28\n")
    );
    canary();
}

#[test]
fn memory_by_pipes_and_sockets() {
    contained(
        "import os, socket\nkept = []\nwhile True:\n    try:\n        r, w = os.pipe(); os.set_blocking(w, False); kept.append(r)\n        while True: os.write(w, bytes(65536))\n    except BlockingIOError: pass\n    except OSError: pass",
    );
}

#[test]
fn inodes() {
    let source = "import os\ntry:\n    for i in range(10 ** 6): os.mkdir('d%d' % i)\nexcept OSError as e: print(e.errno)";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 5_000,
            ..limits()
        },
    );
    assert_eq!(
        (outcome.status, text(&outcome.stdout).as_str()),
        (Status::Exited(0), "28\n")
    );
    canary();
}

#[test]
fn a_sparse_file_and_a_huge_one() {
    let source = "import os\nfor n in (1 << 40, 1 << 30):\n    try:\n        with open('f', 'wb') as f: f.truncate(n)\n        print('made')\n    except OSError as e: print(e.errno)";
    assert_eq!(printed(source, ""), "27\n27\n");
    canary();
}

#[test]
fn directories_nested_deeply_are_wiped() {
    let source = "import os\nprint(len(os.listdir('.')))\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')\nos.chmod('/box/d', 0)";
    let outcomes = sandbox()
        .run_batch(&Batch::new(
            &job(source),
            &[b"", b"", b""],
            &Limits {
                cpu_ms: 5_000,
                ..limits()
            },
        ))
        .unwrap();
    for outcome in outcomes {
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "0\n"),
            "{}",
            text(&outcome.stderr)
        );
    }
    canary();
}

#[test]
fn output_without_end_on_both_streams() {
    let source = "import os, threading\ndef flood(n):\n    while True: os.write(n, b'x' * 65536)\nthreading.Thread(target=flood, args=(2,)).start()\nflood(1)";
    let outcome = run(source, "");
    assert_eq!(outcome.status, Status::OutputLimit);
    assert!(outcome.stdout.len() <= 1 << 20 && outcome.stderr.len() <= 1 << 20);
    canary();
}

#[test]
fn a_decompression_bomb() {
    let source = "import zlib\nd = zlib.decompressobj()\nc = zlib.compress(bytes(64 << 20))\nfor _ in range(3): c = zlib.compress(c)\nx = [zlib.decompress(zlib.compress(bytes(64 << 20))) for _ in range(50)]";
    assert_eq!(
        run_with(
            source,
            "",
            &Limits {
                cpu_ms: 20_000,
                ..limits()
            }
        )
        .status,
        Status::MemoryLimit
    );
    canary();
}

#[test]
fn a_number_too_large_to_print() {
    let outcome = run_with(
        "import sys\ngetattr(sys, 'set_int_max_str_digits', id)(0)\nprint(7 ** 10 ** 7)",
        "",
        &Limits {
            cpu_ms: 300,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    canary();
}

#[test]
fn stopping_itself_is_ended_by_the_wall_limit() {
    let source = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 100,
            wall_ms: 300,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    canary();
}

#[test]
fn many_open_files_and_watchers() {
    contained(
        "import select, os\nkept = []\nwhile True:\n    try: kept.append(select.epoll())\n    except OSError: pass",
    );
}

#[test]
fn timers_and_queued_signals() {
    contained(
        "import signal, os\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(34, 60))\nwhile True:\n    try: os.kill(os.getpid(), 40)\n    except OSError: pass",
    );
}
