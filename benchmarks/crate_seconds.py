"""Seconds of each crate in a report of `cargo build --timings`, the longest first:
python3 crate_seconds.py cargo-timing.html [ROWS]. Seconds are those a compiler was running, on however many cores."""

import json
import re
import sys

text = open(sys.argv[1]).read()
units = json.loads(re.search(r"const UNIT_DATA = (\[.*?\]);", text, re.S)[1])
rows = int(sys.argv[2]) if len(sys.argv) > 2 else 30
units.sort(key=lambda unit: -unit["duration"])
print(f"{len(units)} units, {sum(unit['duration'] for unit in units):.0f} s in all")
for unit in units[:rows]:
    codegen = sum(part["end"] - part["start"] for name, part in unit.get("sections") or [] if name == "codegen")
    print(f"{unit['duration']:8.1f} s, {codegen:6.1f} of it code generation  {unit['name']} {unit['version']} {unit['target']}")
