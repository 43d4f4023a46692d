"""verifiers itself: its tasks, and its own scoring of a trace. Run by `.ci/outside trainers`."""

import asyncio
import json
import os
import tempfile
import unittest
from pathlib import Path

import verifiers.v1 as vf

import rlef
from rlef import process
from rlef.adapters.verifiers import RlefConfig, RlefTaskset

PROBLEM = {
    "id": "sum",
    "statement": "Add two numbers.",
    "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
    "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
}


class Verifiers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "own.jsonl"
        path.write_text(json.dumps(PROBLEM) + "\n")
        self.judge = rlef.Judge(problems=[path], workers=2, cache=False)
        self.addCleanup(self.judge.close)
        os.environ["RLEF_URL"], os.environ["RLEF_TOKEN"] = self.judge.endpoint.url, self.judge.endpoint.token or ""
        process._judge = process._async_judge = None
        self.task = next(iter(RlefTaskset(RlefConfig(problem_set="own")).load()))

    def scored(self, said):
        """verifiers' own scoring, as its rollouts call it."""
        trace = vf.Trace.model_construct(root_reply=said, rewards={}, metrics={})

        async def score():
            process._async_judge = None
            await self.task.score(trace)

        asyncio.run(score())
        return {name: reward.score for name, reward in trace.rewards.items()}, trace.metrics

    def test_traces_are_scored_by_the_tests(self):
        self.assertIn("Add two numbers.", self.task.data.prompt)
        right = self.scored("```python\nprint(sum(map(int, input().split())))\n```")
        self.assertEqual(right, ({"solved": 1.0}, {"passed": 1.0}))
        self.assertEqual(self.scored("```python\nprint(3)\n```"), ({"solved": -1.0}, {"passed": 0.5}))
        self.assertEqual(self.scored("")[0], {"solved": -1.0})

    def test_a_judge_that_is_gone_is_an_error_and_no_score(self):
        self.judge.close()
        os.environ["RLEF_URL"] = "http://127.0.0.1:9"
        process._judge = process._async_judge = None
        process.shared_async()._patience = 0.1
        trace = vf.Trace.model_construct(root_reply="x", rewards={}, metrics={})
        with self.assertRaises(vf.TaskError):
            asyncio.run(self.task.score(trace))
        self.assertEqual(trace.rewards, {"solved": None})


if __name__ == "__main__":
    unittest.main()
