"""RLHF with simulated labellers of stated noise on the test bed of `preferences.py`, by the command line of `rlef` and the pages of
`rlef label` alone:

    python3 benchmarks/rlhf.py simulated --small

samples -> labels -> reward model -> PPO with the KL term, with and without pretraining texts (PPO-ptx). A *simulated* labeller is a client of
the labelling page that knows which answers pass all tests and errs: where one of two passes it names the other one with the stated
probability; where both or none do it says so, and with that probability prefers one by a toss. Two of them label side by side, with 15%
of what is shown repeated. Nobody else labels here: nothing of this says anything about people.

Written down before the first run (2026-12-01, 02:50):

- Labellers err with probability 0, 0.1 and 0.25. Expected of the repeats: two that err with e say the same of an informative pair with
  (1 - e)^2 + e^2, beside what alpha the page shows.
- Seeds are 1 to --seeds (3): of the labellers, the reward model and PPO. Every run has its full number of rounds; nothing is looked
  at to stop or to go on.
- Settings chosen on validation problems, once, with seed 1, labellers that do not err, and no texts: passes of the reward model, of 1
  and 3, by accuracy on the tests' pairs. PPO has the published settings of examples/summarize.toml (beta 0.05).
- Reward model: accuracy on the tests' pairs of held-out (test) problems. Smallest effect of interest: 5 points between 0 and 0.25.
- PPO: what is solved of test problems by one answer, against the KL divergence of the rounds; 5 points between texts and none, and
  between labellers. Texts are the right ones of the first policy's own samples, as `rlef rft` keeps them, weight 1
  (InstructGPT's 27.8 is of another scale of losses).
- Intervals: over seeds by Student's t, over problems by drawing compositions whole.

Tables and plots (`rlhf-reward.csv`, `rlhf.csv`, `rlhf.svg`) go to the work folder, which is that of `preferences.py`; its `bed` is made first where
it is missing, and what is there already is not made again. `--small`: 500 problems to train on, 6 rounds of 24 problems and four
answers. Noises are done one after the other, 0 and 0.25 first, and tables are of what is done. Options are those of `preferences.py`. Needs Python 3.9 and nothing else.
"""

import html
import http.client
import json
import random
import re
import shutil
import subprocess

from bench import Bench, clustered, compared, interval, mean, options, over_seeds, rows_of, solved, table, trained, write_rows
from plot import plot
import preferences

NOISES = [0.0, 0.1, 0.25]
# As in Learning to summarize (examples/summarize.toml).
BETA = "0.05"
PASSES = [1, 3]


class Page:
    """`rlef label`, asked as a browser asks it."""

    def __init__(self, bench, out, seed):
        words = ["label", "--journal", "samples-train.jsonl", "--problems", "train.jsonl", "--out", out, "--seed", seed, "--bind", "127.0.0.1:0"]
        self.process = subprocess.Popen([str(bench.rlef), *map(str, words)], cwd=bench.work, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"http://([0-9.]+):([0-9]+)", line)
            if found:
                break
        self.connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=60)

    def get(self, path):
        self.connection.request("GET", path)
        return self.connection.getresponse().read().decode()

    def post(self, path, body):
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text

    def close(self):
        self.process.kill()
        self.process.wait()


def unescaped(text):
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def answers_of(page):
    """The answers of a page, in the order in which they are shown."""
    found = []
    for part in page.split('<section class="answer"')[1:]:
        whole = re.search(r"<summary>The whole answer</summary><pre>(.*?)</pre>", part, re.S)
        lines = re.findall(r"<li>(.*?)</li>", part.split("</ol>", 1)[0], re.S)
        found.append(plain(unescaped(whole[1] if whole else "\n".join(lines))))
    return found


def passing(bench):
    """Of every text of the samples, by problem, whether it passes all tests."""
    known = {}
    for e in preferences.episodes(bench.at("samples-train.jsonl")):
        known[(e["problem_id"], plain(e["turns"][0]["text"]))] = e["outcome"] == "accepted"
    return known


def plain(text):
    """A text without blanks at the ends of lines, control characters as pages show them."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", lambda found: f"\\u{{{ord(found[0]):x}}}", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def said(right, noise, draw):
    """What a simulated labeller says of two answers that pass or don't."""
    errs = draw.random() < noise
    if right[0] != right[1]:
        better = 0 if right[0] else 1
        return {"better": 1 - better if errs else better}
    if errs:
        return {"better": draw.randrange(2)}
    return "tie" if right[0] else "both_bad"


