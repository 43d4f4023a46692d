"""The clients of SandboxFusion and OpenEnv as PyPI has them, against two servers that tests/clients.rs starts: one over the real
sandbox (RLEF_REAL), and one over a machine of straw (RLEF_STRAW), whose sandbox breaks and whose places are few."""

import asyncio
import base64
import os
import sys
import time
import types
import unittest
import urllib.request

# The client's half of OpenEnv imports none of the other, which needs half a gigabyte of packages; its package imports both.
server_half = types.ModuleType("openenv.core.env_server")
server_half.__all__ = []
sys.modules["openenv.core.env_server"] = server_half

import sandbox_fusion  # noqa: E402
from openenv.core.generic_client import GenericEnvClient  # noqa: E402
from sandbox_fusion import (  # noqa: E402
    GetPromptByIdRequest,
    GetPromptsRequest,
    RunCodeRequest,
    RunJupyterRequest,
    SubmitRequest,
    SummaryMapping,
    TestConfig,
)

REAL, STRAW = os.environ["RLEF_REAL"], os.environ["RLEF_STRAW"]
RIGHT = "print(sum(map(int, input().split())))"
TEST = {"input": {"stdin": "2 2\n"}, "output": {"stdout": "4\n"}}


def fenced(source):
    return f"```python\n{source}\n```"


def text(data):
    return base64.b64encode(data).decode()


def metric(server, name):
    with urllib.request.urlopen(f"{server}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


class Case(unittest.TestCase):
    def eventually(self, what, holds):
        end = time.monotonic() + 30
        while not holds():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)


class RunCode(Case):
    def run_code(self, code, language="python", server=REAL, **more):
        request = RunCodeRequest(code=code, language=language, **more)
        said = sandbox_fusion.run_code(request, endpoint=server, max_attempts=1, client_timeout=60)
        self.assertEqual((said.message, said.executor_pod_name), ("", None))
        return said

    def result(self, said, **expected):
        whole = said.run_result.dict()
        self.assertGreaterEqual(whole.pop("execution_time"), 0)
        self.assertIsNone(whole.pop("cpu_time"))
        plain = {"status": "Finished", "return_code": 0, "stdout": "", "stderr": ""}
        self.assertEqual(whole, {**plain, **expected})

    def test_a_run_in_all_its_fields(self):
        said = self.run_code("import sys\nprint(int(input()) + 1)\nprint('é', file=sys.stderr)", stdin="4\n")
        self.assertEqual((said.status, said.compile_result, said.files), ("Success", None, {}))
        self.result(said, stdout="5\n", stderr="é\n")

    def test_a_program_that_fails(self):
        said = self.run_code("print(1)\nraise SystemExit(3)")
        self.assertEqual(said.status, "Failed")
        self.result(said, stdout="1\n", return_code=3)
        said = self.run_code("1/0")
        self.assertIn("ZeroDivisionError", said.run_result.stderr)
        self.assertEqual((said.status, said.run_result.return_code), ("Failed", 1))
        said = self.run_code("import os\nos.kill(os.getpid(), 9)")
        self.result(said, return_code=-9)

    def test_a_time_limit(self):
        said = self.run_code("print(1, flush=True)\nwhile True: pass", run_timeout=0.3)
        self.assertEqual(said.status, "Failed")
        self.result(said, status="TimeLimitExceeded", return_code=None, stdout="1\n")
        mapping = SummaryMapping(RunTimeout="slow", Failed="failed")
        self.assertEqual(sandbox_fusion.summary_run_code_result(said, mapping), "slow")

    def test_a_compiler(self):
        said = self.run_code('#include <cstdio>\nint main(){puts("hi");return 2;}', "cpp")
        self.assertEqual((said.status, said.compile_result.status, said.compile_result.return_code), ("Failed", "Finished", 0))
        self.result(said, stdout="hi\n", return_code=2)
        said = self.run_code("int main(){ return x; }", "cpp")
        self.assertEqual((said.status, said.compile_result.return_code, said.run_result), ("Failed", 1, None))
        self.assertIn("x", said.compile_result.stderr)
        mapping = SummaryMapping(CompileFailed="compile")
        self.assertEqual(sandbox_fusion.summary_run_code_result(said, mapping), "compile")

    def test_files(self):
        code = "n = int(open('a/in.txt').read())\nopen('out.bin', 'wb').write(bytes([n, 255]))"
        files = {"a/in.txt": text(b"7"), "left out": None}
        said = self.run_code(code, files=files, fetch_files=["out.bin", "out.bin", "none"])
        self.assertEqual((said.status, said.files), ("Success", {"out.bin": text(bytes([7, 255]))}))
        for name in ["/etc/passwd", "../../etc/passwd", "a/../../b"]:
            for more in [{"files": {name: text(b"")}}, {"fetch_files": [name]}]:
                with self.assertRaisesRegex(Exception, "responded with code 422"):
                    self.run_code("print(1)", **more)
        said = self.run_code("import os\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')", fetch_files=["link", "pipe"])
        self.assertEqual(said.files, {})

    def test_what_is_not_there(self):
        with self.assertRaisesRegex(Exception, "Sandbox responded with error: sql programs can't be run here"):
            self.run_code("SELECT 1", "sql")
        with self.assertRaisesRegex(Exception, "responded with code 501"):
            sandbox_fusion.run_jupyter(RunJupyterRequest(cells=["1"]), endpoint=REAL, max_attempts=1)

    def test_a_sandbox_that_fails_is_raised_and_never_a_result(self):
        failures = metric(STRAW, 'rlef_failures_total{kind="infrastructure"}')
        with self.assertRaisesRegex(Exception, "Sandbox responded with error"):
            self.run_code("break", server=STRAW)
        with self.assertRaisesRegex(Exception, "Sandbox responded with error"):
            self.run_code("panic", server=STRAW)
        self.assertEqual(metric(STRAW, 'rlef_failures_total{kind="infrastructure"}'), failures + 2)
        self.assertEqual(self.run_code("print 1", server=STRAW).run_result.stdout, "1")

    def test_a_turn_that_does_not_come_is_504(self):
        with self.assertRaisesRegex(Exception, "responded with code 504"):
            self.run_code("wait", server=STRAW, run_timeout=0.1, compile_timeout=0.1)
        self.eventually("nothing runs", lambda: metric(STRAW, "rlef_working") == 0)

    def test_many_at_once(self):
        requests = [RunCodeRequest(code=f"print(int(input()) + {n % 3})", language="python", stdin="1") for n in range(24)]

        async def run():
            ask = sandbox_fusion.run_code_async
            return await asyncio.gather(*(ask(one, endpoint=REAL, max_attempts=1, client_timeout=60) for one in requests))

        said = asyncio.run(run())
        self.assertEqual([one.run_result.stdout for one in said], [f"{1 + n % 3}\n" for n in range(24)])

    def test_who_hangs_up_leaves_nothing_running(self):
        left = metric(REAL, "rlef_callers_left_total")
        request = RunCodeRequest(code="while True: pass", language="python", run_timeout=300)
        with self.assertRaises(Exception):
            sandbox_fusion.run_code(request, endpoint=REAL, max_attempts=1, client_timeout=1)
        self.eventually("it is noticed", lambda: metric(REAL, "rlef_callers_left_total") == left + 1)
        self.eventually("it is ended", lambda: metric(REAL, "rlef_working") == 0)


