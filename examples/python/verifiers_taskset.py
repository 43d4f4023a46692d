"""The taskset's tasks, as verifiers (0.4) loads them: `python examples/python/verifiers_taskset.py`."""

import os

from rlef.adapters.verifiers import RlefConfig, RlefTaskset


def main():
    os.environ.setdefault("RLEF_PROBLEMS", "contest:train")
    for task, _ in zip(RlefTaskset(RlefConfig()), range(3)):
        print(task.data.id, task.data.prompt, sep="\n", end="\n\n")


main()
