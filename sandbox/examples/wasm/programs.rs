//! The programs that `repeat` and `calibrate` run.

use rlef_sandbox::Language::{self, Python, Wasm};

/// Name, language, source, input: every way to end, and everything that could differ between two runs.
pub(crate) const REPEATED: [(&str, Language, &str, &str); 14] = [
    (
        "sum",
        Python,
        "print(sum(map(int, input().split())))",
        "1 2 3\n",
    ),
    (
        "order of sets and hashes",
        Python,
        "print({str(i) for i in range(50)}, hash('x'), hash((1.5, 'y')), id(object()) % 2)",
        "",
    ),
    (
        "random without a seed",
        Python,
        "import random, os, secrets, uuid\nprint(random.random(), os.urandom(8), secrets.token_hex(4), uuid.uuid4())",
        "",
    ),
    (
        "clocks",
        Python,
        "import time, datetime\nx = time.time(); time.sleep(0.25)\nprint(x, time.perf_counter(), time.process_time(), datetime.datetime.now())",
        "",
    ),
    (
        "addresses",
        Python,
        "print(object(), [id(x) for x in ([], {}, 'a', 5)])",
        "",
    ),
    (
        "a heap and a dictionary",
        Python,
        "import heapq\nh, d = [], {}\nfor i in range(20000):\n    heapq.heappush(h, i * 7919 % 10007)\n    d[i * 31 % 997] = i\nprint(sum(heapq.heappop(h) for _ in range(5000)), len(d))",
        "",
    ),
    (
        "an uncaught exception",
        Python,
        "def f(n): return 1 // n\nf(0)",
        "",
    ),
    ("a syntax error", Python, "print(", ""),
    ("an endless loop", Python, "n = 0\nwhile True: n += 1", ""),
    (
        "deep recursion",
        Python,
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
        "",
    ),
    (
        "too much memory",
        Python,
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "",
    ),
    ("too much output", Python, "while True: print('x' * 99)", ""),
    ("a missing module", Python, "import numpy", ""),
    (
        "a module",
        Wasm,
        "(module (memory (export \"memory\") 1) (func (export \"_start\") (local i32) (loop (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (i32.lt_u (local.get 0) (i32.const 1000000))))))",
        "",
    ),
];

/// Name, language, source: what programs spend their time on.
pub(crate) const CALIBRATING: [(&str, Language, &str); 17] = [
    (
        "sieve",
        Python,
        "n = 2000000\ns = bytearray([1]) * n\nfor i in range(2, 1415):\n    if s[i]: s[i*i::i] = bytes(len(range(i*i, n, i)))\nprint(sum(s))",
    ),
    (
        "loops over integers",
        Python,
        "a = b = 0\nfor i in range(1500000):\n    a = (a * 31 + i) % 1000003\n    if a > b: b = a\nprint(a, b)",
    ),
    (
        "table of lists",
        Python,
        "n = 700\nt = [[0] * (n + 1) for _ in range(n + 1)]\nfor i in range(n):\n    for j in range(n):\n        t[i+1][j+1] = t[i][j] + 1 if i * 7 % 13 == j * 5 % 13 else max(t[i][j+1], t[i+1][j])\nprint(t[n][n])",
    ),
    (
        "heap",
        Python,
        "import heapq\nh = []\nfor i in range(120000): heapq.heappush(h, (i * 7919 % 1000003, i))\nprint(sum(heapq.heappop(h)[0] for _ in range(120000)))",
    ),
    (
        "dictionary of strings",
        Python,
        "d = {}\nfor i in range(300000):\n    k = str(i * 7919 % 50021)\n    d[k] = d.get(k, 0) + 1\nprint(len(d), max(d.values()))",
    ),
    (
        "large dictionary of integers",
        Python,
        "d = {i * 1000003 % 2000003: i for i in range(700000)}\ns = 0\nfor i in range(0, 2000003, 2): s += d.get(i, 0)\nprint(s)",
    ),
    (
        "search in breadth",
        Python,
        "from collections import deque\nn = 350\nseen = [[-1] * n for _ in range(n)]\nq = deque([(0, 0)]); seen[0][0] = 0\nwhile q:\n    x, y = q.popleft()\n    for a, b in ((x+1, y), (x-1, y), (x, y+1), (x, y-1)):\n        if 0 <= a < n and 0 <= b < n and seen[a][b] < 0 and (a * b) % 7 != 3:\n            seen[a][b] = seen[x][y] + 1; q.append((a, b))\nprint(max(map(max, seen)))",
    ),
    (
        "calls",
        Python,
        "def f(n): return n if n < 2 else f(n - 1) + f(n - 2)\nprint(f(28))",
    ),
    (
        "objects",
        Python,
        "class P:\n    __slots__ = ('x', 'y')\n    def __init__(self, x, y): self.x, self.y = x, y\n    def __add__(self, o): return P(self.x + o.x, self.y + o.y)\np = P(0, 0)\nfor i in range(350000): p = p + P(i, 1)\nprint(p.x, p.y)",
    ),
    (
        "memory of functions",
        Python,
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10 ** 6)\n@lru_cache(None)\ndef f(i, j): return 1 if i == 0 or j == 0 else (f(i - 1, j) + f(i, j - 1)) % 1000007\nfor k in range(0, 500, 20): f(k, k)\nprint(f(500, 500))",
    ),
    (
        "sorting",
        Python,
        "a = [i * 7919 % 1000003 for i in range(400000)]\na.sort()\nb = sorted(a, key=lambda x: -x % 1009)\nprint(a[5], b[5])",
    ),
    (
        "strings",
        Python,
        "s = ''.join(chr(97 + i * i % 26) for i in range(300000))\nw = [s[i:i+7] for i in range(0, 300000, 3)]\nprint(len(set(w)), s.count('ab'), ' '.join(w).upper()[:9], sum(x.find('z') for x in w))",
    ),
    (
        "patterns",
        Python,
        "import re\ns = 'key%d=value%d; ' * 1\nt = ''.join('key%d=value%d; ' % (i, i * i) for i in range(40000))\nprint(len(re.findall(r'(\\w+)=(\\w+)', t)), len(re.sub(r'\\d+', '#', t)))",
    ),
    (
        "large integers",
        Python,
        "a = 1\nfor i in range(1, 3500): a *= i\nprint(a % 1000003, pow(3, 10 ** 4000, 10 ** 300 + 7) % 10007)",
    ),
    (
        "floats",
        Python,
        "import math\ns = 0.0\nfor i in range(1, 600000): s += math.sin(i) * math.sqrt(i) / (i + 1.5)\nprint(round(s, 6))",
    ),
    (
        "module: loop",
        Wasm,
        "(module (memory (export \"memory\") 1) (func (export \"_start\") (local $i i32) (local $a i32) (loop (local.set $a (i32.xor (i32.mul (local.get $a) (i32.const 31)) (local.get $i))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if 0 (i32.lt_u (local.get $i) (i32.const 300000000)))) (i32.store (i32.const 0) (local.get $a))))",
    ),
    (
        "module: random access to 256 MB",
        Wasm,
        "(module (memory (export \"memory\") 4096) (func (export \"_start\") (local $i i32) (local $a i32) (loop (local.set $a (i32.add (i32.mul (i32.add (local.get $a) (local.get $i)) (i32.const 1664525)) (i32.const 1013904223))) (local.set $a (i32.add (local.get $a) (i32.load (i32.and (local.get $a) (i32.const 268435452))))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if 0 (i32.lt_u (local.get $i) (i32.const 5000000))))))",
    ),
];
