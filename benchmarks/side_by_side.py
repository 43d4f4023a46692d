"""rlef's model benchmarks and those of PyTorch, transformers and TRL, taking turns: a table of medians and the raw rows.

    cargo build --release -p rlef-benchmarks --bin model --bin step
    python3 -m venv venv && venv/bin/pip install torch transformers trl
    venv/bin/python benchmarks/side_by_side.py ROUNDS THREADS OUTPUT.csv

Every round starts all four programs once, each of which warms up first. Peaks of memory are whole processes'.
"""

import collections
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
PROGRAMS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")) / "release"
rounds, threads, output = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
environment = os.environ | {
    "RAYON_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "STEPS": "4",
}
COMMANDS = [
    ("rlef", [PROGRAMS / "model", "--runs", "2"]),
    ("reference", [sys.executable, HERE / "torch_model.py", "2"]),
    ("rlef", [PROGRAMS / "step", "--grpo", "--runs", "3"]),
    ("reference", [sys.executable, HERE / "trl_step.py"]),
]
found = collections.defaultdict(lambda: collections.defaultdict(list))
lines = ["side,threads,round,question,case,run,items,unit,wall_seconds,cpu_seconds,items_per_wall_second,items_per_cpu_second"]
peaks = collections.defaultdict(list)
for turn in range(1, rounds + 1):
    for side, command in COMMANDS:
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
        for line in done.stdout.splitlines():
            fields = line.split(",")
            if len(fields) == 9 and fields[0] != "question":
                lines.append(f"{side},{threads},{turn},{line}")
                found[fields[0], fields[1]][side].append(fields)
        for line in done.stderr.splitlines():
            if line.startswith("peak,"):
                peaks[side, line.split(",")[1]].append(float(line.split(",")[2].split()[0]))
        print(f"round {turn}: {side} {pathlib.Path(str(command[-1] if side == 'reference' else command[0])).name} done", file=sys.stderr, flush=True)
output.write_text("\n".join(lines) + "\n")
print("| question | case | rlef CPU s | reference CPU s | reference / rlef by item | rlef wall s | reference wall s |\n|---|---|---|---|---|---|---|")
for (question, case), sides in found.items():
    middle = {side: [statistics.median(float(row[column]) for row in rows) for column in (3, 5, 6)] for side, rows in sides.items()}
    if len(middle) == 2:
        (own, own_wall, own_cpu), (other, other_wall, other_cpu) = middle["rlef"], middle["reference"]
        ratio = (other_cpu / other) / (own_cpu / own)
        print(f"| {question} | {case} | {own_cpu:.3f} | {other_cpu:.3f} | {ratio:.2f} | {own_wall:.3f} | {other_wall:.3f} |")
for (side, name), values in peaks.items():
    print(f"\npeak of {side}'s {name}: {statistics.median(values):.0f} MiB", end="")
print()
