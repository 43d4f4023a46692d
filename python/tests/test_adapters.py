"""Each adapter against the shapes of its trainer, and a judge that really judges."""

import asyncio
import importlib
import os
import sys
import unittest
from types import SimpleNamespace

from support import PROBLEMS, RIGHT, WRONG, Straw, failed, fenced, judge, stepped, verdict
from support import opened as episode

import rlef
from rlef import process
from rlef.adapters import trl

opened = None


def ask(url, token=None):
    """Has the process's own judge be this one."""
    os.environ["RLEF_URL"] = url
    os.environ["RLEF_TOKEN"] = token or ""
    if process._judge is not None:
        process._judge.close()
    process._judge = process._async_judge = None


def setUpModule():
    global opened, started
    opened = judge()
    started = opened.__enter__()


def tearDownModule():
    opened.__exit__(None, None, None)


class Adapter(unittest.TestCase):
    def setUp(self):
        ask(started.url, started.endpoint.token)

    def broken(self):
        """A judge that always fails."""
        straw = Straw((500, {}, failed()))
        self.addCleanup(straw.__exit__)
        ask(straw.url)


class Problems(unittest.TestCase):
    def test_labels_say_which_problem(self):
        of = rlef.problem_fields
        self.assertEqual(of("HumanEval/0"), {"problem_id": "HumanEval/0"})
        self.assertEqual(of(7), {"problem_id": 7})
        self.assertEqual(of('{"problem_id": "a", "set": "s"}'), {"problem_id": "a", "set": "s"})
        self.assertEqual(of({"problem_id": "a", "set": None}), {"problem_id": "a"})
        self.assertEqual(of(PROBLEMS[0]), {"problem": PROBLEMS[0]})
        cases = of({"inputs": ["1"], "outputs": ["2"], "fn_name": None})
        self.assertEqual(cases, {"problem": {"question": "", "input_output": {"inputs": ["1"], "outputs": ["2"]}}})
        for label in (None, True, 1.5, [], "{"):
            with self.assertRaises(rlef.RequestError):
                of(label)


class Tokens:
    """A tokenizer of letters, with a template that only adds."""

    def decode(self, ids, skip_special_tokens=False):
        return "".join(map(chr, ids))

    def encode(self, text, add_special_tokens=False):
        return [ord(letter) for letter in text]

    def apply_chat_template(self, messages, add_generation_prompt=False, tokenize=True, return_dict=False):
        text = "".join(f"<{one['role']}>{one['content']}~\n" for one in messages)
        text += "<assistant>" if add_generation_prompt else ""
        return self.encode(text) if tokenize else text


def says(*answers):
    """Samples these answers, one a call, for every prompt."""
    left = list(answers)

    def generate(prompts, trainer):
        said = left.pop(0)
        return [([ord(letter) for letter in said], [-0.5] * len(said)) for _ in prompts]

    return generate


