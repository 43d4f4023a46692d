"""Learning from preferences on the test bed, by the command line of `rlef` alone: one question a verb.

    python3 benchmarks/preferences.py bed           # problems that leave nothing out, a policy without planted habits, samples
    python3 benchmarks/preferences.py pairs         # a reward model's accuracy on held-out problems against its number of pairs
    python3 benchmarks/preferences.py best          # over-optimisation: the best of n by a reward model
    python3 benchmarks/preferences.py ppo           # the same by PPO, with the KL term and without
    python3 benchmarks/preferences.py methods       # DPO, SFT, own-pairs DPO and RLEF at equal samples
    python3 benchmarks/preferences.py rft           # solve rate and distinct solutions against log k
    python3 benchmarks/preferences.py rankings      # reward models of rankings: one pair of each, all pairs, the ranking as a whole
    python3 benchmarks/preferences.py iterated      # DPO in three rounds, each on the policy before, beside once
    python3 benchmarks/preferences.py pooled        # rejection sampling from three policies, beside one

`bed` comes first; each of the others writes a table and a plot (SVG) into the work folder. What is there already is not made
again. `--small` takes one to five minutes for each on two shared cores (`methods` was only run in pieces); what it shows of each main effect
lies with its results. Needs Python 3.9 and nothing else. Options: --rlef PATH (default: target/release/rlef), --work FOLDER (default: target/preferences), --seeds N,
--train N, --held N, --test N (problems of each kind), --paired N (problems to train on whose answers are paired), --best-of N, --most N (the largest k), --isolation wasm (what stands between
programs and the machine; less waiting than processes where it is shared), --small.

Written down before the first run of this form (2026-11-30, 22:05; what came of an earlier one lies with its results):

- Seeds are 1 to --seeds (3). Every run has its full number of rounds, nothing is looked at to stop or to go on, and no setting is
  tried twice but for what is said here. Validation problems are for choosing settings, test problems for figures.
- pairs: the smallest effect of interest is 0.02 of accuracy for ten times the pairs. A pair is an answer that passes all tests over
  one that fails any. Passes over the data are chosen once, with seed 1 on the validation problems, of 1 and 3.
- best: 5 points of what is solved. Expected: the score rises all the way; what is solved humps or saturates, sooner with fewer pairs.
- ppo: 5 points between the two weights of the KL term. Expected: the score rises in both; without the KL term what is solved falls off.
- methods: 5 points of 1@1. Since 2026-12-01, 12:50, the learning rate of each is chosen on the validation problems, of four with seed 1: until then SFT
  had 3e-4, the others 1e-4 and RLEF the starter's, and one of them moved 8 nats from the first policy. All have as many episodes and updates; SFT and DPO learn from the first policy's answers to the problems
  that the others play. Expected: methods on own samples lead.
- rft: 3 points for ten times the samples. Control at the largest k: repetitions kept. Since 2026-12-01, 14:00, each k is learnt as
  often as those, too: few demonstrations learnt twice are hardly learnt, whatever they are worth; and (14:20)
  the first answers are learnt as often without being selected.
- rankings (2026-12-01, 12:57): 0.02 of accuracy between two of the three. iterated: 3 points; the learning rate is chosen for `once`, of four on the
  validation problems, and taken for the rounds. pooled: 3 points.
"""

import json
import math
import random

import rankings as more
from bench import (ROOT, Bench, chosen_rate, clustered, compared, episodes, evaluate, interval, mean, options, over_seeds, rows_of, shares, slope, solved,
                   table, trained, write_rows)
from plot import bars, plot

# Passes of a reward model over its pairs.
EPOCHS = 1


