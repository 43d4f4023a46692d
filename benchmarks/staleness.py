"""What sampling a round ahead saves where sampling takes no core of ours: python3 benchmarks/staleness.py [--rlef PATH] [--rounds N] [--wait S].

An engine of straw speaks vLLM's interface, waits, and gives 90 drawn ids for an answer, of which no program can be made: what is timed is the
loop's own work, 256 answers a round, 32 at once, learnt by PPO with a value network. The wait is chosen so that a round takes as long to sample as to learn.
Both sides, one after the other, --runs times; prints seconds. Needs Python 3.9 and nothing else."""

import argparse
import http.server
import json
import pathlib
import random
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIG = """rounds = {rounds}
problems_per_round = 128
[rollout]
turns = 1
max_staleness = {staleness}
[objective]
value_head = "separate"
max_sampler_gap = 1e9
max_sampler_kl = 1e9
[evaluation]
problems = ""
[validation]
problems = ""
[resources]
max_unusable_rate = 1.0
[engine]
kind = "vllm"
url = "{url}"
weights = "{work}/weights"
concurrency = 32
"""


class Straw(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wait = 0.0

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(404, {})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if "generate" not in self.path:
            return self.answer(200, {})
        time.sleep(self.wait)
        drawn = random.Random(asked["sampling_params"]["seed"])
        ids = [drawn.randrange(10, 500) for _ in range(90)]
        said = {"token_ids": ids, "logprobs": {"content": [{"logprob": -6.0}] * len(ids)}, "finish_reason": "length"}
        return self.answer(200, {"choices": [said]})


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rlef", type=pathlib.Path, default=ROOT / "target" / "release" / "rlef")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--wait", type=float, default=0.2)
    args = parser.parse_args()
    Straw.wait = args.wait
    server = Server(("127.0.0.1", 0), Straw)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("run,staleness,wall_seconds,sampling_seconds_a_round,learning_seconds_a_round")
    for run in range(args.runs):
        for staleness in (0, 1):
            with tempfile.TemporaryDirectory() as work:
                folder = pathlib.Path(work)
                (folder / "weights").mkdir()
                text = CONFIG.format(rounds=args.rounds, staleness=staleness, url=f"http://127.0.0.1:{server.server_port}", work=work)
                (folder / "run.toml").write_text(text)
                begun = time.monotonic()
                words = [args.rlef.resolve(), "train", "--config", "run.toml", "--run", "run", "-q"]
                subprocess.run(words, cwd=work, check=True, stdout=subprocess.DEVNULL)
                wall = time.monotonic() - begun
                rounds = [json.loads(line) for line in open(folder / "run" / "timings.jsonl")]
                mean = lambda *names: sum(sum(one[name] for name in names) for one in rounds) / len(rounds)
                print(f"{run},{staleness},{wall:.2f},{mean('sampling_seconds'):.2f},{mean('scoring_seconds', 'updating_seconds'):.2f}", flush=True)


if __name__ == "__main__":
    main()