class Trl(Adapter):
    trainer = SimpleNamespace(processing_class=Tokens())

    def test_rewards(self):
        function = trl.reward()
        said = [fenced(RIGHT), [{"role": "assistant", "content": fenced(WRONG)}], "nothing\0"]
        columns = {"problem": ["sum", PROBLEMS[0], "sum"], "trainer_state": None}
        self.assertEqual(function(prompts=[None] * 3, completions=said, **columns), [1.0, -1.0, -1.0])

    def test_a_failure_is_none(self):
        self.broken()
        self.assertEqual(trl.reward()(prompts=["p"], completions=["x"], problem=["sum"]), [None])

    def test_a_rollout_of_turns_masks_feedback(self):
        first, second = fenced("print(4)"), fenced(RIGHT)
        play = trl.rollout(says(first, second), lambda prompt: "sum", turns=3)
        played = play(["p1", "p2"], self.trainer)
        for row in range(2):
            ids, mask = played["completion_ids"][row], played["env_mask"][row]
            self.assertEqual(len(ids), len(mask))
            self.assertEqual(len(ids), len(played["logprobs"][row]))
            own = "".join(chr(one) for one, mine in zip(ids, mask) if mine)
            self.assertEqual(own, first + second)
            other = "".join(chr(one) for one, mine in zip(ids, mask) if not mine)
            self.assertTrue(other.startswith("~\n<user>") and other.endswith("<assistant>"), other)
            self.assertIn("Expected output '3' but got '4'", other)
            text = Tokens().decode(played["prompt_ids"][row])
            self.assertEqual(text, f"<user>p{row + 1}~\n<assistant>")
            unsampled = [one for one, mine in zip(played["logprobs"][row], mask) if not mine]
            self.assertEqual(set(unsampled), {0.0})
        self.assertEqual(played["rlef_reward"], [1.0, 1.0])
        # What was judged in the rollout is not judged again.
        self.assertEqual(trl.reward()(prompts=[], completions=[], rlef_reward=[1.0, None]), [1.0, None])

    def test_rewards_of_all_turns_add_up(self):
        play = trl.rollout(says("nothing", fenced(WRONG)), lambda prompt: "sum", turns=2)
        self.assertEqual(play(["p"], self.trainer)["rlef_reward"], [-1.2])

    def test_where_there_is_no_room_it_ends_unsolved(self):
        play = trl.rollout(says("nothing"), lambda prompt: "sum", turns=3, max_completion_tokens=40)
        played = play(["p"], self.trainer)
        self.assertEqual((played["rlef_reward"], played["env_mask"]), ([-1.0], [[1] * 7]))

    def test_a_rollout_whose_judge_fails_has_no_reward(self):
        self.broken()
        play = trl.rollout(says("x"), lambda prompt: "sum")
        played = play(["p"], self.trainer)
        self.assertEqual((played["rlef_reward"], played["env_mask"]), ([None], [[1]]))

    def test_a_template_that_rewrites_is_refused(self):
        class Forgets(Tokens):
            def apply_chat_template(self, messages, **options):
                return super().apply_chat_template(messages[-1:], **options)

        with self.assertRaises(ValueError):
            trl.feedback_ids(Forgets(), "f", None)

    def test_the_end_of_an_answer_is_there_once(self):
        end = ord("~")
        for last, expected in [(end, "\n<user>f~\n<assistant>"), (ord("a"), "~\n<user>f~\n<assistant>")]:
            self.assertEqual(Tokens().decode(trl.feedback_ids(Tokens(), "f", last)), expected)


class Batch(SimpleNamespace):
    pass


