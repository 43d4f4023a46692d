"""A private server ends with its parent, however that ends, and with nobody else."""

import os
import signal
import subprocess
import sys
import threading
import unittest

from support import HERE, RIGHT, eventually, is_there, judge

import rlef

STARTS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import rlef
judge = rlef.Judge(workers=1, cache=False)
print(judge._server.process.pid, flush=True)
sys.stdin.read()
"""


class Parent(unittest.TestCase):
    def start(self):
        command = [sys.executable, "-c", STARTS, str(HERE.parent / "src")]
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        server = int(parent.stdout.readline())
        self.assertTrue(is_there(server))
        return parent, server

    def test_a_parent_that_is_killed(self):
        parent, server = self.start()
        parent.send_signal(signal.SIGKILL)
        parent.communicate()
        self.assertTrue(eventually(lambda: not is_there(server)))

    def test_a_parent_that_ends_by_itself(self):
        parent, server = self.start()
        parent.communicate("")
        self.assertEqual(parent.returncode, 0)
        self.assertTrue(eventually(lambda: not is_there(server)))

    def test_the_thread_that_started_it_may_end(self):
        found = []
        thread = threading.Thread(target=lambda: found.append(rlef.Judge(workers=1, cache=False)))
        thread.start()
        thread.join()
        with found[0] as started:
            problem = {"id": "p", "statement": "s", "private_tests": [{"kind": "stdin", "input": "1 2", "expected": "3"}]}
            self.assertTrue(started.judge(problem=problem, program=RIGHT).accepted)

    def test_a_forked_child_asks_and_leaves_it_alone(self):
        with judge() as started:
            started.judge(problem_id="sum", program=RIGHT)
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if started.judge(problem_id="sum", program=RIGHT).accepted else 2
                    started.close()
                finally:
                    os._exit(code)
            _, status = os.waitpid(child, 0)
            self.assertEqual(status, 0)
            self.assertTrue(started.judge(problem_id="sum", program=RIGHT).accepted)


if __name__ == "__main__":
    unittest.main()
