"""Judges the same programs by an official grader and by `rlef judge`, counts where they differ, and writes a table.

    python3 benchmarks/graders/compare.py --rlef target/release/rlef [--out FILE] [--seed N] [--scale X] [PART ...]

A part is a grader; it is found by a variable, for none of them comes from a registry as it is run here:

    kattis         RLEF_KATTIS          checkout of Kattis' problemtools: its default validator, and its fixtures for it
    testlib        RLEF_TESTLIB         the header; its checkers lie in `checkers` beside it
    human-eval     RLEF_HUMAN_EVAL      checkout of openai/human-eval
    evalplus       RLEF_EVALPLUS        checkout of evalplus (needs NumPy and psutil); RLEF_DATA, the folder of the public sets
    livecodebench  RLEF_LIVECODEBENCH   checkout of LiveCodeBench (needs NumPy)

Official graders run programs without any protection: all that are run here are made here or are references of the sets.
It ends with 1 where a difference has no explanation, which each part keeps beside the kind of case that it is of.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import evalplus_part
import humaneval_part
import kattis_part
import livecodebench_part
import testlib_part

PARTS = {
    "kattis": kattis_part.suites,
    "testlib": testlib_part.suites,
    "human-eval": humaneval_part.suites,
    "evalplus": evalplus_part.suites,
    "livecodebench": livecodebench_part.suites,
}
VARIABLES = {
    "kattis": "RLEF_KATTIS",
    "testlib": "RLEF_TESTLIB",
    "human-eval": "RLEF_HUMAN_EVAL",
    "evalplus": "RLEF_EVALPLUS",
    "livecodebench": "RLEF_LIVECODEBENCH",
}


def judged(rlef, suite, folder):
    """Our word on each case: the lines of `rlef judge --json`, in order."""
    programs = folder / "programs.jsonl"
    programs.write_text("".join(json.dumps(case["program"] | {"problem_id": case["problem"]}) + "\n" for case in suite["cases"]))
    command = [rlef, "judge", "--problems", str(suite["problems"](folder)), "--programs", str(programs), "--json", "--no-cache"]
    done = subprocess.run(command + suite.get("options", []), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) != len(suite["cases"]):
        sys.exit(f"failed to judge {suite['title']}: {len(lines)} lines of {len(suite['cases'])}; {done.stderr[-2000:]}")
    return lines


def word(line):
    """What a line says, in the words that official graders are reduced to."""
    if line["verdict"] is None:
        return "none"
    return "right" if line["verdict"] == "accepted" else "wrong"


def compared(rlef, suite, folder):
    """One row of the table, and the differences by their explanation."""
    counts = collections.Counter()
    reasons = collections.defaultdict(list)
    for case, line in zip(suite["cases"], judged(rlef, suite, folder)):
        ours, theirs = word(line), case["official"]
        counts[theirs, ours] += 1
        if ours != theirs:
            reason = suite["explain"](case, line, ours) or "UNEXPLAINED"
            reasons[reason].append((case, line, ours))
    return counts, reasons


def shown(case, line, ours):
    said = line.get("error") or json.dumps(line.get("first_failure"))
    return f"{case['problem']}: official {case['official']}, ours {ours} ({line['verdict']}); {case['note']}; {said}"[:600]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rlef", required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="how many random cases, as a share of the usual number")
    parser.add_argument("parts", nargs="*", metavar="PART")
    arguments = parser.parse_args()
    chosen = arguments.parts or list(PARTS)
    for part in chosen:
        if part not in PARTS:
            sys.exit(f"failed to find the part {part}; there are {', '.join(PARTS)}")
        if not os.environ.get(VARIABLES[part]):
            sys.exit(f"failed to find the grader {part}: name its place in {VARIABLES[part]}, or leave the part out")
    rows, notes, unexplained = [], [], 0
    for part in chosen:
        place = pathlib.Path(os.environ[VARIABLES[part]]).resolve()
        for suite in PARTS[part](place, arguments.seed, arguments.scale):
            with tempfile.TemporaryDirectory() as folder:
                counts, reasons = compared(os.path.abspath(arguments.rlef), suite, pathlib.Path(folder))
            total = sum(counts.values())
            differ = sum(count for (theirs, ours), count in counts.items() if theirs != ours)
            cells = [counts["right", "right"], counts["wrong", "wrong"], counts["none", "none"]]
            kinds = [counts["wrong", "right"] + counts["none", "right"], counts["right", "wrong"], counts["none", "wrong"]]
            rest = differ - sum(kinds)
            rows.append(f"| {suite['title']} | {suite['version']} | {total} | " + " | ".join(map(str, cells + kinds + [rest])) + " |")
            for reason, found in sorted(reasons.items()):
                notes.append(f"- {suite['title']}: {len(found)} times: {reason}")
                if reason == "UNEXPLAINED":
                    unexplained += len(found)
                    notes.extend(f"  - {shown(*one)}" for one in found[:20])
            print(rows[-1], flush=True)
    head = (
        "| inputs | official grader | cases | both accept | both reject | neither judges | only ours accepts | only ours rejects "
        "| ours rejects, theirs fails | other |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    text = "\n".join([head, *rows, "", "Differences:", *(notes or ["- none"])]) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
