"""OpenRLHF itself: its executor of several turns plays an episode, with an engine of straw. Run by `.ci/outside trainers`."""

import asyncio
import importlib.util
import json
import os
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from tiny import tiny
from transformers import AutoTokenizer

import rlef
from rlef import process

PROBLEM = {
    "id": "sum",
    "statement": "Add two numbers.",
    "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
    "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
}
RIGHT = "```python\nprint(sum(map(int, input().split())))\n```"
WRONG = "```python\nprint(4)\n```"
PROMPT = "<|im_start|>user\nAdd.<|im_end|>\n<|im_start|>assistant\n"


class OpenRlhf(unittest.TestCase):
    def test_an_episode_is_played(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "own.jsonl"
            path.write_text(json.dumps(PROBLEM) + "\n")
            tokenizer = AutoTokenizer.from_pretrained(tiny(f"{folder}/model"))
            left = [WRONG, RIGHT]

            class Engine:
                async def generate(self, ids, params, multi_modal_data=None):
                    text = left.pop(0)
                    said = tokenizer.encode(text, add_special_tokens=False)
                    log_probs = [{token: SimpleNamespace(logprob=-0.5)} for token in said]
                    answer = SimpleNamespace(token_ids=said, text=text, finish_reason="stop", logprobs=log_probs)
                    return SimpleNamespace(outputs=[answer])

            # The file that `--train.agent_func_path` names, as a user has it.
            example = Path(os.environ["RLEF_EXAMPLES"]) / "openrlhf_agent.py"
            spec = importlib.util.spec_from_file_location("agent", example)
            agent = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(agent)
            with rlef.Judge(problems=[path], workers=2, cache=False) as judge:
                os.environ["RLEF_URL"], os.environ["RLEF_TOKEN"] = judge.endpoint.url, judge.endpoint.token or ""
                process._judge = process._async_judge = None
                params = SimpleNamespace(max_tokens=1024, logprobs=1)
                played = asyncio.run(agent.AgentExecutor().execute(PROMPT, "sum", params, 8192, tokenizer, Engine()))
        ids = played["observation_tokens"]
        own = [tokenizer.decode(ids[first:last]) for first, last in played["action_ranges"]]
        self.assertEqual(own, [WRONG, RIGHT])
        between = tokenizer.decode(ids[played["action_ranges"][0][1] : played["action_ranges"][1][0]])
        self.assertIn("Expected output '3' but got '4'", between)
        self.assertTrue(between.endswith("<|im_start|>assistant\n"), between)
        self.assertEqual((float(played["reward"]), float(played["scores"])), (1.0, 1.0))
        self.assertEqual(len(played["rollout_log_probs"]), len(ids))


if __name__ == "__main__":
    unittest.main()
