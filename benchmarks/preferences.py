"""Learning from preferences on the test bed, by the command line of `rlef` alone: one question a verb.

    python3 benchmarks/preferences.py bed           # problems that leave nothing out, a policy without planted habits, samples
    python3 benchmarks/preferences.py pairs         # a reward model's accuracy on held-out problems against its number of pairs
    python3 benchmarks/preferences.py best          # over-optimisation: the best of n by a reward model
    python3 benchmarks/preferences.py ppo           # the same by PPO, with the KL term and without
    python3 benchmarks/preferences.py methods       # DPO, SFT, own-pairs DPO and RLEF at equal samples
    python3 benchmarks/preferences.py rft           # solve rate and distinct solutions against log k

`bed` comes first; each of the others writes a table and a plot (SVG) into the work folder. What is there already is not made
again. `--small` takes a few minutes for each and shows the sign of the main effect. Needs Python 3.9 and nothing else.
Options: --rlef PATH (default: target/release/rlef), --work FOLDER (default: target/preferences), --seeds N, --train N, --held N,
--test N (problems of each kind), --best-of N, --most N (the largest k), --small.
"""

import argparse
import csv
import json
import math
import os
import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Two-sided 95% of Student's t by degrees of freedom.
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


class Bench:
    """Where things are, and how much of them."""

    def __init__(self, args):
        self.rlef, self.work = args.rlef.resolve(), args.work
        self.seeds = list(range(1, args.seeds + 1))
        self.small = args.small
        self.train, self.held, self.test = (120, 60, 60) if args.small else (args.train, args.held, args.test)
        self.samples, self.best_of, self.most = 8, args.best_of, args.most
        self.work.mkdir(parents=True, exist_ok=True)

    def at(self, name):
        return self.work / name

    def run(self, *words, out=None, json_out=False):
        """Runs rlef, unless what it makes is there; gives the object it prints."""
        if out is not None and self.at(out).exists():
            return None
        words = [str(word) for word in words]
        # A loop without an end costs its limit once, not three times.
        words += ["--no-reruns"] * (words[0] in ("eval", "pairs"))
        environment = {**os.environ, "RAYON_NUM_THREADS": "1", "RLEF_CACHE": str(self.at("cache"))}
        print("rlef", " ".join(words), file=sys.stderr, flush=True)
        done = subprocess.run([str(self.rlef), *words], cwd=self.work, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"rlef {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1]) if json_out else None

    def kept(self, name, make):
        """What `make` gives, kept as JSON."""
        path = self.at(name)
        if not path.exists():
            path.write_text(json.dumps(make()) + "\n")
        return json.loads(path.read_text())


def mean(values):
    return sum(values) / len(values)


def over_seeds(values):
    """Mean and the half width of its interval over seeds."""
    if len(values) < 2:
        return mean(values), float("nan")
    middle = mean(values)
    deviation = math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))
    return middle, T[len(values) - 1] * deviation / math.sqrt(len(values))


def slope(points):
    """Least squares of y on x."""
    x, y = mean([p[0] for p in points]), mean([p[1] for p in points])
    return sum((p[0] - x) * (p[1] - y) for p in points) / sum((p[0] - x) ** 2 for p in points)


def episodes(path):
    """The episodes of a journal of `eval`, as objects."""
    for line in open(path):
        row = json.loads(line)
        if row.get("event", "episode") == "episode":
            yield row


def solved(path):
    """Of an evaluation that was kept: by problem its cluster and the share solved by the first and by the last turn."""
    found = {}
    for row in json.loads(path.read_text())["problems"]:
        if row["n"]:
            found[row["id"]] = (row.get("cluster", row["id"]), row["c"][0] / row["n"], row["c"][-1] / row["n"])
    return found


def clustered(values, clusters, draws=2000, seed=7):
    """Mean of one number a problem, and its interval: clusters are drawn whole."""
    of = {}
    for value, cluster in zip(values, clusters):
        total, count = of.get(cluster, (0.0, 0))
        of[cluster] = (total + value, count + 1)
    sums, rng = list(of.values()), random.Random(seed)
    means = []
    for _ in range(draws):
        drawn = [sums[rng.randrange(len(sums))] for _ in sums]
        means.append(sum(d[0] for d in drawn) / sum(d[1] for d in drawn))
    means.sort()
    return mean(values), means[int(0.025 * draws)], means[int(0.975 * draws)]


