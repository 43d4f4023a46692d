//! Files, directories, pipes and streams built to trip whoever must read or remove them.

use rlef_sandbox::{Batch, Limits, Status};

use crate::support::{canary, job, limits, printed, run, run_all, run_with, sandbox, text};

/// Each of three tests finds the three places empty and can use them.
fn is_wiped(source: &str) {
    let source = format!(
        "import os, socket, stat\nprint([n for p in ('/box', '/tmp', '/dev/shm') for n in os.listdir(p)], flush=True)\nopen('/box/try', 'w').write('x'); os.unlink('/box/try')\n{source}"
    );
    for outcome in run_all(source, &[b"", b"", b""]) {
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "[]\n"),
            "{}",
            text(&outcome.stderr)
        );
    }
    canary();
}

#[test]
fn files_of_every_kind() {
    is_wiped(
        "os.mkfifo('fifo', 0); os.mknod('node', stat.S_IFREG); os.symlink('/' * 4000, 'far')\ntry: os.mknod('white', stat.S_IFCHR, 0)\nexcept OSError: pass\ns = socket.socket(socket.AF_UNIX); s.bind('/tmp/socket'); os.chmod('/tmp/socket', 0)\nfor n in range(200): os.link('node', 'link%d' % n)",
    );
}

#[test]
fn directories_nobody_may_enter() {
    is_wiped(
        "for top in ('/box', '/tmp', '/dev/shm'):\n    for n in range(5):\n        os.makedirs('%s/%d/0/0/0' % (top, n)); open('%s/%d/0/0/f' % (top, n), 'w').close()\n        for tail in ('/0/0/0', '/0/0', '/0', ''): os.chmod('%s/%d%s' % (top, n, tail), 0)\n    os.chmod(top, 0)",
    );
}

#[test]
fn names_that_the_cleaning_itself_would_choose() {
    is_wiped(
        "for a in range(12):\n    for b in range(12):\n        os.makedirs('%d/%d/%d' % (a, b, a))",
    );
}

#[test]
fn thousands_of_small_files() {
    is_wiped("for n in range(3000): open('/tmp/%d' % n, 'w').close()");
}

#[test]
fn a_tree_as_deep_as_a_path_can_be_named_from_inside() {
    is_wiped("for _ in range(500): os.mkdir('x' * 200); os.chdir('x' * 200)\nos.chmod('.', 0)");
}

/// Files count as memory; what is left of it must suffice to remove them.
#[test]
fn memory_full_of_files_is_the_programs_failure() {
    let source = "import os\nprint(len(os.listdir('/tmp')), flush=True)\nn = 0\nwhile True:\n    child = os.fork()\n    if child == 0:\n        while True:\n            try: open('/tmp/%d-%d' % (os.getpid(), n), 'wb').write(b'x' * 4096)\n            except OSError: os._exit(1)\n            n += 1\n    if os.waitpid(child, 0)[1] == 256: break\nprint('full')";
    for (memory, files) in [
        (24 << 20, 64 << 20),
        (32 << 20, 32 << 20),
        (20 << 20, 16 << 20),
    ] {
        let small = Limits {
            memory_bytes: memory,
            file_bytes: files,
            cpu_ms: 5_000,
            ..limits()
        };
        let outcomes = sandbox()
            .run_batch(&Batch::new(&job(source), &[b"", b"", b""], &small))
            .unwrap_or_else(|error| panic!("{memory} {files}: failed to {error}"));
        for outcome in outcomes {
            assert!(
                outcome.status == Status::MemoryLimit || text(&outcome.stdout) == "0\nfull\n",
                "{outcome:?}"
            );
        }
        canary();
    }
}

