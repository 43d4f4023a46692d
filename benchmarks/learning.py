"""What is learnt by which way, from the shipped starter, by the command line of `rlef` alone. One command:

    python3 benchmarks/learning.py

makes the table: RLEF with a value network and with a shared value head, trained without feedback, single-turn RL, GRPO, a turn-level group
baseline and RLEF sampled a round ahead, each from seeds 1 to 3, on `contest:test`. What is there already is not made again, and a run
or an evaluation that was killed goes on where it was, so that the command may be stopped and given again at any time.

What was fixed before a run was made:

- Every way gets the same rounds and episodes (30 of 256), and one key of its own is chosen: the policy's learning rate, and for GRPO
  the size of a group as well. Chosen on `contest:validation` by the share solved by turn 3, from one seed that is in no table (101).
  `contest:test` is played once for each trained policy.
- Intervals are 95% and resample compositions, three seeds together: of each problem the mean over seeds, clusters drawn whole.
- The smallest difference of interest is 5 points. A way is called better where the interval of the difference leaves out 0.
- The shared value head becomes the default of the preset `starter` if, over the three seeds, it solves no less than 3 points below the
  separate network by turn 3: it takes half the work of an update. (It did, and is the default since.)
- Three seeds, and no more whatever they show.
- Since 2026-12-01, 13:00: `turn_group` and `ahead` (sampled a round ahead, with the settings of `separate`) are no worse than `separate` if the
  interval of the difference stays below 5 points; said otherwise where it doesn't.

Options: --rlef PATH (target/release/rlef), --work FOLDER (target/learning), --seeds N, --rounds N, --only NAME[,NAME...], --tuned (takes
the settings below without choosing), --small (3 rounds, one seed, few problems: that it works, in minutes). Needs Python 3.9 and
nothing else.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys

from preferences import clustered, compared, mean, solved, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATES = ["1.5e-4", "3e-4", "6e-4"]
CHOOSING = 101


def rates(*keys):
    """The candidates of a way that differ by the learning rate, the default first."""
    ordered = [RATES[1], RATES[0], RATES[2]]
    return {f"rate {rate}": [*keys, f"policy_optimizer.learning_rate={rate}"] for rate in ordered}


def grpo(algorithm, groups):
    """Groups of 2 are the default's; larger ones of fewer problems have fewer without variance."""
    found = {}
    for group in groups:
        problems = 256 // group
        keys = [f"objective.algorithm={algorithm}", f"problems_per_round={problems}", f"rollout.group={group}"]
        found.update({f"group {group}, {name}": all for name, all in rates(*keys).items()})
    return found


# Said by name: the starter's own default is the other one since this was measured.
SEPARATE = "objective.value_head=separate"
# By name: what a reader is told, the candidates, and whose feedback the trained policy is shown.
WAYS = {
    "separate": ("RLEF, a value network", rates(SEPARATE), "real"),
    "shared": ("RLEF, a shared value head", rates("objective.value_head=shared"), "real"),
    "silent": ("trained without feedback", rates(SEPARATE, "rollout.feedback=silent"), "silent"),
    "single": ("single-turn RL", rates(SEPARATE, "rollout.turns=1"), "real"),
    "grpo": ("GRPO", grpo("grpo", (8, 4)), "real"),
    # What trains elsewhere, where there is no value network (docs/tinker.md).
    "turn_group": ("a turn-level group baseline", grpo("turn_group", (4,)), "real"),
    # Each round is sampled while the one before is learnt.
    "ahead": ("RLEF, sampled a round ahead", {"rate 3e-4": [SEPARATE, "rollout.max_staleness=1"]}, "real"),
}
# The README's controls: a policy that was trained with feedback is shown none, or a stranger's, or answers independently.
CONTROLS = ["silent", "random", "independent"]