def bed(bench):
    """Problems, the policy, and its answers to the problems to train on and to those held out."""
    for split, count in [("train", bench.train), ("validation", bench.held), ("test", bench.test)]:
        out = f"{split}.jsonl"
        bench.run("contest", "--split", split, "--hidden-share", 0, "--problems", count, "--out", out, out=out)
    config = ROOT / "benchmarks" / "test_bed.toml"
    bench.run("sft", "--config", config, "--out", "policy", out="policy/model.safetensors")
    evaluate(bench, "policy", "policy.json", turns=3)
    for name in ["train", "validation", "test"]:
        out = f"samples-{name}.jsonl"
        play = ["--turns", 1, "--rollouts", bench.samples, "--temperature", 1, "--journal", out]
        bench.run("eval", "--policy", "policy", "--problems", f"{name}.jsonl", *play, out=out)
        problems = bench.first(f"{name}.jsonl", bench.paired)
        of, some = {row["id"] for row in rows_of(bench.at(problems))}, f"samples-{name}-paired.jsonl"
        write_rows(bench.at(some), [{k: v for k, v in e.items() if k != "event"} for e in episodes(bench.at(out)) if e["problem_id"] in of])
        pairs = ["--problems", problems, "--rule", "solved", "--most", 16]
        bench.run("pairs", "--journal", some, *pairs, "--out", f"pairs-{name}.jsonl", out=f"pairs-{name}.jsonl")
    base = solved(bench.at("policy.json"))
    for turn, words in [(1, "one answer"), (2, "three answers with feedback")]:
        share = clustered([row[turn] for row in base.values()], [row[0] for row in base.values()])
        print(f"by {words} the policy solves {100 * share[0]:.1f}% of the test problems [{100 * share[1]:.1f}, {100 * share[2]:.1f}]")
    counts = {name: len(rows_of(bench.at(f"pairs-{name}.jsonl"))) for name in ["train", "validation", "test"]}
    print(f"pairs: {counts}; compositions of the test problems: {len({row[0] for row in base.values()})}")


def base_of(bench):
    return [solved(bench.at("policy.json"))] * len(bench.seeds)


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


def reward(bench, count, seed, held="test", epochs=EPOCHS):
    """A reward model of `count` pairs: its folder, and what it is measured as on held-out problems."""
    data = subset(bench, count, seed)
    folder = f"reward-{count}-{seed}" if (held, epochs) == ("test", EPOCHS) else f"reward-{count}-{seed}-{held}-{epochs}"
    if data is None:
        return folder, None
    # As many updates for few pairs as for some hundred: else few would not be learnt at all.
    passes = max(epochs, round(400 / count))
    learn = ["--data", data, "--held-out", f"pairs-{held}.jsonl", "--seed", seed, "--batch", 8, "--epochs", passes]
    make = lambda: bench.run("reward", "--policy", "policy", *learn, "--out", folder, "--json", json_out=True)
    return folder, bench.kept(f"{folder}.json", make)


def accuracy(bench):
    """A reward model's accuracy against its number of pairs."""
    sizes = [50, 200, 800] if bench.small else [100, 400, 1600, 4000]
    rows, by_seed, line, equal_line = [], {seed: [] for seed in bench.seeds}, [], []
    for count in sizes:
        found = [reward(bench, count, seed)[1] for seed in bench.seeds]
        if None in found:
            print(f"{count} pairs: there are fewer")
            continue
        each = [report["accuracy"]["mean"] for report in found]
        for seed, value in zip(bench.seeds, each):
            by_seed[seed].append((math.log10(count), value))
        middle, half = over_seeds(each)
        low, high = (mean([report["accuracy"][end] for report in found]) for end in ("low", "high"))
        equal = [mean([report["accuracy_at_equal_length"][part] for report in found]) for part in ("mean", "low", "high")]
        error = mean([report["calibration_error"] for report in found])
        rows.append([count, f"{middle:.3f}", f"{half:.3f}", f"{low:.3f} to {high:.3f}", f"{equal[0]:.3f}", f"{error:.3f}"])
        line.append((count, middle, low, high))
        equal_line.append((count, *equal))
    table(bench.at("pairs.csv"), ["pairs", "accuracy", "± over seeds", "clustered", "equal length", "ECE"], rows)
    slopes = [slope(points) for points in by_seed.values()]
    middle, half = over_seeds(slopes)
    print(f"a tenfold of pairs: {middle:+.3f} ± {half:.3f} in accuracy; by seed {[round(s, 3) for s in slopes]}")
    series = [("all pairs", line), ("answers of equal length", equal_line)]
    panel = ("mean of the seeds; bars: 95%, compositions drawn whole", "pairs (logarithmic)", "right on held-out pairs", series)
    plot(bench.at("pairs.svg"), "A reward model's accuracy by its number of pairs", [panel], log=True)


