"""The pool's own part, without Ray: which node is given what, how many there should be, and that what a node has lost is answered
once by another."""

import collections
import contextlib
import json
import os
import signal
import threading
import time
import unittest

from support import RIGHT, WRONG, Straw, eventually, failed, opened, problems, stepped, verdict

import rlef
from rlef.ray.client import LOSSES, PoolClient
from rlef.ray.dispatch import Dispatcher, Place
from rlef.ray.episode import PoolEpisode
from rlef.ray.scale import Scale

ITEM = {"problem_id": "p", "program": "x"}


class Nothing:
    abandoned = 0

    def abandon(self):
        self.abandoned += 1

    def close(self):
        pass


def place(key, workers=1, url="http://127.0.0.1:9", token=None):
    return Place(key, url, token, workers)


def dispatcher(*places, batch=4):
    now = [100.0]
    made = Dispatcher(lambda _: Nothing(), batch, lambda: now[0])
    made.update(places)
    return made, now


def pool(*straws, **options):
    places = [place(str(number), url=straw.url) for number, straw in enumerate(straws)]
    return PoolClient(lambda: places, **options)


def said(*results):
    return (200, {}, {"results": list(results), "infrastructure_failures": 0})


class Dispatching(unittest.TestCase):
    def keys(self, made, *counts):
        return [made.take(count).place.key for count in counts]

    def test_work_goes_where_least_is_for_each_worker(self):
        made, _ = dispatcher(place("small", 1), place("large", 4))
        self.assertEqual(self.keys(made, 2, 2, 2, 2), ["small", "large", "large", "large"])
        # 8 of the large node's 4 workers are as much as 2 of the small one's.
        self.assertEqual(self.keys(made, 2, 2), ["large", "small"])

    def test_a_node_has_its_share_and_more_waits(self):
        made, _ = dispatcher(place("a", 1), batch=4)
        self.assertEqual(self.keys(made, 4, 4), ["a", "a"])
        self.assertIsNone(made.take(1))
        member = made._members["a"]
        threading.Timer(0.1, lambda: made.back(member, 4, answered=4, failed=False)).start()
        made._clock = time.monotonic
        self.assertIs(made.take(4, patience=30.0), member)

    def test_more_than_a_share_is_taken_by_one_that_has_nothing(self):
        made, _ = dispatcher(place("a", 1), batch=1)
        self.assertEqual(self.keys(made, 50), ["a"])

    def test_a_node_that_fails_rests_longer_each_time(self):
        made, now = dispatcher(place("a"), place("b"))
        waits = []
        for _ in range(12):
            member = made._members["a"]
            made.give(member, 1)
            made.back(member, 1, answered=0, failed=True)
            waits.append(member.rests_until - now[0])
        self.assertEqual([round(wait, 6) for wait in waits[:4]], [0.2, 0.4, 0.8, 1.6])
        self.assertEqual(round(waits[-1], 6), 10.0)
        self.assertEqual(set(self.keys(made, 1, 1, 1)), {"b"})
        now[0] += 10.1
        made.take(1, avoid={"b"})
        self.assertEqual(made._members["a"].flying, 1)
        made.back(made._members["a"], 1, answered=1, failed=False)
        self.assertEqual(made._members["a"].failures, 0)

    def test_those_to_avoid_are_taken_where_there_is_no_other(self):
        made, _ = dispatcher(place("a"), place("b"))
        self.assertEqual(made.take(1, avoid={"a"}).place.key, "b")
        self.assertIsNotNone(made.take(1, avoid={"a", "b"}))

    def test_a_node_that_is_gone_is_given_up(self):
        made, _ = dispatcher(place("a"), place("b"))
        gone = made._members["a"]
        made.update([place("b"), place("c")])
        self.assertEqual(gone.judge.abandoned, 1)
        self.assertEqual([one.key for one in made.places()], ["b", "c"])

    def test_requests_shrink_so_that_all_nodes_have_some(self):
        made, _ = dispatcher(place("a", 2), place("b", 2), batch=16)
        self.assertEqual([made.size(count) for count in (0, 1, 8, 40, 1000)], [1, 1, 2, 10, 16])