class Verl(Adapter):
    @classmethod
    def setUpClass(cls):
        cls.utils = importlib.import_module("verl.trainer.ppo.v1.utils")
        importlib.import_module("rlef.adapters.verl_plugin")
        cls.verl = sys.modules["rlef.adapters.verl"]
        cls.loop = sys.modules["rlef.adapters.verl_loop"]
        cls.torch = sys.modules["torch"]

    def test_scores(self):
        async def score(said, truth, extra=None):
            return await self.verl.compute_score("any", said, truth, extra, reward_router_address=None)

        self.assertEqual(asyncio.run(score(fenced(RIGHT), "sum"))["score"], 1.0)
        said = asyncio.run(score(fenced(WRONG), '{"inputs": ["1 1"], "outputs": ["2"]}'))
        self.assertEqual((said["score"], said["verdict"], said["acc"]), (-1.0, "wrong_answer", False))
        # What the row says comes before the ground truth.
        said = asyncio.run(score(fenced("print(int(input()) * 2)"), "sum", {"problem": "set/double 2"}))
        self.assertTrue(said["acc"])

    def test_a_failure_is_raised(self):
        self.broken()
        with self.assertRaises(rlef.InfrastructureError):
            asyncio.run(self.verl.compute_score("any", "x", "sum"))

    def test_the_estimator_is_given_the_critics_values(self):
        tensor = self.torch.tensor
        batch = {
            "token_level_rewards": tensor([[0, -0.2, 0, 0, 1.0]]),
            "response_mask": tensor([[1, 1, 0, 1, 1]]),
            "values": tensor([[0.3, 9, 9, 0.6, 9]]),
        }
        data = self.utils.compute_advantage_for_multi_trajectories(Batch(batch=batch), ["k"], "rlef", config=None)
        # Raw advantages are 0.5 and 0.4: one deviation above their mean, and one below.
        found = [round(one, 4) for one in data.batch["advantages"].tolist()[0]]
        self.assertEqual(found, [1.0, 1.0, 0.0, -1.0, -1.0])
        self.assertEqual(data.batch["returns"].tolist(), [[0.8, 0.8, 0.0, 1.0, 1.0]])
        # Others are computed as before.
        core = sys.modules["verl.trainer.ppo.core_algos"]
        core.ESTIMATORS["other"] = lambda **given: (sorted(given), None)
        data = self.utils.compute_advantage_for_multi_trajectories(Batch(batch=batch), ["k"], "other")
        self.assertNotIn("values", data.batch["advantages"])

    def play(self, *answers, room=10_000, turns=3, log_probs=True):
        left = list(answers)

        class Engine:
            async def generate(self, request_id, prompt_ids, sampling_params):
                said = [ord(letter) for letter in left.pop(0)]
                given = [-0.5] * len(said) if log_probs else None
                return SimpleNamespace(token_ids=said, log_probs=given, extra_fields={"min_global_steps": 1})

        config = SimpleNamespace(response_length=room, multi_turn=SimpleNamespace(max_assistant_turns=turns))
        agent = sys.modules["verl.experimental.agent_loop.agent_loop"].LOOPS["rlef"](config, Engine(), Tokens())
        row = {"raw_prompt": [{"role": "user", "content": "Add."}], "reward_model": {"ground_truth": "sum"}}
        return asyncio.run(agent.run({}, **row))

    def test_an_episode_is_played_by_ids_with_a_reward_a_turn(self):
        first, second = "nothing", fenced(RIGHT)
        for log_probs in (True, False):
            output = self.play(first, second, log_probs=log_probs)
            said = output.as_dict()
            mask, rewards = said["response_mask"].tolist(), said["rm_scores"].tolist()
            self.assertEqual("".join(map(chr, said["prompts"].tolist())), "Add.")
            ids = said["responses"].tolist()
            self.assertEqual("".join(chr(one) for one, own in zip(ids, mask) if own), first + second)
            self.assertEqual((rewards[len(first) - 1], rewards[-1], sum(rewards)), (-0.2, 1.0, 0.8))
            self.assertEqual((output.reward_score, output.num_turns), (0.8, 4))
            self.assertEqual(said["extra_fields"]["turn_scores"], [-0.2, 1.0])
            self.assertEqual(output.response_logprobs is None, not log_probs)
            # Advantages follow from it: the second turn's return knows nothing of the first's penalty.
            _, returns = rlef.turn_advantages([rewards], [mask], normalise=False)
            self.assertEqual((returns[0][0], returns[0][-1]), (0.8, 1.0))

    def test_one_that_has_no_room_ends_unsolved(self):
        output = self.play("nothing", room=12)
        self.assertEqual((output.reward_score, output.response_mask), (-1.0, [1] * 7))
        # Cut in its last answer, the reward lies on the last token that is left.
        output = self.play("nothing", "x" * 500, turns=2, room=400)
        said = output.as_dict()
        self.assertEqual((len(said["response_mask"].tolist()), said["rm_scores"].tolist()[-1]), (400, -1.0))

    def test_a_judge_that_fails_leaves_no_output(self):
        self.broken()
        with self.assertLogs("rlef.adapters.verl_loop"):
            self.assertEqual(self.play("x"), [])

    def test_rewards_lie_where_turns_end(self):
        self.assertEqual(self.loop.placed([-0.2, 1.0], [1, 1, 0, 1, 1]), [0.0, -0.2, 0.0, 0.0, 1.0])
        self.assertEqual(self.loop.placed([-0.2, 1.0], [1, 1, 0]), [0.0, 0.8, 0.0])
        self.assertEqual(self.loop.placed([1.0], []), [])


class SkyRl(Adapter):
    def test_an_episode(self):
        module = importlib.import_module("rlef.adapters.skyrl")
        module.register()
        registered = sys.modules["skyrl_gym.envs.registration"].ENVIRONMENTS
        self.assertEqual(registered, {"rlef": "rlef.adapters.skyrl:RlefEnv"})
        extras = {"reward_spec": {"ground_truth": "sum"}, "max_turns": 2}
        env = module.RlefEnv(env_config={}, extras=extras)
        prompt, about = env.init([])
        self.assertIn("Add two numbers.", prompt[0]["content"])
        self.assertEqual(about, {"problem_id": "sum"})
        step = env.step(fenced("print(4)"))
        self.assertEqual((step["reward"], step["done"], step["metadata"]["verdict"]), (0.0, False, "wrong_answer"))
        self.assertIn("but got '4'", step["observations"][0]["content"])
        step = env.step(fenced(RIGHT))
        self.assertEqual((step["reward"], step["done"], step["observations"]), (1.0, True, []))
        self.assertEqual(env.get_metrics(), {"solved": 1.0, "turns": 2})
        env.close()
        self.broken()
        with self.assertRaises(rlef.InfrastructureError):
            module.RlefEnv(extras={"problem": "sum"}).init([])