def labelled(bench, noise, seed, known):
    """Pairs that two simulated labellers have labelled through the page, and how far they agree."""
    out, pairs = f"labels-{noise}-{seed}.jsonl", f"simulated-{noise}-{seed}.jsonl"
    if not bench.at(pairs).exists():
        bench.at(out).unlink(missing_ok=True)
        page = Page(bench, out, seed)
        try:
            draws = {name: random.Random(f"{seed} {noise} {name}") for name in ("simulated-1", "simulated-2")}
            open_to = set(draws)
            while open_to:
                for name in sorted(open_to):
                    shown = page.get(f"/label?as={name}")
                    if "All is labelled" in shown:
                        open_to.discard(name)
                        continue
                    field = lambda of: re.search(f'data-{of}="([^"]*)"', shown)[1]
                    problem = unescaped(re.search(r"<h1>(.*?)</h1>", shown)[1])
                    right = [known[(problem, text)] for text in answers_of(shown)]
                    label = said(right, noise, draws[name])
                    page.post("/label", {"labeler": name, "item": field("item"), "count": int(field("count")), "said": label, "seconds": 1.0})
            # The page's own figure.
            alpha = re.search(r"alpha[^0-9-]*(-?[0-9.]+)", unescaped(page.get("/progress")))
        finally:
            page.close()
        bench.run("label", "--out", out, "--export", pairs, out=pairs)
        bench.at(f"{pairs}.alpha").write_text(alpha[1] if alpha else "nan")
    return pairs, float(bench.at(f"{pairs}.alpha").read_text())


def alike(bench, path):
    """Of informative pairs that both labelled: the share of which they say the same, and how many there are."""
    by_item, informative = {}, set()
    for row in rows_of(bench.at(path)):
        if row["event"] == "item":
            grades = {answer["shown"]["grade"] == "accepted" for answer in row["answers"]}
            if len(grades) == 2:
                informative.add(row["id"])
        elif row["event"] == "label" and row["item"] in informative:
            by_item.setdefault(row["item"], {}).setdefault(row["labeler"], json.dumps(row["said"]))
    both = [len(set(of.values())) == 1 for of in by_item.values() if len(of) == 2]
    return (mean([float(one) for one in both]) if both else float("nan")), len(both)


def reward(bench, pairs, seed, held, epochs):
    """A reward model of simulated labels and what it is measured as on the tests' pairs of held-out problems."""
    folder = f"rlhf-reward-{pairs.removesuffix('.jsonl')}-{epochs}"
    learn = ["--data", pairs, "--held-out", f"pairs-{held}.jsonl", "--seed", seed, "--batch", 8, "--epochs", epochs]
    make = lambda: bench.run("reward", "--policy", "policy", *learn, "--out", folder, "--json", json_out=True)
    if not bench.at(f"{folder}.json").exists():
        shutil.rmtree(bench.at(folder), ignore_errors=True)
    return folder, bench.kept(f"{folder}.json", make)


def texts(bench):
    """Right answers of the first policy, for PPO-ptx."""
    out = "texts-rlhf.jsonl"
    bench.run("rft", "--journal", "samples-train.jsonl", "--problems", "train.jsonl", "--most", 2, "--out", out, out=out)
    return out


def play(bench, name, folder, seed, ptx, rounds):
    """PPO against a reward model; the evaluation on test problems and the metrics of every round."""
    more = f'[objective.second]\ndata = "{texts(bench)}"\nweight = 1.0\n' if ptx else ""
    text = (f'seed = {seed}\nrounds = {rounds}\nproblems_per_round = 24\nupdates_per_round = 2\npolicy = "policy"\n'
            f'problems = "train.jsonl"\n[rollout]\nturns = 1\ngroup = 4\n[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n'
            f'kl_beta = {BETA}\n[objective]\nalgorithm = "rlhf_ppo"\nvalue_from = "{folder}"\n{more}[evaluation]\nproblems = ""\n'
            f'[[judges]]\nkind = "tests"\n[[judges]]\nkind = "reward_model"\nfolder = "{folder}"\n[resources]\n')
    return trained(bench, name, text, rounds)


def passes(bench, known):
    """Passes of the reward model, by the validation problems' pairs alone."""
    def make():
        pairs, _ = labelled(bench, 0.0, 1, known)
        by_passes = {}
        for epochs in PASSES:
            folder, report = reward(bench, pairs, 1, "validation", epochs)
            by_passes[epochs] = report["accuracy"]["mean"]
            # The same model is measured on test problems later, once.
            shutil.rmtree(bench.at(folder), ignore_errors=True)
            bench.at(f"{folder}.json").unlink()
        return {"accuracy": by_passes, "passes": max(by_passes, key=by_passes.get)}
    return bench.kept("rlhf-passes.json", make)


