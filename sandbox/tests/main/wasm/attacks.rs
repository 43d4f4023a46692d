//! Attacks on WebAssembly isolation: each ends as an outcome, and the next program is judged correctly.

use rlef_sandbox::{Limits, Status};

use super::{run, run_with, text};
use crate::support::limits;

fn canary() {
    assert_eq!(text(&run("print(int(input()) * 2)", "21\n").stdout), "42\n");
}

#[test]
fn endless_work_ends_at_the_same_fuel() {
    let short = Limits {
        cpu_ms: 100,
        ..limits()
    };
    for source in [
        "while True: pass",
        "print(len(str(7 ** 7 ** 9)))",
        "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
        "import os\nwhile True: os.fstat(0)",
        "import time\nwhile True: time.time()",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ] {
        let first = run_with(source, "", &short);
        assert_eq!(
            first.status,
            Status::TimeLimit,
            "{source}: {}",
            text(&first.stderr)
        );
        assert_eq!(
            run_with(source, "", &short).usage.fuel,
            first.usage.fuel,
            "{source}"
        );
    }
    canary();
}

#[test]
fn sleeping_past_the_wall_limit_takes_no_time() {
    assert_eq!(
        run("import time\ntime.sleep(10 ** 6)", "").status,
        Status::TimeLimit
    );
    canary();
}

#[test]
fn memory_is_bounded_and_its_peak_reported() {
    for source in [
        "x = bytearray(1 << 29)",
        "x = []\nwhile True: x.append('a' * 10 ** 6)",
        "x = [0] * 10 ** 9",
    ] {
        let outcome = run(source, "");
        assert_eq!(
            outcome.status,
            Status::MemoryLimit,
            "{source}: {}",
            text(&outcome.stderr)
        );
        assert!(outcome.usage.memory_bytes <= limits().memory_bytes);
    }
    let outcome = run("x = bytearray(50 << 20)", "");
    assert_eq!(outcome.status, Status::Exited(0));
    assert!(
        outcome.usage.memory_bytes >= 40 << 20,
        "{:?}",
        outcome.usage
    );
    canary();
}

#[test]
fn output_is_bounded() {
    for source in [
        "while True: print('x' * 1000)",
        "import sys\nwhile True: sys.stderr.write('x' * 1000)",
        "import os\nwhile True:\n    try:\n        os.write(1, b'x' * 1000)\n    except BaseException: pass",
    ] {
        let outcome = run(source, "");
        assert_eq!(outcome.status, Status::OutputLimit, "{source}");
        assert!(outcome.stdout.len() <= limits().output_bytes as usize);
    }
    canary();
}

#[test]
fn deep_recursion_is_the_programs_own_failure() {
    for source in [
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
        "import sys\nsys.setrecursionlimit(10 ** 9)\nclass A:\n    def __eq__(self, other): return self == other\nA() == A()",
        "x = []\nfor i in range(10 ** 6): x = [x]\nprint(repr(x)[:1])",
        "eval('(' * 10000 + ')' * 10000)",
    ] {
        let outcome = run(source, "");
        assert!(
            !matches!(outcome.status, Status::Exited(0) | Status::Unsupported),
            "{source}: {:?}",
            outcome.status
        );
    }
    canary();
}

#[test]
fn the_host_is_out_of_reach() {
    for source in [
        "print(open('/etc/passwd').read())",
        "print(open('../../../../etc/passwd').read())",
        "import os\nprint(open('/proc/self/maps').read())",
        "import os\nos.listdir('/home')",
        "import ctypes",
    ] {
        let outcome = run(source, "");
        assert_ne!(outcome.status, Status::Exited(0), "{source}");
        assert!(outcome.stdout.is_empty());
    }
    let seen = run("import os\nprint(sorted(os.environ), os.listdir('/'))", "");
    assert_eq!(text(&seen.stdout), "['HOME'] []\n");
    canary();
}

#[test]
fn any_bytes_are_data() {
    for source in [
        &b"\0"[..],
        b"\xff\xfe",
        b"print(1)\0",
        b"# -*- coding: none -*-\nprint(1)",
    ] {
        assert_eq!(run(source, "").status, Status::CompileError, "{source:?}");
    }
    assert_eq!(run(b"", "").status, Status::Exited(0));
    canary();
}
