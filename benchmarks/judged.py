"""Preferences of an artificial judge with planted bias, and of a hierarchy of policies: `rlaif` and `synthetic` of feedback.py."""

import hashlib
import http.server
import json
import math
import random
import re
import threading

from bench import ROOT, chosen_rate, compared, episodes, interval, mean, over_seeds, rows_of, shares, solved, table, trained, write_rows
from plot import bars

TESTS = '[[judges]]\nkind = "tests"\n'


def synthetic(bench):
    """A hierarchy of policies as the only source of preferences, beside the tests' and beside supervised training on its best."""
    names = ["policy"]
    for sets in [8, 4]:
        out = f"policy-{sets}"
        config = ROOT / "benchmarks" / "test_bed.toml"
        bench.run("sft", "--config", config, "--set", f"stages.0.sets={sets}", "--out", out, out=f"{out}/model.safetensors")
        names.append(out)
    problems = bench.first("train.jsonl", 300 if bench.small else 800)
    ordered = ["--hierarchy", ",".join(names), "--problems", problems, "--rollouts", 3, "--most", 6]
    bench.run("pairs", *ordered, "--longer", "inf", "--out", "pairs-assumed.jsonl", out="pairs-assumed.jsonl")
    learn = ["--data", "pairs-assumed.jsonl", "--seed", 1, "--batch", 8]
    bench.run("reward", "--policy", "policy", *learn, "--out", "reward-assumed", out="reward-assumed/model.safetensors")
    bench.at("assumed.toml").write_text(TESTS + '[[judges]]\nkind = "reward_model"\nfolder = "reward-assumed"\n')
    filtered = ["--judges", "assumed.toml", "--out", "pairs-filtered.jsonl"]
    bench.run("pairs", *ordered, "--longer", 1.5, *filtered, out="pairs-filtered.jsonl")
    rows, drawn = [], []
    for name in ["assumed", "filtered"]:
        found = rows_of(bench.at(f"pairs-{name}.jsonl"))
        whole = lambda text: text.split("/")[0] == text.split("/")[1]
        apart = [r["labels"] for r in found if whole(r["labels"]["chosen_passed"]) != whole(r["labels"]["rejected_passed"])]
        right = [whole(labels["chosen_passed"]) for labels in apart]
        print(f"{name}: the tests agree with {100 * mean([float(r) for r in right]):.1f}% of the {len(right)} of {len(found)} pairs that they tell apart")
    count = min(len(rows_of(bench.at(f"pairs-{name}.jsonl"))) for name in ["assumed", "filtered", "train"])
    for name in ["assumed", "filtered", "train"]:
        kept = rows_of(bench.at(f"pairs-{name}.jsonl"))
        random.Random(5).shuffle(kept)
        write_rows(bench.at(f"pairs-equal-{name}.jsonl"), kept[:count])
    texts = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in rows_of(bench.at("pairs-equal-filtered.jsonl"))]
    write_rows(bench.at("texts-best.jsonl"), texts)
    rounds = 24 if bench.small else 48
    head = (f'rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 1\npolicy = "policy"\nproblems = "train.jsonl"\n'
            '[policy_optimizer]\nlearning_rate = {rate}\n[evaluation]\nproblems = ""\n[resources]\n[objective]\n')
    kinds = {
        "DPO, assumed order": 'algorithm = "dpo"\ndata = "pairs-equal-assumed.jsonl"\n',
        "DPO, assumed and filtered": 'algorithm = "dpo"\ndata = "pairs-equal-filtered.jsonl"\n',
        "DPO, by tests": 'algorithm = "dpo"\ndata = "pairs-equal-train.jsonl"\n',
        "SFT on the preferred": 'algorithm = "sft"\ndata = "texts-best.jsonl"\n',
    }
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    for number, (name, text) in enumerate(kinds.items()):
        best = chosen_rate(bench, f"synthetic-{number}", head + text, rounds)
        text_of = (head + text).format(rate=best)
        runs = [trained(bench, f"synthetic-{number}-{best}-{seed}", f"seed = {seed}\n{text_of}", rounds)[0] for seed in bench.seeds]
        share, half = over_seeds(shares(runs))
        gain = compared(runs, base)
        drawn.append((name, *gain))
        rows.append([name, count, f"{share:.3f} ± {half:.3f}", interval(gain)])
    table(bench.at("synthetic.csv"), ["learnt from", "pairs", "1@1 on test", "against the start"], rows)
    bars(bench.at("synthetic.svg"), "Preferences of a hierarchy of policies: solved by one answer, less the start",
         "difference of solve rates on test; 95%, compositions drawn whole", drawn)


