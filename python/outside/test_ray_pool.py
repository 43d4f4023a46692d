"""`rlef.ray.JudgePool` on simulated nodes of Ray. Run by `.ci/outside ray`."""

import json
import os
import signal
import tempfile
import threading
import time
import unittest
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import rlef
from rlef import process
from rlef.ray import AsyncJudgePool, JudgePool, Scale

PROBLEM = {
    "id": "sum",
    "statement": "Add two numbers.",
    "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
    "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
}
RIGHT = "print(sum(map(int, input().split())))"
WRONG = "print(3)"


def eventually(holds, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.1)
    return False


def items(count, slow=0.0):
    """So many programs of their own texts, every third of them wrong."""
    wait = f"import time; time.sleep({slow})\n" if slow else ""
    return [{"problem_id": "sum", "program": f"{wait}{RIGHT if one % 3 else WRONG}  # {one}"} for one in range(count)]


def right(found):
    return [one.accepted for one in found] == [bool(one % 3) for one in range(len(found))]


def setUpModule():
    global cluster, nodes, folder, problems
    folder = tempfile.TemporaryDirectory()
    problems = Path(folder.name) / "own.jsonl"
    problems.write_text(json.dumps(PROBLEM) + "\n")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    nodes = [add() for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)


def add():
    return cluster.add_node(num_cpus=1, resources={"judge": 1})


def tearDownModule():
    ray.shutdown()
    cluster.shutdown()
    folder.cleanup()


def started(**options):
    return JudgePool(problems=[problems], cache=False, **options)


class Pool(unittest.TestCase):
    def test_one_on_each_node_with_the_resource_and_none_elsewhere(self):
        with started() as pool:
            placed = [place.node for place in pool.look()]
            self.assertEqual(len(placed), 2)
            self.assertEqual(set(placed), {node.node_id for node in nodes})
            self.assertTrue(right(pool.batch(items(60))))
            self.assertTrue(all(load.answered for load in pool.loads()), pool.loads())
        self.assertEqual(JudgePool.attach().look(), [])

    def test_other_processes_ask_it_and_end_nothing(self):
        with started() as pool:

            @ray.remote(num_cpus=0)
            def asks(other):
                with other:
                    return other.rewards(items(3))

            @ray.remote(num_cpus=0)
            def attaches():
                os.environ["RLEF_POOL"] = "judges"
                return process.shared().rewards(items(3))

            expected = [-1.0, 1.0, 1.0]
            self.assertEqual(ray.get([asks.remote(pool), attaches.remote()]), [expected, expected])
            self.assertEqual(pool.rewards(items(3)), expected)

    def test_it_is_used_by_ray_data_and_an_event_loop(self):
        import asyncio

        with started() as pool:

            def judge(rows):
                rows["reward"] = pool.rewards({"problem_id": "sum", "program": text} for text in rows["program"])
                return rows

            rows = ray.data.from_items([{"at": at, "program": one["program"]} for at, one in enumerate(items(40))])
            found = rows.map_batches(judge, batch_size=10, num_cpus=0.1).take_all()
            self.assertEqual(sorted((row["at"], row["reward"]) for row in found), [(at, 1.0 if at % 3 else -1.0) for at in range(40)])

            async def score():
                return await AsyncJudgePool(pool).judge(problem_id="sum", program=RIGHT)

            self.assertTrue(asyncio.run(score()).accepted)

    def test_trainers_functions_are_scored_by_it(self):
        import asyncio

        from rlef.adapters import trl, verl

        with started() as pool:
            os.environ["RLEF_POOL"] = pool.name
            process._judge = process._async_judge = None
            try:
                rewards = trl.reward()([None] * 2, [f"```python\n{RIGHT}\n```", "no"], problem=["sum", "sum"])
                self.assertEqual(rewards, [1.0, -1.0])
                scored = asyncio.run(verl.compute_score("any", f"```python\n{RIGHT}\n```", "sum"))
                self.assertEqual((scored["score"], scored["verdict"]), (1.0, "accepted"))
            finally:
                del os.environ["RLEF_POOL"]
                process._judge = process._async_judge = None

    def test_a_server_that_is_killed_comes_up_again(self):
        with started() as pool:
            before = {place.key for place in pool.look()}
            os.kill(ray.get(pool._handles[0].pid.remote()), signal.SIGKILL)
            self.assertTrue(right(pool.batch(items(30))))
            self.assertTrue(eventually(lambda: len(pool.look()) == 2 and {place.key for place in pool.look()} != before))
            self.assertTrue(right(pool.batch(items(30))))

    def test_an_upgrade_loses_nothing(self):
        with started() as pool:
            found, over = [], threading.Event()

            def asks():
                while not over.is_set():
                    found.append(right(pool.batch(items(12, 0.05))))

            thread = threading.Thread(target=asks)
            thread.start()
            pool.upgrade(problems=[problems], cache=False, arguments=["--queue", "512"])
            over.set()
            thread.join()
            self.assertTrue(found and all(found), found)
            self.assertEqual({place.version for place in pool.look()}, {1})
            self.assertEqual(len(pool.look()), 2)

    def test_a_server_that_can_not_start_is_an_error_that_says_why(self):
        with self.assertRaisesRegex(rlef.StartError, "no-such-option"):
            JudgePool(arguments=["--no-such-option"], cache=False)
        with self.assertRaisesRegex(rlef.StartError, "judge-with-a-card"):
            JudgePool(resource="judge-with-a-card")
        self.assertEqual(JudgePool.attach().look(), [])

    def test_more_nodes_are_asked_of_ray_and_taken_when_they_come(self):
        with started(size=2) as pool:
            pool.resize(3)
            self.assertEqual((pool.size, len(pool.look())), (3, 2))
            # What the autoscaler sees: an actor that wants the resource.
            pending = ray.util.state.list_actors(filters=[("state", "=", "PENDING_CREATION")])
            self.assertEqual(len(pending), 1)
            nodes.append(add())
            self.assertTrue(eventually(lambda: len(pool.look()) == 3))
            self.assertTrue(right(pool.batch(items(60))))
            # Idle, so one less.
            pool.resize(pool.wanted(Scale(1, 3, shrink_after=1)))
            self.assertEqual((pool.size, len(pool.look())), (2, 2))
            self.assertTrue(right(pool.batch(items(10))))
        cluster.remove_node(nodes.pop())

    def test_a_detached_pool_is_changed_by_whoever_finds_it(self):
        with started(detached=True) as pool:
            found = JudgePool.attach()
        self.assertEqual(len(found.look()), 2)
        found.resize(1)
        self.assertEqual((found.size, len(found.look())), (1, 1))
        self.assertEqual(found.rewards(items(2)), [-1.0, 1.0])
        found.shutdown()
        self.assertTrue(eventually(lambda: JudgePool.attach().look() == []))


