//! Programs that end early, lie about how they end, or print what confuses a reader.

use rlef_sandbox::{Limits, Status};

use crate::support::{canary, limits, printed, run, run_with, text};

#[test]
fn exit_zero_before_the_work_prints_nothing() {
    for source in [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "raise SystemExit(0)",
    ] {
        let outcome = run(format!("{source}\nprint(int(input()) * 2)"), "4\n");
        assert_eq!(
            (outcome.status, outcome.stdout.len()),
            (Status::Exited(0), 0)
        );
    }
    canary();
}

#[test]
fn a_correct_prefix_is_returned_as_it_is() {
    let outcome = run("import os\nprint(1, flush=True)\nos._exit(0)\nprint(2)", "");
    assert_eq!(text(&outcome.stdout), "1\n");
    canary();
}

#[test]
fn an_object_that_equals_everything_is_only_text_outside() {
    assert_eq!(
        printed(
            "class A:\n    def __eq__(self, other): return True\nprint(A.__eq__(0, 1), A() == 5)",
            ""
        ),
        "True True\n"
    );
    canary();
}

#[test]
fn catching_every_exception_does_not_stop_the_clock() {
    let source = "while True:\n    try:\n        while True: pass\n    except BaseException: pass";
    assert_eq!(
        run_with(
            source,
            "",
            &Limits {
                cpu_ms: 200,
                ..limits()
            }
        )
        .status,
        Status::TimeLimit
    );
    canary();
}

#[test]
fn ignoring_every_signal_does_not_stop_the_clock() {
    let source = "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass";
    assert_eq!(
        run_with(
            source,
            "",
            &Limits {
                cpu_ms: 200,
                ..limits()
            }
        )
        .status,
        Status::TimeLimit
    );
    canary();
}

#[test]
fn raising_the_own_limits_is_refused() {
    let source = "import resource as r\nfor k in (r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE):\n    try: r.setrlimit(k, (r.RLIM_INFINITY, r.RLIM_INFINITY)); print('raised', k)\n    except (ValueError, OSError): print('no')";
    assert_eq!(printed(source, ""), "no\nno\nno\n");
    canary();
}

#[test]
fn closed_standard_streams_harm_only_the_program() {
    for source in [
        "import os\nfor n in (0, 1, 2): os.close(n)",
        "import sys\nsys.stdin.close(); sys.stdout.close(); sys.stderr.close()",
        "import os\nos.dup2(0, 1)\nprint('to a file that cannot be written')",
    ] {
        let outcome = run(source, "x");
        assert!(outcome.stdout.is_empty(), "{source}");
        assert!(
            matches!(outcome.status, Status::Exited(0 | 120)),
            "{source}: {:?}",
            outcome.status
        );
    }
    canary();
}

#[test]
fn output_of_a_child_after_the_end_does_not_count() {
    let source = "import os, time\nif os.fork() == 0:\n    time.sleep(0.3)\n    os.write(1, b'late')\n    os._exit(0)\nprint('early')";
    assert_eq!(printed(source, ""), "early\n");
    canary();
}

#[test]
fn nul_invalid_utf8_and_escapes_pass_as_bytes() {
    let outcome = run("import os; os.write(1, b'\\0\\xff\\x1b[2J\\r\\n')", "");
    assert_eq!(outcome.stdout, b"\0\xff\x1b[2J\r\n");
    canary();
}

#[test]
fn one_huge_line_is_kept_up_to_the_cap() {
    let outcome = run("print('x' * 10_000_000)", "");
    assert_eq!(
        (outcome.status, outcome.stdout.len()),
        (Status::OutputLimit, 1 << 20)
    );
    canary();
}

#[test]
fn a_killed_child_is_not_taken_for_a_killed_program() {
    let source = "import os, signal\np = os.fork()\nif p == 0:\n    while True: pass\nos.kill(p, signal.SIGKILL)\nprint(os.waitpid(p, 0)[1])";
    assert_eq!(printed(source, ""), "9\n");
    canary();
}

#[test]
fn a_fake_memory_error_is_judged_as_any_failure() {
    let outcome = run(
        "import sys; print('MemoryError', file=sys.stderr); sys.exit(0)",
        "",
    );
    assert_eq!(outcome.status, Status::Exited(0));
    canary();
}

#[test]
fn deep_recursion_ends_in_the_programs_own_failure() {
    for source in [
        "def f(): f()\nf()",
        "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(): f()\nf()",
        "x = []\nfor _ in range(300000): x = [x]\nrepr(x)",
        "x = ()\nfor _ in range(1000000): x = (x,)\ndel x",
    ] {
        let outcome = run_with(
            source,
            "",
            &Limits {
                cpu_ms: 5_000,
                ..limits()
            },
        );
        let expected = [
            Status::Exited(1),
            Status::Signalled(11),
            Status::MemoryLimit,
            Status::Exited(0),
        ];
        assert!(
            expected.contains(&outcome.status),
            "{source}: {:?}",
            outcome.status
        );
    }
    canary();
}

#[test]
fn a_source_that_attacks_the_compiler_is_judged_by_the_limits() {
    let nested = format!("x = {}1", "-".repeat(200_000));
    let power = "x = 10 ** 10 ** 10".to_owned();
    let lines: Vec<String> = (0..150)
        .map(|depth| " ".repeat(depth) + "if 1:\n")
        .collect();
    let blocks = lines.concat();
    for source in [nested, power, blocks] {
        let outcome = run_with(&source, "", &limits());
        assert_ne!(outcome.status, Status::Exited(0), "{}", &source[..20]);
    }
    // Some versions manage this one, some find it too deep, one crashes: none may take the jail along.
    let sum = format!("x = {}", "1+".repeat(200_000) + "1");
    let outcome = run_with(
        &sum,
        "",
        &Limits {
            cpu_ms: 10_000,
            ..limits()
        },
    );
    assert!(
        !matches!(outcome.status, Status::Denied | Status::OutputLimit),
        "{:?}",
        outcome.status
    );
    canary();
}