class Scaling(unittest.TestCase):
    def test_it_grows_after_looks_in_a_row_and_up_to_its_most(self):
        scale = Scale(1, 3, grow_after=2)
        # 8 programs for 2 workers.
        self.assertEqual([scale.wanted(1, 1, 2, 8) for _ in range(3)], [1, 2, 1])
        self.assertEqual(scale.wanted(3, 3, 2, 99), 3)
        self.assertEqual(scale.wanted(3, 3, 2, 99), 3)

    def test_one_that_is_awaited_is_waited_for(self):
        scale = Scale(1, 9, grow_after=1)
        self.assertEqual(scale.wanted(2, 1, 1, 99), 2)
        self.assertEqual(scale.wanted(2, 2, 2, 99), 3)

    def test_it_shrinks_when_idle_and_a_busy_look_begins_anew(self):
        scale = Scale(1, 3, shrink_after=2)
        self.assertEqual([scale.wanted(3, 3, 3, load) for load in (0, 2, 0, 0)], [3, 3, 3, 2])
        self.assertEqual([scale.wanted(1, 1, 1, 0) for _ in range(3)], [1, 1, 1])

    def test_a_size_outside_is_brought_inside(self):
        self.assertEqual(Scale(2, 3).wanted(1, 1, 1, 0), 2)
        self.assertEqual(Scale(2, 3).wanted(9, 9, 9, 0), 3)
        with self.assertRaises(ValueError):
            Scale(3, 2)


class Asking(unittest.TestCase):
    def test_answers_are_in_order_and_one_each(self):
        with Straw(said()) as first:
            # An answer that names its program, whatever part of the work it came with.
            def answer(handler):
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                out = json.dumps({"results": [verdict(problem_id=one["program"]) for one in body["items"]]}).encode()
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(out)))
                handler.end_headers()
                handler.wfile.write(out)

            first.server.RequestHandlerClass.do_POST = answer
            with pool(first, batch=3) as judges:
                found = judges.batch([{"problem_id": "p", "program": str(one)} for one in range(100)])
                self.assertEqual([one.problem_id for one in found], [str(one) for one in range(100)])
                self.assertEqual(judges.loads()[0].answered, 100)
                self.assertEqual(judges.loads()[0].flying, 0)

    def test_what_a_node_has_lost_is_put_to_another(self):
        with Straw(None) as broken, Straw(said(verdict())) as whole, pool(broken, whole) as judges:
            self.assertTrue(all(judges.judge(**ITEM).accepted for _ in range(6)))
            self.assertGreaterEqual(len(broken.asked), 1)

    def test_a_node_that_can_not_be_reached_is_left(self):
        with Straw(said(verdict())) as whole:
            places = [place("gone"), place("there", url=whole.url)]
            with PoolClient(lambda: places) as judges:
                self.assertTrue(all(judges.judge(**ITEM).accepted for _ in range(4)))

    def test_one_that_is_busy_or_draining_is_left_for_another(self):
        for kind in ("busy", "draining", "share"):
            busy = (503, {"Retry-After": "60"}, failed(kind, "later"))
            with self.subTest(kind), Straw(busy) as full, Straw(said(verdict())) as idle, pool(full, idle) as judges:
                start = time.monotonic()
                self.assertTrue(all(judges.judge(**ITEM).accepted for _ in range(4)))
                self.assertLess(time.monotonic() - start, 20)

    def test_a_failure_of_the_judge_is_judged_again_elsewhere_and_never_a_reward(self):
        item = said({"error": failed()["error"]})
        with Straw(item) as ill, Straw(said(verdict())) as well, pool(ill, well) as judges:
            self.assertEqual([judges.rewards([ITEM]) for _ in range(4)], [[1.0]] * 4)
        with Straw(item) as ill, Straw(item) as other, pool(ill, other) as judges:
            self.assertEqual(judges.rewards([ITEM]), [None])
            self.assertEqual(len(ill.asked) + len(other.asked), 3)
            with self.assertRaises(rlef.InfrastructureError):
                judges.judge(**ITEM)

    def test_what_makes_no_sense_is_asked_once(self):
        wrong = (200, {}, {"results": [{"error": failed("request", "no", False)["error"]}]})
        with Straw(wrong) as one, pool(one) as judges:
            with self.assertRaises(rlef.RequestError):
                judges.judge(**ITEM)
            self.assertEqual(len(one.asked), 1)

    def test_a_program_that_brings_down_every_server_ends(self):
        with Straw(None) as one, Straw(None) as two, pool(one, two, patience=60.0) as judges:
            start = time.monotonic()
            found = judges.batch([ITEM, ITEM], return_errors=True)
            self.assertEqual([type(error) for error in found], [rlef.InfrastructureError] * 2)
            self.assertIn(f"{LOSSES} nodes were lost", str(found[0]))
            self.assertLess(time.monotonic() - start, 50)

    def test_patience_ends(self):
        with PoolClient(lambda: [], patience=0.3) as judges:
            self.assertEqual(judges.rewards([ITEM]), [None])
            with self.assertRaisesRegex(rlef.InfrastructureError, "none of the pool's 0 nodes had room"):
                judges.judge(**ITEM)

    def test_what_is_under_way_on_a_node_that_is_gone_is_put_to_another(self):
        # Its machine is lost: the connection stays open, and nothing ever comes.
        asked, never = threading.Event(), threading.Event()
        with Straw(said(verdict())) as silent, Straw(said(verdict())) as whole:

            def hang(handler):
                asked.set()
                never.wait(60)

            silent.server.RequestHandlerClass.do_POST = hang
            places = [place("silent", url=silent.url)]
            with PoolClient(lambda: places) as judges:
                found = []
                thread = threading.Thread(target=lambda: found.append(judges.judge(**ITEM).accepted))
                thread.start()
                self.assertTrue(asked.wait(30))
                places[:] = [place("whole", url=whole.url)]
                thread.join(30)
                self.assertEqual(found, [True])
            never.set()

    def test_new_nodes_are_found_while_somebody_waits(self):
        places = []
        with Straw(said(verdict())) as late, PoolClient(lambda: places) as judges:
            threading.Timer(0.5, lambda: places.append(place("late", url=late.url))).start()
            self.assertTrue(judges.judge(**ITEM).accepted)


