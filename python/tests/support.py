"""What the tests share: a server of the program under test, problems, and a server of straw that says what it is told to."""

import contextlib
import http.server
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE / "stubs")]

import rlef  # noqa: E402

PROBLEMS = [
    {
        "id": "sum",
        "statement": "Add two numbers.",
        "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
        "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
        "limits": {"cpu_ms": 2000, "wall_ms": 20000},
    },
    {
        "id": "set/double 2",
        "statement": "Double a number.",
        "public_tests": [{"kind": "stdin", "input": "4\n", "expected": "8\n"}],
        "private_tests": [{"kind": "stdin", "input": "0\n", "expected": "0\n"}],
        "limits": {"cpu_ms": 2000, "wall_ms": 20000},
    },
]
RIGHT = "print(sum(map(int, input().split())))"
WRONG = "print(3)"


def fenced(source):
    return f"Here it is.\n```python\n{source}\n```\n"


@contextlib.contextmanager
def problems():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.jsonl"
        path.write_text("".join(json.dumps(problem) + "\n" for problem in PROBLEMS))
        yield path


@contextlib.contextmanager
def judge():
    """A private server with the problems, its caches in a folder of its own."""
    with problems() as path, rlef.Judge(problems=[path], workers=2, cache=False) as started:
        yield started


def is_there(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(holds, seconds=60):
    """Whether it comes to hold."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


class Straw:
    """An HTTP server that gives these answers, one after the other: (status, headers, body, or None to hang up)."""

    def __init__(self, *answers, chunked=False):
        self.asked, left = [], list(answers)
        # Connections.
        self.open = 0
        straw, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self):
                with lock:
                    straw.open += 1
                try:
                    super().handle()
                finally:
                    with lock:
                        straw.open -= 1

            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                straw.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(body), 7):
                        part = body[at : at + 7]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def verdict(name="accepted", reward=1.0, **more):
    return {
        "problem_id": "p",
        "verdict": name,
        "accepted": name == "accepted",
        "passed": 1,
        "total": 1,
        "first_failure": None,
        "feedback": None,
        "reward": reward,
        "program": None,
        "scores": [],
        "usage": {"cpu_ms": 1.0, "wall_ms": 2.0, "fuel": None, "isolation": "process"},
        **more,
    }


def opened(turn=0, **more):
    """An episode, as it is opened or as it stands."""
    return {"episode_id": "e/1", "problem_id": "p", "observation": "o", "turn": turn, **more}


def stepped(turn=1, name="wrong_answer", done=False, rewards=(0.0,)):
    """What a step comes to; without rewards nothing is known of the program."""
    return {
        "problem_id": "p",
        "turn": turn,
        "turns": 3,
        "done": done,
        "stop_reason": "solved" if done else None,
        "rewards": rewards and list(rewards),
        "outcome": verdict(name, None) if done else None,
        "observation": None if done else "o",
        "reward": rewards and rewards[-1],
        "judged": verdict(name, None),
    }


def failed(kind="infrastructure", message="the sandbox failed", infrastructure=True):
    return {"error": {"kind": kind, "infrastructure": infrastructure, "message": message}}


os.environ.setdefault("RLEF_CACHE", tempfile.mkdtemp(prefix="rlef-tests-"))