class Learning:
    def __init__(self, args):
        self.rlef, self.work = args.rlef.resolve(), args.work.resolve()
        self.rounds, self.seeds = (3, [1]) if args.small else (args.rounds, list(range(1, args.seeds + 1)))
        self.small, self.tuned = args.small, args.tuned
        self.ways = args.only.split(",") if args.only else list(WAYS)
        self.work.mkdir(parents=True, exist_ok=True)

    def call(self, *words):
        """Runs rlef to its end; gives the CPU seconds of it and of what it judged."""
        words = [str(word) for word in words]
        print("rlef", " ".join(words), file=sys.stderr, flush=True)
        environment = {**os.environ, "RLEF_CACHE": str(self.work / "cache")}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([str(self.rlef), *words], cwd=self.work, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"rlef {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def trained(self, way, name, keys, seed):
        """The folder of a run that was trained to its end."""
        folder = self.work / way / name.replace(" ", "-").replace(",", "") / f"seed-{seed}"
        ended = folder / "ended.json"
        if ended.exists():
            return folder
        if (folder / "config.toml").exists():
            # Its CPU seconds before it was killed nobody has.
            self.call("train", "--resume", "--run", folder)
            seconds = None
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            sets = [word for key in [*keys, "evaluation.problems="] for word in ("--set", key)]
            seconds = self.call("train", "--run", folder, "--seed", seed, "--rounds", self.rounds, *sets)
        ended.write_text(json.dumps({"cpu_seconds": seconds}) + "\n")
        return folder

    def evaluated(self, folder, split, feedback, seed):
        """What a trained policy solves: by problem its cluster and the shares solved by the first and the last turn."""
        stem = f"{split}-{feedback}"
        out = folder / f"{stem}.json"
        if not out.exists():
            policy = "starter" if folder.name == "start" else folder / "checkpoints" / f"{self.rounds:06}"
            problems = f"contest:{split}"
            if self.small:
                problems = self.some(split)
            self.call(
                "eval", "--policy", policy, "--problems", problems, "--rollouts", 4, "--seed", seed, "--feedback", feedback,
                "--journal", folder / f"{stem}.jsonl", "--out", out,
            )
        return solved(out)

    def some(self, split):
        path = self.work / f"some-{split}.jsonl"
        if not path.exists():
            self.call("contest", "--split", split, "--problems", 40, "--out", path)
        return path

    def chosen(self, way):
        """The name and the keys of the candidate that solves most of the validation problems."""
        candidates = WAYS[way][1]
        if self.small or self.tuned:
            return next(iter(candidates.items()))
        kept = self.work / way / "chosen.json"
        if not kept.exists():
            shares = {}
            for name, keys in candidates.items():
                run = self.evaluated(self.trained(way, name, keys, CHOOSING), "validation", WAYS[way][2], CHOOSING)
                shares[name] = mean([row[2] for row in run.values()])
            kept.write_text(json.dumps({"chosen": max(shares, key=shares.get), "validation": shares}, indent=1) + "\n")
        name = json.loads(kept.read_text())["chosen"]
        return name, candidates[name]


def percent(found):
    middle, low, high = (100 * value for value in found)
    return f"{middle:.1f}% [{low:.1f}, {high:.1f}]"


def pooled(runs, turn):
    """The share solved over all runs: of each problem the mean, clusters drawn whole."""
    ids = sorted(set.intersection(*(set(run) for run in runs)))
    return clustered([mean([run[name][turn] for run in runs]) for name in ids], [runs[0][name][0] for name in ids])


def seconds(folders):
    each = [json.loads((folder / "ended.json").read_text())["cpu_seconds"] for folder in folders]
    known = [value for value in each if value is not None]
    return f"{mean(known):.0f}" if known else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rlef", type=pathlib.Path, default=ROOT / "target/release/rlef")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target/learning")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="")
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    unknown = [name for name in args.only.split(",") if name and name not in WAYS]
    if unknown or args.seeds < 1 or args.rounds < 1:
        parser.error(f"--only takes any of {', '.join(WAYS)}; --seeds and --rounds at least 1")
    bench = Learning(args)

    # Not called what it is: a folder of the policy's name would be taken for it.
    folder = bench.work / "start"
    folder.mkdir(exist_ok=True)
    start = bench.evaluated(folder, "test", "real", 1)
    rows = [["the starter", "", "real", percent(pooled([start], 1)), percent(pooled([start], 2)), "", ""]]
    by_way = {}
    for way in bench.ways:
        words, _, feedback = WAYS[way]
        name, keys = bench.chosen(way)
        folders = [bench.trained(way, name, keys, seed) for seed in bench.seeds]
        runs = [bench.evaluated(folder, "test", feedback, seed) for folder, seed in zip(folders, bench.seeds)]
        by_way[way] = runs
        each = " ".join(f"{100 * mean([row[2] for row in run.values()]):.1f}" for run in runs)
        rows.append([words, name, feedback, percent(pooled(runs, 1)), percent(pooled(runs, 2)), each, seconds(folders)])
        if way == "separate":
            for control in CONTROLS:
                shown = [bench.evaluated(folder, "test", control, seed) for folder, seed in zip(folders, bench.seeds)]
                by_way[f"{way}, {control}"] = shown
                row = [f"{words}, shown {control}", name, control, percent(pooled(shown, 1)), percent(pooled(shown, 2)), "", ""]
                rows.append(row)
    names = ["policy", "setting", "feedback", "by turn 1", "by turn 3", "each seed by turn 3", "CPU seconds to train"]
    table(bench.work / "learning.csv", names, rows)
    if "separate" in by_way:
        print()
        first = by_way.pop("separate")
        differences = []
        for way, runs in by_way.items():
            middle, low, high = (100 * value for value in compared(first, runs, 2))
            differences.append([f"separate minus {way}", f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"])
        if differences:
            table(bench.work / "differences.csv", ["by turn 3, the same problems", "points"], differences)


if __name__ == "__main__":
    main()
