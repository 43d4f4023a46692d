"""The problems that are served as a task of inspect_ai (0.3): `RLEF_PROBLEMS=contest:test inspect eval examples/python/inspect_task.py
--model openai/NAME`."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

import rlef
from rlef.adapters.inspect_ai import passes_tests


@task
def served():
    judge = rlef.shared()
    samples = []
    for summary in judge.problems():
        prompt = judge.problem(summary["id"], summary["set"])["prompt"]
        label = {"problem_id": summary["id"], "set": summary["set"]}
        samples.append(Sample(input=prompt, target="", id=f"{summary['set']}/{summary['id']}", metadata={"problem": label}))
    return Task(dataset=samples, scorer=passes_tests(metadata="problem"))