class Episodes(unittest.TestCase):
    def test_an_episode_of_a_lost_node_is_repeated_on_another(self):
        first = [(200, {}, opened()), (200, {}, stepped(1)), None]
        again = [(200, {}, opened()), (200, {}, stepped(1)), (200, {}, stepped(2, "accepted", True, (0.0, 1.0)))]
        with Straw(*first) as lost, Straw(*again) as other:
            places = [place("lost", url=lost.url)]
            with PoolClient(lambda: places) as judges:
                episode = PoolEpisode(judges, {"problem_id": "p"})
                episode.step("one")
                places[:] = [place("other", url=other.url)]
                step = episode.step("two")
                self.assertEqual((step.turn, step.done, step.rewards), (2, True, (0.0, 1.0)))
                bodies = [json.loads(body) for _, path, _, body in other.asked if "steps" in path]
                self.assertEqual([body["completion"] for body in bodies], ["one", "two"])

    def test_one_that_is_judged_otherwise_is_a_failure(self):
        first = [(200, {}, opened()), (200, {}, stepped(1)), None]
        again = [(200, {}, opened()), (200, {}, stepped(1, "accepted", True, (1.0,))), None]
        with Straw(*first) as lost, Straw(*again) as other:
            places = [place("lost", url=lost.url)]
            with PoolClient(lambda: places, patience=0.5) as judges:
                episode = PoolEpisode(judges, {"problem_id": "p"})
                episode.step("one")
                places[:] = [place("other", url=other.url)]
                with self.assertRaisesRegex(rlef.InfrastructureError, "judged otherwise"):
                    episode.step("two")


class Servers(unittest.TestCase):
    """Real ones, of which one is killed."""

    def test_a_server_that_is_killed_loses_nothing(self):
        with contextlib.ExitStack() as stack:
            path = stack.enter_context(problems())
            servers = [rlef.Server([path], workers=1, cache=False) for _ in range(2)]
            for server in servers:
                stack.callback(server.close)
            places = [
                place(str(number), url=server.endpoint.url, token=server.endpoint.token)
                for number, server in enumerate(servers)
            ]
            judges = stack.enter_context(PoolClient(lambda: places, batch=4))
            # Different texts, so that no two are joined.
            items = [
                {"problem_id": "sum", "program": f"{RIGHT if one % 3 else WRONG}  # {one}"} for one in range(120)
            ]
            found = []
            thread = threading.Thread(target=lambda: found.extend(judges.batch(items)))
            thread.start()
            self.assertTrue(eventually(lambda: servers[0].process.poll() is None and judges.loads() and judges.loads()[0].answered))
            os.kill(servers[0].process.pid, signal.SIGKILL)
            thread.join(120)
            self.assertEqual([one.accepted for one in found], [bool(one % 3) for one in range(120)])
            counts = collections.Counter({load.place.key: load.answered for load in judges.loads()})
            self.assertEqual(sum(counts.values()), 120)
            self.assertGreater(counts["1"], 0)

    def test_a_server_that_drains_answers_what_it_has(self):
        with problems() as path:
            server = rlef.Server([path], workers=1, cache=False)
            judges = PoolClient(lambda: [place("0", url=server.endpoint.url, token=server.endpoint.token)], patience=1.0)
            slow = "import time\ntime.sleep(2)\n" + RIGHT
            found = []
            thread = threading.Thread(target=lambda: found.append(judges.judge(problem_id="sum", program=slow).accepted))
            thread.start()
            self.assertTrue(eventually(lambda: any(load.flying for load in judges.loads())))
            time.sleep(0.5)
            server.drain(30)
            thread.join(30)
            self.assertEqual(found, [True])
            self.assertIsNotNone(server.process.poll())


if __name__ == "__main__":
    unittest.main()