def simulated(bench):
    """The whole way, for every noise and with texts and without."""
    if not bench.at("pairs-test.jsonl").exists():
        preferences.bed(bench)
    rounds = 6 if bench.small else 16
    known = passing(bench)
    found = passes(bench, known)
    print(f"passes of the reward model, chosen on validation problems: {found}", flush=True)
    models = {}
    # One noise after the other, the extremes first; tables are of what there is.
    for number in range(1, len(NOISES) + 1):
        noises = [NOISES[0], NOISES[-1], *NOISES[1:-1]][:number]
        for seed in bench.seeds:
            pairs = labelled(bench, noises[-1], seed, known)[0]
            models[noises[-1], seed] = reward(bench, pairs, seed, "test", int(found["passes"]))[0]
        accuracies(bench, noises, known, int(found["passes"]))
        ppo(bench, noises, models, rounds)


def accuracies(bench, noises, known, epochs):
    """What the reward models are measured as, and how far labellers agree."""
    rows = []
    for noise in sorted(noises):
        of, alphas, same, counts = [], [], [], []
        for seed in bench.seeds:
            pairs, alpha = labelled(bench, noise, seed, known)
            of.append(reward(bench, pairs, seed, "test", epochs)[1])
            alphas.append(alpha)
            share, both = alike(bench, f"labels-{noise}-{seed}.jsonl")
            same.append(share)
            counts.append((len(rows_of(bench.at(pairs))), both))
        accuracy, half = over_seeds([report["accuracy"]["mean"] for report in of])
        low, high = (mean([report["accuracy"][end] for report in of]) for end in ("low", "high"))
        rows.append([noise, f"{mean([c[0] for c in counts]):.0f}", f"{accuracy:.3f} ± {half:.3f}", f"{low:.3f} to {high:.3f}", f"{mean(same):.3f}",
                     f"{(1 - noise) ** 2 + noise**2:.3f}", f"{mean([c[1] for c in counts]):.0f}", f"{mean(alphas):.2f}"])
    names = ["labellers err (simulated)", "preferences", "accuracy on test problems' pairs", "clustered", "informative pairs said alike", "expected", "of",
             "alpha of all repeats"]
    table(bench.at("rlhf-reward.csv"), names, rows)


def ppo(bench, noises, models, rounds):
    """PPO against the reward models, with texts and without."""
    base = [solved(bench.at("policy.json"))] * len(bench.seeds)
    rows, gold, proxy, ends_of = [], [], [], {}
    for noise in sorted(noises):
        for ptx in [False, True]:
            ends, runs = [], []
            for seed in bench.seeds:
                end, lines = play(bench, f"rlhf-{noise}-{'ptx' if ptx else 'plain'}-{seed}", models[noise, seed], seed, ptx, rounds)
                ends.append(end)
                runs.append(lines)
            ends_of[noise, ptx] = ends
            gain = compared(ends, base)
            name = f"errs {noise:g}, {'texts' if ptx else 'no texts'}"
            line, liked = [], []
            for place in range(rounds):
                kl = mean([run[place]["own"]["episode_kl"] for run in runs])
                truth, half = over_seeds([run[place]["solve_rate"] for run in runs])
                score, spread = over_seeds([run[place]["reward"] for run in runs])
                line.append((kl, truth, truth - half, truth + half))
                liked.append((kl, score, score - spread, score + spread))
            gold.append((name, line))
            proxy.append((name, liked))
            by = {name: (run[0], mean([e[name][1] for e in ends])) for name, run in ends[0].items()}
            share = clustered([v[1] for v in by.values()], [v[0] for v in by.values()])
            rows.append([noise, "on" if ptx else "off", f"{share[0]:.3f} [{share[1]:.3f}, {share[2]:.3f}]", interval(gain),
                         f"{line[-1][0]:.2f}", f"{line[0][1]:.2f} to {line[-1][1]:.2f}", f"{liked[0][1]:+.2f} to {liked[-1][1]:+.2f}"])
    names = ["labellers err (simulated)", "ptx", "solved on test", "against the start", "KL, nats an answer, last round", "solved in training, rounds", "score, rounds"]
    table(bench.at("rlhf.csv"), names, rows)
    for noise in noises:
        print(f"errs {noise:g}, ptx on less off: {interval(compared(ends_of[noise, True], ends_of[noise, False]))}")
    for noise in sorted(noises)[1:]:
        for ptx in [False, True]:
            print(f"ptx {'on' if ptx else 'off'}, errs {noise:g} less errs 0: {interval(compared(ends_of[noise, ptx], ends_of[0.0, ptx]))}", flush=True)
    plot(bench.at("rlhf.svg"), f"PPO, reward models of simulated labellers, β = {BETA}; bars: 95% over seeds",
         [("What the tests say of the round's answers", "KL divergence from the first policy, nats an answer", "solved", gold),
          ("What the reward model says of them", "KL divergence from the first policy, nats an answer", "score", proxy)])


if __name__ == "__main__":
    asked = options(__doc__, {"simulated": simulated})
    simulated(Bench(asked))
