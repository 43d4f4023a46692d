"""Are correct programs called too slow where a machine has four times as much to do as cores? Through HTTP, by the Python package:

    PYTHONPATH=python/src RLEF_JUDGE=target/release/rlef-judge python3 benchmarks/http_limits.py

1,000 programs that are right and take a small part of their limit of CPU time each, judged four at a time for each core. Prints how each
ended, and fails where one is not accepted."""

import collections
import os
import time

import rlef

COUNT = 1000
LIMITS = {"cpu_ms": 1000, "wall_ms": 10000}


def problem(number):
    return {
        "id": f"p{number}",
        "statement": "Print the sum of the squares below a number.",
        "private_tests": [{"kind": "stdin", "input": f"{400000 + number}\n", "expected": f"{expected(400000 + number)}\n"}],
        "limits": LIMITS,
    }


def expected(n):
    return (n - 1) * n * (2 * n - 1) // 6


def main():
    program = "n = int(input())\nprint(sum(i * i for i in range(n)))\n"
    cores = os.cpu_count()
    with rlef.Judge(workers=4 * cores, cache=False) as judge:
        begun = time.monotonic()
        items = [{"problem": problem(number), "program": program} for number in range(COUNT)]
        verdicts = []
        for first in range(0, COUNT, 100):
            verdicts += judge.batch(items[first : first + 100])
        seconds = time.monotonic() - begun
    ended = collections.Counter(verdict.verdict for verdict in verdicts)
    cpu = sorted(verdict.usage.cpu_ms for verdict in verdicts)
    print(f"{COUNT} programs, {4 * cores} at once on {cores} cores, {seconds:.0f} s: {dict(ended)}")
    print(f"CPU time of a program: half below {cpu[len(cpu) // 2]:.0f} ms, the longest {cpu[-1]:.0f} ms; limit {LIMITS['cpu_ms']} ms")
    if ended["accepted"] != COUNT:
        raise SystemExit("a program that is right was not accepted")


main()