class OpenRlhf(Adapter):
    def test_an_agent(self):
        module = importlib.import_module("rlef.adapters.openrlhf")

        async def play():
            agent = module.AgentExecutor().agent_instance_cls()
            first = await agent.reset({"observation": "prompt", "label": "sum"})
            self.assertEqual(first, {"observation": "prompt"})
            step = await agent.step({"action_text": fenced("print(4)"), "sampling_params": 7})
            self.assertEqual((step["rewards"].item(), step["done"], step["sampling_params"]), (0.0, False, 7))
            self.assertIn("but got '4'", step["environment_feedback"])
            step = await agent.step({"action_text": fenced(RIGHT)})
            self.assertEqual((step["rewards"].item(), step["scores"].item(), step["done"]), (1.0, 1.0, True))
            self.broken()
            with self.assertRaises(rlef.InfrastructureError):
                await module.AgentInstance().reset({"observation": "", "label": "sum"})

        asyncio.run(play())


class OpenEnv(Adapter):
    def test_a_client(self):
        module = importlib.import_module("rlef.adapters.openenv")
        client = module.client(message_timeout_s=5)
        self.assertEqual((client.base_url, client.options), (started.url_with_token, {"message_timeout_s": 5}))

        async def play():
            await client._reset_async(problem="sum", turns=2)
            await client._reset_async(seed=3)
            await client._step_async("answer")
            await client._step_async({"completion": "x"})

        asyncio.run(play())
        self.assertEqual(client.sent[0], ("reset", {"problem_id": "sum", "turns": 2}))
        self.assertEqual(client.sent[1], ("reset", {"seed": 3}))
        self.assertEqual(client.sent[2:], [("step", {"completion": "answer"}), ("step", {"completion": "x"})])


class Verifiers(Adapter):
    def test_a_taskset(self):
        module = importlib.import_module("rlef.adapters.verifiers")
        tasks = list(module.RlefTaskset(module.RlefConfig(problem_set="own")))
        self.assertEqual([task.data.id for task in tasks], ["own/sum", "own/set/double 2"])
        self.assertIn("Add two numbers.", tasks[0].data.prompt)
        self.assertEqual(list(module.RlefTaskset(module.RlefConfig(problem_set="none"))), [])

        async def grade(said):
            trace = sys.modules["verifiers.v1"].Trace(said)
            return await tasks[0].solved(trace), trace.metrics["passed"]

        self.assertEqual(asyncio.run(grade(fenced(RIGHT))), (1.0, 1.0))
        self.assertEqual(asyncio.run(grade(fenced(WRONG))), (-1.0, 0.5))
        self.broken()
        with self.assertRaises(rlef.InfrastructureError):
            asyncio.run(grade("x"))


class InspectAi(Adapter):
    def test_a_scorer(self):
        module = importlib.import_module("rlef.adapters.inspect_ai")

        async def score(said, scorer, **fields):
            state = SimpleNamespace(output=SimpleNamespace(completion=said), metadata=fields)
            return await scorer(state, SimpleNamespace(text="sum"))

        self.assertEqual(module.passes_tests.metrics, ["accuracy", "stderr"])
        by_target, by_field = module.passes_tests(), module.passes_tests(metadata="problem")
        right = asyncio.run(score(fenced(RIGHT), by_target))
        self.assertEqual((right.value, right.answer, right.metadata["passed"]), ("C", fenced(RIGHT), 2))
        wrong = asyncio.run(score(fenced(WRONG), by_field, problem=PROBLEMS[0]))
        self.assertEqual((wrong.value, wrong.metadata["verdict"]), ("I", "wrong_answer"))
        # What only grades is told to nobody.
        self.assertNotIn("11", wrong.explanation)
        self.broken()
        with self.assertRaises(rlef.InfrastructureError):
            asyncio.run(score(fenced(RIGHT), module.passes_tests()))


