//! Two programs that talk to each other.

use std::time::Instant;

use rlef_sandbox::{Cancel, Limits, Outcome, Side, Status};

use crate::support::{job, limits, sandbox, text};

fn pair(left: &str, right: &str) -> (Outcome, Outcome) {
    sandbox()
        .run_pair(
            &Cancel::never(),
            Side::new(&job(left), &limits()),
            Side::new(&job(right), &limits()),
        )
        .unwrap()
}

#[test]
fn questions_are_answered() {
    let asker = "import sys\ntotal = 0\nfor n in range(100):\n    print(n, flush=True)\n    total += int(input())\n\
                 print('total', total, file=sys.stderr)";
    let answerer = "import sys\nfor line in sys.stdin: print(int(line) ** 2, flush=True)";
    let (asker, answerer) = pair(asker, answerer);
    assert_eq!(
        (asker.status, answerer.status),
        (Status::Exited(0), Status::Exited(0))
    );
    assert_eq!(text(&asker.stderr), "total 328350\n");
    assert!(asker.stdout.is_empty() && answerer.stdout.is_empty());
}

#[test]
fn the_side_that_stays_sees_the_end_of_its_input() {
    let (left, right) = pair(
        "print('bye')",
        "import sys\nprint(repr(sys.stdin.read()), file=sys.stderr)",
    );
    assert_eq!(
        (left.status, right.status),
        (Status::Exited(0), Status::Exited(0))
    );
    assert_eq!(text(&right.stderr), "'bye\\n'\n");
}

#[test]
fn each_side_has_its_own_limits_and_failures() {
    let short = Limits {
        cpu_ms: 200,
        ..limits()
    };
    let (left, right) = sandbox()
        .run_pair(
            &Cancel::never(),
            Side::new(&job("while True: pass"), &short),
            Side::new(&job("print(input())"), &limits()),
        )
        .unwrap();
    assert_eq!(left.status, Status::TimeLimit);
    assert_eq!(right.status, Status::Exited(1));
    assert!(text(&right.stderr).ends_with("EOFError: EOF when reading a line\n"));
    let (left, right) = pair("print(1", "import sys; sys.exit(3)");
    assert_eq!(
        (left.status, right.status),
        (Status::CompileError, Status::Exited(3))
    );
}

#[test]
fn both_waiting_for_the_other_ends_by_the_wall_limit() {
    let short = Limits {
        cpu_ms: 100,
        wall_ms: 400,
        ..limits()
    };
    let (left, right) = sandbox()
        .run_pair(
            &Cancel::never(),
            Side::new(&job("input()"), &short),
            Side::new(&job("input()"), &limits()),
        )
        .unwrap();
    assert_eq!(left.status, Status::TimeLimit);
    assert_eq!(right.status, Status::Exited(1));
}

#[test]
fn the_side_that_stays_for_ever_is_ended_after_the_grace_period() {
    let config = rlef_sandbox::SandboxConfig {
        pair_grace_ms: 300,
        ..crate::support::config(1)
    };
    let sandbox = rlef_sandbox::Sandbox::new(config).unwrap();
    let began = Instant::now();
    let (left, right) = sandbox
        .run_pair(
            &Cancel::never(),
            Side::new(&job("pass"), &limits()),
            Side::new(&job("import time; time.sleep(100)"), &limits()),
        )
        .unwrap();
    assert_eq!(
        (left.status, right.status),
        (Status::Exited(0), Status::TimeLimit)
    );
    assert!(began.elapsed().as_secs() < 15);
}

#[test]
fn neither_side_sees_the_other() {
    let left = "import os, time\nopen('/tmp/secret', 'w').write('x')\nprint(os.listdir('/proc'), flush=True)\ninput()";
    let right = "import os, sys\nline = input()\nprint(os.path.exists('/tmp/secret'), len([p for p in os.listdir('/proc') if p.isdigit()]), file=sys.stderr)\nprint()";
    let (_, right) = pair(left, right);
    assert_eq!(text(&right.stderr), "False 1\n");
}