class Loss(unittest.TestCase):
    """A node is taken away, at once, with work on it."""

    def test_each_program_is_answered_once(self):
        nodes.append(add())
        self.assertTrue(eventually(lambda: len([one for one in ray.nodes() if one["Alive"]]) == 4))
        with started() as pool:
            victim = next(place for place in pool.look() if place.node == nodes[-1].node_id)
            answers, work = [], items(240, 0.02)
            lock = threading.Lock()

            def asks(part):
                # One call a program, so that every answer is seen as it comes.
                for at in part:
                    said = pool.judge(**work[at])
                    with lock:
                        answers.append((at, said.accepted))

            threads = [threading.Thread(target=asks, args=(range(start, 240, 24),)) for start in range(24)]
            for thread in threads:
                thread.start()
            self.assertTrue(eventually(lambda: any(one.place.key == victim.key and one.answered > 3 and one.flying for one in pool.loads())))
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(answers), [(at, bool(at % 3)) for at in range(240)])
            self.assertEqual(len(pool.look()), 2)
            # The actor waits for a node, and is started on the next one.
            nodes.append(add())
            self.assertTrue(eventually(lambda: len(pool.look()) == 3))
            self.assertTrue(right(pool.batch(items(60))))
            cluster.remove_node(nodes.pop())
            print(f"node lost with work on it: {len(answers)} of 240 answered, {len(answers) - len(dict(answers))} twice")

    def test_an_episode_goes_on_elsewhere(self):
        with started() as pool:
            with pool.episode(problem_id="sum", turns=3) as episode:
                step = episode.step(f"```python\n{WRONG.replace('3', '4')}\n```")
                self.assertIn("but got", step.observation)
                lost = next(node for node in nodes if node.node_id == episode._member.place.node)
                nodes.remove(lost)
                cluster.remove_node(lost, allow_graceful=False)
                step = episode.step(f"```python\n{RIGHT}\n```")
                self.assertEqual((step.turn, step.stop_reason, sum(step.rewards)), (2, "solved", 1.0))
        nodes.append(add())


if __name__ == "__main__":
    unittest.main()
