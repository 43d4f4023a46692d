//! Programs that attack the processes which run them.

use rlef_sandbox::{Batch, Limits, Status};

use crate::support::{canary, job, limits, printed, run, run_with, sandbox, starts_afresh, text};

/// The attack may kill the program itself, never the jail: the sandbox still answers, and rightly.
fn survives(source: &str) {
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 300,
            wall_ms: 3_000,
            ..limits()
        },
    );
    assert!(
        !matches!(outcome.status, Status::CompileError),
        "{}",
        text(&outcome.stderr)
    );
    canary();
}

#[test]
fn killing_everything_reachable() {
    survives("import os, signal\nos.kill(-1, signal.SIGKILL)\nprint('alone')");
    survives("import os, signal\nos.kill(0, signal.SIGKILL)");
    survives("import os, signal\nos.killpg(os.getpgid(0), signal.SIGKILL)");
}

#[test]
fn every_signal_to_the_parent() {
    let source = "import os\nfor s in range(1, 65):\n    try: os.kill(os.getppid(), s)\n    except OSError: pass\nprint(os.getppid())";
    assert_eq!(printed(source, ""), "1\n");
    canary();
}

#[test]
fn every_signal_to_every_process_id() {
    survives(
        "import os\nfor p in [*range(1, 3000), *range(-3000, -1)]:\n    for s in (2, 9, 15, 19):\n        if p != os.getpid():\n            try: os.kill(p, s)\n            except OSError: pass",
    );
}

#[test]
fn stopping_the_parent() {
    let source = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\nos.kill(1, signal.SIGTSTP)\nprint('tried')";
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &[b"", b""], &limits()))
        .unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.stdout == b"tried\n"));
    canary();
}

#[test]
fn killing_the_parent_between_tests_of_a_batch() {
    let source =
        "import os, signal\nos.kill(1, signal.SIGKILL)\nos.kill(1, signal.SIGINT)\nprint(input())";
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &[b"a\n", b"b\n"], &limits()))
        .unwrap();
    assert_eq!(outcomes[0].stdout, b"a\n");
    assert_eq!(outcomes[1].stdout, b"b\n");
    canary();
}

#[test]
fn lowering_the_limits_of_the_parent() {
    let source = "import os, resource\nfor p in (1, os.getppid(), os.getpid()):\n    for k in range(16):\n        try: resource.prlimit(p, k, (0, 0)); print('lowered', p, k)\n        except (OSError, ValueError): pass\nprint(input())";
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &[b"a\n", b"b\n"], &limits()))
        .unwrap();
    assert_eq!(
        (text(&outcomes[0].stdout), text(&outcomes[1].stdout)),
        ("a\n".to_owned(), "b\n".to_owned())
    );
    canary();
}

#[test]
fn slowing_the_parent_down() {
    let source = "import os\nfor p in (0, 1):\n    try: os.setpriority(os.PRIO_PROCESS, p, 19); os.sched_setaffinity(p, {0})\n    except OSError: pass\nprint(input())";
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &[b"a\n", b"b\n"], &limits()))
        .unwrap();
    assert_eq!(
        (text(&outcomes[0].stdout), text(&outcomes[1].stdout)),
        ("a\n".to_owned(), "b\n".to_owned())
    );
    canary();
}

#[test]
fn no_descriptor_is_inherited_but_the_three() {
    let source = "import os\nfound = []\nfor n in range(3, 4096):\n    try: os.fstat(n); found.append(n)\n    except OSError: pass\nprint(found, sorted(os.listdir('/proc/self/fd')))";
    assert_eq!(printed(source, ""), "[] ['0', '1', '2', '3']\n");
    let outcome = sandbox()
        .run(&crate::support::exec_job(source), b"", &limits())
        .unwrap();
    assert_eq!(text(&outcome.stdout), "[] ['0', '1', '2', '3']\n");
    canary();
}

#[test]
fn writing_to_every_descriptor_reaches_nobody() {
    let source = "import os\nfor n in range(3, 256):\n    try: os.write(n, b'E' + bytes(36))\n    except OSError: pass\nprint('x')";
    assert_eq!(printed(source, ""), "x\n");
    canary();
}

