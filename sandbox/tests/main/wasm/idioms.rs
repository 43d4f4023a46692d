//! What contest programs do, with the output that python3 gives.

use rlef_sandbox::Status;

use super::{run, text};

/// Name, program, input, expected output.
const PRINTED: &[(&str, &str, &str, &str)] = &[
    ("input", "print(int(input()) * 2)", "21\n", "42\n"),
    ("last line without end", "print(input())", "x", "x\n"),
    (
        "readline",
        "import sys\ninput = sys.stdin.readline\nprint(int(input()) + int(input()))",
        "1\n2\n",
        "3\n",
    ),
    (
        "read split",
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
        "1 2\n3\n",
        "6\n",
    ),
    (
        "buffer",
        "import sys\nprint(sys.stdin.buffer.readline().strip())",
        "ab\n",
        "b'ab'\n",
    ),
    (
        "input after buffer",
        "import sys\nsys.stdin.buffer.readline()\nprint(sys.stdin.buffer.read())",
        "a\nb\n",
        "b'b\\n'\n",
    ),
    (
        "iterate stdin",
        "import sys\nprint([l.strip() for l in sys.stdin])",
        "a\nb\n",
        "['a', 'b']\n",
    ),
    (
        "open 0",
        "print(open(0).read().split())",
        "1 2\n",
        "['1', '2']\n",
    ),
    (
        "open /dev/stdin",
        "print(open('/dev/stdin').read().split())",
        "1 2\n",
        "['1', '2']\n",
    ),
    (
        "os.read",
        "import os\nprint(os.read(0, os.fstat(0).st_size))",
        "abc",
        "b'abc'\n",
    ),
    (
        "BytesIO",
        "import os, sys\nfrom io import BytesIO, IOBase\nsys.stdin = BytesIO(os.read(0, os.fstat(0).st_size))\nprint(sys.stdin.readline())",
        "q\n",
        "b'q\\n'\n",
    ),
    (
        "end of input",
        "try:\n    input()\nexcept EOFError:\n    print('end')",
        "",
        "end\n",
    ),
    (
        "write",
        "import sys\nsys.stdout.write('a\\n')\nsys.stdout.buffer.write(b'')\n",
        "",
        "a\n",
    ),
    ("os.write", "import os\nos.write(1, b'raw\\n')", "", "raw\n"),
    (
        "print to stderr",
        "import sys\nprint('x', file=sys.stderr)\nprint('y')",
        "",
        "y\n",
    ),
    (
        "unicode",
        "print('é∑😀'[::-1], len('é∑😀'))",
        "",
        "😀∑é 3\n",
    ),
    (
        "maxsize",
        "import sys\nprint(sys.maxsize, min(sys.maxsize, 5))",
        "",
        "9223372036854775807 5\n",
    ),
    (
        "big integers",
        "print(2 ** 200, pow(3, 10 ** 5, 10 ** 9 + 7))",
        "",
        "1606938044258990275541962092341162602522202993782792835301376 916902199\n",
    ),
    (
        "floats",
        "print(0.1 + 0.2, 1e300 * 1e10, round(2.675, 2), f'{3.14159:.2f}')",
        "",
        "0.30000000000000004 inf 2.67 3.14\n",
    ),
    (
        "recursion",
        "import sys\nsys.setrecursionlimit(10 ** 6)\ndef f(n):\n    return n and 1 + f(n - 1)\nprint(f(50000))",
        "",
        "50000\n",
    ),
    (
        "lru_cache recursion",
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10 ** 6)\n@lru_cache(None)\ndef f(n):\n    return n and 1 + f(n - 1)\nprint(f(10000))",
        "",
        "10000\n",
    ),
    (
        "recursion limit",
        "def f():\n    f()\ntry:\n    f()\nexcept RecursionError:\n    print('deep')",
        "",
        "deep\n",
    ),
    (
        "thread with a stack",
        "import sys, threading\nthreading.stack_size(1 << 27)\nsys.setrecursionlimit(1 << 20)\ndef main():\n    print(input())\nt = threading.Thread(target=main)\nt.start()\nt.join()\nprint(t.is_alive())",
        "5\n",
        "5\nFalse\n",
    ),
    (
        "resource limits",
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_STACK, (-1, -1))\nprint(1)",
        "",
        "1\n",
    ),
    (
        "heapq",
        "import heapq\nh = [3, 1, 2]\nheapq.heapify(h)\nprint(heapq.heappop(h), heapq.nsmallest(2, h))",
        "",
        "1 [2, 3]\n",
    ),
    (
        "collections",
        "from collections import *\nprint(Counter('aab'), deque([1, 2], 1), OrderedDict(a=1), defaultdict(int)[0])",
        "",
        "Counter({'a': 2, 'b': 1}) deque([2], maxlen=1) OrderedDict({'a': 1}) 0\n",
    ),
    (
        "itertools",
        "from itertools import *\nprint(list(permutations('ab')), list(accumulate([1, 2])), len(list(combinations(range(6), 3))))",
        "",
        "[('a', 'b'), ('b', 'a')] [1, 3] 20\n",
    ),
    (
        "bisect and math",
        "import bisect, math\nprint(bisect.bisect([1, 3], 2), math.gcd(12, 18), math.comb(10, 3), math.isqrt(10 ** 20))",
        "",
        "1 6 120 10000000000\n",
    ),
    (
        "fractions and decimal",
        "from fractions import Fraction\nfrom decimal import *\ngetcontext().prec = 30\nprint(Fraction(1, 3) + 1, Decimal(1) / 7)",
        "",
        "4/3 0.142857142857142857142857142857\n",
    ),
    (
        "re",
        "import re\nprint(re.findall(r'(\\d+)-(\\w+)', '1-a 22-bb'))",
        "",
        "[('1', 'a'), ('22', 'bb')]\n",
    ),
    (
        "string and datetime",
        "import string, datetime\nprint(string.ascii_lowercase[:3], datetime.date(2020, 2, 28) + datetime.timedelta(2))",
        "",
        "abc 2020-03-01\n",
    ),
    (
        "json and copy",
        "import json, copy\nprint(json.dumps(copy.deepcopy({'a': [1, None]})), json.loads('[1.5]'))",
        "",
        "{\"a\": [1, null]} [1.5]\n",
    ),
    (
        "dataclasses and typing",
        "from dataclasses import dataclass\nfrom typing import *\n@dataclass(order=True)\nclass P:\n    x: int\n    y: Optional[int] = None\nprint(P(1), P(1) == P(1))",
        "",
        "P(x=1, y=None) True\n",
    ),
    (
        "generators",
        "def g():\n    x = yield 1\n    print(x)\n    yield 2\ni = g()\nprint(next(i), i.send(5))",
        "",
        "5\n1 2\n",
    ),
    (
        "seeded random",
        "import random\nrandom.seed(1)\nprint(random.randint(1, 100), random.random())",
        "",
        "18 0.5692038748222122\n",
    ),
    (
        "hashlib",
        "import hashlib\nprint(hashlib.sha256(b'x').hexdigest()[:8], hashlib.md5(b'').hexdigest()[:8])",
        "",
        "2d711642 d41d8cd9\n",
    ),
    (
        "time passes",
        "import time\na = time.time()\nfor i in range(10 ** 5): pass\ntime.sleep(0.5)\nb = time.time()\nprint(b - a >= 0.5, time.perf_counter() > 0)",
        "",
        "True True\n",
    ),
    (
        "sleep is virtual",
        "import time\nt = time.monotonic()\ntime.sleep(10)\nprint(round(time.monotonic() - t))",
        "",
        "10\n",
    ),
    (
        "exec and eval",
        "exec('x = 1')\nprint(eval('x + 1'))",
        "",
        "2\n",
    ),
    (
        "main",
        "def main():\n    print(__name__)\nif __name__ == '__main__':\n    main()",
        "",
        "__main__\n",
    ),
    ("arguments", "import sys\nprint(len(sys.argv))", "", "1\n"),
    (
        "atexit",
        "import atexit\natexit.register(lambda: print('bye'))\nprint('hi')",
        "",
        "hi\nbye\n",
    ),
    (
        "late module",
        "import email.message, xml.etree.ElementTree as e\nprint(e.fromstring('<a b=\"1\"/>').get('b'))",
        "",
        "1\n",
    ),
    (
        "matrix",
        "n = 60\na = [[i * j % 7 for j in range(n)] for i in range(n)]\nprint(sum(sum(x * y for x, y in zip(r, c)) for r in a for c in zip(*a)))",
        "",
        "1624469\n",
    ),
    ("many lines", "for i in range(20000): print(i)", "", ""),
    (
        "sorting",
        "print(sorted(['b', 'A'], key=str.lower), sorted({3, 1, 2}, reverse=True))",
        "",
        "['A', 'b'] [3, 2, 1]\n",
    ),
    (
        "walrus and match",
        "if (n := 5) > 3:\n    match [n, 1]:\n        case [a, b]:\n            print(a, b)",
        "",
        "5 1\n",
    ),
    (
        "own file",
        "print(open(__file__).readline().strip())",
        "",
        "print(open(__file__).readline().strip())\n",
    ),
];