class Biased(http.server.BaseHTTPRequestHandler):
    """An artificial judge: it knows which answers pass, likes the first place and long answers, and errs."""

    protocol_version = "HTTP/1.1"
    solved = {}

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
        problem = asked.split("<problem", 1)[1].split(">", 1)[1].split("</problem>", 1)[0].strip()
        first, second = re.findall(r'<answer number="[12]">\n(.*?)\n</answer>', asked, re.S)
        right = [float(self.solved.get((problem, text.strip()), False)) for text in (first, second)]
        noise = random.Random(hashlib.sha256(asked.encode()).hexdigest()).gauss(0, 1)
        logit = 2 * (right[0] - right[1]) + 1.5 + 0.15 * (len(first) - len(second)) + noise
        one = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
        top = [{"token": "1", "logprob": math.log(one + 1e-12)}, {"token": "2", "logprob": math.log(1 - one + 1e-12)}]
        said = max(top, key=lambda token: token["logprob"])
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said["token"]},
                  "logprobs": {"content": [{**said, "top_logprobs": top}]}}
        body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def rlaif(bench):
    """Labels of a judge with planted bias, in one order, in both, and of answers as long as each other; and what is learnt of them."""
    problems = bench.first("train.jsonl", 300 if bench.small else 800)
    statements = {row["id"]: row["statement"].strip() for row in rows_of(bench.at(problems))}
    few, passed = [], {}
    for e in episodes(bench.at("samples-train.jsonl")):
        if e["problem_id"] not in statements:
            continue
        text = e["turns"][0]["text"]
        passed[(statements[e["problem_id"]], text.strip())] = e["outcome"] == "accepted"
        if e["sample"] < 4:
            few.append({k: v for k, v in e.items() if k != "event"})
    write_rows(bench.at("samples-judged.jsonl"), few)
    Biased.solved = passed
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Biased)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    sets = {}
    for orders in ["one", "both"]:
        judges = bench.at(f"biased-{orders}.toml")
        judges.write_text(f'{TESTS}[[judges]]\nkind = "ai_pairwise"\nurl = "{url}"\nmodel = "simulated"\norders = "{orders}"\n'
                          'max_flips = 1.0\nmax_longer = 1.0\ncheck = false\ncache = false\nlogprobs = 5\n')
        out = f"pairs-judge-{orders}.jsonl"
        words = ["--journal", "samples-judged.jsonl", "--problems", problems, "--judges", judges.name, "--rule", "compared"]
        bench.run("pairs", *words, "--most", 6, "--out", out, out=out)
        sets[f"{orders} order" if orders == "one" else "both orders"] = rows_of(bench.at(out))
    server.shutdown()
    near = lambda row: abs(len(row["chosen"]) - len(row["rejected"])) <= 0.1 * max(len(row["chosen"]), len(row["rejected"]))
    sets["both orders, equal length"] = [row for row in sets["both orders"] if near(row)]
    said = {}
    for name, rows in sets.items():
        found = []
        for row in rows:
            statement = statements[row["labels"]["problem"]]
            one, other = (passed.get((statement, row[side].strip())) for side in ("chosen", "rejected"))
            if one != other:
                found.append(float(bool(one)))
        longer = mean([float(len(row["chosen"]) > len(row["rejected"])) for row in rows if len(row["chosen"]) != len(row["rejected"])])
        said[name] = (mean(found), len(found), longer)
    sets["tests"] = [row for row in rows_of(bench.at("pairs-train.jsonl")) if row["labels"]["problem"] in statements]
    count = min(len(rows) for rows in sets.values())
    rounds = 24 if bench.small else 48
    head = (f'rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 1\npolicy = "policy"\nproblems = "train.jsonl"\n'
            '[policy_optimizer]\nlearning_rate = {rate}\n[evaluation]\nproblems = ""\n[resources]\n[objective]\n')
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    rows, drawn = [], []
    learnt = [("DPO", name) for name in sets] + [("SFT on the preferred", "both orders")]
    for number, (how, name) in enumerate(learnt):
        kept = list(sets[name])
        random.Random(5).shuffle(kept)
        kept = kept[:count]
        if how != "DPO":
            kept = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in kept]
        write_rows(bench.at(f"rlaif-{number}.jsonl"), kept)
        text = f'algorithm = "{"dpo" if how == "DPO" else "sft"}"\ndata = "rlaif-{number}.jsonl"\n'
        best = chosen_rate(bench, f"rlaif-{number}", head + text, rounds)
        text_of = (head + text).format(rate=best)
        runs = [trained(bench, f"rlaif-{number}-{best}-{seed}", f"seed = {seed}\n{text_of}", rounds)[0] for seed in bench.seeds]
        share, half = over_seeds(shares(runs))
        gain = compared(runs, base)
        drawn.append((f"{how}, {name}" if how == "DPO" else how, *gain))
        right = said.get(name)
        rows.append([how, name if name == "tests" else f"{name} (simulated judge)", count,
                     f"{right[0]:.3f} of {right[1]}" if right else "1", f"{right[2]:.2f}" if right else "",
                     f"{share:.3f} ± {half:.3f}", interval(gain)])
    names = ["learnt by", "labels", "pairs", "agree with the tests", "prefers the longer", "1@1 on test", "against the start"]
    table(bench.at("rlaif.csv"), names, rows)
    bars(bench.at("rlaif.svg"), "Labels of a simulated judge with planted bias: solved by one answer, less the start",
         "difference of solve rates on test; 95%, compositions drawn whole", drawn)
