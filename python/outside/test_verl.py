"""verl itself, as far as it goes without a card: its reward loop on two simulated nodes of Ray, its client of SandboxFusion, the
agent loop with an engine of straw, the estimator in its own computation of advantages. Run by `.ci/outside trainers`."""

import asyncio
import json
import os
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy
import ray
import torch
import verl
from hydra import compose, initialize_config_dir
from ray.cluster_utils import Cluster
from tiny import tiny
from transformers import AutoTokenizer

import rlef
from rlef import process

PROBLEMS = [
    {
        "id": "sum",
        "statement": "Add two numbers.",
        "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
        "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
    }
]
RIGHT = "```python\nprint(sum(map(int, input().split())))\n```"
WRONG = "```python\nprint(3)\n```"


def setUpModule():
    global folder, judge, model, tokenizer
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "own.jsonl"
    path.write_text("".join(json.dumps(problem) + "\n" for problem in PROBLEMS))
    judge = rlef.Judge(problems=[path], workers=2, cache=False)
    ask(judge.endpoint.url, judge.endpoint.token)
    model = tiny(f"{folder.name}/model")
    tokenizer = AutoTokenizer.from_pretrained(model)


def tearDownModule():
    judge.close()
    folder.cleanup()


def ask(url, token):
    """Has every process's own judge be this one, those of workers to come among them."""
    os.environ["RLEF_URL"], os.environ["RLEF_TOKEN"] = url, token or ""
    process._judge = process._async_judge = None


def configured(*more):
    """verl's own configuration for PPO."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer/config"), version_base=None):
        return compose(
            "ppo_trainer",
            [
                f"actor_rollout_ref.model.path={model}",
                "reward.custom_reward_function.path=pkg://rlef.adapters.verl",
                "reward.custom_reward_function.name=compute_score",
                "reward.num_workers=2",
                *more,
            ],
        )


def batch(*answers):
    """Rows as the reward loop is given them."""
    ids = [tokenizer.encode(answer, add_special_tokens=False) for answer in answers]
    longest = max(map(len, ids))
    rows = [row + [tokenizer.pad_token_id] * (longest - len(row)) for row in ids]
    mask = [[1] + [1] * len(row) + [0] * (longest - len(row)) for row in ids]
    objects = {
        "data_source": ["any"] * len(ids),
        "reward_model": [{"ground_truth": "sum"}] * len(ids),
        "extra_info": [{}] * len(ids),
    }
    return verl.DataProto.from_dict(
        {"prompts": torch.ones(len(ids), 1).long(), "responses": torch.tensor(rows), "attention_mask": torch.tensor(mask)},
        {name: numpy.array(values, dtype=object) for name, values in objects.items()},
    )


class RewardLoop(unittest.TestCase):
    def test_workers_on_two_nodes_score_by_the_judge(self):
        from verl.experimental.reward_loop.reward_loop import RewardLoopManager

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        self.addCleanup(cluster.shutdown)
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        self.addCleanup(ray.shutdown)
        manager = RewardLoopManager(configured())
        scored = manager.compute_rm_score(batch(RIGHT, WRONG, "nothing at all", RIGHT))
        self.assertEqual(scored.batch["rm_scores"].sum(-1).tolist(), [1.0, -1.0, -1.0, 1.0])
        self.assertEqual(scored.non_tensor_batch["acc"].tolist(), [True, False, False, True])
        self.assertEqual(scored.non_tensor_batch["verdict"].tolist()[:2], ["accepted", "wrong_answer"])
        hosts = ray.util.state.list_actors(filters=[("state", "=", "ALIVE")])
        self.assertEqual(len({actor.node_id for actor in hosts}), 2)


class SandboxFusion(unittest.TestCase):
    """verl's own client, which sends one request a test."""

    def score(self, said, cases, **more):
        from verl.utils.reward_score.sandbox_fusion import compute_score

        url = judge.url_with_token + "/run_code"
        return compute_score(url, None, 1024, said, cases, continuous=True, **more)

    def test_its_scores_are_shares_of_tests(self):
        cases = {"inputs": ["1 2\n", "5 6\n"], "outputs": ["3\n", "11\n"]}
        for said, expected in [(RIGHT, 1.0), (WRONG, 0.5), ("```python\nimport os; os._exit(1)\n```", 0.0)]:
            score, details = self.score(said, cases)
            self.assertEqual(score, expected, details)

    def test_a_program_that_runs_on_is_no_failure_of_the_sandbox(self):
        score, details = self.score("```python\nwhile True: pass\n```", {"inputs": [""], "outputs": ["x"]}, timeout=1)
        self.assertEqual((score, details[0]["status"]), (0.0, "timeout"), details)