class OfStraw(unittest.TestCase):
    """What no real judge is needed for."""

    def straw(self, *answers):
        straw = Straw(*((200, {}, answer) for answer in answers))
        self.addCleanup(straw.__exit__)
        ask(straw.url)
        return straw

    def test_where_nothing_is_known_of_the_last_answer_there_is_no_reward(self):
        last = stepped(2, "unsupported", done=True, rewards=None)
        env = importlib.import_module("rlef.adapters.skyrl").RlefEnv(extras={"problem": "p"})
        self.straw(episode(), stepped(), last)
        env.init([])
        self.assertEqual(env.step("x")["reward"], 0.0)
        with self.assertRaises(rlef.InfrastructureError) as caught:
            env.step("x")
        self.assertEqual(caught.exception.kind, "unsupported")

        async def play():
            agent = importlib.import_module("rlef.adapters.openrlhf").AgentInstance()
            straw = self.straw(episode(), stepped(), last)
            await agent.reset({"observation": "", "label": "p"})
            self.assertEqual((await agent.step({"action_text": "x"}))["rewards"].item(), 0.0)
            with self.assertRaises(rlef.InfrastructureError):
                await agent.step({"action_text": "x"})
            # It is closed all the same.
            self.assertEqual(straw.asked[-1][0], "DELETE")

        asyncio.run(play())

    def test_a_rollout_of_verifiers_is_judged_once(self):
        module = importlib.import_module("rlef.adapters.verifiers")
        marks = ("is_reward", "is_metric")
        hooks = [one for one in vars(module.RlefTask).values() if any(hasattr(one, mark) for mark in marks)]
        for said, reward, passed in [(verdict(), 1.0, 1.0), (verdict("wrong_answer", -1.0, total=2), -1.0, 0.5)]:
            straw = self.straw(said)
            task = module.RlefTask(module.RlefData(problem_id="p", problem_set=None))
            trace = sys.modules["verifiers.v1"].Trace("x")

            async def score():
                return [await hook(task, trace) for hook in hooks]

            self.assertEqual(asyncio.run(score()), [reward])
            self.assertEqual((trace.metrics, len(straw.asked)), ({"passed": passed}, 1))
        self.straw(verdict("unsupported", None))
        with self.assertRaises(rlef.InfrastructureError):
            asyncio.run(score())


class CodeEval(Adapter):
    def test_it_is_called_as_the_metric_is(self):
        module = importlib.import_module("rlef.adapters.code_eval")
        programs = ["def add(a, b): return a + b", "def add(a, b): return a * b", "def add(a, b):\n  while True: pass"]
        shares, results = module.CodeEval().compute(
            references=["assert add(2, 3) == 5", "def check(f):\n  assert f(1) == 2\ncheck(double)"],
            predictions=[programs, ["def double(n): return 2 * n"] * 3],
            k=[1, 2, 10],
            timeout=1.0,
            num_workers=4,
        )
        # One of three and three of three; of two drawn of three, two in three have the right one.
        self.assertEqual(sorted(shares), ["pass@1", "pass@2"])
        self.assertAlmostEqual(shares["pass@1"], (1 / 3 + 1) / 2)
        self.assertAlmostEqual(shares["pass@2"], (2 / 3 + 1) / 2)
        self.assertEqual([row["passed"] for _, row in results[0]], [True, False, False])
        self.assertEqual([row["result"] for _, row in results[0]], ["passed", "failed: wrong_answer", "timed out"])
        self.assertEqual(results[1][2], (2, {"task_id": 1, "passed": True, "result": "passed", "completion_id": 2}))

    def test_what_is_unclear_is_refused(self):
        module = importlib.import_module("rlef.adapters.code_eval")
        for reference in ("assert True", "assert f(1) == g(1)", "assert ("):
            with self.assertRaises(rlef.RequestError):
                module.function_of(reference)
        self.assertEqual(module.function_of("import math\nx = [math.sqrt(i) for i in range(3)]\nassert f(x)"), "f")
        self.broken()
        with self.assertRaises(rlef.InfrastructureError):
            module.CodeEval().compute(references=["assert f(1)"], predictions=[["x"]])

    def test_pass_at_k(self):
        module = importlib.import_module("rlef.adapters.code_eval")
        self.assertEqual([module.pass_at_k(*case) for case in ((4, 0, 1), (4, 4, 1), (2, 1, 2))], [0.0, 1.0, 1.0])
        self.assertAlmostEqual(module.pass_at_k(4, 2, 2), 5 / 6)


if __name__ == "__main__":
    unittest.main()
