//! The fifteen ways to read and print on which judges differ, beside plain `python3 sol.py` on this host: the same
//! output, the same exit code, the same words on standard error, whether the program ends well or not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rlef_sandbox::{Outcome, Start, Status};

use crate::support::{job, limits, sandbox, text};

const INPUT: &str = "3\n1 2 3\nlast line\u{e9}\n";

/// Each sums the numbers of the second line and says so.
const IDIOMS: [(&str, &str); 15] = [
    ("input", "input()\nprint(sum(map(int, input().split())))"),
    (
        "for line in sys.stdin",
        "import sys\nrows = []\nfor line in sys.stdin: rows.append(line)\nprint(sum(map(int, rows[1].split())), repr(rows[2]))",
    ),
    (
        "sys.stdin.read",
        "import sys\nprint(sum(map(int, sys.stdin.read().split()[1:4])))",
    ),
    (
        "sys.stdin.readline",
        "import sys\ninput = sys.stdin.readline\ninput()\nprint(sum(map(int, input().split())), repr(input()), repr(input()))",
    ),
    (
        "two sys.stdin.buffer.readline",
        "import sys\nread = sys.stdin.buffer.readline\nn = int(read())\nprint(n, sum(map(int, read().split())))",
    ),
    (
        "sys.stdin.buffer.read",
        "import sys\ndata = sys.stdin.buffer.read()\nprint(sum(map(int, data.split()[1:4])), data[-4:])",
    ),
    (
        "open(0)",
        "rows = open(0).read().splitlines()\nprint(sum(map(int, rows[1].split())))",
    ),
    (
        "os.read(0)",
        "import os\ndata = os.read(0, 1 << 16)\nprint(sum(map(int, data.split()[1:4])), len(data))",
    ),
    (
        "global",
        "total = 0\ndef add(n):\n    global total\n    total += n\ninput()\nfor n in map(int, input().split()): add(n)\nprint(total)",
    ),
    (
        "sys.stdout.buffer.write",
        "import sys\ninput()\nsys.stdout.buffer.write(b'%d\\n' % sum(map(int, input().split())))",
    ),
    (
        "os.write",
        "import os\ninput()\nos.write(1, b'%d\\n' % sum(map(int, input().split())))",
    ),
    (
        "flush at exit",
        "import atexit, io, sys\nbuffer = io.StringIO()\nsys.stdout = buffer\natexit.register(lambda: sys.__stdout__.write(buffer.getvalue()))\ninput()\nprint(sum(map(int, input().split())))",
    ),
    (
        "exit()",
        "input()\nprint(sum(map(int, input().split())))\nif input(): exit()\nprint('never')",
    ),
    (
        "main guard",
        "import sys\ndef main():\n    input()\n    print(sum(map(int, input().split())), __name__, sys.argv[1:], __file__ == sys.argv[0])\nif __name__ == '__main__':\n    main()",
    ),
    (
        "thread with a large stack",
        "import sys, threading\nsys.setrecursionlimit(1 << 20)\nthreading.stack_size(1 << 26)\ndef main():\n    input()\n    print(sum(map(int, input().split())))\nthread = threading.Thread(target=main)\nthread.start()\nthread.join()",
    ),
];

/// How it ends: by itself, or one of the ways that end a program with words on standard error or another code.
const ENDS: [(&str, &str); 6] = [
    ("well", ""),
    (
        "by an exception",
        "def f(n):\n    if n == 0: raise ValueError('no \\u20ac')\n    f(n - 1)\nf(3)",
    ),
    ("by an exit code", "import sys\nsys.exit(3)"),
    ("by words", "raise SystemExit('gone wrong')"),
    (
        "by an exception while another is handled",
        "try:\n    {}['k']\nexcept KeyError as e:\n    raise RuntimeError('second') from e",
    ),
    (
        "by deep recursion",
        "import sys\nsys.setrecursionlimit(200)\ndef f(n): return f(n + 1)\nf(0)",
    ),
];

/// What a program printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct End {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

/// The interpreter that the sandbox found.
fn interpreter() -> PathBuf {
    let name = &sandbox().protection().interpreter;
    let path = name.rsplit_once(" (").map(|(path, _)| path);
    PathBuf::from(path.unwrap_or_else(|| panic!("{name}")))
}

fn plain(python: &Path, source: &str) -> End {
    let directory = tempfile::tempdir().unwrap();
    let (program, input) = (
        directory.path().join("sol.py"),
        directory.path().join("input"),
    );
    std::fs::write(&program, source).unwrap();
    std::fs::write(&input, INPUT).unwrap();
    let output = Command::new(python)
        .arg(&program)
        .env_clear()
        .envs([("LANG", "C.UTF-8"), ("PYTHONHASHSEED", "0")])
        .stdin(Stdio::from(std::fs::File::open(&input).unwrap()))
        .output()
        .unwrap();
    let name = program.to_str().unwrap();
    End {
        stdout: text(&output.stdout).replace(name, "PROGRAM"),
        stderr: text(&output.stderr).replace(name, "PROGRAM"),
        code: output.status.code(),
    }
}

fn jailed(source: &str, start: Start) -> End {
    let job = rlef_sandbox::Job {
        start,
        ..job(source)
    };
    let outcome: Outcome = sandbox()
        .run(&job, INPUT.as_bytes(), &limits())
        .unwrap_or_else(|error| panic!("failed to {error}"));
    End {
        stdout: text(&outcome.stdout).replace("/program/main.py", "PROGRAM"),
        stderr: text(&outcome.stderr).replace("/program/main.py", "PROGRAM"),
        code: match outcome.status {
            Status::Exited(code) => Some(code),
            other => panic!("{other:?}: {source}"),
        },
    }
}

#[test]
fn fifteen_idioms_end_as_under_plain_python() {
    let python = interpreter();
    for (name, idiom) in IDIOMS {
        for (how, end) in ENDS {
            let source = format!("{idiom}\n{end}\n");
            let expected = plain(&python, &source);
            assert!(
                expected.stdout.starts_with('6') || expected.stdout.starts_with("3 6"),
                "{name}, {how}: {expected:?}"
            );
            for start in [Start::Fork, Start::Exec] {
                assert_eq!(jailed(&source, start), expected, "{name}, {how}, {start:?}");
            }
        }
    }
}
