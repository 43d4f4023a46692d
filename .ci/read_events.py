"""Reads a run's event files with TensorBoard itself and compares every number with the run's record: python read_events.py RUN.
Ends with 1 where a round, a name or a number differs, or where there is nothing to compare."""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def numbers(line, group=""):
    """Names and numbers of a line, as its tags have them; numbers that are not finite are texts there."""
    for name, value in line.items():
        if name in ("round", "schema"):
            continue
        if isinstance(value, dict):
            yield from numbers(value, f"{group}{name}/")
        elif isinstance(value, (int, float)):
            yield group + name, float(value)
        elif isinstance(value, str):
            yield group + name, float(value)


def tag(name):
    return name if "/" in name else f"train/{name}"


def record(run):
    """What the run says of itself: (tag, round) to number."""
    found = {}
    for file, group in [("metrics.jsonl", ""), ("timings.jsonl", "time/")]:
        for text in (run / file).read_text().splitlines():
            line = json.loads(text)
            for name, value in numbers(line, group):
                found[tag(name), line["round"] + 1] = value
    for path in run.glob("validation-*.json"):
        solved = json.loads(path.read_text())["solved_by_turn"][-1]["mean"]
        found["validation/solved", int(path.stem.split("-")[1])] = solved
    return found


def events(run):
    """The same as TensorBoard reads it, every number of it."""
    read = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    read.Reload()
    found = {}
    for name in read.Tags()["scalars"]:
        for event in read.Scalars(name):
            if (name, event.step) in found:
                sys.exit(f"{name} of round {event.step} is there twice")
            found[name, event.step] = event.value
    return found


run = pathlib.Path(sys.argv[1])
told, seen = record(run), events(run)
if not told:
    sys.exit(f"{run} has no record to compare with")
for key in sorted(told.keys() ^ seen.keys()):
    sys.exit(f"{key[0]} of round {key[1]} is in {'the record' if key in told else 'the events'} alone")
for key, value in told.items():
    # Events hold 32 bits.
    near = math.isclose(value, seen[key], rel_tol=1e-6, abs_tol=1e-30)
    if not near and not (math.isnan(value) and math.isnan(seen[key])):
        sys.exit(f"{key[0]} of round {key[1]} is {value} in the record and {seen[key]} in the events")
rounds = {number for _, number in told}
print(f"TensorBoard reads {len(seen)} numbers of {len(rounds)} rounds as the record has them")
