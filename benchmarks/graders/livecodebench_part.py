"""LiveCodeBench's own `run_test` on random outputs and random results of calls, by value as it compares and with our tolerance."""

import ast
import contextlib
import importlib.util
import io
import json
import multiprocessing
import random
import re

from common import version, written

TOKENS = ["0", "-0", "1", "01", "1.0", "1.00", "1e0", "10", "1e1", "0.1", "0.10000000000000000001", "0.3", "0.30000000000000004", "1.4142135623730951", "1.414213562", "1000000", "1000000.0000001", "inf", "nan", "1_000", "yes", "Yes", "no", "a", "1,2", "\u0663", "+1", ".5", "0.5"]
SPACES = [" ", " ", "\n", "\n", "  ", "\t", " \n", "\n\n", "\r\n"]


def printed(draw):
    parts = []
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        parts += [draw.choice(TOKENS), draw.choice(SPACES)]
    return parts


def changed(draw, parts):
    parts = list(parts)
    for _ in range(draw.choice([0, 1, 1, 2])):
        if parts:
            at = draw.randrange(len(parts))
            parts[at] = draw.choice(SPACES) if parts[at].isspace() else draw.choice(TOKENS)
    if draw.random() < 0.1:
        parts.append(draw.choice(["\n", " ", "\n1", "x"]))
    return parts


def value(draw, depth=0):
    kinds = [lambda: draw.randint(-3, 3), lambda: draw.choice([True, False]), lambda: draw.choice([0.1 + 0.2, 0.3, 1.0, 2.5, -0.0]), lambda: draw.choice(["", "a", "1"]), lambda: 10**18, lambda: None]
    if depth < 2:
        kinds += [lambda: [value(draw, depth + 1) for _ in range(draw.randint(0, 3))]] * 3
    return draw.choice(kinds)()


def returned(draw, found):
    """Another value, mostly near: of another type, a little off, or the same."""
    choice = draw.random()
    if choice < 0.35:
        return found
    if isinstance(found, list):
        inner = [returned(draw, one) if draw.random() < 0.4 else one for one in found]
        return draw.choice([tuple(inner), inner, inner[:-1]])
    if isinstance(found, bool):
        return draw.choice([int(found), float(found), not found])
    if isinstance(found, (int, float)) and abs(found) < 10**9:
        return draw.choice([float(found), int(found), found + 1e-12, found + 1, str(found), bool(found)])
    return draw.choice([None, found, str(found), [found]])


def run(place, samples, answer):
    """In a process of its own: what it does to protect itself can't be undone."""
    spec = importlib.util.spec_from_file_location("testing_util", place / "lcb_runner/evaluation/testing_util.py")
    grader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(grader)
    # What it takes away for its own protection can be taken away once.
    grader.reliability_guard()
    grader.reliability_guard = lambda: None
    found = []
    for sample, code in samples:
        with contextlib.redirect_stdout(io.StringIO()):
            results, _ = grader.run_test({"input_output": json.dumps(sample)}, test=code, timeout=6)
        found.append("right" if results and all(one is True for one in results) else "wrong")
    answer.send(found)


def official(place, samples):
    found = []
    for start in range(0, len(samples), 200):
        here, there = multiprocessing.Pipe()
        child = multiprocessing.Process(target=run, args=(place, samples[start : start + 200], there))
        child.start()
        there.close()
        found += here.recv()
        child.join()
    return found


def row(name, test, function):
    metadata = json.dumps({"func_name": function} if function else {})
    return {"question_id": name, "question_title": name, "question_content": name, "platform": "leetcode" if function else "atcoder", "contest_id": "c", "contest_date": "2024-01-01T00:00:00", "starter_code": "", "difficulty": "easy", "public_test_cases": json.dumps([test]), "private_test_cases": json.dumps([]), "metadata": metadata}


def lists(found):
    """With every tuple as a list."""
    return [lists(one) for one in found] if isinstance(found, (list, tuple)) else found


def explain(case, line, ours):
    if case["official"] == "wrong" and ours == "right" and case["result"] is not None:
        expected, got = case["result"]
        if got != expected and lists(got) == lists(expected):
            return "a tuple inside a result: values cross from program to judge as JSON, which has one kind of list; LiveCodeBench forgives a tuple only where it is the whole result"
    if case["official"] == "right" and ours == "wrong" and re.search("inf|nan|_|[^\\x00-\\x7f]", case["note"], re.IGNORECASE):
        return "words that Python's Decimal reads as numbers (`inf`, `nan`, `1_000`, digits of other scripts) between other blanks: here they are words, and such a line is compared as text"
    if case["official"] == "wrong" and ours == "right" and case["tolerant"]:
        return "a number that is no whole one, within 1e-9 or 1e-14 of the expected: the tolerance that is on by default (`livecodebench-exact` has none)"
    return None


def suites(place, seed, scale):
    draw = random.Random(seed)
    rows, samples, programs, results = [], [], [], {}
    for number in range(int(1500 * scale)):
        parts = printed(draw)
        expected, got = "".join(parts), "".join(changed(draw, parts))
        code = f"import sys\nsys.stdout.write({got!r})\n"
        rows.append(row(f"printed-{number}", {"input": "1\n", "output": expected, "testtype": "stdin"}, None))
        samples.append(({"inputs": ["1\n"], "outputs": [expected]}, code))
        programs.append(f"{expected!r} {got!r}")
    for number in range(int(1500 * scale)):
        expected = value(draw)
        code = f"class Solution:\n    def f(self, x):\n        return {returned(draw, expected)!r}\n"
        text = json.dumps(expected)
        rows.append(row(f"returned-{number}", {"input": "1", "output": text, "testtype": "functional"}, "f"))
        samples.append(({"inputs": ["1"], "outputs": [text], "fn_name": "f"}, code))
        programs.append(f"{text} {code.splitlines()[-1].strip()}")
        results[f"returned-{number}"] = (expected, ast.literal_eval(code.splitlines()[-1].strip().removeprefix("return ")))
    said = official(place, samples)
    tag = f"LiveCodeBench {version(place)}"
    for title, schema in [("LiveCodeBench, by value", "livecodebench-exact"), ("LiveCodeBench, as judged by default", "livecodebench")]:
        cases = [
            {"problem": line["question_id"], "program": {"program": code}, "official": word, "note": note, "tolerant": schema == "livecodebench", "result": results.get(line["question_id"])}
            for line, (_, code), word, note in zip(rows, samples, said, programs)
        ]
        yield {"title": title, "version": tag, "problems": written(rows), "options": ["--schema", schema], "cases": cases, "explain": explain}
