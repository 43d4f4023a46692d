//! How a run ends, and what it cost.

use rlef_sandbox::{Batch, Limits, SandboxError, Status};

use crate::support::{exec_job, job, limits, printed, run, sandbox, text};

#[test]
fn a_program_reads_and_prints() {
    let outcome = run("print(sum(map(int, input().split())))", "1 2 3\n");
    assert_eq!(
        (outcome.status, text(&outcome.stdout).as_str()),
        (Status::Exited(0), "6\n")
    );
    assert!(outcome.stderr.is_empty());
    assert!(
        (1..1_000_000).contains(&outcome.usage.cpu_us),
        "{:?}",
        outcome.usage
    );
    assert!(outcome.usage.wall_us >= 1, "{:?}", outcome.usage);
}

#[test]
fn an_exit_code_is_reported() {
    for (source, code) in [
        ("import sys; sys.exit(3)", 3),
        ("raise SystemExit", 0),
        ("exit(4)", 4),
        ("import os; os._exit(5)", 5),
        ("import sys; sys.exit('words')", 1),
        ("import sys; sys.exit(-1)", 255),
        ("import sys; sys.exit(256 + 7)", 7),
        ("import sys; sys.exit(True)", 1),
        ("import sys; sys.exit((1, 2))", 1),
        ("import sys; sys.exit(2.5)", 1),
        ("import sys; sys.exit(10 ** 30)", 255),
        ("quit()", 0),
        ("raise SystemExit(9)", 9),
        ("import sys\ntry: sys.exit(3)\nexcept: pass", 0),
        ("import sys\ntry: sys.exit(3)\nexcept: pass\nsys.exit(4)", 4),
        (
            "import sys\ntry: sys.exit(3)\nexcept SystemExit: raise SystemExit(5)",
            5,
        ),
        ("import sys\ntry: sys.exit(3)\nfinally: print()", 3),
        (
            "import sys, threading\nthreading.Thread(target=sys.exit, args=(3,)).start()",
            0,
        ),
        (
            "import sys, atexit\natexit.register(sys.exit, 6)\nsys.exit(4)",
            4,
        ),
        ("import sys\nclass A: leave = sys.exit\nA().leave(8)", 8),
        ("import sys\nsys.exit(2, 3)", 1),
        ("import argparse; argparse.ArgumentParser().error('x')", 2),
        ("1 / 0", 1),
        ("", 0),
    ] {
        assert_eq!(run(source, "").status, Status::Exited(code), "{source}");
    }
}

#[test]
fn an_uncaught_exception_leaves_the_interpreters_own_traceback() {
    let outcome = run(
        "def first():\n    second()\n\ndef second():\n    raise ValueError('no')\n\nfirst()\n",
        "",
    );
    let words = text(&outcome.stderr);
    let files: Vec<&str> = words
        .lines()
        .filter(|line| line.starts_with("  File "))
        .collect();
    assert_eq!(
        files,
        [
            "  File \"/program/main.py\", line 7, in <module>",
            "  File \"/program/main.py\", line 2, in first",
            "  File \"/program/main.py\", line 5, in second",
        ]
    );
    assert!(
        words.contains("    second()\n") && words.ends_with("ValueError: no\n"),
        "{words}"
    );
}

#[test]
fn a_signal_is_reported() {
    let source = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)";
    assert_eq!(run(source, "").status, Status::Signalled(11));
    assert_eq!(
        run("import os; os.abort()", "").status,
        Status::Signalled(6)
    );
    assert_eq!(
        run("import os, signal; os.kill(os.getpid(), signal.SIGINT)", "").status,
        Status::Signalled(2)
    );
}

#[test]
fn a_source_that_does_not_compile_says_why() {
    for (source, words) in [
        (&b"print(1\n"[..], "SyntaxError: "),
        (b"if True:\nx = 1\n", "IndentationError: "),
        (b"x = '\xff'\n", "SyntaxError: "),
        (b"# coding: no-such-coding\n", "SyntaxError: "),
        // "too many nested parentheses", or the parser's own stack on old versions.
        (
            &[b"x = ".to_vec(), b"(".repeat(500), b")".repeat(500)].concat(),
            "Error",
        ),
    ] {
        let outcome = run(source, "");
        assert_eq!(
            outcome.status,
            Status::CompileError,
            "{} {}",
            text(source),
            text(&outcome.stderr)
        );
        assert!(
            text(&outcome.stderr).contains(words),
            "{}",
            text(&outcome.stderr)
        );
    }
}