def passes(bench):
    """What passes over the data give on validation problems: looked at once, to choose EPOCHS."""
    for epochs in [1, 3]:
        report = reward(bench, 400 if bench.small else 1600, 1, held="validation", epochs=epochs)[1]
        print(f"{epochs} passes: {report['accuracy']}")


def best(bench):
    """The best of n by reward models of few and of many pairs."""
    rollouts, problems = (16, 40) if bench.small else (bench.best_of, min(bench.test, 100))
    sizes = [50, 800] if bench.small else [100, 4000]
    lines = open(bench.at("test.jsonl")).readlines()
    # Every so many-th, so that all kinds of problems are there.
    bench.at("best.jsonl").write_text("".join(lines[:: max(1, len(lines) // problems)][:problems]))
    play = ["--turns", 1, "--rollouts", rollouts]
    samples = "samples-best.jsonl"
    sampled = ["eval", "--policy", "policy", "--problems", "best.jsonl", *play, "--temperature", 1]
    bench.run(*sampled, "--journal", samples, out=samples)
    replayed = bench.at("replayed-best.jsonl")
    if not replayed.exists():
        said = [{"problem_id": e["problem_id"], "completions": [e["turns"][0]["text"]]} for e in episodes(bench.at(samples))]
        write_rows(replayed, said)
    rows, gold_of, proxy_of = [], [], []
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
            score, spread = over_seeds([o["score"]["mean"] - r["best_of"][0]["score"]["mean"] for o, r in zip(of, reports)])
            gain, gain_half = over_seeds([o["solved"]["mean"] - r["best_of"][0]["solved"]["mean"] for o, r in zip(of, reports)])
            rows.append([count, one["n"], f"{one['kl']:.2f}", f"{score:+.3f} ± {spread:.3f}", f"{truth:.3f} ± {half:.3f}",
                         f"{low:.3f} to {high:.3f}", f"{gain:+.3f} ± {gain_half:.3f}"])
            gold.append((math.sqrt(one["kl"]), truth, low, high))
            proxy.append((math.sqrt(one["kl"]), score, score - spread, score + spread))
        gold_of.append((f"{count} pairs", gold))
        proxy_of.append((f"{count} pairs", proxy))
        # R = d (a - b d) in d = sqrt(KL), of what is gained over n = 1 (Gao et al. 2022, section 3.1).
        points = [(d, y - gold[0][1]) for d, y, _, _ in gold[1:]]
        s2, s3, s4 = (sum(d**k for d, _ in points) for k in (2, 3, 4))
        y1, y2 = sum(d * y for d, y in points), sum(d * d * y for d, y in points)
        b = (s3 * y1 - s2 * y2) / (s2 * s4 - s3 * s3)
        a = (y1 + b * s3) / s2
        peak = f"peak at d = {a / (2 * b):.2f} (largest seen {points[-1][0]:.2f})" if b > 0 else "no peak: it still rises"
        print(f"{count} pairs: R = d ({a:.4f} - {b:.4f} d), {peak}")
    table(bench.at("best.csv"), ["pairs", "n", "KL", "score over n = 1", "solved", "clustered", "solved over n = 1"], rows)
    d = "d, the square root of the KL divergence of the best of n"
    plot(bench.at("best.svg"), "The best of n by a reward model",
         [("What the reward model says; bars: 95% over seeds", d, "score over n = 1", proxy_of),
          ("What the tests say; bars: 95%, compositions drawn whole", d, "solved", gold_of)])


def ppo(bench):
    """PPO against a reward model, with the KL term and without."""
    count = 200 if bench.small else 400
    rounds, problems = (8, 24) if bench.small else (16, 48)
    rows, gold_of, proxy_of, kl_of, ends_of = [], [], [], [], []
    for beta in ["0.05", "0.0"]:
        ends, runs = [], []
        for seed in bench.seeds:
            folder, _ = reward(bench, count, seed)
            text = (
                f'seed = {seed}\nrounds = {rounds}\nproblems_per_round = {problems}\nupdates_per_round = 2\npolicy = "policy"\n'
                f'problems = "train.jsonl"\n[rollout]\nturns = 1\ngroup = 4\n[reward]\nsolved = 0.0\nfailed = 0.0\n'
                f'no_program = 0.0\nkl_beta = {beta}\n[objective]\nalgorithm = "rlhf_ppo"\nvalue_from = "{folder}"\n'
                f'[evaluation]\nproblems = ""\n[[judges]]\nkind = "tests"\n[[judges]]\nkind = "reward_model"\n'
                f'folder = "{folder}"\n[resources]\n')
            end, metrics = trained(bench, f"ppo-{beta}-{seed}", text, rounds)
            ends.append(end)
            runs.append(metrics)
        gold_line, proxy_line, kl_line = [], [], []
        for number in range(rounds):
            proxy, half = over_seeds([run[number]["reward"] for run in runs])
            gold, gold_half = over_seeds([run[number]["solve_rate"] for run in runs])
            kl, kl_half = over_seeds([run[number]["own"].get("episode_kl", 0.0) for run in runs])
            # Without the KL term the reference is not computed.
            far = f"{kl:.2f} ± {kl_half:.2f}" if beta != "0.0" else ""
            rows.append([beta, number + 1, far, f"{proxy:.3f} ± {half:.3f}", f"{gold:.3f} ± {gold_half:.3f}"])
            gold_line.append((number + 1, gold, gold - gold_half, gold + gold_half))
            proxy_line.append((number + 1, proxy, proxy - half, proxy + half))
            kl_line.append((number + 1, kl, kl - kl_half, kl + kl_half))
        for kept, line in [(gold_of, gold_line), (proxy_of, proxy_line)] + [(kl_of, kl_line)] * (beta != "0.0"):
            kept.append((f"β = {beta}", line))
        ends_of.append(ends)
        print(f"β = {beta}: solved on test problems {mean(shares(ends)):.3f}, against the start {interval(compared(ends, base_of(bench)))}")
    print(f"with the KL term less without: {interval(compared(*ends_of))}")
    table(bench.at("ppo.csv"), ["beta", "round", "KL", "score of the reward model", "solved in training"], rows)
    plot(bench.at("ppo.svg"), f"PPO against a reward model of {count} pairs; bars: 95% over seeds",
         [("What the reward model says of the round's answers", "round", "score", proxy_of),
          ("What the tests say of them", "round", "solved", gold_of),
          ("How far the policy is from the first", "round", "KL, nats an answer", kl_of)])


def filtered(bench, count):
    """The journal with the first `count` answers to each problem."""
    out = bench.at(f"samples-first-{count}.jsonl")
    if not out.exists():
        rows = [e for e in episodes(bench.at("samples-rft.jsonl")) if e["sample"] < count]
        write_rows(out, [{k: v for k, v in row.items() if k != "event"} for row in rows])
    return out.name


def rft(bench):
    """Rejection sampling: distinct solutions and what is solved against log k, with repetitions dropped and not."""
    most = [1, 4, 12] if bench.small else [k for k in [1, 3, 6, 12, 25, 50, 100] if k <= bench.most]
    problems = bench.first("train.jsonl", 150 if bench.small else 300)
    samples = "samples-rft.jsonl"
    play = ["--turns", 1, "--rollouts", most[-1], "--temperature", 1, "--journal", samples]
    bench.run("eval", "--policy", "policy", "--problems", problems, *play, out=samples)
    statements = {row["id"]: row["statement"] for row in rows_of(bench.at(problems))}
    rows, series, passed_line = [], [], []
    shown = {"dropped": "distinct, learnt twice", "kept": "all, learnt twice", "dropped, as many updates": "distinct, as often as all",
             "not selected, as many updates": "not selected, as often"}
    for control in shown:
        line, points = [], {seed: [] for seed in bench.seeds}
        for k in most[-1:] if control == "kept" else [1] if control.startswith("not") else most:
            repeated = control == "kept"
            kept = f"kept-{k}-{repeated}.jsonl"
            more = ["--repeated"] if repeated else []
            choose = ["--journal", filtered(bench, k), "--problems", problems, "--most", most[-1], "--out", kept, *more]
            if control.startswith("not"):
                kept = "kept-1-all.jsonl"
                write_rows(bench.at(kept), [{"prompt": statements[e["problem_id"]], "completion": e["turns"][0]["text"]}
                                            for e in episodes(bench.at(samples)) if e["sample"] == 0])
            else:
                bench.run("rft", *choose, out=kept)
            demonstrations = rows_of(bench.at(kept))
            of = len({json.dumps(d["prompt"]) for d in demonstrations})
            epochs, name = 2, "rft-1-all" if control.startswith("not") else f"rft-{k}-{repeated}"
            if control.endswith("updates"):
                epochs = round(2 * len(rows_of(bench.at(f"kept-{most[-1]}-True.jsonl"))) / len(demonstrations))
                name += "-long"
            runs, passed = [], []
            for seed in bench.seeds:
                out = f"{name}-{seed}"
                learn = ["--data", kept, "--from", "policy", "--set", f"seed={seed}", "--set", f"stages.0.epochs={epochs}"]
                learn += ["--set", "stages.0.learning_rate=5e-4"]
                bench.run("sft", *learn, "--out", out, out=f"{out}/model.safetensors")
                evaluate(bench, out, f"{out}.json")
                runs.append(solved(bench.at(f"{out}.json")))
                points[seed].append((math.log10(k), shares(runs)[-1]))
                passed.append(json.loads(bench.at(f"{out}.json").read_text())["report"]["pass_at"]["4"]["mean"])
            share, half = over_seeds(shares(runs))
            gain, (any_of, any_half) = compared(runs, base_of(bench)), over_seeds(passed)
            rows.append([k, control, len(demonstrations), f"{len(demonstrations) / max(of, 1):.2f}", of, epochs,
                         f"{share:.3f} ± {half:.3f}", interval(gain), f"{any_of:.3f} ± {any_half:.3f}"])
            line.append((k, share, share - half, share + half))
            passed_line += [(k, any_of, any_of - any_half, any_of + any_half)] if control == "dropped, as many updates" else []
        if control.startswith("dropped"):
            middle, half = over_seeds([slope(p) for p in points.values()])
            print(f"{control}: a tenfold of k: {middle:+.3f} ± {half:.3f} in what is solved")
        series.append((shown[control], line))
    names = ["k", "repetitions", "demonstrations", "a problem", "problems", "epochs", "solved", "against the start", "pass@4"]
    table(bench.at("rft.csv"), names, rows)
    panel = ("mean and 95% over seeds", "k, samples a problem (logarithmic)", "solved on test", [*series, ("pass@4 of distinct, as often", passed_line)])
    plot(bench.at("rft.svg"), "Rejection sampling: pass@1 (and pass@4) by what is learnt", [panel], log=True)


def divergence(bench, name, prompts):
    """KL(policy, first policy) of first answers to the test problems, in nats an answer: what the first policy finds of them is the
    loss of supervised training on them."""
    path = bench.at(f"said-{name}.jsonl")
    rows, own, tokens = [], 0.0, 0
    for said in rows_of(bench.at(f"answers-{name}.jsonl")):
        if said.get("event") == "answer" and said["turn"] == 0:
            rows.append({"prompt": prompts[said["problem_id"]], "completion": said["text"]})
            own, tokens = own + sum(said["logprobs"]), tokens + len(said["logprobs"])
    write_rows(path, rows)
    text = (f'seed = 1\nrounds = 1\nproblems_per_round = {len(rows)}\nupdates_per_round = 1\npolicy = "policy"\n'
            f'problems = "train.jsonl"\n[policy_optimizer]\nlearning_rate = 1e-12\n[evaluation]\nproblems = ""\n'
            f'[objective]\nalgorithm = "sft"\ndata = "{path.name}"\n')
    bench.at(f"measure-{name}.toml").write_text(text)
    bench.run("train", "--config", f"measure-{name}.toml", "--run", f"measure-{name}", out=f"measure-{name}/metrics.jsonl")
    loss = rows_of(bench.at(f"measure-{name}") / "metrics.jsonl")[0]["policy_loss"]
    return (loss + own / tokens) * tokens / len(rows)


def methods(bench):
    """SFT on what is solved, DPO, DPO on own pairs, and RLEF, all with as many samples."""
    rounds, turns = (6, 1) if bench.small else (16, 3)
    per_round, problems = 192, bench.first("train.jsonl", 48 * rounds)
    samples = "samples-methods.jsonl"
    play = ["--turns", 1, "--rollouts", 4, "--temperature", 1, "--journal", samples]
    bench.run("eval", "--policy", "policy", "--problems", problems, *play, out=samples)
    pairs = ["--journal", samples, "--problems", problems, "--rule", "solved", "--most", 4]
    bench.run("pairs", *pairs, "--out", "pairs-methods.jsonl", out="pairs-methods.jsonl")
    kept = ["--journal", samples, "--problems", problems, "--most", 4, "--repeated", "--out", "kept-methods.jsonl"]
    bench.run("rft", *kept, out="kept-methods.jsonl")
    prompts = {row["id"]: row["statement"] for row in rows_of(bench.at("test.jsonl"))}
    print(f"{per_round * rounds} episodes each; {len(rows_of(bench.at('kept-methods.jsonl')))} solved, "
          f"{len(rows_of(bench.at('pairs-methods.jsonl')))} pairs")
    common = f'policy = "policy"\nproblems = "{problems}"\n[evaluation]\nproblems = ""\n[resources]\n'
    online = f"rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 2\n"
    offline = f"rounds = {2 * rounds}\nproblems_per_round = 48\nupdates_per_round = 1\n"
    play = "[rollout]\nturns = 1\ngroup = 4\n[objective]\n"
    rate = "[policy_optimizer]\nlearning_rate = {rate}\n"
    kinds = {
        "SFT on what is solved": (offline, rate + '[objective]\nalgorithm = "sft"\ndata = "kept-methods.jsonl"\n'),
        "DPO once": (offline, rate + '[objective]\nalgorithm = "dpo"\ndata = "pairs-methods.jsonl"\n'),
        "RLEF": (online, rate + play + 'algorithm = "ppo"\nvalue_head = "separate"\n'),
        "DPO on own pairs": (online, rate + play + 'algorithm = "online_dpo"\n'),
        "RPO once (DPO and likelihood)": (offline, rate + '[objective]\nalgorithm = "rpo"\ndata = "pairs-methods.jsonl"\n'),
    }
    rows, runs_of, drawn = [], {}, []
    for number, (name, (rounds_of, text)) in enumerate(kinds.items()):
        runs, far = [], []
        last = 2 * rounds if rounds_of == offline else rounds
        best = chosen_rate(bench, f"methods-{number}", f"{rounds_of}{common}{text}", last)
        for seed in bench.seeds:
            run = f"methods-{number}-{best}-{seed}"
            text_of = f"seed = {seed}\n{rounds_of}{common}{text.format(rate=best)}"
            runs.append(trained(bench, run, text_of, last, turns=turns, journal=f"answers-{run}.jsonl")[0])
            far.append(divergence(bench, run, prompts))
        runs_of[name] = runs
        one, gain = over_seeds(shares(runs)), compared(runs, base_of(bench))
        drawn.append((name, *gain))
        rows.append([name, f"{one[0]:.3f} ± {one[1]:.3f}", interval(gain), f"{mean(far):.2f}"])
        if turns > 1:
            three = over_seeds(shares(runs, 2))
            rows[-1] += [f"{three[0]:.3f} ± {three[1]:.3f}", interval(compared(runs, base_of(bench), 2))]
    names = ["method", "1@1", "against the start", "KL, nats an answer", "1@3", "against the start"][: len(rows[0])]
    table(bench.at("methods.csv"), names, rows)
    for one in list(kinds)[1:]:
        for other in list(kinds)[: list(kinds).index(one)]:
            print(f"{one} less {other}: {interval(compared(runs_of[one], runs_of[other]))}")
    bars(bench.at("methods.svg"), "Equal samples: what is solved by one answer, less the start",
         "difference of solve rates on test; 95%, compositions drawn whole", drawn)


VERBS = {"bed": bed, "pairs": accuracy, "passes": passes, "best": best, "ppo": ppo, "methods": methods, "rft": rft,
         "rankings": more.rankings, "iterated": more.iterated, "pooled": more.pooled}

if __name__ == "__main__":
    chosen = options(__doc__, VERBS)
    VERBS[chosen.verb](Bench(chosen))
