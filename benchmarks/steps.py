"""The best of n by process and outcome reward models and by majority, and labels needed: `process` and `active` of feedback.py."""

import json
import random

from bench import clustered, episodes, interval, mean, over_seeds, rows_of, solved, table, write_rows
from plot import plot

TESTS = '[[judges]]\nkind = "tests"\n'


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


def different(bench):
    """A journal of the different ones among the first answers to the first problems, and these problems."""
    problems = bench.first("train.jsonl", 200 if bench.small else 800)
    ids, seen, kept = {row["id"] for row in rows_of(bench.at(problems))}, set(), []
    for row in episodes(bench.at("samples-train.jsonl")):
        key = (row["problem_id"], row["turns"][0]["text"])
        if row["problem_id"] in ids and row["sample"] < 3 and key not in seen:
            seen.add(key)
            kept.append({k: v for k, v in row.items() if k != "event"})
    write_rows(bench.at("samples-few.jsonl"), kept)
    return "samples-few.jsonl", problems


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
    few, problems = different(bench)
    labelled = exact_steps(bench, "samples-choose.jsonl", "choose.jsonl", "steps-choose.jsonl")
    sampled = ["--journal", few, "--policy", "policy", "--problems", problems, "--completions", 4 if bench.small else 8]
    bench.run("steps", *sampled, "--labels", "hard", "--out", "steps-hard-all.jsonl", out="steps-hard-all.jsonl")
    # All models learn from the same answers: those whose lines can be labelled exactly.
    exact = exact_steps(bench, few, problems, "steps-exact.jsonl")
    known = {(row["labels"]["problem"], row["labels"]["sample"]) for row in rows_of(bench.at(exact))}
    hard = [row for row in rows_of(bench.at("steps-hard-all.jsonl")) if (row["labels"]["problem"], row["labels"]["sample"]) in known]
    write_rows(bench.at("steps-hard.jsonl"), hard)
    print(f"{len(rows_of(bench.at('steps-hard-all.jsonl')))} different answers, of which {len(known)} can be labelled exactly")
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
    for one, other in [("process, exact labels", "outcome"), ("process, completions", "outcome"), ("outcome", "majority")]:
        share = lambda runs, problem: mean([run[problem] for run in runs])
        problems = list(answers)
        values = [share(last[one], p) - share(last[other], p) for p in problems]
        found = clustered(values, [cluster.get(p, p) for p in problems])
        print(f"{one} less {other} at n = {counts[-1]}: {interval(found)}")
    panel = ("mean and 95% over seeds", "n (logarithmic)", "solved", curves)
    plot(bench.at("process.svg"), "The best of n, chosen by models of steps, of outcomes, and by majority", [panel], log=True)


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
    all_rows = rows_of(bench.at(exact_steps(bench, "samples-train.jsonl", "train.jsonl", "steps-exact-all.jsonl")))
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
    panel = ("mean and 95% over seeds", "steps labelled", f"solved by the best of {rollouts // 2}", list(series.items()))
    plot(bench.at("active.svg"), "Which answers to label", [panel])