#[test]
fn a_source_that_does_not_compile_is_tried_once_for_all_inputs() {
    let inputs: [&[u8]; 3] = [b"1", b"2", b"3"];
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job("print(1"), &inputs, &limits()))
        .unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.status == Status::CompileError),
        "{outcomes:?}"
    );
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.stderr == outcomes[0].stderr && !outcome.stderr.is_empty())
    );
    assert_eq!(outcomes.len(), 3);
}

#[test]
fn a_batch_starts_each_run_afresh_and_stops_when_told() {
    let source =
        "import os\nopen('count', 'a').write('x')\nprint(len(open('count').read()), input())";
    let inputs: [&[u8]; 4] = [b"a\n", b"b\n", b"c\n", b"d\n"];
    let seen = std::sync::Mutex::new(Vec::new());
    let outcomes = sandbox()
        .run_batch(
            &Batch::new(&job(source), &inputs, &limits()).going_on_while(&|index, outcome| {
                seen.lock().unwrap().push((index, text(&outcome.stdout)));
                index < 2
            }),
        )
        .unwrap();
    assert_eq!(outcomes.len(), 3);
    assert_eq!(
        seen.into_inner().unwrap(),
        [
            (0, "1 a\n".to_owned()),
            (1, "1 b\n".to_owned()),
            (2, "1 c\n".to_owned())
        ]
    );
}

#[test]
fn a_batch_goes_on_after_a_run_that_was_stopped() {
    let source = "n = int(input())\nwhile n == 2: pass\nprint(n)";
    let inputs: [&[u8]; 3] = [b"1\n", b"2\n", b"3\n"];
    let short = Limits {
        cpu_ms: 200,
        ..limits()
    };
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &inputs, &short))
        .unwrap();
    let statuses: Vec<Status> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(
        statuses,
        [Status::Exited(0), Status::TimeLimit, Status::Exited(0)]
    );
    assert_eq!(outcomes[2].stdout, b"3\n");
}

#[test]
fn no_input_is_no_run() {
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job("print(1)"), &[], &limits()))
        .unwrap();
    assert!(outcomes.is_empty());
}

