"""Runs the commands of the README and of the tutorial as they stand, one after the other: .ci/walk.py RLEF FOLDER.

Each page has a folder of its own, with the files that the tutorial shows. A command with a name that the reader is to fill in
(DIR, NAME), with another program's server, or that installs or tests, is told and passed over. What they print goes to standard
output; the first that ends otherwise than well fails."""

import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
FILLED_IN = re.compile(r"\b(DIR|NAME|MODEL)\b|https?://")


def commands(text):
    """What a page tells to type: lines of fences without a language that begin with `rlef`, or with a prompt."""
    for language, block in FENCE.findall(text):
        if language:
            continue
        for line in block.splitlines():
            line = line.removeprefix("$ ").split(" #")[0].strip()
            if line.startswith("rlef "):
                yield line


def main(rlef, folder):
    tutorial = (ROOT / "docs/tutorial.md").read_text()
    files = [block for language, block in FENCE.findall(tutorial) if language == "json"]
    for name, text in (("README.md", (ROOT / "README.md").read_text()), ("tutorial.md", tutorial)):
        place = pathlib.Path(folder, name.removesuffix(".md"))
        place.mkdir(parents=True)
        for file, content in zip(("sums.jsonl", "answers.jsonl"), files, strict=True):
            (place / file).write_text(content)
        for command in commands(text):
            if FILLED_IN.search(command):
                print(f"{name}: passed over: {command}", flush=True)
                continue
            print(f"{name}: {command}", flush=True)
            begun = time.monotonic()
            done = subprocess.run([rlef, *shlex.split(command)[1:]], cwd=place)
            print(f"{name}: exit code {done.returncode} after {time.monotonic() - begun:.0f} s", flush=True)
            if done.returncode != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
