"""Compares golden files made again with the committed ones: python compare.py OLD NEW. Numbers may differ by 1e-4 of their
size, as versions of PyTorch add up in another order; anything else must be equal."""

import json
import pathlib
import sys

from safetensors.numpy import load_file


def walk(old, new, place):
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return max((walk(old[key], new[key], f"{place}.{key}") for key in old), default=0.0)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return max((walk(one, other, f"{place}[{at}]") for at, (one, other) in enumerate(zip(old, new))), default=0.0)
    if isinstance(old, float) and isinstance(new, (int, float)):
        return abs(old - new) / max(1.0, abs(old))
    if old != new:
        sys.exit(f"{place}: {old!r} became {new!r}")
    return 0.0


old, new = map(pathlib.Path, sys.argv[1:3])
for name in ["rlef", "objectives"]:
    worst = walk(json.loads((old / f"{name}.json").read_text()), json.loads((new / f"{name}.json").read_text()), name)
    before, after = load_file(old / f"{name}.safetensors"), load_file(new / f"{name}.safetensors")
    if before.keys() != after.keys():
        sys.exit(f"{name}: other tensors: {before.keys() ^ after.keys()}")
    for key in before:
        size = max(1.0, float(abs(before[key]).max()))
        worst = max(worst, float(abs(before[key] - after[key]).max()) / size)
    print(f"{name}: the largest difference is {worst:.1e} of the number's size")
    if worst > 1e-4:
        sys.exit(f"{name}: more than 1e-4")
for name in ["losses", "gguf"]:
    worst = walk(json.loads((old / f"{name}.json").read_text()), json.loads((new / f"{name}.json").read_text()), name)
    print(f"{name}: the largest difference is {worst:.1e} of the number's size")
    if worst > 1e-4:
        sys.exit(f"{name}: more than 1e-4")
