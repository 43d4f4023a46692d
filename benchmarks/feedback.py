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
  place, 0.15 for each character more, and noise of deviation 1. Learning rates of rlaif and synthetic are chosen on the validation problems, of four
  with seed 1, since 2026-12-01, 12:50: with 1e-4 for all, preferences by the tests themselves had destroyed the policy.
- synthetic: 3 points of solve rate; the assumed order is right more often than not by 5 points.

Judges, labels and biases here are simulated wherever they are not tests; tables say so. `--small` is made to take less than ten minutes for
each verb: so it was for `cgpo` and `process`, the others have not been run to their end. Needs Python 3.9 and nothing else. Options are those of `preferences.py`.
"""

import random

import judged
import steps
from bench import Bench, compared, interval, options, over_seeds, rows_of, shares, solved, table, trained, write_rows
from plot import bars, plot

TESTS = '[[judges]]\nkind = "tests"\n'


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


def cgpo(bench):
    """PPO against a reward model that can be hacked, and CGPO's three methods with judges; CRPG also without them."""
    rounds, problems = (6, 24) if bench.small else (24, 24)
    folder = hackable(bench)
    head = (f'rounds = {rounds}\nproblems_per_round = {problems}\nupdates_per_round = 2\npolicy = "policy"\nproblems = "train.jsonl"\n'
            '[rollout]\nturns = 1\ngroup = 4\n[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n{}[evaluation]\nproblems = ""\n'
            '[resources]\nmax_unusable_rate = 1.0\n[objective]\nalgorithm = "{}"\n{}'
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
    rows, curves, liked, drawn, runs_of = [], [], [], [], {}
    for number, (name, (text, judges)) in enumerate(kinds.items()):
        runs, metrics = [], []
        for seed in bench.seeds:
            run, lines = trained(bench, f"cgpo-{number}-{seed}", f"seed = {seed}\n{text}{judges}", rounds)
            runs.append(run)
            metrics.append(lines)
        runs_of[name] = runs
        share, half = over_seeds(shares(runs))
        gain = compared(runs, base)
        drawn.append((name, *gain))
        proxy = [over_seeds([lines[place]["reward"] for lines in metrics])[0] for place in (0, -1)]
        train = [over_seeds([lines[place]["solve_rate"] for lines in metrics])[0] for place in (0, -1)]
        rows.append([name, f"{share:.3f} ± {half:.3f}", interval(gain),
                     f"{proxy[0]:+.2f} to {proxy[1]:+.2f}", f"{1 - train[0]:.2f} to {1 - train[1]:.2f}",
                     "yes" if gain[2] < -0.10 else "by the mean" if gain[0] < -0.10 else "no"])
        for kept, key in [(curves, "solve_rate"), (liked, "reward")]:
            line = []
            for place in range(rounds):
                middle, spread = over_seeds([lines[place][key] for lines in metrics])
                line.append((place + 1, middle, middle - spread, middle + spread))
            kept.append((name, line))
    names = ["method", "1@1 on test", "against the start", "reward (simulated, hackable), rounds", "answers that fail tests, rounds", "collapsed"]
    table(bench.at("cgpo.csv"), names, rows)
    for one, other in [("CRPG", "PPO, reward model alone"), ("CRPG", "CRPG without judges"), ("CRRAFT", "CRPG"), ("CODPO", "CRPG")]:
        found = compared(runs_of[one], runs_of[other])
        print(f"{one} less {other}: {interval(found)}")
    bars(bench.at("cgpo-test.svg"), "A reward that can be hacked (simulated): solved by one answer, less the start",
         "difference of solve rates on test; 95%, compositions drawn whole", drawn)
    plot(bench.at("cgpo.svg"), "A reward model that can be hacked (simulated labels); bars: 95% over seeds",
         [("Answers of the round that pass their tests", "round", "solved", curves),
          ("What the reward model says of them", "round", "score", liked)])


def tasks(bench):
    """Code that must pass its tests, and short answers: rewards that conflict. One setting for both, or one for each."""
    rounds = 8 if bench.small else 24
    folder = hackable(bench)
    all_rows = rows_of(bench.at("train.jsonl"))
    for name, part in [("code", all_rows[0::2]), ("short", all_rows[1::2])]:
        write_rows(bench.at(f"train-{name}.jsonl"), part)
    head = (f'rounds = {rounds}\nproblems_per_round = 16\nupdates_per_round = 2\npolicy = "policy"\n[rollout]\nturns = 1\ngroup = 4\n'
            '[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n[evaluation]\nproblems = ""\n[resources]\n'
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
    rows, runs_of, drawn = [], {}, []
    for number, (name, text) in enumerate(kinds.items()):
        runs, metrics = [], []
        for seed in bench.seeds:
            run, found = trained(bench, f"tasks-{number}-{seed}", f"seed = {seed}\n{head}{text}", rounds)
            runs.append(run)
            metrics.append(found)
        runs_of[name] = runs
        share, half = over_seeds(shares(runs))
        gain = compared(runs, base)
        drawn.append((name, *gain))
        own = lambda key, place: over_seeds([found[place]["own"][key] for found in metrics])[0]
        rows.append([name, f"{share:.3f} ± {half:.3f}", interval(gain),
                     f"{own('code/solve_rate', 0):.2f} to {own('code/solve_rate', -1):.2f}",
                     f"{own('short/reward', 0):+.2f} to {own('short/reward', -1):+.2f}"])
    names = ["setting", "1@1 on test", "against the start", "code: solved, rounds", "short: reward, rounds"]
    table(bench.at("tasks.csv"), names, rows)
    found = compared(runs_of["one for each"], runs_of["one setting for both"])
    print(f"one for each less one for both: {interval(found)}")
    bars(bench.at("tasks.svg"), "Two tasks whose rewards conflict: solved by one answer, less the start",
         "difference of solve rates on test; 95%, compositions drawn whole", drawn)


VERBS = {"cgpo": cgpo, "tasks": tasks, "process": steps.process, "active": steps.active, "rlaif": judged.rlaif, "synthetic": judged.synthetic}

if __name__ == "__main__":
    chosen = options(__doc__, VERBS)
    VERBS[chosen.verb](Bench(chosen))
