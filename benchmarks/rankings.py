"""Rankings beside pairs, several policies pooled, and preferences in rounds: what `preferences.py` asks besides its curves."""

import random

from bench import ROOT, chosen_rate, compared, evaluate, interval, mean, over_seeds, rows_of, shares, solved, table, trained, write_rows


def rankings(bench):
    """Reward models of as many prompts: one pair of each ranking of four answers, all its pairs, or the ranking as a whole."""
    count = 200 if bench.small else 1600
    problems = bench.first("train.jsonl", bench.paired)
    choose = ["--journal", "samples-train-paired.jsonl", "--problems", problems, "--rule", "passed", "--ranking", 4]
    bench.run("pairs", *choose, "--out", "rankings-train.jsonl", out="rankings-train.jsonl")
    kinds = {"one pair": "pairs", "all pairs": "pairs", "Plackett-Luce": "plackett-luce"}
    rows = []
    for name, loss in kinds.items():
        passes, found = chosen_passes(bench, name, loss, count), []
        for seed in bench.seeds:
            found.append(learnt(bench, (name, loss), (count, seed, passes), "test"))
        middle, half = over_seeds([report["accuracy"]["mean"] for report in found])
        low, high = (mean([report["accuracy"][end] for report in found]) for end in ("low", "high"))
        rows.append([name, count, passes, f"{middle:.3f} ± {half:.3f}", f"{low:.3f} to {high:.3f}"])
    table(bench.at("rankings.csv"), ["learnt of a ranking", "rankings", "passes", "accuracy", "clustered"], rows)


def chosen_passes(bench, name, loss, count):
    """Passes over the data, of 1 and 3, by the validation pairs with seed 1."""
    found = {passes: learnt(bench, (name, loss), (count, 1, passes), "validation")["accuracy"]["mean"] for passes in (1, 3)}
    best = max(found, key=found.get)
    print(f"{name}: right on validation pairs by passes: {', '.join(f'{p} {share:.3f}' for p, share in found.items())}; taken: {best}")
    return best


def learnt(bench, kind, of, held):
    """What the reward model of such a kind is measured as on held-out pairs."""
    (name, loss), (count, seed, passes) = kind, of
    rows = rows_of(bench.at("rankings-train.jsonl"))
    rng = random.Random(seed)
    rng.shuffle(rows)
    rows = rows[:count]
    if name == "one pair":
        rows = [pair(row, rng) for row in rows]
    label = f"{name.replace(' ', '-')}-{count}-{seed}-{passes}-{held}"
    write_rows(bench.at(f"rankings-{label}.jsonl"), rows)
    learn = ["--data", f"rankings-{label}.jsonl", "--held-out", f"pairs-{held}.jsonl", "--seed", seed, "--batch", 8, "--epochs", passes]
    make = lambda: bench.run("reward", "--policy", "policy", *learn, "--loss", loss, "--out", f"reward-{label}", "--json", json_out=True)
    return bench.kept(f"reward-{label}.json", make)


def pair(row, rng):
    """Two answers of a ranking whose places differ, as a pair."""
    one, other = rng.choice([(a, b) for a in row["answers"] for b in row["answers"] if a["rank"] < b["rank"]])
    return {"kind": "pair", "prompt": row["prompt"], "chosen": one["answer"], "rejected": other["answer"], "labels": row["labels"]}


