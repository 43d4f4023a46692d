"""Judges beyond tests on the test bed of `preferences.py`, by the command line of `rlef` alone: one question a verb.

    python3 benchmarks/preferences.py bed           # first: problems, a policy without planted habits, its answers
    python3 benchmarks/feedback.py cgpo             # a reward that can be hacked: PPO alone, CRPG without judges, CRPG, CODPO, CRRAFT
    python3 benchmarks/feedback.py tasks            # two tasks whose rewards conflict: one setting for both, or one for each
    python3 benchmarks/feedback.py process          # the best of n by process and outcome reward models, and by majority
    python3 benchmarks/feedback.py active           # labels needed, drawn evenly or by convincing wrong answers
    python3 benchmarks/feedback.py rlaif            # an artificial judge with planted bias: one order, both, at equal length
    python3 benchmarks/feedback.py synthetic        # pairs of a hierarchy of policies, filtered and not, beside pairs by tests

Each writes a table and a plot (SVG) into the work folder, which is that of `preferences.py`; what is there already is not made
again. Written down before the first run:

- seeds are 1 to --seeds (3); every run has its full number of rounds, and nothing is looked at to stop or to go on.
- cgpo: the smallest effect of interest is 5 points of test solve rate between two methods; a run has collapsed where it solves 10
  points less than the policy it began with. The reward model is made to be hackable: of 300 pairs every second one prefers the
  longer answer, whatever the tests say.
- tasks: 5 points of either task's own measure.
- process: 3 points of solve rate at the largest n; with the answers of one policy to one set of problems, so that seeds are of the
  reward models alone.
- active: a factor of 1.5 in labels at equal accuracy of the best of n.
- rlaif: 3 points of accuracy against the tests, and of solve rate. The judge's logit is 2 for the answer that passes, 1.5 for the first
  place, 0.15 for each character more, and noise of deviation 1.
- synthetic: 3 points of solve rate; the assumed order is right more often than not by 5 points.

Judges, labels and biases here are simulated wherever they are not tests; tables say so. `--small` takes less than ten minutes for
each verb. Needs Python 3.9 and nothing else. Options are those of `preferences.py`.
"""

import hashlib
import http.server
import json
import math
import pathlib
import random
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from preferences import Bench, compared, episodes, evaluate, mean, options, over_seeds, plot, solved, table  # noqa: E402

TESTS = '[[judges]]\nkind = "tests"\n'


def rows_of(path):
    return [json.loads(line) for line in open(path)]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def biased(bench):
    """Pairs of which every second prefers the longer answer."""
    path = bench.at("pairs-biased.jsonl")
    if not path.exists():
        rows = rows_of(bench.at("pairs-train.jsonl"))
        random.Random(11).shuffle(rows)
        kept = []
        for place, row in enumerate(rows[:300]):
            if place % 2 and len(row["rejected"]) > len(row["chosen"]):
                row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
            kept.append(row)
        write_rows(path, kept)
    return path.name


def hackable(bench):
    """A reward model of those pairs."""
    out = "reward-biased"
    learn = ["--data", biased(bench), "--seed", 1, "--batch", 8, "--epochs", 3]
    bench.run("reward", "--policy", "policy", *learn, "--out", out, out=f"{out}/model.safetensors")
    return out


def trained(bench, name, text, rounds):
    """Runs a configuration to its end and evaluates what it made; gives the evaluation and the metrics of every round."""
    bench.at(f"{name}.toml").write_text(text)
    last = f"{name}/checkpoints/{rounds:06}"
    words = ["train", "--config", f"{name}.toml", "--run", name]
    if (bench.at(name) / "config.toml").exists():
        words = ["train", "--resume", "--run", name]
    bench.run(*words, out=f"{last}/model.safetensors")
    evaluate(bench, last, f"{name}.json")
    return solved(bench.at(f"{name}.json")), rows_of(bench.at(name) / "metrics.jsonl")