#[test]
fn programs_print_what_they_print_under_python3() {
    let mut wrong = Vec::new();
    for (name, source, input, expected) in PRINTED {
        let outcome = run(source, input);
        let expected = if *name == "many lines" {
            (0..20000).map(|number| number.to_string() + "\n").collect()
        } else {
            (*expected).to_owned()
        };
        if outcome.status != Status::Exited(0) || text(&outcome.stdout) != expected {
            let said: String = text(&outcome.stderr);
            let said = &said[said.len().saturating_sub(600)..];
            wrong.push(format!(
                "{name}: {:?} {:?} {said}",
                outcome.status,
                text(&outcome.stdout).chars().take(200).collect::<String>()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        PRINTED.len(),
        wrong.join("\n")
    );
}

#[test]
fn exit_codes_are_the_interpreters() {
    for (source, code) in [
        ("exit()", 0),
        ("import sys\nsys.exit(3)", 3),
        ("import os\nos._exit(4)", 4),
        ("raise SystemExit('why')", 1),
        ("1 / 0", 1),
        ("quit(257)", 1),
    ] {
        assert_eq!(run(source, "").status, Status::Exited(code), "{source}");
    }
}

#[test]
fn a_traceback_names_the_programs_line_and_no_frame_of_ours() {
    let said = text(&run("def f():\n    return 1 / 0\nf()\n", "").stderr);
    assert!(
        said.starts_with(
            "Traceback (most recent call last):\n  File \"/program/main.py\", line 3, in <module>"
        ),
        "{said}"
    );
    assert!(
        said.contains("return 1 / 0") && said.ends_with("ZeroDivisionError: division by zero\n"),
        "{said}"
    );
    assert!(!said.contains("rlef"), "{said}");
}

#[test]
fn what_is_not_here_is_unsupported() {
    for source in [
        "import numpy",
        "import subprocess\nsubprocess.run(['ls'])",
        "import os\nos.system('ls')",
        "import socket\nsocket.socket()",
        "open('out.txt', 'w')",
        "import os\nos.mkdir('d')",
        "import os\nos.nice(1)",
        "from os import sched_getaffinity",
        "print(open('/proc/self/status').read())",
        "x = [0] * 10 ** 10",
        "import queue\nqueue.Queue().get()",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(print)",
    ] {
        let outcome = run(source, "");
        assert_eq!(
            outcome.status,
            Status::Unsupported,
            "{source}: {}",
            text(&outcome.stderr)
        );
        assert!(
            text(&outcome.stderr).contains("WebAssembly isolation has no"),
            "{source}"
        );
    }
}
