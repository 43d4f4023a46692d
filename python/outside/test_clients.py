"""The real clients, as PyPI has them, against a server of this program: run by `.ci/outside clients`."""

import asyncio
import base64
import json
import tempfile
import unittest
from pathlib import Path

import sandbox_fusion
import skyrl_gym
from sandbox_fusion import EvalResult, RunCodeRequest, RunStatus, SubmitRequest, TestConfig

import rlef
from rlef.adapters.openenv import client
from rlef.adapters.skyrl import register

PROBLEM = {
    "id": "sum",
    "statement": "Add two numbers.",
    "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
    "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
}
RIGHT = "print(sum(map(int, input().split())))"


def fenced(source):
    return f"```python\n{source}\n```"


def setUpModule():
    global judge, folder
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "own.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n")
    judge = rlef.Judge(problems=[path], workers=2, cache=False)
    sandbox_fusion.set_endpoint(judge.url_with_token)


def tearDownModule():
    judge.close()
    folder.cleanup()


class SandboxFusion(unittest.TestCase):
    def run_code(self, code, language="python", **more):
        request = RunCodeRequest(code=code, language=language, **more)
        return sandbox_fusion.run_code(request, max_attempts=1, client_timeout=60)

    def test_runs(self):
        said = self.run_code("print(int(input()) + 1)", stdin="4\n")
        self.assertEqual((said.status, said.run_result.stdout), (RunStatus.Success, "5\n"))
        said = self.run_code("import sys; sys.exit(3)")
        self.assertEqual((said.status, said.run_result.return_code), (RunStatus.Failed, 3))
        said = self.run_code("while True: pass", run_timeout=1)
        self.assertEqual((said.run_result.status.value, said.run_result.return_code), ("TimeLimitExceeded", None))

    def test_compiled_languages(self):
        said = self.run_code('#include <cstdio>\nint main(){puts("hi");}', "cpp")
        self.assertEqual((said.compile_result.return_code, said.run_result.stdout), (0, "hi\n"))
        said = self.run_code("int main(){", "cpp")
        self.assertEqual((said.status, said.run_result), (RunStatus.Failed, None))
        mapping = sandbox_fusion.SummaryMapping(CompileFailed="compile")
        self.assertEqual(sandbox_fusion.summary_run_code_result(said, mapping), "compile")

    def test_files(self):
        given = base64.b64encode(b"7").decode()
        code = "n = int(open('a/in.txt').read())\nopen('out.txt', 'w').write(str(n * n))"
        said = self.run_code(code, files={"a/in.txt": given}, fetch_files=["out.txt", "out.txt", "none"])
        self.assertEqual({name: base64.b64decode(text) for name, text in said.files.items()}, {"out.txt": b"49"})
        # What holds more than it may is the program's failure, not the sandbox's.
        code = "import os\nopen('0', 'wb').write(bytes(32 << 20))\nfor n in range(1, 9): os.link('0', str(n))"
        said = self.run_code(code, fetch_files=[str(n) for n in range(9)])
        self.assertEqual((said.status, said.run_result.return_code, said.files), (RunStatus.Failed, -25, {}))

    def test_what_is_not_there_is_an_error(self):
        with self.assertRaises(Exception) as caught:
            self.run_code("SELECT 1", "sql")
        self.assertIn("sql", str(caught.exception))
        with self.assertRaises(Exception):
            request = sandbox_fusion.RunJupyterRequest(cells=["1"])
            sandbox_fusion.run_jupyter(request, max_attempts=1, client_timeout=60)

    def submit(self, code, **config):
        request = SubmitRequest(dataset="own", id="sum", completion=fenced(code), config=TestConfig(**config))
        return sandbox_fusion.submit(request, max_attempts=1, client_timeout=60)

    def test_submissions(self):
        said = self.submit(RIGHT)
        self.assertIsInstance(said, EvalResult)
        self.assertEqual((said.accepted, [test.passed for test in said.tests]), (True, [True, True]))
        self.assertFalse(self.submit("print(3)").accepted)
        test = {"input": {"stdin": "2 2"}, "output": {"stdout": "4"}}
        config = {
            "dataset_type": "CommonOJDataset",
            "language": "python",
            "provided_data": {"id": 1, "content": "", "test": [test]},
            "extra": {"run_all_cases": True},
        }
        request = SubmitRequest(dataset="any", id=1, completion=fenced(RIGHT), config=TestConfig(**config))
        self.assertTrue(sandbox_fusion.submit(request, max_attempts=1, client_timeout=60).accepted)
        request = sandbox_fusion.GetPromptByIdRequest(dataset="own", id="sum", config=TestConfig())
        prompt = sandbox_fusion.get_prompt_by_id(request)
        self.assertIn("Add two numbers.", prompt.prompt)

    def test_many_at_once(self):
        requests = [RunCodeRequest(code=f"print(int(input()) + {n % 3})", language="python", stdin="1") for n in range(24)]

        async def run():
            asks = [sandbox_fusion.run_code_async(request, max_attempts=1, client_timeout=120) for request in requests]
            return await asyncio.gather(*asks)

        said = asyncio.run(run())
        self.assertEqual([one.run_result.stdout for one in said], [f"{1 + n % 3}\n" for n in range(24)])


class OpenEnv(unittest.TestCase):
    def test_an_episode(self):
        with client(judge).sync() as env:
            first = env.reset(problem="sum", turns=2)
            self.assertIn("Add two numbers.", json.dumps(first.observation))
            step = env.step(fenced("print(4)"))
            self.assertEqual((step.reward, step.done), (0.0, False))
            self.assertIn("but got '4'", json.dumps(step.observation))
            step = env.step(fenced(RIGHT))
            self.assertEqual((step.reward, step.done), (1.0, True))
            self.assertIn("step_count", json.dumps(env.state()))

    def test_a_problem_that_is_sent(self):
        with client(judge).sync() as env:
            env.reset(problem=PROBLEM)
            step = env.step({"completion": fenced(RIGHT)})
            self.assertEqual((step.reward, step.done), (1.0, True))
            with self.assertRaises(Exception):
                env.step("after its end")


class SkyRl(unittest.TestCase):
    def test_an_episode(self):
        register()
        rlef.process._judge = judge
        rlef.process._owner = __import__("os").getpid()
        env = skyrl_gym.make("rlef", env_config={}, extras={"reward_spec": {"ground_truth": "sum"}, "max_turns": 2})
        prompt, _ = env.init([])
        self.assertIn("Add two numbers.", prompt[0]["content"])
        self.assertEqual(env.step("nothing")["reward"], -0.2)
        step = env.step(fenced(RIGHT))
        self.assertEqual((step["reward"], step["done"]), (1.0, True))
        self.assertEqual(env.get_metrics()["solved"], 1.0)
        env.close()


if __name__ == "__main__":
    unittest.main()