class Submit(Case):
    def submit(self, code, server=REAL, dataset="own", id="sum", **config):
        request = SubmitRequest(dataset=dataset, id=id, completion=fenced(code), config=TestConfig(**config))
        return sandbox_fusion.submit(request, endpoint=server, max_attempts=1, client_timeout=60)

    def test_right_and_wrong(self):
        said = self.submit(RIGHT)
        self.assertEqual((said.id, said.accepted, said.extracted_code), ("sum", True, RIGHT))
        self.assertEqual([test.passed for test in said.tests], [True, True])
        public, private = said.tests
        self.assertEqual(public.test_info, {"input": {"stdin": "1 2\n"}, "output": {"stdout": "3\n"}})
        self.assertIsNone(private.test_info)
        said = self.submit("print(3)", extra={"run_all_cases": True})
        self.assertEqual((said.accepted, [test.passed for test in said.tests]), (False, [True, False]))
        # What only grades is told to nobody.
        self.assertEqual((said.tests[1].test_info, said.tests[1].exec_info.run_result.stdout), (None, None))
        said = self.submit("print(4)")
        self.assertEqual((said.accepted, [test.passed for test in said.tests]), (False, [False]))
        self.assertEqual(said.tests[0].exec_info.run_result.stdout, "4\n")
        said = self.submit("while True: pass", run_timeout=0.3)
        self.assertEqual(said.tests[0].exec_info.run_result.status, "TimeLimitExceeded")

    def test_tests_that_are_sent(self):
        rows = {"id": 1, "content": "", "test": [TEST, {"input": {"stdin": "1 1"}, "output": {"stdout": "2"}}]}
        config = {"dataset_type": "CommonOJDataset", "language": "python", "provided_data": rows}
        self.assertTrue(self.submit(RIGHT, dataset="any", id=1, **config).accepted)
        said = self.submit("print(4)", dataset="any", id=1, extra={"run_all_cases": True}, **config)
        self.assertEqual((said.id, said.accepted, [test.passed for test in said.tests]), (1, False, [True, False]))

    def test_prompts(self):
        request = GetPromptByIdRequest(dataset="own", id="sum", config=TestConfig())
        one = sandbox_fusion.get_prompt_by_id(request, endpoint=REAL)
        self.assertEqual(one.id, "sum")
        self.assertIn("Add two numbers.", one.prompt)
        all = sandbox_fusion.get_prompts(GetPromptsRequest(dataset="own", config=TestConfig()), endpoint=REAL)
        self.assertEqual(all, [one])

    def test_a_judge_that_fails_is_raised_and_never_a_result(self):
        for code in ["break", "panic"]:
            with self.assertRaisesRegex(Exception, "responded with code 500"):
                self.submit(code, server=STRAW, dataset="toy", id="toy/1")
        self.assertTrue(self.submit("print 1", server=STRAW, dataset="toy", id="toy/1").accepted)