def cgpo(bench):
    """PPO against a reward model that can be hacked, and CGPO's three methods with judges; CRPG also without them."""
    rounds, problems = (6, 24) if bench.small else (40, 48)
    folder = hackable(bench)
    head = (f'rounds = {rounds}\nproblems_per_round = {problems}\nupdates_per_round = 2\npolicy = "policy"\nproblems = "train.jsonl"\n'
            '[rollout]\nturns = 1\ngroup = 4\n[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n{}[evaluation]\nproblems = ""\n'
            '[resources]\nworkers = 1\nmax_unusable_rate = 1.0\n[objective]\nalgorithm = "{}"\n{}'
            f'[[judges]]\nkind = "reward_model"\nfolder = "{folder}"\n')
    free = TESTS + '[[judges]]\nkind = "rules"\nmax_lines = 12\nweight = 0.0\n'
    held = '[[judges]]\nkind = "tests"\nat_least = 1.0\n[[judges]]\nkind = "rules"\nmax_lines = 12\nat_least = 1.0\n'
    loose = "[objective.settings]\nkl_max = 20.0\n"
    kinds = {
        "PPO, reward model alone": (head.format("kl_beta = 0.02\n", "rlhf_ppo", ""), free),
        "CRPG without judges": (head.format("", "crpg", loose), free),
        "CRPG": (head.format("", "crpg", loose), held),
        "CODPO": (head.format("", "codpo", ""), held),
        "CRRAFT": (head.format("", "crraft", loose), held),
    }
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    rows, curves, runs_of = [], [], {}
    for number, (name, (text, judges)) in enumerate(kinds.items()):
        runs, metrics = [], []
        for seed in bench.seeds:
            run, lines = trained(bench, f"cgpo-{number}-{seed}", f"seed = {seed}\n{text}{judges}", rounds)
            runs.append(run)
            metrics.append(lines)
        runs_of[name] = runs
        share, half = over_seeds([mean([v[1] for v in run.values()]) for run in runs])
        gain = compared(runs, base, 1)
        proxy = [over_seeds([lines[place]["reward"] for lines in metrics])[0] for place in (0, -1)]
        train = [over_seeds([lines[place]["solve_rate"] for lines in metrics])[0] for place in (0, -1)]
        rows.append([name, f"{share:.3f} ± {half:.3f}", f"{gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]",
                     f"{proxy[0]:+.2f} to {proxy[1]:+.2f}", f"{1 - train[0]:.2f} to {1 - train[1]:.2f}",
                     "yes" if gain[2] < -0.10 else "no"])
        line = []
        for place in range(rounds):
            middle, spread = over_seeds([lines[place]["solve_rate"] for lines in metrics])
            line.append((place, middle, middle - spread, middle + spread))
        curves.append((name, line))
    names = ["method", "1@1 on test", "against the start", "reward (simulated, hackable), rounds", "answers that fail tests, rounds", "collapsed"]
    table(bench.at("cgpo.csv"), names, rows)
    for one, other in [("CRPG", "PPO, reward model alone"), ("CRPG", "CRPG without judges"), ("CRRAFT", "CRPG"), ("CODPO", "CRPG")]:
        found = compared(runs_of[one], runs_of[other], 1)
        print(f"{one} less {other}: {found[0]:+.3f} [{found[1]:+.3f}, {found[2]:+.3f}]")
    plot(bench.at("cgpo.svg"), "Solved while a hackable reward is learnt", "round", "solved", curves)


def tasks(bench):
    """Code that must pass its tests, and short answers: rewards that conflict. One setting for both, or one for each."""
    rounds = 6 if bench.small else 40
    folder = hackable(bench)
    all_rows = rows_of(bench.at("train.jsonl"))
    for name, part in [("code", all_rows[0::2]), ("short", all_rows[1::2])]:
        write_rows(bench.at(f"train-{name}.jsonl"), part)
    head = (f'rounds = {rounds}\nproblems_per_round = 16\nupdates_per_round = 2\npolicy = "policy"\n[rollout]\nturns = 1\ngroup = 4\n'
            '[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n[evaluation]\nproblems = ""\n[resources]\nworkers = 1\n'
            'max_unusable_rate = 1.0\n')
    long = f'[[tasks.judges]]\nkind = "reward_model"\nfolder = "{folder}"\n'
    lines = '[[tasks.judges]]\nkind = "rules"\nmax_lines = 6\n'
    both = '[[tasks.judges]]\nkind = "tests"\n' + long + lines
    def task(name, settings, judges):
        return f'[[tasks]]\nname = "{name}"\nproblems = "train-{name}.jsonl"\n[tasks.objective]\nalgorithm = "crpg"\n{settings}{judges}'
    bound = "[tasks.objective.settings]\nkl_max = {}\n"
    kinds = {
        "one setting for both": "".join(task(name, bound.format(20.0), both) for name in ("code", "short")),
        "one for each": task("code", bound.format(40.0), '[[tasks.judges]]\nkind = "tests"\nat_least = 1.0\n' + long)
        + task("short", bound.format(10.0), '[[tasks.judges]]\nkind = "tests"\n' + lines),
    }
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    rows, runs_of = [], {}
    for number, (name, text) in enumerate(kinds.items()):
        runs, metrics = [], []
        for seed in bench.seeds:
            run, found = trained(bench, f"tasks-{number}-{seed}", f"seed = {seed}\n{head}{text}", rounds)
            runs.append(run)
            metrics.append(found)
        runs_of[name] = runs
        share, half = over_seeds([mean([v[1] for v in run.values()]) for run in runs])
        gain = compared(runs, base, 1)
        own = lambda key, place: over_seeds([found[place]["own"][key] for found in metrics])[0]
        rows.append([name, f"{share:.3f} ± {half:.3f}", f"{gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]",
                     f"{own('code/solve_rate', 0):.2f} to {own('code/solve_rate', -1):.2f}",
                     f"{own('short/reward', 0):+.2f} to {own('short/reward', -1):+.2f}"])
    names = ["setting", "1@1 on test", "against the start", "code: solved, rounds", "short: reward, rounds"]
    table(bench.at("tasks.csv"), names, rows)
    found = compared(runs_of["one for each"], runs_of["one setting for both"], 1)
    print(f"one for each less one for both: {found[0]:+.3f} [{found[1]:+.3f}, {found[2]:+.3f}]")


