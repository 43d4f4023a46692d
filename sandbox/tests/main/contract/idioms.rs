//! The ways in which programs read and write; a judge that fails one of them punishes correct programs.

use crate::support::{printed, run, text};

const INPUT: &str = "3\n1 2 3\n";

fn sums(source: &str) {
    assert_eq!(printed(source, INPUT), "6\n", "{source}");
}

macro_rules! idiom {
    ($name:ident, $source:expr) => {
        #[test]
        fn $name() {
            sums($source);
        }
    };
}

idiom!(
    input_function,
    "input(); print(sum(map(int, input().split())))"
);
idiom!(
    lines_of_stdin,
    "import sys\nrows = [line for line in sys.stdin]\nprint(sum(map(int, rows[1].split())))"
);
idiom!(
    read_all_of_stdin,
    "import sys\nprint(sum(map(int, sys.stdin.read().split()[1:])))"
);
idiom!(
    buffer_read,
    "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split()[1:])))"
);
idiom!(
    buffer_readline_twice,
    "import sys\nread = sys.stdin.buffer.readline\nread()\nprint(sum(map(int, read().split())))"
);
idiom!(
    open_zero,
    "print(sum(map(int, open(0).read().split()[1:])))"
);
idiom!(
    os_read_zero,
    "import os\nprint(sum(map(int, os.read(0, 1000).split()[1:])))"
);
idiom!(
    dev_stdin,
    "print(sum(map(int, open('/dev/stdin').read().split()[1:])))"
);
idiom!(
    fileinput_module,
    "import fileinput\nrows = list(fileinput.input())\nprint(sum(map(int, rows[1].split())))"
);
idiom!(
    global_statement,
    "total = 0\ndef add(n):\n    global total\n    total += n\ninput()\nfor n in map(int, input().split()): add(n)\nprint(total)"
);
idiom!(
    stdout_buffer_write,
    "import sys\ninput()\nsys.stdout.buffer.write(b'%d\\n' % sum(map(int, input().split())))"
);
idiom!(
    os_write_one,
    "import os\ninput()\nos.write(1, b'%d\\n' % sum(map(int, input().split())))"
);
idiom!(
    exit_in_the_middle,
    "input()\nprint(sum(map(int, input().split())))\nexit()\nprint('never')"
);
idiom!(
    print_at_exit,
    "import atexit\nout = []\natexit.register(lambda: print(*out))\ninput()\nout.append(sum(map(int, input().split())))"
);
idiom!(
    fast_io_wrappers,
    "import sys, io, atexit\nsys.stdin = io.TextIOWrapper(sys.stdin.buffer)\nbuffer = io.BytesIO()\n\
     sys.stdout = io.TextIOWrapper(buffer, write_through=True)\natexit.register(lambda: sys.__stdout__.write(buffer.getvalue().decode()))\n\
     input()\nprint(sum(map(int, input().split())))"
);
idiom!(
    main_in_a_thread_with_a_large_stack,
    "import sys, threading\nsys.setrecursionlimit(1 << 25)\nthreading.stack_size(1 << 26)\n\
     def depth(n): return 0 if n == 0 else 1 + depth(n - 1)\n\
     def main():\n    depth(20000)\n    input()\n    print(sum(map(int, input().split())))\n\
     thread = threading.Thread(target=main)\nthread.start()\nthread.join()"
);
idiom!(
    main_guard,
    "import sys\ndef main():\n    input()\n    print(sum(map(int, input().split())))\n    return 0\n\
     if __name__ == '__main__':\n    sys.exit(main())"
);

#[test]
fn fifteen_usual_imports() {
    let source = "import sys, os, math, collections, heapq, bisect, itertools, functools, re, string, random, json\n\
                  import copy, typing, operator, decimal, fractions, datetime, time, queue, array, statistics\n\
                  print(math.gcd(12, 18), collections.Counter('aab')['a'], statistics.median([3, 1, 2]))";
    assert_eq!(printed(source, ""), "6 2 2\n");
}

#[test]
fn end_of_input_is_an_eof_error() {
    let outcome = run("input(); input(); input()", INPUT);
    assert!(
        text(&outcome.stderr).ends_with("EOFError: EOF when reading a line\n"),
        "{}",
        text(&outcome.stderr)
    );
}

#[test]
fn deep_recursion_works_as_far_as_the_stack_goes() {
    let source = "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(30000))";
    assert_eq!(printed(source, ""), "30000\n");
}

#[test]
fn asyncio_multiprocessing_and_subprocesses_work() {
    let source = "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 5\nprint(asyncio.run(f()))";
    assert_eq!(printed(source, ""), "5\n");
    let source = "import multiprocessing as m\ndef f(n): return n * n\n\
                  if __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p: print(p.map(f, [1, 2, 3]))";
    assert_eq!(printed(source, ""), "[1, 4, 9]\n");
    let source = "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout)";
    assert_eq!(printed(source, ""), "b'7\\n'\n");
}

#[test]
fn temporary_files_work() {
    let source = "import tempfile, os\nwith tempfile.NamedTemporaryFile('w+') as f:\n    f.write('hi'); f.flush(); print(open(f.name).read())\n\
                  os.mkdir('d'); open('d/x', 'w').write('y'); print(os.listdir('d'))";
    assert_eq!(printed(source, ""), "hi\n['x']\n");
}

#[test]
fn odd_bytes_come_through_unchanged() {
    let outcome = run(
        "import sys; sys.stdout.buffer.write(bytes(range(256)) * 3)",
        "",
    );
    assert_eq!(outcome.stdout, (0..=255).collect::<Vec<u8>>().repeat(3));
    let outcome = run(
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
        "\0\u{1f40d}\r\n",
    );
    assert_eq!(text(&outcome.stdout), "\0\u{1f40d}\r\n");
}
