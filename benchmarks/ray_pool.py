"""Judges over simulated nodes of Ray: `rlef.ray.JudgePool` beside a fan-out over HTTP as clients of SandboxFusion do it, one request
a test, and beside plain tasks of Ray that run python3. Run by `.ci/outside ray`; prints a CSV.

    python benchmarks/ray_pool.py [--nodes 1 2 3 4] [--programs N] [--runs N]

CPU seconds are those of everything that is started here, Ray's own processes and programs among them, by a control group of this
process's own; where it can't have one, it ends. The machine is shared by the nodes, so that wall times say little of a cluster."""

import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import rlef
from rlef.ray import JudgePool

TESTS = [("1 2\n", "3\n"), ("5 6\n", "11\n")]
PROBLEM = {
    "id": "sum",
    "statement": "Add two numbers.",
    "private_tests": [{"kind": "stdin", "input": given, "expected": expected} for given, expected in TESTS],
}
# One test, for programs that sleep: they take a worker and hardly a core, so that nodes of one machine add up as those of many do.
SLEEPY = {"id": "sleepy", "statement": "Wait.", "private_tests": [{"kind": "stdin", "input": "", "expected": "done\n"}]}
SLEEP = "import time; time.sleep(0.4); print('done')"
RIGHT = "print(sum(map(int, input().split())))"
# Requests that a caller has under way, of those ways that don't bound them.
AT_ONCE = 8


def programs(count, mark):
    """Of different texts, every third of them wrong."""
    return [f"{RIGHT if at % 3 else 'print(3)'}  # {mark} {at}" for at in range(count)]


class Spent:
    """CPU seconds of all processes below this one."""

    def __init__(self):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if "cpuacct" in kinds.split(","):
                self.file, base = "cpuacct.usage", Path("/sys/fs/cgroup/cpuacct") / path.lstrip("/")
                break
            if not kinds:
                self.file, base = "cpu.stat", Path("/sys/fs/cgroup") / path.lstrip("/")
        self.group = base / f"rlef-benchmark-{os.getpid()}"
        try:
            self.group.mkdir()
            (self.group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError as error:
            sys.exit(f"failed to measure CPU time: a control group below {base} is needed: {error}")
        self.seconds()

    def seconds(self):
        text = (self.group / self.file).read_text()
        if self.file == "cpuacct.usage":
            return int(text) / 1e9
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6


def by_pool(pool, texts):
    """In calls of many programs, as a reward function makes them; each program's time is its call's part of a batch."""
    times, results = [], []

    def one(part):
        start = time.perf_counter()
        found = pool.answers([{"problem_id": "sum", "program": text, "feedback": "none"} for text in part])
        times.extend([time.perf_counter() - start] * len(part))
        return [getattr(verdict, "accepted", None) for verdict in found]

    size = pool._dispatcher.size(len(texts))
    parts = [texts[at : at + size] for at in range(0, len(texts), size)]
    with concurrent.futures.ThreadPoolExecutor(4 * len(pool.loads())) as threads:
        for found in threads.map(one, parts):
            results += found
    return results, times


def by_fan_out(places, texts):
    """A request a test to nodes in turn, as clients of SandboxFusion's interface do it. None where none was answered."""
    times = []

    def one(at_text):
        at, text = at_text
        start, passed = time.perf_counter(), True
        for number, (given, expected) in enumerate(TESTS):
            place = places[(at + number) % len(places)]
            body = {"code": text, "language": "python", "stdin": given, "run_timeout": 10}
            head = {"Content-Type": "application/json", "Authorization": f"Bearer {place.token}"}
            try:
                asked = urllib.request.Request(place.url + "/run_code", json.dumps(body).encode(), head)
                with urllib.request.urlopen(asked, timeout=60) as reply:
                    said = json.load(reply)
            except OSError:
                return None
            if said["status"] == "SandboxError":
                return None
            passed &= said["status"] == "Success" and said["run_result"]["stdout"] == expected
            if not passed:
                break
        times.append(time.perf_counter() - start)
        return passed

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE * len(places)) as threads:
        return list(threads.map(one, enumerate(texts))), times


# As many side by side on a node as the pool has workers there: one.
@ray.remote(num_cpus=0.5, max_retries=3)
def plain(text):
    """What a user writes first: no isolation, and no limit but a time."""
    start = time.perf_counter()
    for given, expected in TESTS:
        ran = subprocess.run([sys.executable, "-c", text], input=given, capture_output=True, text=True, timeout=10)
        if ran.returncode or ran.stdout != expected:
            return False, time.perf_counter() - start
    return True, time.perf_counter() - start