def best_samples(bench):
    """Answers to choose among, and a file that replays them."""
    rollouts, problems = (16, 60) if bench.small else (64, bench.test)
    write_rows(bench.at("choose.jsonl"), rows_of(bench.at("test.jsonl"))[:problems])
    samples = "samples-choose.jsonl"
    play = ["--problems", "choose.jsonl", "--turns", 1, "--rollouts", rollouts]
    bench.run("eval", "--policy", "policy", *play, "--temperature", 1, "--journal", samples, out=samples)
    replayed = bench.at("replayed-choose.jsonl")
    if not replayed.exists():
        said = [{"problem_id": e["problem_id"], "completions": [e["turns"][0]["text"]]} for e in episodes(bench.at(samples))]
        write_rows(replayed, said)
    return play, rollouts


def exact_steps(bench, journal, problems, out):
    steps = ["--journal", journal, "--problems", problems, "--labels", "exact"]
    bench.run("steps", *steps, "--out", out, out=out)
    return out


def outcome_only(bench, steps, name):
    """The same answers of which the last step alone is labelled, by whether the tests passed: an outcome reward model's data."""
    path = bench.at(name)
    if not path.exists():
        passed = {(e["problem_id"], e["sample"]): e["outcome"] == "accepted" for e in episodes(bench.at("samples-train.jsonl"))}
        rows = []
        for row in rows_of(bench.at(steps)):
            good = passed[(row["labels"]["problem"], int(row["labels"]["sample"]))]
            row["marks"] = ["neutral"] * (len(row["steps"]) - 1) + ["good" if good else "bad"]
            row.pop("shares", None)
            rows.append(row)
        write_rows(path, rows)
    return name


def chosen_by(bench, data, name, seed, aggregate, play, more=()):
    """A process reward model of these steps, and what it says of every answer to choose among."""
    folder = f"{name}-{seed}"
    learn = ["--data", data, "--seed", seed, "--batch", 16, "--epochs", 3, *more]
    bench.run("reward", "--kind", "process", "--policy", "policy", *learn, "--out", folder, out=f"{folder}/model.safetensors")
    judges = bench.at(f"{folder}.toml")
    judges.write_text(f'{TESTS}[[judges]]\nkind = "process_model"\nfolder = "{folder}"\naggregate = "{aggregate}"\nweight = 0.0\n')
    journal = f"scored-{folder}.jsonl"
    words = ["--policy", "replay:replayed-choose.jsonl", *play, "--judges", judges.name]
    bench.run("eval", *words, "--journal", journal, out=journal)
    scores = {}
    for e in episodes(bench.at(journal)):
        said = [s["value"] for s in e["turns"][0]["scores"] if s["judge"] == "process_model" and "span" not in s]
        scores[(e["problem_id"], e["sample"])] = said[0] if said and said[0] is not None else -1.0
    return scores


def printed(episode):
    """What an answer prints for the public inputs, as far as a journal tells it: votes are counted by it."""
    turn = episode["turns"][0]
    return json.dumps([turn["grade"] == "no_program", [[f["test"], f["grade"], f.get("got", "")] for f in turn.get("failures", [])]])


