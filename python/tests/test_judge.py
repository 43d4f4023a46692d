"""The client and a private server: verdicts, batches, episodes, from threads and from an event loop."""

import asyncio
import json
import pickle
import threading
import unittest
import unittest.mock

from support import (
    PROBLEMS,
    RIGHT,
    WRONG,
    Straw,
    eventually,
    failed,
    fenced,
    is_there,
    judge,
    opened,
    problems,
    stepped,
    verdict,
)

import rlef
from rlef import http


class Private(unittest.TestCase):
    """A server of one's own."""

    @classmethod
    def setUpClass(cls):
        cls.opened = judge()
        cls.judge = cls.opened.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.opened.__exit__(None, None, None)

    def test_verdicts(self):
        said = self.judge.judge(problem_id="sum", completion=fenced(RIGHT))
        self.assertEqual((said.verdict, said.accepted, said.reward), ("accepted", True, 1.0))
        self.assertEqual((said.passed, said.total, said.first_failure), (2, 2, None))
        self.assertEqual((said.found["block"], said.found["of"]), (1, 1))
        self.assertGreater(said.usage.cpu_ms, 0)
        said = self.judge.judge(problem_id="sum", program=WRONG)
        self.assertEqual((said.verdict, said.reward, said.passed), ("wrong_answer", -1.0, 1))
        # Of a private test nothing is told.
        self.assertEqual((said.first_failure.public, said.first_failure.expected), (False, None))
        said = self.judge.judge(problem=PROBLEMS[0], program="print(4)")
        self.assertEqual((said.first_failure.got.strip(), said.first_failure.expected.strip()), ("4", "3"))
        self.assertIn("4", said.feedback)
        said = self.judge.judge(problem_id="sum", completion="I don't know.")
        self.assertEqual((said.verdict, said.reward, said.accepted), ("no_program", -1.0, False))

    def test_what_makes_no_sense_is_an_error_of_its_own(self):
        for fields, error in [
            ({"problem_id": "none", "program": "x"}, rlef.RequestError),
            ({"problem_id": "sum"}, rlef.RequestError),
            ({"problem_id": "sum", "program": "x", "nonsense": 1}, rlef.RequestError),
            ({"problem": {"id": "x", "statement": ""}, "program": "x"}, rlef.ProblemError),
        ]:
            with self.assertRaises(error) as caught:
                self.judge.judge(**fields)
            self.assertNotIsInstance(caught.exception, rlef.InfrastructureError)

    def test_batches_keep_their_order(self):
        programs = [RIGHT, WRONG, "import (", RIGHT, "while True: pass"]
        items = [{"problem_id": "sum", "program": program} for program in programs]
        verdicts = [said.verdict for said in self.judge.batch(items)]
        self.assertEqual(verdicts, ["accepted", "wrong_answer", "compile_error", "accepted", "time_limit"])
        self.assertEqual(self.judge.rewards(items[:3]), [1.0, -1.0, -1.0])
        self.assertEqual(self.judge.batch([]), [])

    def test_episodes_are_played_to_their_end(self):
        with self.judge.episode(problem_id="sum", turns=3) as episode:
            self.assertIn("Add two numbers.", episode.observation)
            step = episode.step("I don't know.")
            self.assertEqual((step.done, step.reward, step.turn), (False, -0.2, 1))
            step = episode.step(fenced("print(4)"))
            self.assertEqual((step.done, step.reward, step.judged.verdict), (False, 0.0, "wrong_answer"))
            self.assertIn("Expected output '3' but got '4'", step.observation)
            step = episode.step(fenced(RIGHT))
            self.assertEqual((step.done, step.observation, step.stop_reason), (True, None, "solved"))
            self.assertEqual(step.rewards, (-0.2, 0.0, 1.0))
            self.assertTrue(step.outcome.accepted)
            with self.assertRaises(rlef.RequestError) as caught:
                episode.step(fenced(RIGHT))
            self.assertEqual(caught.exception.kind, "conflict")

    def test_the_problems_that_are_served(self):
        self.assertEqual([one["id"] for one in self.judge.problems()], ["sum", "set/double 2"])
        shown = self.judge.problem("set/double 2", "own")
        self.assertIn("Double a number.", shown["prompt"])
        self.assertNotIn("private_tests\": [", str(shown))
        self.assertEqual(self.judge.version()["api"], 1)
        self.assertIn("python", [one["name"] for one in self.judge.languages()])
        self.assertEqual(self.judge.protections()["isolation"], "process")

    def test_threads_share_one(self):
        said = [None] * 8

        def ask(place):
            said[place] = self.judge.judge(problem_id="sum", program=f"{RIGHT}  # {place}").verdict

        threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(said, ["accepted"] * 8)

    def test_another_process_asks_the_same_server(self):
        other = pickle.loads(pickle.dumps(self.judge))
        self.assertEqual(other.judge(problem_id="sum", program=RIGHT).verdict, "accepted")
        # Which it doesn't end.
        other.close()
        self.assertEqual(self.judge.judge(problem_id="sum", program=RIGHT).verdict, "accepted")

    def test_nobody_else_is_let_in(self):
        for token in (None, "another-token-that-is-long-enough"):
            with self.assertRaises(rlef.RequestError) as caught, rlef.Judge(self.judge.url, token=token) as other:
                other.judge(problem_id="sum", program=RIGHT)
            self.assertEqual(caught.exception.kind, "token")
        with rlef.Judge(self.judge.url_with_token) as other:
            self.assertTrue(other.judge(problem_id="sum", program=RIGHT).accepted)

    def test_an_event_loop_asks_side_by_side(self):
        async def play():
            async with rlef.AsyncJudge(self.judge.url_with_token) as other:
                asks = [other.judge(problem_id="sum", program=f"{RIGHT} # {n}") for n in range(8)]
                said = await asyncio.gather(*asks)
                self.assertEqual({one.verdict for one in said}, {"accepted"})
                items = [{"problem_id": "sum", "program": program} for program in (RIGHT, WRONG)]
                self.assertEqual([one.reward for one in await other.batch(items)], [1.0, -1.0])
                self.assertEqual(await other.rewards(items), [1.0, -1.0])
                self.assertEqual(len(await other.problems()), 2)
                self.assertIn("Double", (await other.problem("set/double 2"))["statement"])
                async with await other.episode(problem_id="sum") as episode:
                    step = await episode.step(fenced(RIGHT))
                    self.assertEqual((step.done, step.rewards), (True, (1.0,)))
                with self.assertRaises(rlef.RequestError):
                    await other.judge(problem_id="none", program="x")

        asyncio.run(play())

    def test_who_gives_up_waiting_ends_what_runs(self):
        sleeper = {**PROBLEMS[0], "id": "slow", "limits": {"cpu_ms": 60_000, "wall_ms": 120_000}}

        async def leave():
            async with rlef.AsyncJudge(self.judge.url_with_token) as other:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(other.judge(problem=sleeper, program="while True: pass"), 1)

        asyncio.run(leave())
        # Both workers are free again, long before the program's own limit.
        items = [{"problem_id": "sum", "program": f"{RIGHT} # again {n}"} for n in range(4)]
        self.assertEqual({one.verdict for one in self.judge.batch(items)}, {"accepted"})