#[test]
fn a_pipe_that_nobody_answers_is_ended_by_the_wall_limit() {
    let outcome = run_with(
        "import os\nos.mkfifo('f')\nopen('f').read()",
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

/// The pipe can be opened anew by its owner; what is read back is missing, and that is all.
#[test]
fn reading_the_own_output_back_only_removes_it() {
    let source = "import os\nprint('hidden', flush=True)\nd = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)\ntry: os.read(d, 100)\nexcept BlockingIOError: pass\nos.fchmod(1, 0)\nprint('shown')";
    let outcome = run(source, "");
    assert_eq!(outcome.status, Status::Exited(0));
    assert!(
        ["shown\n", "hidden\nshown\n"].contains(&text(&outcome.stdout).as_str()),
        "{outcome:?}"
    );
    canary();
}

#[test]
fn settings_of_the_output_pipe_do_not_confuse_its_reader() {
    for source in [
        "import os\nos.set_blocking(1, False)\nn = 0\nfor _ in range(5000):\n    try: n += os.write(1, b'x' * 100)\n    except BlockingIOError: pass",
        "import fcntl\nfor size in (4096, 1 << 20):\n    try: fcntl.fcntl(1, 1031, size)\n    except OSError: pass\nprint('x' * 100000)",
        "import fcntl, os, signal\nsignal.signal(signal.SIGIO, signal.SIG_IGN)\nfcntl.fcntl(1, fcntl.F_SETOWN, os.getpid()); fcntl.fcntl(1, fcntl.F_SETFL, os.O_ASYNC | os.O_APPEND)\nprint('x' * 100)",
        "import fcntl\nfcntl.flock(1, fcntl.LOCK_EX); fcntl.flock(0, fcntl.LOCK_EX)\nprint('x' * 100)",
        "import os\nfor _ in range(200000): os.write(1, b'x')",
    ] {
        let outcome = run_with(
            source,
            "",
            &Limits {
                cpu_ms: 5_000,
                ..limits()
            },
        );
        assert_eq!(
            outcome.status,
            Status::Exited(0),
            "{source}: {}",
            text(&outcome.stderr)
        );
        assert!(outcome.stdout.len() >= 100, "{source}");
        canary();
    }
}

#[test]
fn standard_descriptors_exchanged_for_others() {
    for (source, expected) in [
        (
            "import os\nfor n in (0, 1, 2): os.close(n)\nfor _ in range(3): os.open('/dev/null', os.O_RDWR)\nprint('x')",
            "",
        ),
        ("import os\nos.dup2(2, 1)\nprint('x')", ""),
        (
            "import os\nos.dup2(1, 0); os.dup2(1, 2)\nos.write(0, b'a'); os.write(2, b'b'); os.write(1, b'c')",
            "abc",
        ),
        (
            "import os\nos.close(1); os.open('/tmp/f', os.O_CREAT | os.O_RDWR)\nprint('x')",
            "",
        ),
        (
            "import os\nr, w = os.pipe(); os.dup2(w, 1); os.dup2(r, 0)\nprint('x')",
            "",
        ),
    ] {
        let outcome = run(source, "in");
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), expected),
            "{source}"
        );
    }
    canary();
}

#[test]
fn input_that_is_never_read_or_read_for_ever() {
    let input = "x".repeat(4 << 20);
    assert_eq!(printed("print('done')", &input), "done\n");
    let outcome = run_with(
        "import os\nwhile True: os.lseek(0, 0, 0); os.read(0, 1 << 20)",
        &input,
        &Limits {
            cpu_ms: 200,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    canary();
}

#[test]
fn messages_of_our_own_protocol_are_only_bytes_on_the_streams() {
    let source = "import os, struct\nfor n in (1, 2): os.write(n, struct.pack('<ciQQQQ', b'E', 0, 0, 0, 0, 0) + b'Y3.11' + b'{\"built\":{\"missing\":[]}}')\nos._exit(7)";
    let outcome = run(source, "");
    assert_eq!(outcome.status, Status::Exited(7));
    assert_eq!(
        (outcome.stdout[0], outcome.stdout.len()),
        (b'E', 37 + 5 + 24)
    );
    canary();
}

#[test]
fn right_output_before_a_bad_end_is_no_good_end() {
    for (end, status) in [
        ("os.kill(os.getpid(), 9)", Status::Signalled(9)),
        ("os.abort()", Status::Signalled(6)),
        ("os._exit(256 + 3)", Status::Exited(3)),
        ("1/0", Status::Exited(1)),
        ("os.kill(os.getpid(), signal.SIGSYS)", Status::Denied),
        ("os.kill(os.getpid(), signal.SIGXCPU)", Status::TimeLimit),
    ] {
        let outcome = run(
            format!("import os, signal\nprint('right', flush=True)\n{end}"),
            "",
        );
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (status, "right\n"),
            "{end}"
        );
    }
    canary();
}

#[test]
fn a_stream_closed_before_an_endless_loop_does_not_hide_it() {
    let source =
        "import os\nprint('x', flush=True)\nfor n in (0, 1, 2): os.close(n)\nwhile True: pass";
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
