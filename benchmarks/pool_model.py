"""The pool's own rule of dispatch on a clock of its own: what one node was measured to do → what more of them will.

    python benchmarks/pool_model.py [ray.csv]

With a CSV of `benchmarks/ray_pool.py` it says what that has measured beside what is predicted from its rows of one node, and ends
with 1 where one of 2, 3 or 4 nodes is off by more than a fifth."""

import csv
import heapq
import itertools
import random
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python/src"))

from rlef.ray.dispatch import Dispatcher, Place  # noqa: E402


class Nothing:
    def abandon(self):
        pass

    def close(self):
        pass


def simulated(nodes, workers, programs, service, *, batch=16, caller_s=0.0, draw=None):
    """Programs a second and the 99th percentile in seconds. `service` seconds of a worker for each program; `caller_s` seconds of the
    one process that asks, which does one thing at a time."""
    now = [0.0]
    pool = Dispatcher(lambda _: Nothing(), batch, lambda: now[0])
    pool.update([Place(str(node), "", None, workers) for node in range(nodes)])
    size = pool.size(programs)
    left = [min(size, programs - at) for at in range(0, programs, size)]
    left.reverse()
    # Of each node when its workers are free, and of the caller.
    free = {str(node): [0.0] * workers for node in range(nodes)}
    caller, events, waits, number = 0.0, [], [], itertools.count()
    while left or events:
        while left and (member := pool.take(left[-1])) is not None:
            count = left.pop()
            caller = max(caller, now[0]) + caller_s * count
            begun, ends = caller, []
            for _ in range(count):
                # A server gives each program of a request to the worker that is free first.
                at = max(heapq.heappop(free[member.place.key]), begun)
                at += draw() if draw else service
                heapq.heappush(free[member.place.key], at)
                ends.append(at)
            heapq.heappush(events, (max(ends), next(number), member, count, now[0]))
        if not events:
            break
        end, _, member, count, since = heapq.heappop(events)
        now[0] = max(now[0], end)
        waits += [end - since] * count
        pool.back(member, count, answered=count, failed=False)
    cuts = statistics.quantiles(waits, n=100) if len(waits) > 1 else [0.0] * 99
    return programs / now[0], cuts[98]


def compared(path):
    rows = [row for row in csv.DictReader(path.open()) if row["way"] == "judge_pool_sleep"]
    def mean(nodes):
        return statistics.mean(float(row["programs_per_s"]) for row in rows if int(row["nodes"]) == nodes)
    # One node is one worker: what a program takes there, with all that is paid on the way.
    service = 1.0 / mean(1)
    print(f"a program takes {1000 * service:.0f} ms of the one worker of one node, of which it sleeps the most")
    print("| nodes | predicted | measured | off |\n|---|---|---|---|")
    worst = 0.0
    for nodes in sorted({int(row["nodes"]) for row in rows}):
        programs = int(next(row["programs"] for row in rows if int(row["nodes"]) == nodes))
        predicted, measured = simulated(nodes, 1, programs, service)[0], mean(nodes)
        off = predicted / measured - 1
        worst = max(worst, abs(off) if nodes > 1 else 0.0)
        print(f"| {nodes} | {predicted:.1f}/s | {measured:.1f}/s | {100 * off:+.0f}% |")
    return worst


def main():
    worst = compared(Path(sys.argv[1])) if len(sys.argv) > 1 else 0.0
    # 43.9 ms of a core for a program of 20 tests over HTTP, and 0.3 ms of the caller (benchmarks/results/2026-11-30-epyc-2core).
    rng = random.Random(1)
    draw = lambda: rng.expovariate(1 / 0.0439)  # noqa: E731
    print("\n1,000 nodes of 8 workers, programs of 20 tests (44 ms each, exponential):")
    print("| nodes | callers' time a program | programs/s | of what the workers could | 99% within |\n|---|---|---|---|---|")
    for nodes in (10, 100, 1000):
        for caller_s in (0.0003, 0.00003, 0.0):
            programs = min(400 * nodes, 100_000)
            rate, p99 = simulated(nodes, 8, programs, 0.0439, caller_s=caller_s, draw=draw)
            print(f"| {nodes} | {1e6 * caller_s:.0f} us | {rate:,.0f} | {100 * rate / (nodes * 8 / 0.0439):.0f}% | {1000 * p99:.0f} ms |")
    sys.exit(worst > 0.2)


if __name__ == "__main__":
    main()
