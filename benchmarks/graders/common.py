"""What the parts share: versions, problems of one test, programs that print what they read."""

import json
import subprocess

# Prints its input as it is, so that a test's input is the output that a grader sees.
ECHO = {"program": "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n"}


def version(folder):
    """The commit of a checkout, or its name where it has no history."""
    found = subprocess.run(["git", "-C", str(folder), "log", "-1", "--format=%h %cs"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return found.stdout.strip() or folder.name


def problem(name, printed, expected, comparison):
    """A problem of rlef's own schema with one test."""
    test = {"kind": "stdin", "input": printed, "expected": expected}
    return {"id": name, "statement": name, "public_tests": [test], "comparison": comparison}


def written(rows):
    """Writes the rows of a problem file into the folder that it is given."""

    def write(folder):
        path = folder / "problems.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def unexplained(case, line, ours):
    return None