#[test]
fn standard_input_cannot_be_written_or_changed() {
    let source = "import os\nfor n in (lambda: os.write(0, b'x'), lambda: os.ftruncate(0, 0), lambda: os.write(os.open('/proc/self/fd/0', os.O_RDWR), b'x')):\n    try: n(); print('changed')\n    except OSError: pass\nprint(open(0).read())";
    let outcome = run(source, "input");
    assert_eq!(
        text(&outcome.stdout),
        "input\n",
        "{}",
        text(&outcome.stderr)
    );
    canary();
}

#[test]
fn only_the_own_processes_are_seen_and_the_parents_memory_is_closed() {
    let source = "import os\nprint(len([p for p in os.listdir('/proc') if p.isdigit()]))\nfor p in range(1, 200):\n    for f in ('mem', 'environ', 'maps', 'cmdline', 'fd', 'root', 'cwd', 'stat'):\n        path = '/proc/%d/%s' % (p, f)\n        if os.path.exists(path) and os.path.realpath('/proc/self') != '/proc/%d' % p: print(path)";
    assert_eq!(printed(source, ""), "1\n");
    canary();
}

#[test]
fn the_own_memory_cannot_be_opened_either() {
    let source = "for f in ('mem', 'environ'):\n    try: open('/proc/self/' + f, 'rb'); print('opened', f)\n    except OSError as e: print(e.errno)";
    // A fresh interpreter may look into itself: it is a copy of nothing of ours.
    let expected = if starts_afresh() {
        "opened mem\nopened environ\n"
    } else {
        "13\n13\n"
    };
    assert_eq!(printed(source, ""), expected);
    canary();
}

#[test]
fn there_is_no_frame_below_and_nothing_of_ours_among_the_modules() {
    let source = "import sys, gc\nprint(sys._getframe().f_back, [m for m in sys.modules if 'zygote' in m or 'customize' in m])\nprint([o for o in gc.get_objects() if 'Zygote' in type(o).__name__], [p for p in sys.path if 'zygote' in p])";
    assert_eq!(printed(source, ""), "None []\n[] []\n");
    canary();
}

#[test]
fn what_lies_in_memory_tells_nothing_of_other_programs() {
    let secret = "import sys\nopen('/tmp/x', 'w').write('tell-' + 'tale')\nx = 'tell-' + 'tale'\nprint(len(x))";
    assert_eq!(printed(secret, ""), "9\n");
    let source = "import gc\ngc.unfreeze()\nneedle = 'tell-' + 'tale'\nprint(sum(1 for o in gc.get_objects() if isinstance(o, dict) for v in list(o.values()) if isinstance(v, str) and v == needle and o is not globals()))";
    assert_eq!(printed(source, ""), "0\n");
    canary();
}

#[test]
fn handlers_left_in_the_interpreter_do_not_reach_the_next_test() {
    let source = "import sys, atexit, builtins, os\nprint(getattr(builtins, 'mark', 'clean'), os.environ.get('MARK'), sys.getrecursionlimit())\nbuiltins.mark = 'dirty'\nos.environ['MARK'] = 'dirty'\nsys.setrecursionlimit(5000)\natexit.register(os._exit, 0)\nos.register_at_fork(before=lambda: os._exit(3))";
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &[b"", b""], &limits()))
        .unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.stdout == b"clean None 1000\n" || outcome.stdout.is_empty())
    );
    assert_eq!(outcomes[0].stdout, outcomes[1].stdout);
    canary();
}

#[test]
fn the_exit_path_can_be_tampered_with_but_harms_only_the_program() {
    for source in [
        "import os\nos._exit = None\nprint('x')",
        "import gc\ngc.collect = None\nprint('x')",
        "import sys\nsys.last_type = 5\nprint('x')",
        "import sys\ndel sys.modules['__main__']\nprint('x')",
        "import sys\nsys.modules.clear()\nprint('x')",
        "import atexit\natexit._clear()\nprint('x')",
        "globals().clear()\n__builtins__.print('x') if '__builtins__' in globals() else 0",
        "import sys\nsys.stdout = None",
        "import sys\nsys.stdout = 5",
        "del __file__\nprint('x')",
    ] {
        let outcome = run(source, "");
        assert!(
            matches!(outcome.status, Status::Exited(_)),
            "{source}: {:?} {}",
            outcome.status,
            text(&outcome.stderr)
        );
    }
    canary();
}