class OpenEnv(Case):
    def env(self, server=REAL):
        return GenericEnvClient(base_url=server).sync()

    def test_an_episode_in_all_its_fields(self):
        with self.env() as env:
            said = env.reset(problem_id="sum", turns=3, episode_id="mine")
            self.assertEqual((said.reward, said.done), (None, False))
            self.assertIn("Add two numbers.", said.observation["message"])
            self.assertEqual(said.metadata, {"episode_id": "mine", "problem_id": "sum"})
            self.assertEqual(env.state(), {"episode_id": "mine", "step_count": 0, "problem_id": "sum", "done": False})
            said = env.step({"completion": fenced("print(4)")})
            self.assertEqual((said.reward, said.done), (0.0, False))
            seen = said.observation
            self.assertIn("but got '4'", seen.pop("message"))
            self.assertEqual(seen.pop("metadata"), said.metadata)
            expected = {"problem_id": "sum", "turn": 1, "verdict": "wrong_answer", "stop_reason": None, "outcome": None}
            self.assertEqual(seen, {**expected, "rewards": [0.0]})
            said = env.step({"code": "nothing"})
            self.assertEqual((said.reward, said.observation["verdict"]), (-0.2, "no_program"))
            # Right for the public test, and wrong for the one that only grades.
            said = env.step({"message": fenced("print(3)")})
            self.assertEqual((said.reward, said.done), (-1.0, True))
            self.assertEqual((said.observation["outcome"], said.observation["stop_reason"]), ("wrong_answer", "solved"))
            self.assertEqual(said.observation["rewards"], [0.0, -0.2, -1.0])
            self.assertNotIn("11", str(said))
            self.assertTrue(env.state()["done"])
            with self.assertRaisesRegex(RuntimeError, "SESSION_ERROR"):
                env.step({"completion": "after its end"})

    def test_a_right_answer_and_a_slow_one(self):
        with self.env() as env:
            env.reset(problem_id="sum")
            said = env.step({"completion": fenced(RIGHT)})
            self.assertEqual((said.reward, said.done, said.observation["outcome"]), (1.0, True, "accepted"))
            env.reset(problem_id="sum", turns=1)
            said = env.step({"completion": fenced("while True: pass")})
            self.assertEqual((said.reward, said.done, said.observation["verdict"]), (-1.0, True, "time_limit"))
            with self.assertRaisesRegex(RuntimeError, "VALIDATION_ERROR"):
                env.reset(problem_id="none")

    def test_a_judge_that_fails_is_raised_and_the_step_may_be_taken_again(self):
        with self.env(STRAW) as env:
            env.reset(problem_id="toy/1", turns=1)
            for code in ["break", "panic"]:
                with self.assertRaisesRegex(RuntimeError, "EXECUTION_ERROR"):
                    env.step({"completion": fenced(code)})
                self.assertEqual(env.state()["step_count"], 0)
            said = env.step({"completion": fenced("print 1")})
            self.assertEqual((said.reward, said.done), (1.0, True))

    def test_who_hangs_up_leaves_nothing_running(self):
        async def leave():
            async with GenericEnvClient(base_url=STRAW) as env:
                await env.reset(problem_id="toy/1")
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(env.step({"completion": fenced("wait")}), 0.5)

        asyncio.run(leave())
        for name in ["rlef_working", "rlef_waiting", "rlef_episodes"]:
            self.eventually(name, lambda: metric(STRAW, name) == 0)


if __name__ == "__main__":
    unittest.main()