def best_of(answers, choose, n, draws=40, seed=5):
    """Of each problem the share of draws of n answers whose chosen one is right: `answers` by problem, each (key, right)."""
    rng, shares = random.Random(seed), {}
    for problem, all_of in answers.items():
        right = 0
        for _ in range(draws):
            right += choose(rng.sample(all_of, n))
        shares[problem] = right / draws
    return shares


def process(bench):
    """The best of n by models of exact steps, of completions, of outcomes, and by majority."""
    play, rollouts = best_samples(bench)
    exact = exact_steps(bench, "samples-train.jsonl", "train.jsonl", "steps-exact.jsonl")
    labelled = exact_steps(bench, "samples-choose.jsonl", "choose.jsonl", "steps-choose.jsonl")
    few = bench.at("samples-few.jsonl")
    if not few.exists():
        kept = [row for row in rows_of(bench.at("samples-train.jsonl")) if row.get("event", "episode") != "episode" or row["sample"] < 2]
        write_rows(few, kept)
    sampled = ["--journal", few.name, "--policy", "policy", "--problems", "train.jsonl", "--completions", 4 if bench.small else 8]
    bench.run("steps", *sampled, "--labels", "hard", "--out", "steps-hard.jsonl", out="steps-hard.jsonl")
    noise(bench)
    outcomes = outcome_only(bench, exact, "steps-outcome.jsonl")
    models = {
        "process, exact labels": (exact, "prm-exact", "product", []),
        "process, completions": ("steps-hard.jsonl", "prm-hard", "min", []),
        "outcome": (outcomes, "orm", "last", ["--neutral", "unlabelled"]),
    }
    traced = {(r["labels"]["problem"], int(r["labels"]["sample"])): "bad" in r["marks"] for r in rows_of(bench.at(labelled))}
    answers, cluster = {}, {}
    for e in episodes(bench.at("samples-choose.jsonl")):
        key = (e["problem_id"], e["sample"])
        answers.setdefault(e["problem_id"], []).append((key, e["outcome"] == "accepted", printed(e)))
    for name, (group, _, _) in solved_by(bench).items():
        cluster[name] = group
    counts = [n for n in [1, 2, 4, 8, 16, 32, 64] if n <= rollouts]
    rows, curves = [], []
    def told(name, choosers):
        line = []
        for n in counts:
            by_seed = [best_of(answers, choose, n) for choose in choosers]
            share, half = over_seeds([mean(list(one.values())) for one in by_seed])
            line.append((n, share, share - (half if half == half else 0), share + (half if half == half else 0)))
        curves.append((name, line))
        rows.append([name, *[f"{share:.3f}" for _, share, _, _ in line], f"{line[-1][3] - line[-1][1]:.3f}"])
        return [best_of(answers, choose, counts[-1]) for choose in choosers]
    last = {}
    def majority(drawn):
        votes = {}
        for _, _, text in drawn:
            votes[text] = votes.get(text, 0) + 1
        most = max(votes.values())
        return next(right for _, right, text in drawn if votes[text] == most)
    wrong_traces = {}
    for name, (data, folder, aggregate, more) in models.items():
        scores = [chosen_by(bench, data, folder, seed, aggregate, play, more) for seed in bench.seeds]
        choosers = [lambda drawn, s=s: max(drawn, key=lambda one: s[one[0]])[1] for s in scores]
        last[name] = told(name, choosers)
        traces = []
        for s in scores:
            picked = [max(all_of, key=lambda one: s[one[0]]) for all_of in answers.values()]
            accepted = [traced[key] for key, right, _ in picked if right and key in traced]
            traces.append(mean([float(wrong) for wrong in accepted]) if accepted else float("nan"))
        wrong_traces[name] = over_seeds(traces)[0]
    last["majority"] = told("majority", [majority])
    table(bench.at("process.csv"), ["chosen by", *[f"n = {n}" for n in counts], "± over seeds"], rows)
    for name, share in wrong_traces.items():
        print(f"{name}: {100 * share:.1f}% of the accepted answers it chooses have a wrong line (exact labels)")
    from preferences import clustered
    for one, other in [("process, exact labels", "outcome"), ("process, completions", "outcome"), ("outcome", "majority")]:
        share = lambda runs, problem: mean([run[problem] for run in runs])
        problems = list(answers)
        values = [share(last[one], p) - share(last[other], p) for p in problems]
        found = clustered(values, [cluster.get(p, p) for p in problems])
        print(f"{one} less {other} at n = {counts[-1]}: {found[0]:+.3f} [{found[1]:+.3f}, {found[2]:+.3f}]")
    plot(bench.at("process.svg"), "The best of n", "n", "solved", curves)


