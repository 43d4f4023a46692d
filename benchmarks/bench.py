"""What the experiments on the test bed share: running `rlef` once for each thing it makes, and the statistics of what comes of it."""

import argparse
import csv
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Two-sided 95% of Student's t by degrees of freedom.
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


class Bench:
    """Where things are, and how much of them."""

    def __init__(self, args):
        self.rlef, self.work = args.rlef.resolve(), args.work
        self.seeds = list(range(1, args.seeds + 1))
        self.small, self.isolation = args.small, args.isolation
        self.train, self.held, self.test = (500, 60, 100) if args.small else (args.train, args.held, args.test)
        self.samples, self.best_of, self.most, self.paired = 8, args.best_of, args.most, args.paired
        self.work.mkdir(parents=True, exist_ok=True)

    def at(self, name):
        return self.work / name

    def run(self, *words, out=None, json_out=False):
        """Runs rlef, unless what it makes is there; gives the object it prints."""
        if out is not None and self.at(out).exists():
            return None
        words = [str(word) for word in words]
        # A journal that was not finished is gone on with, and not taken for one that was.
        journal = words.index("--journal") + 1 if words[0] == "eval" and "--journal" in words else None
        if journal is not None:
            finished, words[journal] = words[journal], f"unfinished-{words[journal]}"
        # A loop without an end costs its limit once, not three times.
        if words[0] in ("eval", "pairs", "steps"):
            words += ["--no-reruns", "--isolation", self.isolation]
        environment = {**os.environ, "RAYON_NUM_THREADS": "1", "RLEF_CACHE": str(self.at("cache"))}
        begun = time.monotonic()
        done = subprocess.run([str(self.rlef), *words], cwd=self.work, env=environment, capture_output=True, text=True)
        print(f"{time.monotonic() - begun:.0f} s: rlef", " ".join(words), file=sys.stderr, flush=True)
        if done.returncode != 0:
            sys.exit(f"rlef {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        if journal is not None:
            self.at(words[journal]).rename(self.at(finished))
        return json.loads(done.stdout.splitlines()[-1]) if json_out else None

    def kept(self, name, make):
        """What `make` gives, kept as JSON."""
        path = self.at(name)
        if not path.exists():
            path.write_text(json.dumps(make()) + "\n")
        return json.loads(path.read_text())

    def first(self, name, count):
        """A file with the first problems of another."""
        out = name.replace(".jsonl", f"-{count}.jsonl")
        if not self.at(out).exists():
            self.at(out).write_text("".join(open(self.at(name)).readlines()[:count]))
        return out


def rows_of(path):
    return [json.loads(line) for line in open(path)]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


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


def shares(runs, turn=1):
    """What each run solves, by the first turn (1) or the last (2)."""
    return [mean([value[turn] for value in run.values()]) for run in runs]


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


def compared(ones, others, turn=1):
    """Difference of two conditions over the same problems, each a list of evaluations by seed, with a clustered interval."""
    ids = sorted(set.intersection(*(set(run) for run in ones + others)))
    share = lambda runs, name: mean([run[name][turn] for run in runs])
    values = [share(ones, name) - share(others, name) for name in ids]
    return clustered(values, [ones[0][name][0] for name in ids])


def interval(found):
    """A mean and its interval as text."""
    return f"{found[0]:+.3f} [{found[1]:+.3f}, {found[2]:+.3f}]"


def evaluate(bench, policy, out, turns=1, journal=None, problems="test.jsonl"):
    """What a policy solves of the problems, in `out`; its answers in `journal`."""
    play = ["--turns", turns, "--rollouts", 4, "--out", out]
    play += ["--journal", journal] if journal else []
    bench.run("eval", "--policy", policy, "--problems", problems, *play, out=out)


# Learning rates that are tried on the validation problems.
RATES = ["1e-5", "3e-5", "1e-4", "3e-4"]


def chosen_rate(bench, name, text, rounds):
    """Of those learning rates the one whose policy, trained with seed 1, solves most of the validation problems: `text` has a
    place for it."""
    found = {}
    for rate in RATES:
        run, _ = trained(bench, f"{name}-at-{rate}", "seed = 1\n" + text.format(rate=rate), rounds, problems="validation.jsonl")
        found[rate] = shares([run])[0]
    best = max(RATES, key=found.get)
    print(f"{name}: solved of the validation problems by learning rate: "
          + ", ".join(f"{rate} {share:.3f}" for rate, share in found.items()) + f"; taken: {best}")
    return best


def trained(bench, name, text, rounds, turns=1, journal=None, problems="test.jsonl"):
    """Runs a configuration to its end and evaluates what it made; gives the evaluation and the metrics of every round."""
    text = text.replace("[resources]\n", f'[resources]\nisolation = "{bench.isolation}"\n')
    bench.at(f"{name}.toml").write_text(text)
    last = f"{name}/checkpoints/{rounds:06}"
    words = ["train", "--config", f"{name}.toml", "--run", name]
    if (bench.at(name) / "config.toml").exists():
        words = ["train", "--resume", "--run", name]
    bench.run(*words, out=f"{last}/model.safetensors")
    evaluate(bench, last, f"{name}.json", turns, journal, problems)
    return solved(bench.at(f"{name}.json")), rows_of(bench.at(name) / "metrics.jsonl")


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


def options(text, verbs):
    """What was asked for."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=verbs)
    parser.add_argument("--rlef", type=pathlib.Path, default=ROOT / "target" / "release" / "rlef")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "preferences")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=2400)
    parser.add_argument("--held", type=int, default=120)
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--paired", type=int, default=2400)
    parser.add_argument("--best-of", type=int, default=128)
    parser.add_argument("--most", type=int, default=50)
    # On a machine that is shared, a test in a process waits for its turn some ten times; one in WebAssembly does not.
    parser.add_argument("--isolation", choices=["auto", "process", "wasm"], default="auto")
    parser.add_argument("--small", action="store_true")
    found = parser.parse_args()
    found.work = found.work.resolve()
    return found
