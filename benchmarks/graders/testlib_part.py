"""testlib's own checkers, compiled as they are, on random inputs, answers and outputs of the kind that each reads."""

import pathlib
import random
import subprocess
import tempfile

from common import ECHO, version, written

# What a checker of this name reads: whole numbers, numbers, words, lines, "yes" and "no".
KINDS = {
    "acmp": "numbers", "dcmp": "numbers", "rcmp": "numbers", "rcmp4": "numbers", "rcmp6": "numbers", "rcmp9": "numbers", "rncmp": "numbers",
    "icmp": "integers", "ncmp": "integers", "uncmp": "integers", "caseicmp": "cases", "casencmp": "cases", "casewcmp": "cases",
    "hcmp": "big", "wcmp": "words", "fcmp": "lines", "lcmp": "lines", "yesno": "yes", "nyesno": "yes", "pointscmp": "numbers", "pointsinfo": "numbers",
}


def token(draw, kind):
    integer = draw.choice([draw.randint(-9, 9), draw.randint(-(2**31), 2**31), 2**62, 2**63, -(2**63)])
    return {
        "numbers": lambda: draw.choice([str(integer), f"{draw.uniform(-9, 9):.9f}", f"{draw.gauss(0, 1e5):.4f}", "1e3", "nan", "-0.0", "1.5000000001"]),
        "integers": lambda: draw.choice([str(integer), "007", "+1", "1.0"]) if draw.random() < 0.2 else str(draw.randint(-99, 99)),
        "big": lambda: draw.choice([str(10**30 + draw.randint(0, 3)), "-12", "0", "007", "12"]),
        "words": lambda: draw.choice(["a", "A", "abc", "1", "01", "\u00e9"]),
        "lines": lambda: draw.choice(["a b", "a  b", " a", "a ", "1", "", "b"]),
        "yes": lambda: draw.choice(["YES", "yes", "No", "NO", "maybe"]) if draw.random() < 0.3 else draw.choice(["YES", "NO"]),
        "cases": lambda: str(draw.randint(0, 3)),
    }[kind]()


def content(draw, kind):
    count = 1 if kind == "yes" and draw.random() < 0.5 else draw.choice([1, 1, 2, 3])
    if kind == "cases":
        return "".join(f"Case {number + 1}: {token(draw, kind)}\n" for number in range(count))
    glue = "\n" if kind in ("lines", "yes") else draw.choice([" ", "\n"])
    return glue.join(token(draw, kind) for _ in range(count)) + "\n"


def changed(draw, kind, answer):
    choice = draw.random()
    if choice < 0.4:
        return answer
    if choice < 0.55:
        return draw.choice([answer.rstrip("\n"), answer + "\n", " " + answer, answer.replace(" ", "  "), answer.swapcase(), answer.replace("\n", "\r\n")])
    if choice < 0.65:
        return draw.choice(["", "x\n", answer + "1\n", answer * 2])
    return content(draw, kind)


def official(checker, folder, texts):
    paths = [folder / name for name in ("input", "output", "answer")]
    for path, words in zip(paths, texts):
        path.write_bytes(words.encode())
    done = subprocess.run([checker, *map(str, paths)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    code = done.returncode
    if code == 0:
        return "right"
    return "wrong" if code in (1, 2, 4, 7, 8, 16) or 50 <= code <= 250 else "none"


def explain(case, line, ours):
    if case["official"] == "none" and ours == "wrong":
        return "the checker fails on the output and not on the answer in its place: here that is a wrong answer, for no program may choose to have no verdict"
    return None


def suites(place, seed, scale):
    header = place if place.is_file() else place / "testlib.h"
    rows, cases = [], []
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for source in sorted((header.parent / "checkers").glob("*.cpp")):
            kind = KINDS.get(source.stem)
            if kind is None:
                continue
            checker = str(folder / source.stem)
            # Partial points are counted from 50 by judging systems, as here; from 0 none would look like all.
            subprocess.run(["g++", "-O1", "-DPC_BASE_EXIT_CODE=50", "-I", str(header.parent), "-o", checker, str(source)], check=True)
            comparison = {"rule": "checker", "language": "cpp", "protocol": "testlib", "source": source.read_text()}
            for number in range(int(40 * scale)):
                answer = content(draw, kind)
                output = changed(draw, kind, answer)
                # What the program reads is what it prints: these checkers look at no input.
                said = official(checker, folder, (output, output, answer))
                identifier = f"{source.stem}-{number}"
                test = {"kind": "stdin", "input": output, "expected": answer}
                rows.append({"id": identifier, "statement": identifier, "public_tests": [test], "comparison": comparison})
                cases.append({"problem": identifier, "program": ECHO, "official": said, "note": f"{answer!r} {output!r}"})
    yield {"title": f"testlib's checkers ({len({case['problem'].rsplit('-', 1)[0] for case in cases})})", "version": f"testlib {version(header.parent)}", "problems": written(rows), "cases": cases, "explain": explain}