def by_tasks(texts):
    starts, results, times = {}, [None] * len(texts), []
    asked = []
    for at, text in enumerate(texts):
        starts[word := plain.remote(text)] = at, time.perf_counter()
        asked.append(word)
    while asked:
        done, asked = ray.wait(asked, num_returns=1)
        at, start = starts[done[0]]
        try:
            results[at] = ray.get(done[0])[0]
            times.append(time.perf_counter() - start)
        except ray.exceptions.RayError:
            pass
    return results, times


def measured(spent, work, texts):
    cpu, caller, start = spent.seconds(), time.process_time(), time.perf_counter()
    results, times = work(texts)
    wall, cpu = time.perf_counter() - start, spent.seconds() - cpu
    caller = time.process_time() - caller
    expected = [bool(at % 3) for at in range(len(texts))]
    lost = sum(found is None for found in results)
    wrong = sum(found is not None and found != right for found, right in zip(results, expected))
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return {
        "lost": lost,
        "wrong": wrong,
        "programs_per_cpu_s": round((len(texts) - lost) / cpu, 1),
        "caller_ms": round(1000 * caller / len(texts), 2),
        "programs_per_s": round((len(texts) - lost) / wall, 1),
        "p50_ms": round(cuts[49] * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
    }


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 3, 4])
    ask.add_argument("--programs", type=int, default=600)
    ask.add_argument("--runs", type=int, default=3)
    told = ask.parse_args()
    spent = Spent()
    columns = "nodes,way,run,event,programs,lost,wrong,programs_per_cpu_s,caller_ms,programs_per_s,p50_ms,p99_ms,placed_on"
    print(columns)

    def row(nodes, way, run, event, found, placed, count=told.programs):
        found = {"nodes": nodes, "way": way, "run": run, "event": event, "programs": count, **found, "placed_on": placed}
        print(",".join(str(found[name]) for name in columns.split(",")), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        problems = Path(folder) / "own.jsonl"
        problems.write_text(json.dumps(PROBLEM) + "\n" + json.dumps(SLEEPY) + "\n")
        for count in told.nodes:
            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
            nodes = [cluster.add_node(num_cpus=1, resources={"judge": 1}) for _ in range(count)]
            ray.init(address=cluster.address, log_to_driver=False)
            pool = JudgePool(problems=[problems], cores=0.5, cache=False)
            placed = len({place.node for place in pool.look()})
            direct = rlef.Judge(pool.look()[0].url, token=pool.look()[0].token)

            def without_ray(texts):
                """One node's server with nothing of Ray between: the pool's cost is its difference from this."""
                asked = [{"problem_id": "sum", "program": text, "feedback": "none"} for text in texts]
                parts, times = [asked[at : at + 16] for at in range(0, len(asked), 16)], []

                def one(part):
                    start = time.perf_counter()
                    found = direct.batch(part)
                    times.extend([time.perf_counter() - start] * len(part))
                    return found

                with concurrent.futures.ThreadPoolExecutor(4) as threads:
                    return [one.accepted for found in threads.map(one, parts) for one in found], times

            ways = {
                "judge_pool": lambda texts: by_pool(pool, texts),
                "http_fan_out": lambda texts: by_fan_out(pool.look(), texts),
                "ray_tasks_python3": by_tasks,
            }
            if count == 1:
                ways["no_ray"] = without_ray
            for way, work in ways.items():
                work(programs(4, f"warm {way}"))
            for run in range(told.runs):
                for way, work in ways.items():
                    row(count, way, run, "none", measured(spent, work, programs(told.programs, f"{way} {run}")), placed)
            def sleeps(texts):
                # As many under way as the pool takes, from one call.
                found = pool.batch({"problem_id": "sleepy", "program": f"{SLEEP}  # {text}"} for text in texts)
                # All of them are right: wrong is what is not.
                return [bool(at % 3) if one.accepted else None for at, one in enumerate(found)], [0.0, 0.0]

            for run in range(told.runs):
                found = measured(spent, sleeps, [f"{run} {at}" for at in range(16 * count)])
                row(count, "judge_pool_sleep", run, "none", found, placed, 16 * count)
            if count > 1:
                for way, work in ways.items():
                    victim = nodes.pop()

                    def struck(texts):
                        threading.Timer(1.0, lambda: cluster.remove_node(victim, allow_graceful=False)).start()
                        return work(texts)

                    found = measured(spent, struck, programs(told.programs, f"{way} loss"))
                    row(count, way, 0, "node lost after 1 s", found, placed)
                    nodes.append(cluster.add_node(num_cpus=1, resources={"judge": 1}))
                    until = time.monotonic() + 120
                    while len(pool.look()) < count and time.monotonic() < until:
                        time.sleep(0.5)
            pool.shutdown()
            ray.shutdown()
            cluster.shutdown()


if __name__ == "__main__":
    main()
