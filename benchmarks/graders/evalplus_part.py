"""EvalPlus' own check on references and mutants of HumanEval+ and MBPP+."""

import copy
import gzip
import importlib.util
import json
import os
import pathlib
import random
import shutil
import sys
import time
import types

import mutants
from common import unexplained, version


def module(place, name, path):
    spec = importlib.util.spec_from_file_location(name, place / path)
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    return found


def loaded(place):
    """What checks, and what rebuilds the types of MBPP+; the rest of the package asks for a dozen others."""
    for name in ["evalplus", "evalplus.data"]:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    sys.modules["wget"] = types.ModuleType("wget")
    utils = types.ModuleType("evalplus.data.utils")
    for name in ["CACHE_DIR", "completeness_check", "get_dataset_metadata", "make_cache", "stream_jsonl"]:
        setattr(utils, name, None)
    sys.modules["evalplus.data.utils"] = utils
    module(place, "evalplus.config", "evalplus/config.py")
    package = importlib.util.spec_from_file_location("evalplus.eval", place / "evalplus/eval/__init__.py", submodule_search_locations=[str(place / "evalplus/eval")])
    check = importlib.util.module_from_spec(package)
    sys.modules["evalplus.eval"] = check
    package.loader.exec_module(check)
    return check, module(place, "evalplus.data.mbpp", "evalplus/data/mbpp.py")


def expected(source, entry_point, inputs, only_whether):
    """What the reference returns, and how long it takes."""
    names = {}
    exec(source, names)
    results, seconds = [], []
    for arguments in inputs:
        begun = time.time()
        results.append(names[entry_point](*copy.deepcopy(arguments)))
        seconds.append(time.time() - begun)
    return [found is not None for found in results] if only_whether else results, seconds


def cases_of(place, data, dataset, seed, every):
    check, mbpp = loaded(place)
    draw = random.Random(seed)
    for number, line in enumerate(gzip.open(data, "rt")):
        row = json.loads(line)
        source = row["canonical_solution"]
        if dataset == "humaneval":
            source = row["prompt"] + source
        if number % every:
            continue
        inputs = row["base_input"] + row["plus_input"]
        if dataset == "mbpp":
            inputs = mbpp.mbpp_deserialize_inputs(row["task_id"], row["base_input"]) + mbpp.mbpp_deserialize_inputs(row["task_id"], row["plus_input"])
        whether = row["entry_point"] in check.MBPP_OUTPUT_NOT_NONE_TASKS and dataset == "mbpp"
        results, seconds = expected(source, row["entry_point"], inputs, whether)
        for program in mutants.programs(source, draw, 2):
            said, _ = check.untrusted_check(dataset, program, copy.deepcopy(inputs), row["entry_point"], results, row["atol"], seconds, fast_check=True)
            official = "right" if said == check.PASS else "wrong"
            yield {"problem": row["task_id"], "program": {"program": program}, "official": official, "note": program}


def suites(place, seed, scale):
    folder = pathlib.Path(os.environ["RLEF_DATA"])
    every = max(1, int(4 / scale))
    for title, dataset, name in [("HumanEval+", "humaneval", "humanevalplus/HumanEvalPlus.jsonl.gz"), ("MBPP+", "mbpp", "mbppplus/MbppPlus.jsonl.gz")]:
        data = folder / name
        cases = list(cases_of(place, data, dataset, seed, every))

        def problems(folder, data=data):
            return shutil.copy(data, folder / data.name)

        yield {"title": f"{title}, references and mutants of every {every}th", "version": f"evalplus {version(place)}", "problems": problems, "cases": cases, "explain": unexplained}