def solved_by(bench):
    return solved(bench.at("policy.json"))


def noise(bench):
    """How often labels by completions are those that are exact."""
    exact = {(r["labels"]["problem"], r["labels"]["sample"]): r for r in rows_of(bench.at("steps-exact.jsonl"))}
    same = {"good": [0, 0], "bad": [0, 0]}
    for row in rows_of(bench.at("steps-hard.jsonl")):
        other = exact.get((row["labels"]["problem"], row["labels"]["sample"]))
        if other is None or len(other["marks"]) != len(row["marks"]):
            continue
        for truth, said in zip(other["marks"], row["marks"]):
            same[truth][0] += truth == said
            same[truth][1] += 1
    for truth, (right, count) in same.items():
        print(f"labels by completions of {count} steps that are {truth}: {100 * right / max(count, 1):.1f}% the same")


def active(bench):
    """Labels needed to choose as well: of answers drawn evenly, or of convincing wrong ones."""
    play, rollouts = best_samples(bench)
    answers = {}
    for e in episodes(bench.at("samples-choose.jsonl")):
        answers.setdefault(e["problem_id"], []).append(((e["problem_id"], e["sample"]), e["outcome"] == "accepted"))
    exact = exact_steps(bench, "samples-train.jsonl", "train.jsonl", "steps-exact.jsonl")
    all_rows = rows_of(bench.at(exact))
    first = bench.at("steps-first.jsonl")
    write_rows(first, [row for row in all_rows if row["labels"]["sample"] == "0"])
    learn = ["--data", first.name, "--seed", 1, "--batch", 16, "--epochs", 3]
    bench.run("reward", "--kind", "process", "--policy", "policy", *learn, "--out", "prm-first", out="prm-first/model.safetensors")
    rows, series = [], {"evenly": [], "convincing": []}
    for more in [1, 2] if bench.small else [1, 2, 4]:
        chosen = f"steps-convincing-{more}.jsonl"
        words = ["--journal", "samples-train.jsonl", "--problems", "train.jsonl", "--labels", "exact"]
        bench.run("steps", *words, "--convincing", "prm-first", "--most", more, "--out", chosen, out=chosen)
        picked = rows_of(bench.at(chosen))
        even = [row for row in all_rows if 1 <= int(row["labels"]["sample"]) <= more]
        # As many answers of each kind: what can't be labelled exactly is not counted.
        count = min(len(picked), len(even))
        for name, kept in [("evenly", even), ("convincing", picked)]:
            data = bench.at(f"steps-{name}-{more}-all.jsonl")
            write_rows(data, rows_of(first) + random.Random(3).sample(kept, count))
            shares, labels = [], sum(len(row["steps"]) for row in rows_of(data))
            for seed in bench.seeds:
                scores = chosen_by(bench, data.name, f"prm-{name}-{more}", seed, "product", play)
                choose = lambda drawn, s=scores: max(drawn, key=lambda one: s[one[0]])[1]
                shares.append(mean(list(best_of(answers, choose, rollouts // 2).values())))
            share, half = over_seeds(shares)
            rows.append([name, len(rows_of(first)) + count, labels, f"{share:.3f} ± {half:.3f}"])
            series[name].append((labels, share, share - half, share + half))
    table(bench.at("active.csv"), ["answers chosen", "answers labelled", "steps labelled", f"best of {rollouts // 2}"], rows)
    plot(bench.at("active.svg"), "Labels of steps", "steps labelled", f"best of {rollouts // 2}", list(series.items()))


def synthetic(bench):
    """A hierarchy of policies as the only source of preferences, beside the tests' and beside supervised training on its best."""
    names = ["policy"]
    for sets in [8, 4]:
        out = f"policy-{sets}"
        config = pathlib.Path(__file__).resolve().parent / "test_bed.toml"
        bench.run("sft", "--config", config, "--set", f"stages.0.sets={sets}", "--out", out, out=f"{out}/model.safetensors")
        names.append(out)
    ordered = ["--hierarchy", ",".join(names), "--problems", "train.jsonl", "--rollouts", 3, "--most", 6]
    bench.run("pairs", *ordered, "--longer", "inf", "--out", "pairs-assumed.jsonl", out="pairs-assumed.jsonl")
    learn = ["--data", "pairs-assumed.jsonl", "--seed", 1, "--batch", 8]
    bench.run("reward", "--policy", "policy", *learn, "--out", "reward-assumed", out="reward-assumed/model.safetensors")
    bench.at("assumed.toml").write_text(TESTS + '[[judges]]\nkind = "reward_model"\nfolder = "reward-assumed"\n')
    filtered = ["--judges", "assumed.toml", "--out", "pairs-filtered.jsonl"]
    bench.run("pairs", *ordered, "--longer", 1.5, *filtered, out="pairs-filtered.jsonl")
    rows = []
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
    rounds = max(1, count // 48)
    head = (f'rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 1\npolicy = "policy"\nproblems = "train.jsonl"\n'
            '[policy_optimizer]\nlearning_rate = 1e-4\n[evaluation]\nproblems = ""\n[resources]\nworkers = 1\n[objective]\n')
    kinds = {
        "DPO, assumed order": 'algorithm = "dpo"\ndata = "pairs-equal-assumed.jsonl"\n',
        "DPO, assumed and filtered": 'algorithm = "dpo"\ndata = "pairs-equal-filtered.jsonl"\n',
        "DPO, by tests": 'algorithm = "dpo"\ndata = "pairs-equal-train.jsonl"\n',
        "SFT on the preferred": 'algorithm = "sft"\ndata = "texts-best.jsonl"\n',
    }
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    for number, (name, text) in enumerate(kinds.items()):
        runs = [trained(bench, f"synthetic-{number}-{seed}", f"seed = {seed}\n{head}{text}", rounds)[0] for seed in bench.seeds]
        share, half = over_seeds([mean([v[1] for v in run.values()]) for run in runs])
        gain = compared(runs, base, 1)
        rows.append([name, count, f"{share:.3f} ± {half:.3f}", f"{gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]"])
    table(bench.at("synthetic.csv"), ["learnt from", "pairs", "1@1 on test", "against the start"], rows)


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
    statements = {row["id"]: row["statement"].strip() for row in rows_of(bench.at("train.jsonl"))}
    few, passed = [], {}
    for e in episodes(bench.at("samples-train.jsonl")):
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
        words = ["--journal", "samples-judged.jsonl", "--problems", "train.jsonl", "--judges", judges.name, "--rule", "compared"]
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
    sets["tests"] = rows_of(bench.at("pairs-train.jsonl"))
    count = min(len(rows) for rows in sets.values())
    rounds = max(1, count // 48)
    head = (f'rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 1\npolicy = "policy"\nproblems = "train.jsonl"\n'
            '[policy_optimizer]\nlearning_rate = 1e-4\n[evaluation]\nproblems = ""\n[resources]\nworkers = 1\n[objective]\n')
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    rows = []
    learnt = [("DPO", name) for name in sets] + [("SFT on the preferred", "both orders")]
    for number, (how, name) in enumerate(learnt):
        kept = list(sets[name])
        random.Random(5).shuffle(kept)
        kept = kept[:count]
        if how != "DPO":
            kept = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in kept]
        write_rows(bench.at(f"rlaif-{number}.jsonl"), kept)
        text = f'algorithm = "{"dpo" if how == "DPO" else "sft"}"\ndata = "rlaif-{number}.jsonl"\n'
        runs = [trained(bench, f"rlaif-{number}-{seed}", f"seed = {seed}\n{head}{text}", rounds)[0] for seed in bench.seeds]
        share, half = over_seeds([mean([v[1] for v in run.values()]) for run in runs])
        gain = compared(runs, base, 1)
        right = said.get(name)
        rows.append([how, name if name == "tests" else f"{name} (simulated judge)", count,
                     f"{right[0]:.3f} of {right[1]}" if right else "1", f"{right[2]:.2f}" if right else "",
                     f"{share:.3f} ± {half:.3f}", f"{gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]"])
    names = ["learnt by", "labels", "pairs", "agree with the tests", "prefers the longer", "1@1 on test", "against the start"]
    table(bench.at("rlaif.csv"), names, rows)


VERBS = {"rlaif": rlaif, "cgpo": cgpo, "tasks": tasks, "process": process, "active": active, "synthetic": synthetic}

if __name__ == "__main__":
    chosen = options(__doc__, VERBS)
    VERBS[chosen.verb](Bench(chosen))
