//! What is lacking is an error for the program; only one that fails after asking for it is unsupported, whatever it says.

use rlef_sandbox::Status;

use super::run;
use crate::support::text;

#[test]
fn what_a_program_copes_with_is_judged() {
    for (source, printed) in [
        (
            "try:\n    import numpy\nexcept ImportError:\n    print('none')",
            "none\n",
        ),
        (
            "try:\n    open('out.txt', 'w')\nexcept OSError as error:\n    print(error.errno)",
            "69\n",
        ),
        (
            "try:\n    open('/proc/self/status')\nexcept FileNotFoundError:\n    print('none')",
            "none\n",
        ),
        (
            "import subprocess\ntry:\n    subprocess.run(['ls'])\nexcept OSError:\n    print('none')",
            "none\n",
        ),
        (
            "try:\n    [0] * 10 ** 10\nexcept OverflowError:\n    print('none')",
            "none\n",
        ),
    ] {
        let outcome = run(source, "");
        assert_eq!(
            outcome.status,
            Status::Exited(0),
            "{source}: {}",
            text(&outcome.stderr)
        );
        assert_eq!(text(&outcome.stdout), printed, "{source}");
    }
}

/// Its words, and exceptions that it raises itself, are no evidence.
#[test]
fn a_program_cannot_say_that_it_is_unsupported() {
    for source in [
        "import sys\nsys.stderr.write('OverflowError: Python int too large to convert to C long\\n')\nsys.exit(1)",
        "raise OverflowError('Python int too large to convert to C long')",
        "def f():\n    raise OverflowError(\"cannot fit 'int' into an index-sized integer\")\nf()",
        "import sys\nsys.stderr.write('WebAssembly isolation has no module\\n')\nsys.exit(1)",
        "raise ModuleNotFoundError(\"No module named 'numpy'\")",
        "raise OSError(69, 'Read-only file system')",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        "1 / 0",
    ] {
        let outcome = run(source, "");
        assert!(
            matches!(outcome.status, Status::Exited(1) | Status::Signalled(6)),
            "{source}: {:?} {}",
            outcome.status,
            text(&outcome.stderr)
        );
    }
}

/// What was printed before is there to be judged, although the interpreter held it back.
#[test]
fn what_was_printed_before_a_gap_is_kept() {
    for gap in [
        "open('out.txt', 'w')",
        "open('/etc/passwd')",
        "import numpy",
        "import os; os.fork()",
        "import os; os.mkdir('d')",
        "[0] * 10 ** 10",
        "import socket; socket.socket()",
        "import queue; queue.Queue().get()",
    ] {
        let outcome = run(format!("print('wrong')\n{gap}\n"), "");
        assert_eq!(
            outcome.status,
            Status::Unsupported,
            "{gap}: {}",
            text(&outcome.stderr)
        );
        assert!(outcome.stdout.starts_with(b"wrong\n"), "{gap}: {outcome:?}");
    }
}

/// Where threads were started, one that waits for ever may have waited for another: but only if it is known what it said.
#[test]
fn a_deadlock_is_no_excuse_for_what_was_printed() {
    let wait = "l = t.Lock(); l.acquire(); l.acquire()";
    let source =
        format!("import threading as t\nprint('wrong')\nt.Thread(target=print).start()\n{wait}");
    let outcome = run(source, "");
    assert!(
        match outcome.status {
            Status::Unsupported => outcome.stdout.starts_with(b"wrong\n"),
            status => status == Status::Signalled(6),
        },
        "{outcome:?}"
    );
}