class Broken(BaseHTTPRequestHandler):
    """A judge that always fails."""

    def do_POST(self):
        body = b'{"error": {"kind": "infrastructure", "infrastructure": true, "message": "the sandbox failed"}}'
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class AgentLoop(unittest.TestCase):
    def play(self, *answers, turns=3):
        from verl.experimental.agent_loop.agent_loop import DictConfigWrap

        from rlef.adapters.verl_loop import RlefAgentLoop

        left, asked = list(answers), []

        class Engine:
            async def generate(self, request_id, prompt_ids, sampling_params, **_):
                asked.append(list(prompt_ids))
                said = tokenizer.encode(left.pop(0) + "<|im_end|>", add_special_tokens=False)
                return SimpleNamespace(token_ids=said, log_probs=[-0.5] * len(said), extra_fields={})

        config = configured(
            f"actor_rollout_ref.rollout.multi_turn.max_assistant_turns={turns}",
            "data.max_response_length=4096",
        )

        async def run():
            loop = RlefAgentLoop(
                trainer_config=DictConfigWrap(config=config),
                server_manager=Engine(),
                tokenizer=tokenizer,
                processor=None,
                dataset_cls=None,
                data_config=DictConfigWrap(config=config.data),
                hf_model_type="qwen2",
            )
            row = {"raw_prompt": [{"role": "user", "content": "Add."}], "reward_model": {"ground_truth": "sum"}}
            return await loop.run({}, **row)

        return asyncio.run(run()), asked

    def test_an_episode_is_played_by_ids_with_a_reward_a_turn(self):
        output, asked = self.play(WRONG.replace("3", "4"), RIGHT)
        said = output.as_dict()
        mask, rewards = said["response_mask"].tolist(), said["rm_scores"].tolist()
        ids = said["responses"].tolist()
        own = tokenizer.decode([one for one, mine in zip(ids, mask) if mine])
        self.assertEqual(own, WRONG.replace("3", "4") + "<|im_end|>" + RIGHT + "<|im_end|>")
        other = tokenizer.decode([one for one, mine in zip(ids, mask) if not mine])
        self.assertIn("Expected output '3' but got '4'", other)
        self.assertTrue(other.endswith("<|im_start|>assistant\n"), other)
        self.assertEqual((sum(rewards), output.num_turns), (1.0, 4))
        # What the second turn is sampled after are the very ids of before.
        self.assertEqual(asked[1], asked[0] + ids[: len(asked[1]) - len(asked[0])])
        # As the template writes the whole conversation.
        whole = tokenizer.decode(said["prompts"].tolist() + ids)
        feedback = other.split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
        turns = [("user", "Add."), ("assistant", WRONG.replace("3", "4")), ("user", feedback), ("assistant", RIGHT)]
        written = tokenizer.apply_chat_template([{"role": r, "content": c} for r, c in turns], tokenize=False)
        self.assertEqual(whole, written.removesuffix("\n"))

    def test_a_judge_that_fails_leaves_no_output(self):
        broken = ThreadingHTTPServer(("127.0.0.1", 0), Broken)
        self.addCleanup(broken.server_close)
        self.addCleanup(broken.shutdown)
        threading.Thread(target=broken.serve_forever, daemon=True).start()
        ask(f"http://127.0.0.1:{broken.server_port}", None)
        self.addCleanup(ask, judge.endpoint.url, judge.endpoint.token)
        self.assertEqual(self.play(RIGHT)[0], [])


class Advantages(unittest.TestCase):
    def test_the_estimator_is_given_the_critics_values(self):
        from rlef.adapters.verl import install

        install()
        from verl.trainer.ppo import ray_trainer

        tensor = torch.tensor
        data = verl.DataProto.from_dict(
            {
                "token_level_rewards": tensor([[0, -0.2, 0, 0, 1.0]]),
                "response_mask": tensor([[1, 1, 0, 1, 1]]),
                "values": tensor([[0.3, 9, 9, 0.6, 9]]),
            }
        )
        done = ray_trainer.compute_advantage(data, adv_estimator="rlef")
        # Worked by hand: raw advantages are 0.8 - 0.3 and 1 - 0.6, one deviation above their mean and one below.
        self.assertEqual([round(one, 4) for one in done.batch["advantages"].tolist()[0]], [1.0, 1.0, 0.0, -1.0, -1.0])
        expected = torch.tensor([0.8, 0.8, 0.0, 1.0, 1.0])
        self.assertTrue(torch.allclose(done.batch["returns"][0], expected))


if __name__ == "__main__":
    unittest.main()
