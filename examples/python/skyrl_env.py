"""One episode of SkyRL-Gym's environment, with answers from the keyboard: `python examples/python/skyrl_env.py PROBLEM_ID`.

An answer ends with an empty line, and holds its program between ```python and ```.
"""

import os
import sys

from rlef.adapters.skyrl import RlefEnv


def answer():
    lines = []
    for line in sys.stdin:
        if line == "\n":
            break
        lines.append(line)
    return "".join(lines)


def main():
    os.environ.setdefault("RLEF_PROBLEMS", "contest:train")
    env = RlefEnv(extras={"problem": sys.argv[1], "max_turns": 3})
    said, _ = env.init([])
    done = False
    while not done:
        print("\n".join(message["content"] for message in said))
        step = env.step(answer())
        said, done = step["observations"], step["done"]
        print("reward", step["reward"])
    print(env.get_metrics())
    env.close()


main()