def iterated(bench):
    """DPO in three rounds, each on pairs of the policy before, which is its reference, too; beside one round of as many samples."""
    parts, per = 3, 96 if bench.small else 256
    all_rows = rows_of(bench.at("train.jsonl"))[: parts * per]
    for part in range(parts):
        write_rows(bench.at(f"iterated-{part}.jsonl"), all_rows[part * per: (part + 1) * per])
    write_rows(bench.at("iterated-all.jsonl"), all_rows)
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    text = ('rounds = {rounds}\nproblems_per_round = 48\nupdates_per_round = 1\npolicy = "{policy}"\nproblems = "{problems}"\n'
            '[policy_optimizer]\nlearning_rate = {{rate}}\n[evaluation]\nproblems = ""\n[resources]\n'
            '[objective]\nalgorithm = "dpo"\ndata = "{data}"\n')
    rounds = 8 if bench.small else 16

    def paired(policy, problems, name):
        play = ["--turns", 1, "--rollouts", 4, "--temperature", 1, "--journal", f"{name}-samples.jsonl"]
        bench.run("eval", "--policy", policy, "--problems", problems, *play, out=f"{name}-samples.jsonl")
        choose = ["--journal", f"{name}-samples.jsonl", "--problems", problems, "--rule", "solved", "--most", 4]
        bench.run("pairs", *choose, "--out", f"{name}-pairs.jsonl", out=f"{name}-pairs.jsonl")
        return f"{name}-pairs.jsonl"

    once = text.format(rounds=rounds * parts, policy="policy", problems="iterated-all.jsonl",
                       data=paired("policy", "iterated-all.jsonl", "iterated-once"))
    best = chosen_rate(bench, "iterated-once", once, rounds * parts)
    runs = {"once": [], "in three rounds": []}
    for seed in bench.seeds:
        label = f"iterated-once-{best}-{seed}"
        runs["once"].append(trained(bench, label, f"seed = {seed}\n" + once.format(rate=best), rounds * parts)[0])
        policy = "policy"
        for part in range(parts):
            label = f"iterated-{best}-{seed}-{part}"
            data = paired(policy, f"iterated-{part}.jsonl", label)
            settings = text.format(rounds=rounds, policy=policy, problems=f"iterated-{part}.jsonl", data=data)
            found, _ = trained(bench, label, f"seed = {seed}\n" + settings.format(rate=best), rounds)
            policy = f"{label}/checkpoints/{rounds:06}"
        runs["in three rounds"].append(found)
    rows = []
    for name, of in runs.items():
        share, half = over_seeds(shares(of))
        rows.append([name, parts * per * 4, f"{share:.3f} ± {half:.3f}", interval(compared(of, base))])
    table(bench.at("iterated.csv"), ["DPO", "samples", "1@1 on test", "against the start"], rows)
    print(f"in three rounds less once: {interval(compared(runs['in three rounds'], runs['once']))}")


def pooled(bench):
    """Rejection sampling from one policy, or from three with as many samples in all; forty epochs, as few demonstrations need."""
    names = ["policy"]
    for sets in [8, 4]:
        out = f"policy-{sets}"
        config = ROOT / "benchmarks" / "test_bed.toml"
        bench.run("sft", "--config", config, "--set", f"stages.0.sets={sets}", "--out", out, out=f"{out}/model.safetensors")
        names.append(out)
    each = 4 if bench.small else 8
    problems = bench.first("train.jsonl", 150 if bench.small else 300)
    base, rows, runs_of = [solved(bench.at("policy.json"))] * len(bench.seeds), [], {}
    for kind, policies in {"one policy": names[:1], "three policies": names}.items():
        journals = []
        for policy in policies:
            samples = f"pooled-{policy}-{len(policies)}.jsonl"
            play = ["--turns", 1, "--rollouts", 3 * each // len(policies), "--temperature", 1, "--journal", samples]
            bench.run("eval", "--policy", policy, "--problems", problems, *play, out=samples)
            journals += ["--journal", samples]
        kept = f"pooled-kept-{len(policies)}.jsonl"
        bench.run("rft", *journals, "--problems", problems, "--most", 12, "--out", kept, out=kept)
        demonstrations = rows_of(bench.at(kept))
        of, runs = len({str(d["prompt"]) for d in demonstrations}), []
        for seed in bench.seeds:
            out = f"pooled-{len(policies)}-long-{seed}"
            learn = ["--data", kept, "--from", "policy", "--set", f"seed={seed}", "--set", "stages.0.epochs=40"]
            bench.run("sft", *learn, "--set", "stages.0.learning_rate=5e-4", "--out", out, out=f"{out}/model.safetensors")
            evaluate(bench, out, f"{out}.json")
            runs.append(solved(bench.at(f"{out}.json")))
        runs_of[kind] = runs
        share, half = over_seeds(shares(runs))
        rows.append([kind, 3 * each, len(demonstrations), f"{len(demonstrations) / max(of, 1):.2f}", of,
                     f"{share:.3f} ± {half:.3f}", interval(compared(runs, base))])
    table(bench.at("pooled.csv"), ["samples of", "a problem", "demonstrations", "a problem solved", "problems", "1@1 on test", "against the start"], rows)
    print(f"three policies less one: {interval(compared(runs_of['three policies'], runs_of['one policy']))}")
