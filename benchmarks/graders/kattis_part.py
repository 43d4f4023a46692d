"""Kattis' default output validator, compiled as it is, on random answers and outputs with its flags and on its own fixtures."""

import pathlib
import random
import re
import subprocess
import tempfile

from common import ECHO, problem, version, written

WORDS = ["Yes", "yes", "NO", "no", "a", "B", "impossible", "Stra\u00dfe", "\u00c9t\u00e9", "\u00e9t\u00e9", "-", "+", "1a", "a1", "_", "1,5", "0x10", "0X1p3", "1e", "e5", ".", "--1"]
NUMBERS = ["0", "-0", "1", "+1", "007", "1.", ".5", "1.0", "1e0", "1E+2", "100", "100.0", "1000000", "123456789012345678901234567890", "0.1", "0.10", "-3.25", "1e-7", "1e300", "1e400", "-1e400", "1e-320", "1e-400", "3.141592653589793", "nan", "NaN", "inf", "-Infinity", "INF"]
SPACES = [" ", " ", " ", "\n", "\n", "  ", "\t", "\r\n", "\v", "\f", "\n\n", " \n"]
TOLERANCES = ["1e-6", "1e-9", "0.1", "1e-3", "0", "1", "1e-20"]


def flags(draw):
    found = []
    if draw.random() < 0.25:
        found.append("case_sensitive")
    if draw.random() < 0.2:
        found.append("space_change_sensitive")
    if draw.random() < 0.65:
        kind = draw.choice(["float_tolerance", "float_tolerance", "float_absolute_tolerance", "float_relative_tolerance", "both"])
        if kind == "both":
            found += ["float_absolute_tolerance", draw.choice(TOLERANCES), "float_relative_tolerance", draw.choice(TOLERANCES)]
        else:
            found += [kind, draw.choice(TOLERANCES)]
    return found


def text(draw):
    parts = [] if draw.random() < 0.8 else [draw.choice(SPACES)]
    for _ in range(draw.choice([0, 1, 1, 2, 3, 5])):
        number = str(draw.choice([draw.randint(-9, 9), draw.randint(-(10**9), 10**9), draw.uniform(-1, 1), draw.gauss(0, 1e6), 10 ** draw.uniform(-12, 12)]))
        parts += [draw.choice([draw.choice(WORDS), draw.choice(NUMBERS), number, number]), draw.choice(SPACES)]
    if parts and draw.random() < 0.3:
        parts.pop()
    return parts


def near(draw, token):
    """A number about as far away as tolerances reach."""
    try:
        value = float(token)
    except ValueError:
        return draw.choice([token.swapcase(), token + "x", token])
    step = float(draw.choice(TOLERANCES)) * draw.choice([0.5, 0.999999, 1.0, 1.000001, 2.0]) * draw.choice([-1, 1])
    moved = value + step * draw.choice([1.0, abs(value)])
    return draw.choice([repr(moved), f"{moved:.6f}", f"{moved:e}", f"{value:.10f}", repr(value), token, str(int(value)) if abs(value) < 1e18 else token])


def changed(draw, parts):
    parts = list(parts)
    for _ in range(draw.choice([0, 1, 1, 1, 2])):
        if not parts:
            parts.append(draw.choice(WORDS + NUMBERS + SPACES))
            continue
        at = draw.randrange(len(parts))
        if parts[at].isspace():
            parts[at] = draw.choice(SPACES)
        else:
            parts[at] = draw.choice([near(draw, parts[at]), near(draw, parts[at]), draw.choice(WORDS + NUMBERS), ""])
    if draw.random() < 0.05:
        parts.append(draw.choice([" 1", "\nx", "\n\n"]))
    return parts


def rule(arguments):
    """The rule that the loader of packages makes of these flags."""
    found, rest = {"rule": "kattis"}, iter(arguments)
    for flag in rest:
        if not flag.startswith("float"):
            found[flag] = True
            continue
        # Nought compares by value, and no tolerance at all by words.
        value = float(next(rest)) or 5e-324
        for side in ["absolute", "relative"]:
            if flag in ("float_tolerance", f"float_{side}_tolerance"):
                found[f"float_{side}_tolerance"] = value
    return found


def explain(case, line, ours):
    if re.search(r"[0-9.][eE][+-]?(?![0-9+-])", case["note"]):
        return "a word such as `1e`, which glibc's scanf reads as a number though no number ends so; here it is a word"
    return None


def official(validator, folder, arguments, answer, output):
    (folder / "in").write_bytes(b"")
    (folder / "ans").write_bytes(answer)
    done = subprocess.run([validator, str(folder / "in"), str(folder / "ans"), str(folder), *arguments], input=output, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {42: "right", 43: "wrong"}.get(done.returncode, "none")


def suites(place, seed, scale):
    source = place / "support/default_validator/default_validator.cc"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        validator = str(folder / "validator")
        subprocess.run(["g++", "-O2", "-o", validator, str(source)], check=True)
        draw = random.Random(seed)
        rows, cases = [], []
        for number in range(int(3000 * scale)):
            arguments = flags(draw)
            parts = text(draw)
            answer, output = "".join(parts), "".join(changed(draw, parts))
            said = official(validator, folder, arguments, answer.encode(), output.encode())
            rows.append(problem(f"random-{number}", output, answer, rule(arguments)))
            cases.append({"problem": f"random-{number}", "program": ECHO, "official": said, "note": f"{arguments} {answer!r} {output!r}"})
        fixed, fixtures = [], []
        for case in sorted((place / "tests/default_validator_tests").glob("test_*")):
            arguments = (case / "args.txt").read_text().split() if (case / "args.txt").exists() else []
            answer, output = (case / "judge.ans").read_bytes(), (case / "user.out").read_bytes()
            said = official(validator, folder, arguments, answer, output)
            try:
                fixed.append(problem(case.name, output.decode(), answer.decode(), rule(arguments)))
            except UnicodeDecodeError:
                continue  # Tests here are kept as UTF-8; such a package is refused by name.
            fixtures.append({"problem": case.name, "program": ECHO, "official": said, "note": f"{arguments}"})
    tag = f"problemtools {version(place)}"
    for title, rows, cases in [("Kattis, random", rows, cases), ("Kattis, its fixtures in UTF-8", fixed, fixtures)]:
        yield {"title": title, "version": tag, "problems": written(rows), "cases": cases, "explain": explain}