def compared(ones, others, turn):
    """Difference of two conditions over the same problems, each a list of evaluations by seed, with a clustered interval."""
    ids = sorted(set.intersection(*(set(run) for run in ones + others)))
    share = lambda runs, name: mean([run[name][turn] for run in runs])
    values = [share(ones, name) - share(others, name) for name in ids]
    return clustered(values, [ones[0][name][0] for name in ids])


def table(path, names, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    widths = [max(len(str(row[i])) for row in [names, *rows]) for i in range(len(names))]
    for row in [names, *rows]:
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |")
        if row is names:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def plot(path, title, x_name, y_name, series):
    """Lines with bars of their intervals: `series` are (name, [(x, y, low, high)])."""
    points = [p for _, line in series for p in line]
    xs, ys = [p[0] for p in points], [v for p in points for v in p[1:]]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)
    pad = 0.08 * ((high - low) or 1.0)
    low, high = low - pad, high + pad
    wide = (right - left) or 1.0
    x = lambda value: 60 + 520 * (value - left) / wide
    y = lambda value: 330 - 280 * (value - low) / (high - low)
    colours = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#555555"]
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="12">']
    parts.append('<rect width="640" height="400" fill="white"/>')
    parts.append(f'<text x="60" y="24" font-size="14">{title}</text>')
    parts.append('<path d="M60 50V330H580" fill="none" stroke="#333"/>')
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(f'<text x="54" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        value = left + wide * step / 4
        parts.append(f'<text x="{x(value):.1f}" y="348" text-anchor="middle">{value:.3g}</text>')
    parts.append(f'<text x="320" y="370" text-anchor="middle">{x_name}</text>')
    parts.append(f'<text x="16" y="190" transform="rotate(-90 16 190)" text-anchor="middle">{y_name}</text>')
    for number, (name, line) in enumerate(series):
        colour = colours[number % len(colours)]
        path_of = " ".join(f"{x(p[0]):.1f},{y(p[1]):.1f}" for p in line)
        parts.append(f'<polyline points="{path_of}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for p in line:
            parts.append(f'<path d="M{x(p[0]):.1f} {y(p[2]):.1f}V{y(p[3]):.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x(p[0]):.1f}" cy="{y(p[1]):.1f}" r="3" fill="{colour}"/>')
        parts.append(f'<text x="{90 + 130 * (number % 4)}" y="{388 - 14 * (number // 4)}" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def bed(bench):
    """Problems, the policy, and its answers to the problems to train on and to those held out."""
    for split, count in [("train", bench.train), ("validation", bench.held), ("test", bench.test)]:
        out = f"{split}.jsonl"
        bench.run("contest", "--split", split, "--hidden-share", 0, "--problems", count, "--out", out, out=out)
    config = ROOT / "benchmarks" / "test_bed.toml"
    bench.run("sft", "--config", config, "--out", "policy", out="policy/model.safetensors")
    evaluate(bench, "policy", "policy.json")
    for name in ["train", "validation"]:
        out = f"samples-{name}.jsonl"
        play = ["--turns", 1, "--rollouts", bench.samples, "--journal", out]
        bench.run("eval", "--policy", "policy", "--problems", f"{name}.jsonl", *play, out=out)
        pairs = ["--problems", f"{name}.jsonl", "--rule", "passed", "--most", 16]
        bench.run("pairs", "--journal", out, *pairs, "--out", f"pairs-{name}.jsonl", out=f"pairs-{name}.jsonl")
    share = clustered(*zip(*[(row[1], row[0]) for row in solved(bench.at("policy.json")).values()]))
    print(f"the policy solves {100 * share[0]:.1f}% of the test problems [{100 * share[1]:.1f}, {100 * share[2]:.1f}]")


def evaluate(bench, policy, out, turns=1):
    play = ["--turns", turns, "--rollouts", 4, "--out", out]
    bench.run("eval", "--policy", policy, "--problems", "test.jsonl", *play, out=out)


def subset(bench, count, seed):
    """A file with `count` pairs of problems in an order that the seed draws, the last problem's cut."""
    out = bench.at(f"pairs-{count}-{seed}.jsonl")
    by_problem = {}
    for line in open(bench.at("pairs-train.jsonl")):
        by_problem.setdefault(json.loads(line)["labels"]["problem"], []).append(line)
    order = sorted(by_problem)
    random.Random(seed).shuffle(order)
    chosen = [line for problem in order for line in by_problem[problem]]
    if len(chosen) < count:
        return None
    out.write_text("".join(chosen[:count]))
    return out.name


def reward(bench, count, seed):
    """A reward model of `count` pairs: its folder, and what it is measured as on held-out problems."""
    data = subset(bench, count, seed)
    folder = f"reward-{count}-{seed}"
    if data is None:
        return folder, None
    # As many updates for few pairs as one pass over a hundred problems has: else few would not be learnt at all.
    epochs = max(1, round(400 / count))
    learn = ["--data", data, "--held-out", "pairs-validation.jsonl", "--seed", seed, "--batch", 8, "--epochs", epochs]
    make = lambda: bench.run("reward", "--policy", "policy", *learn, "--out", folder, "--json", json_out=True)
    return folder, bench.kept(f"{folder}.json", make)


def accuracy(bench):
    """A reward model's accuracy against its number of pairs."""
    sizes = [50, 200, 600] if bench.small else [50, 100, 250, 600, 1500, 4000]
    rows, by_seed, line = [], {seed: [] for seed in bench.seeds}, []
    for count in sizes:
        found = [reward(bench, count, seed)[1] for seed in bench.seeds]
        if None in found:
            continue
        each = [report["accuracy"]["mean"] for report in found]
        for seed, value in zip(bench.seeds, each):
            by_seed[seed].append((math.log10(count), value))
        middle, half = over_seeds(each)
        low, high = (mean([report["accuracy"][end] for report in found]) for end in ("low", "high"))
        equal = mean([report["accuracy_at_equal_length"]["mean"] for report in found])
        error = mean([report["calibration_error"] for report in found])
        rows.append([count, f"{middle:.3f}", f"{half:.3f}", f"{low:.3f} to {high:.3f}", f"{equal:.3f}", f"{error:.3f}"])
        line.append((math.log10(count), middle, low, high))
    table(bench.at("pairs.csv"), ["pairs", "accuracy", "± over seeds", "clustered", "equal length", "ECE"], rows)
    slopes = [slope(points) for points in by_seed.values()]
    middle, half = over_seeds(slopes)
    print(f"a tenfold of pairs: {middle:+.3f} ± {half:.3f} in accuracy; by seed {[round(s, 3) for s in slopes]}")
    plot(bench.at("pairs.svg"), "Accuracy on held-out problems", "log10 of pairs", "accuracy", [("reward model", line)])


def best(bench):
    """The best of n by reward models of few and of many pairs."""
    rollouts, problems = (16, 40) if bench.small else (bench.best_of, min(bench.test, 100))
    sizes = [50, 250] if bench.small else [100, 600]
    lines = open(bench.at("test.jsonl")).readlines()[:problems]
    bench.at("best.jsonl").write_text("".join(lines))
    play = ["--turns", 1, "--rollouts", rollouts]
    samples = "samples-best.jsonl"
    sampled = ["eval", "--policy", "policy", "--problems", "best.jsonl", *play, "--temperature", 1]
    bench.run(*sampled, "--journal", samples, out=samples)
    replayed = bench.at("replayed-best.jsonl")
    if not replayed.exists():
        said = [{"problem_id": e["problem_id"], "completions": [e["turns"][0]["text"]]} for e in episodes(bench.at(samples))]
        replayed.write_text("".join(json.dumps(row) + "\n" for row in said))
    rows, lines_of = [], []
    for count in sizes:
        reports = []
        for seed in bench.seeds:
            folder, _ = reward(bench, count, seed)
            judges = bench.at(f"{folder}.toml")
            judges.write_text(f'[[judges]]\nkind = "tests"\n[[judges]]\nkind = "reward_model"\nfolder = "{folder}"\n')
            words = ["eval", "--policy", f"replay:{replayed.name}", "--problems", "best.jsonl", *play]
            words += ["--judges", judges.name, "--json"]
            reports.append(bench.kept(f"best-{count}-{seed}.json", lambda: bench.run(*words, json_out=True)))
        gold, proxy = [], []
        for place, one in enumerate(reports[0]["best_of"]):
            of = [report["best_of"][place] for report in reports]
            truth, half = over_seeds([o["solved"]["mean"] for o in of])
            low, high = (mean([o["solved"][end] for o in of]) for end in ("low", "high"))
            score, spread = over_seeds([o["score"]["mean"] for o in of])
            gain, gain_half = over_seeds([o["solved"]["mean"] - r["best_of"][0]["solved"]["mean"] for o, r in zip(of, reports)])
            rows.append([count, one["n"], f"{one['kl']:.2f}", f"{score:.3f} ± {spread:.3f}", f"{truth:.3f} ± {half:.3f}",
                         f"{low:.3f} to {high:.3f}", f"{gain:+.3f} ± {gain_half:.3f}"])
            gold.append((math.sqrt(one["kl"]), truth, low, high))
            proxy.append((math.sqrt(one["kl"]), score, score, score))
        lines_of.append((f"solved, {count} pairs", gold))
        # R = d (a - b d) in d = sqrt(KL), of what is gained over n = 1 (Gao et al. 2022, section 3.1).
        points = [(d, y - gold[0][1]) for d, y, _, _ in gold[1:]]
        s2, s3, s4 = (sum(d**k for d, _ in points) for k in (2, 3, 4))
        y1, y2 = sum(d * y for d, y in points), sum(d * d * y for d, y in points)
        b = (s3 * y1 - s2 * y2) / (s2 * s4 - s3 * s3)
        a = (y1 + b * s3) / s2
        peak = f"peak at d = {a / (2 * b):.2f} (largest seen {points[-1][0]:.2f})" if b > 0 else "no peak: it still rises"
        print(f"{count} pairs: R = d ({a:.4f} - {b:.4f} d), {peak}")
    table(bench.at("best.csv"), ["pairs", "n", "KL", "score", "solved", "clustered", "gain over n = 1"], rows)
    plot(bench.at("best.svg"), "Best of n by a reward model", "square root of KL", "solved", lines_of)


def ppo(bench):
    """PPO against a reward model of few pairs, with the KL term and without."""
    count = 50 if bench.small else 100
    rounds = 6 if bench.small else 16
    rows, series = [], []
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    for beta in ["0.05", "0.0"]:
        ends, runs = [], []
        for seed in bench.seeds:
            folder, _ = reward(bench, count, seed)
            run = f"ppo-{beta}-{seed}"
            bench.at(f"{run}.toml").write_text(
                f'seed = {seed}\nrounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 2\npolicy = "policy"\n'
                f'problems = "train.jsonl"\n[rollout]\nturns = 1\ngroup = 4\n[reward]\nsolved = 0.0\nfailed = 0.0\n'
                f'no_program = 0.0\nkl_beta = {beta}\n[objective]\nalgorithm = "rlhf_ppo"\nvalue_from = "{folder}"\n'
                f'[evaluation]\nproblems = ""\n[[judges]]\nkind = "tests"\n[[judges]]\nkind = "reward_model"\n'
                f'folder = "{folder}"\n[resources]\nworkers = 1\n')
            bench.run("train", "--config", f"{run}.toml", "--run", run, out=f"{run}/checkpoints/{rounds:06}/model.safetensors")
            evaluate(bench, f"{run}/checkpoints/{rounds:06}", f"{run}.json")
            ends.append(solved(bench.at(f"{run}.json")))
            runs.append([json.loads(line) for line in open(bench.at(run) / "metrics.jsonl")])
        curve = []
        for number in range(rounds):
            proxy, half = over_seeds([run[number]["reward"] for run in runs])
            gold, gold_half = over_seeds([run[number]["solve_rate"] for run in runs])
            kl = mean([run[number]["own"].get("episode_kl", 0.0) for run in runs])
            rows.append([beta, number, f"{kl:.2f}", f"{proxy:.3f} ± {half:.3f}", f"{gold:.3f} ± {gold_half:.3f}"])
            curve.append((number, gold, gold - gold_half, gold + gold_half))
        series.append((f"β = {beta}", curve))
        gain = compared(ends, base, 1)
        print(f"β = {beta}: solved on test problems, against the start: {gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]")
    table(bench.at("ppo.csv"), ["beta", "round", "KL", "score of the reward model", "solved in training"], rows)
    plot(bench.at("ppo.svg"), "PPO against a reward model", "round", "solved", series)


def filtered(bench, count):
    """The journal with the first `count` answers to each problem."""
    out = bench.at(f"samples-first-{count}.jsonl")
    if not out.exists():
        rows = [e for e in episodes(bench.at("samples-rft.jsonl")) if e["sample"] < count]
        text = "".join(json.dumps({k: v for k, v in row.items() if k != "event"}) + "\n" for row in rows)
        out.write_text(text)
    return out.name


def rft(bench):
    """Rejection sampling: distinct solutions and what is solved against log k, with repetitions dropped and not."""
    most = [k for k in [1, 3, 6, 12, 25, 50, 100] if k <= (6 if bench.small else bench.most)]
    samples = "samples-rft.jsonl"
    play = ["--turns", 1, "--rollouts", most[-1], "--temperature", 1, "--journal", samples]
    bench.run("eval", "--policy", "policy", "--problems", "train.jsonl", *play, out=samples)
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    rows, series = [], []
    for control in [False, True]:
        line, points = [], {seed: [] for seed in bench.seeds}
        for k in most[-1:] if control else most:
            kept = f"kept-{k}-{control}.jsonl"
            more = ["--repeated"] if control else []
            choose = ["--journal", filtered(bench, k), "--problems", "train.jsonl", "--most", most[-1], "--out", kept, *more]
            bench.run("rft", *choose, out=kept)
            demonstrations = [json.loads(text) for text in open(bench.at(kept))]
            problems = len({json.dumps(d["prompt"]) for d in demonstrations})
            runs = []
            for seed in bench.seeds:
                out = f"rft-{k}-{control}-{seed}"
                learn = ["--data", kept, "--from", "policy", "--set", f"seed={seed}", "--set", "stages.0.epochs=2"]
                learn += ["--set", "stages.0.learning_rate=5e-4"]
                bench.run("sft", *learn, "--out", out, out=f"{out}/model.safetensors")
                evaluate(bench, out, f"{out}.json")
                runs.append(solved(bench.at(f"{out}.json")))
                points[seed].append((math.log10(k), mean([v[1] for v in runs[-1].values()])))
            share, half = over_seeds([mean([v[1] for v in run.values()]) for run in runs])
            gain = compared(runs, base, 1)
            passed = [json.loads(bench.at(f"rft-{k}-{control}-{seed}.json").read_text())["report"]["pass_at"]["4"]["mean"]
                      for seed in bench.seeds]
            rows.append([k, "kept" if control else "dropped", len(demonstrations), f"{len(demonstrations) / max(problems, 1):.2f}",
                         problems, f"{share:.3f} ± {half:.3f}", f"{gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]",
                         f"{mean(passed):.3f}"])
            line.append((math.log10(k), share, share - half, share + half))
        if not control:
            middle, half = over_seeds([slope(p) for p in points.values()])
            print(f"a tenfold of k: {middle:+.3f} ± {half:.3f} in what is solved")
        series.append(("repetitions kept" if control else "repetitions dropped", line))
    names = ["k", "repetitions", "demonstrations", "a problem", "problems", "solved", "against the start", "pass@4"]
    table(bench.at("rft.csv"), names, rows)
    plot(bench.at("rft.svg"), "Rejection sampling", "log10 of k", "solved", series)


def methods(bench):
    """SFT on what is solved, DPO, DPO on own pairs, and RLEF, all with as many samples."""
    per_round, rounds = 192, (4 if bench.small else 12)
    total = per_round * rounds
    samples = "samples-methods.jsonl"
    per_problem = math.ceil(total / bench.train)
    play = ["--turns", 1, "--rollouts", per_problem, "--temperature", 1, "--journal", samples]
    bench.run("eval", "--policy", "policy", "--problems", "train.jsonl", *play, out=samples)
    pairs = ["--journal", samples, "--problems", "train.jsonl", "--rule", "solved", "--most", 4]
    bench.run("pairs", *pairs, "--out", "pairs-methods.jsonl", out="pairs-methods.jsonl")
    kept = ["--journal", samples, "--problems", "train.jsonl", "--most", per_problem, "--out", "kept-methods.jsonl"]
    bench.run("rft", *kept, out="kept-methods.jsonl")
    updates = 2 * rounds
    common = 'policy = "policy"\nproblems = "train.jsonl"\n[evaluation]\nproblems = ""\n[resources]\nworkers = 1\n'
    play = f"rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 2\n"
    online = "[rollout]\nturns = 1\ngroup = 4\n[objective]\n"
    offline = f"rounds = {updates}\nproblems_per_round = 48\nupdates_per_round = 1\n"
    rate = "[policy_optimizer]\nlearning_rate = {}\n"
    kinds = {
        "SFT on what is solved": offline + common + rate.format("3e-4") + '[objective]\nalgorithm = "sft"\ndata = "kept-methods.jsonl"\n',
        "DPO once": offline + common + rate.format("1e-4") + '[objective]\nalgorithm = "dpo"\ndata = "pairs-methods.jsonl"\n',
        "DPO on own pairs": play + common + rate.format("1e-4") + online + 'algorithm = "online_dpo"\n',
        "RLEF": play + common + online + 'algorithm = "ppo"\n',
    }
    base, rows, runs_of = [solved(bench.at("policy.json"))] * len(bench.seeds), [], {}
    for number, (name, text) in enumerate(kinds.items()):
        runs, kls = [], []
        for seed in bench.seeds:
            run = f"methods-{number}-{seed}"
            bench.at(f"{run}.toml").write_text(f"seed = {seed}\n{text}")
            last = updates if text.startswith(offline) else rounds
            bench.run("train", "--config", f"{run}.toml", "--run", run, out=f"{run}/checkpoints/{last:06}/model.safetensors")
            evaluate(bench, f"{run}/checkpoints/{last:06}", f"{run}.json")
            runs.append(solved(bench.at(f"{run}.json")))
            kls.append(json.loads(open(bench.at(run) / "metrics.jsonl").readlines()[-1])["reference_kl"])
        share, half = over_seeds([mean([v[1] for v in run.values()]) for run in runs])
        gain = compared(runs, base, 1)
        runs_of[name] = runs
        rows.append([name, f"{share:.3f} ± {half:.3f}", f"{gain[0]:+.3f} [{gain[1]:+.3f}, {gain[2]:+.3f}]", f"{mean(kls):+.4f}"])
    table(bench.at("methods.csv"), ["method", "1@1", "against the start", "log-ratio a token, last round"], rows)
    names = list(runs_of)
    for one in names[2:]:
        for other in names[:2]:
            found = compared(runs_of[one], runs_of[other], 1)
            print(f"{one} less {other}: {found[0]:+.3f} [{found[1]:+.3f}, {found[2]:+.3f}]")


VERBS = {"bed": bed, "pairs": accuracy, "best": best, "ppo": ppo, "methods": methods, "rft": rft}

def options(text, verbs):
    """What was asked for."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=verbs)
    parser.add_argument("--rlef", type=pathlib.Path, default=ROOT / "target" / "release" / "rlef")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "preferences")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=400)
    parser.add_argument("--held", type=int, default=120)
    parser.add_argument("--test", type=int, default=150)
    parser.add_argument("--best-of", type=int, default=128)
    parser.add_argument("--most", type=int, default=50)
    parser.add_argument("--small", action="store_true")
    found = parser.parse_args()
    found.work = found.work.resolve()
    return found


if __name__ == "__main__":
    chosen = options(__doc__, VERBS)
    VERBS[chosen.verb](Bench(chosen))