class Ends(unittest.TestCase):
    """What is left of a private server."""

    def test_closing_ends_it(self):
        with judge() as started:
            pid = started._server.process.pid
            self.assertTrue(is_there(pid))
        self.assertFalse(is_there(pid))
        with self.assertRaises(rlef.InfrastructureError):
            started.judge(problem_id="sum", program=RIGHT)

    def test_one_that_died_is_an_infrastructure_failure(self):
        with judge() as started:
            started._server.process.kill()
            # All of its threads.
            started._server.process.wait()
            with self.assertRaises(rlef.InfrastructureError) as caught:
                started.judge(problem_id="sum", program=RIGHT)
            self.assertIn("the private server has ended", str(caught.exception))

    def test_one_that_cannot_start_says_why(self):
        for options, words in [
            ({"problems": ["/nowhere.jsonl"]}, "/nowhere.jsonl"),
            ({"arguments": ["--nonsense"]}, "--nonsense"),
        ]:
            with self.assertRaises(rlef.StartError) as caught:
                rlef.Judge(**options)
            self.assertIn(words, str(caught.exception))
        with problems() as path, self.assertRaises(ValueError):
            rlef.Judge("http://127.0.0.1:1", problems=[path])


class Failures(unittest.TestCase):
    """What is no verdict is never a reward."""

    def one(self, *answers, chunked=False, **options):
        """What both kinds of client make of the same answers."""
        fields = {"problem_id": "p", "program": "x"}

        def sync():
            with Straw(*answers, chunked=chunked) as straw, rlef.Judge(straw.url, **options) as asks:
                return asks.judge(**fields), straw

        async def other():
            with Straw(*answers, chunked=chunked) as straw:
                async with rlef.AsyncJudge(straw.url, **options) as asks:
                    return await asks.judge(**fields), straw

        return [sync, lambda: asyncio.run(other())]

    def test_infrastructure_failures_are_raised(self):
        for answer in [
            (500, {}, failed()),
            (504, {}, failed("deadline", infrastructure=False)),
            (500, {}, b"<html>proxy</html>"),
            (504, {}, b""),
            (200, {}, b"not JSON"),
            (200, {}, failed()),
            None,
        ]:
            for ask in self.one(answer):
                with self.assertRaises(rlef.InfrastructureError, msg=str(answer)):
                    ask()

    def test_nobody_there_is_one_too(self):
        with Straw((200, {}, verdict())) as straw:
            url = straw.url
        with self.assertRaises(rlef.InfrastructureError):
            rlef.Judge(url, patience=1).judge(problem_id="p", program="x")
        with self.assertRaises(rlef.InfrastructureError):
            asyncio.run(rlef.AsyncJudge(url, patience=1).judge(problem_id="p", program="x"))

    def test_a_busy_server_is_asked_again(self):
        busy = (503, {"Retry-After": "0"}, failed("busy", infrastructure=False))
        share = (429, {"Retry-After": "0"}, failed("share", infrastructure=False))
        for chunked in (False, True):
            for ask in self.one(busy, share, (502, {}, b"proxy"), (200, {}, verdict()), chunked=chunked):
                said, straw = ask()
                self.assertEqual((said.reward, len(straw.asked)), (1.0, 4))
        # But not for ever.
        for ask in self.one(busy, patience=0.5):
            with self.assertRaises(rlef.InfrastructureError) as caught:
                ask()
            self.assertEqual(caught.exception.kind, "busy")

    def test_a_wrong_request_is_not_asked_again(self):
        for ask in self.one((400, {}, failed("request", "no", False))):
            with self.assertRaises(rlef.RequestError):
                ask()

    def test_a_connection_that_was_closed_meanwhile_is_opened_anew(self):
        with Straw((200, {}, verdict()), None, (200, {}, verdict())) as straw, rlef.Judge(straw.url) as asks:
            for _ in range(2):
                self.assertTrue(asks.judge(problem_id="p", program="x").accepted)
            self.assertEqual(len(straw.asked), 3)

    def test_in_a_batch_the_others_keep_their_verdicts(self):
        results = {"results": [verdict(), failed(), verdict("wrong_answer", -1.0)], "infrastructure_failures": 1}
        items = [{"problem_id": "p", "program": str(n)} for n in range(3)]
        with Straw((200, {}, results)) as straw, rlef.Judge(straw.url) as asks:
            self.assertEqual(asks.rewards(items), [1.0, None, -1.0])
            found = asks.batch(items, return_errors=True)
            self.assertIsInstance(found[1], rlef.InfrastructureError)
            with self.assertRaises(rlef.InfrastructureError) as caught:
                asks.batch(items)
            self.assertIn("item 1", str(caught.exception))
        # A whole request that failed says nothing of any.
        with Straw((500, {}, failed())) as straw, rlef.Judge(straw.url) as asks:
            self.assertEqual(asks.rewards(items), [None] * 3)
        # Nothing known of a program is no reward, either.
        unknown = {"results": [verdict("unsupported", None)], "infrastructure_failures": 0}
        with Straw((200, {}, unknown)) as straw, rlef.Judge(straw.url) as asks:
            self.assertEqual(asks.rewards(items[:1]), [None])
        # A wrong item is the caller's mistake, and not left out in silence.
        wrong = {"results": [failed("problem", "no", False)], "infrastructure_failures": 0}
        with Straw((200, {}, wrong)) as straw, rlef.Judge(straw.url) as asks, self.assertRaises(rlef.ProblemError):
            asks.rewards(items[:1])

    def test_a_step_whose_answer_was_lost_is_sent_again_as_the_same_turn(self):
        def sync(url):
            with rlef.Judge(url, patience=0.1) as asks:
                return asks.episode(problem_id="p").step("x")

        async def loop(url):
            async with rlef.AsyncJudge(url, patience=0.1) as asks:
                return await (await asks.episode(problem_id="p")).step("x")

        # A proxy that gives up may have asked the server before.
        for answer in (None, (502, {}, b"proxy"), (503, {}, b""), (504, {}, b""), (200, {}, b"cut")):
            for play in (sync, lambda url: asyncio.run(loop(url))):
                with Straw((200, {}, opened()), answer, (200, {}, stepped())) as straw:
                    self.assertEqual(play(straw.url).turn, 1)
                    steps = [json.loads(body) for _, path, _, body in straw.asked if path.endswith("/steps")]
                    self.assertEqual(steps, [{"completion": "x", "turn": 0}] * 2, answer)
                with Straw((200, {}, opened()), answer) as straw, self.assertRaises(rlef.ReplyLostError):
                    play(straw.url)
        # A failure that the server says is none of an answer that was lost.
        with Straw((200, {}, opened()), (500, {}, failed())) as straw, rlef.Judge(straw.url) as asks:
            with self.assertRaises(rlef.InfrastructureError) as caught:
                asks.episode(problem_id="p").step("x")
            self.assertNotIsInstance(caught.exception, rlef.ReplyLostError)
            self.assertEqual(len(straw.asked), 2)

    def test_connections_that_are_kept_are_few_and_fresh(self):
        def sync(url):
            with rlef.Judge(url) as asks:
                for _ in range(3 * http.MOST_IDLE):
                    asks.episode(problem_id="p")
                return len(asks._transport._idle)

        async def loop(url):
            async with rlef.AsyncJudge(url) as asks:
                for _ in range(3 * http.MOST_IDLE):
                    await asks.episode(problem_id="p")
                return len(asks._transport._idle)

        for play in (sync, lambda url: asyncio.run(loop(url))):
            with Straw((200, {}, opened())) as straw:
                self.assertEqual(play(straw.url), http.MOST_IDLE)
                with unittest.mock.patch.object(http, "IDLE_SECONDS", -1.0):
                    self.assertEqual(play(straw.url), 0)
                # None is left open of those that were taken out, nor of those that were there at the end.
                self.assertTrue(eventually(lambda: straw.open == 0))

    def test_errors_cross_processes(self):
        lost = pickle.loads(pickle.dumps(rlef.ReplyLostError("w", "busy")))
        self.assertEqual((type(lost), str(lost), lost.kind), (rlef.ReplyLostError, "w", "busy"))
        for error in (rlef.InfrastructureError("w", "busy"), rlef.ProblemError("w", "problem")):
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again), again.kind), (type(error), "w", error.kind))

    def test_a_name_of_who_asks_is_told(self):
        with Straw((200, {}, verdict())) as straw, rlef.Judge(straw.url, token="t" * 16, client="me") as asks:
            asks.judge(problem_id="p", program="x", language=None)
        _, path, headers, body = straw.asked[0]
        self.assertEqual((path, headers["X-Rlef-Client"]), ("/v1/judge", "me"))
        self.assertEqual(headers["Authorization"], "Bearer " + "t" * 16)
        self.assertEqual(body, b'{"problem_id": "p", "program": "x"}')


if __name__ == "__main__":
    unittest.main()