#[test]
fn fork_and_exec_give_equal_outcomes() {
    for source in [
        "print(input()); print(input())",
        "import sys; print(sys.argv, __name__, __file__, sys.path[0], sys.flags, sys.getrecursionlimit())",
        "import sys; print(sys.executable, sys.version, sys.prefix, sys.orig_argv if hasattr(sys, 'orig_argv') else 0)",
        "import os, sys; print(os.getcwd(), sorted(os.environ.items()), os.listdir('.'))",
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nfor n in range(900, 1100): print(f(n))",
        "import sys\nf = sys._getframe()\nprint(f.f_back, f.f_code.co_filename, f.f_lineno)",
        "print(hash('text'), {'b', 'a', 'c'})",
        "import atexit; atexit.register(print, 'last'); print('first')",
        "class A:\n    def __del__(self): print('gone')\na = A()",
        "import sys; out = open(1, 'w', closefd=False); out.write('unflushed')",
        "def g():\n    try: yield 1\n    finally: print('closed')\nx = g(); next(x)",
        "import os, threading\nif os.fork() == 0:\n    t = threading.Thread(target=print, args=('child',)); t.start(); t.join()\nelse: os.wait(); print(threading.active_count(), threading.main_thread() is threading.current_thread())",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()\nprint('early')",
        "import sys; sys.stdout.write('no newline')",
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)",
        "assert False, 'reason'",
        "raise KeyboardInterrupt",
        "import sys; sys.stdout.close()",
        "import os; os.close(1); print('lost')",
        "import ctypes; ctypes.CDLL(None).puts(b'c stdio')",
        "print(len(open(__file__).read()), __builtins__.__name__, __spec__, __doc__)",
        "'doc'\nprint(__doc__, __annotations__ if '__annotations__' in globals() else None)",
        "from __future__ import annotations\nx: int = 1\nprint(__annotations__)",
        "print('\\d', '\\ud800'.encode('utf-8', 'surrogatepass'), 'é')",
        "import traceback; traceback.print_stack(); print('\\udcff')",
        "def f(:\n  pass",
        "x = 1\0\nprint(x)",
        "\u{feff}print('mark')",
        "# coding: latin-1\nprint('\u{e9}')",
        "print(1)\r\nprint(2)\rprint(3)",
        "\tx = 1\n  y = 2",
        "import signal; print([(s, signal.getsignal(s)) for s in (2, 13, 15, 17, 25)])",
        "import gc; print(gc.isenabled(), gc.get_threshold())",
        "import sys; print(sys.stdin.seekable(), sys.stdout.seekable(), sys.stdin.encoding, sys.stdout.errors)",
        "import resource; print([resource.getrlimit(k) for k in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)])",
        "import warnings; warnings.warn('careful'); print(1 is 1)",
        "import sys; print(sys.exit, sys.exit.__name__, exit, quit); sys.exit('words')",
        "import sys; sys.exit((1, 'two'))",
    ] {
        // Room for a thread's stack even where address space is what is limited.
        let roomy = Limits {
            memory_bytes: 1 << 30,
            ..limits()
        };
        let forked = sandbox().run(&job(source), b"one\ntwo\n", &roomy).unwrap();
        let executed = sandbox()
            .run(&exec_job(source), b"one\ntwo\n", &roomy)
            .unwrap();
        assert_eq!(text(&forked.stdout), text(&executed.stdout), "{source}");
        assert_eq!(text(&forked.stderr), text(&executed.stderr), "{source}");
        let compile_error =
            forked.status == Status::CompileError && executed.status == Status::Exited(1);
        assert!(
            forked.status == executed.status || compile_error,
            "{source}: {forked:?} {executed:?}"
        );
    }
}

#[test]
fn random_numbers_differ_between_runs() {
    let source = "import random; print(random.random())";
    assert_ne!(printed(source, ""), printed(source, ""));
    let inputs: [&[u8]; 2] = [b"", b""];
    for source in [
        source,
        "print(__import__('random').random())",
        "import statistics, sys; print(sys.modules['random'].random())",
    ] {
        let outcomes = sandbox()
            .run_batch(&Batch::new(&job(source), &inputs, &limits()))
            .unwrap();
        assert_ne!(outcomes[0].stdout, outcomes[1].stdout, "{source}");
    }
    let forked = "import os, random\nif os.fork(): os.wait()\nprint(random.random(), flush=True)\nos._exit(0)";
    let words = printed(forked, "");
    let numbers: Vec<&str> = words.lines().collect();
    assert!(numbers.len() == 2 && numbers[0] != numbers[1], "{words}");
}

#[test]
fn usage_is_measured() {
    let busy = run("n = 0\nfor i in range(2000000): n += i\nprint(n)", "");
    let idle = run("import time; time.sleep(0.3)", "");
    assert!(busy.usage.cpu_us > 20_000, "{:?}", busy.usage);
    assert!(
        idle.usage.wall_us > 300_000 && idle.usage.cpu_us < 150_000,
        "{:?}",
        idle.usage
    );
    // The kernel charges memory in batches, and gives some of it back late.
    let large = run("x = bytearray(50 << 20)\nprint(len(x))", "");
    assert!(
        (45 << 20..100 << 20).contains(&large.usage.memory_bytes),
        "{:?}",
        large.usage
    );
}

#[test]
fn children_are_charged_to_the_program() {
    let source = "import os\nif os.fork() == 0:\n    n = 0\n    for i in range(3000000): n += i\n    os._exit(0)\nos.wait()";
    let alone = run("n = 0\nfor i in range(3000000): n += i", "")
        .usage
        .cpu_us;
    assert!(run(source, "").usage.cpu_us > alone / 2);
}

#[test]
fn contradictory_limits_are_refused() {
    let refused = Limits {
        cpu_ms: 1000,
        wall_ms: 10,
        ..Limits::default()
    };
    let result = sandbox().run(&job("print(1)"), b"", &refused);
    assert!(
        matches!(result, Err(SandboxError::BadLimits(_))),
        "{result:?}"
    );
}
