"""An episode by OpenEnv's client: `python examples/python/openenv_client.py`."""

import rlef
from rlef.adapters.openenv import client


def main():
    with rlef.Judge(problems=["contest:train"]) as judge:
        first = next(iter(judge.problems()))["id"]
        with client(judge).sync() as env:
            print(env.reset(problem=first).observation)
            result = env.step("```python\nprint(input())\n```")
            print(result.observation, result.reward, result.done)


main()
