"""Losses of all objectives by PyTorch, their gradients with respect to the log-probabilities, and the advantages they give.

    python3 -m venv venv && venv/bin/pip install torch
    venv/bin/python tests/golden/losses.py

Reads the rows and log-probabilities of objectives.json (its model qwen2; see objectives.py for how a gradient goes on into the
weights) and writes losses.json. The formulas are written here from the papers, not taken from this crate: Dr. GRPO (arXiv
2503.20783), DAPO (2503.14476), GSPO (2507.18071), CISPO (2506.13585), RLOO (2402.14740, with the clip of TRL), REINFORCE++
(2501.03262), DPO (2305.18290), cDPO (Mitchell 2023), IPO (2310.12036), KTO (2402.01306), SimPO (2405.14734), ORPO (2403.07691),
RPO (2404.19733), APA (2306.02231), PPO against a reward model with advantages by GAE (1506.02438), DPO on own samples (2402.04792);
CRPG, CODPO and CRRAFT (2409.20370); truncated and masked importance sampling as weights of tokens.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
GOLDEN = json.loads((HERE / "objectives.json").read_text())
MODEL = GOLDEN["models"]["qwen2"]
GROUP, CLIP, BETA, LONGEST = 3, 0.2, 0.05, 60
# One a row: whether it was solved; and the turns that held no program.
SOLVED, SILENT = [True, False, True, False, False, True], [0, 3]

# What the stored answer to each group's problem is worth, and whether each row meets all constraints.
STORED, FEASIBLE = [0.3, -0.4], [True, False, True, True, True, False]

row_of = torch.tensor([a["row"] for a in MODEL["actions"]])
turn_of = torch.tensor([a["turn"] for a in MODEL["actions"]])
turn_row = [t["row"] for t in MODEL["turns"]]
NEW, old, behaviour, reference = (torch.tensor(MODEL[name], dtype=torch.float64) for name in ("new", "old", "behaviour", "reference"))
ROWS, COUNT = len(SOLVED), len(row_of)


def by_row(x):
    """A list with the numbers of each row."""
    return [x[row_of == row] for row in range(ROWS)]


def turn_rewards():
    rewards = []
    for turn, row in enumerate(turn_row):
        is_last = turn + 1 == len(turn_row) or turn_row[turn + 1] != row
        rewards.append((1.0 if SOLVED[row] else -1.0) if is_last else (-0.2 if turn in SILENT else 0.0))
    return rewards


REWARDS = turn_rewards()
totals = torch.tensor([sum(r for r, row in zip(REWARDS, turn_row) if row == which) for which in range(ROWS)], dtype=torch.float64)
groups = totals.view(-1, GROUP)
STANDARD = ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + 1e-4)).flatten()[row_of]
CENTRED = (groups - groups.mean(1, keepdim=True)).flatten()[row_of]


def leave_one_out():
    held = torch.stack([(o - r).sum() for o, r in zip(by_row(old), by_row(reference))])
    shaped = (totals - BETA * held).view(-1, GROUP)
    return (shaped - (shaped.sum(1, keepdim=True) - shaped) / (GROUP - 1)).flatten()[row_of]


def token_returns():
    rewards = -BETA * (old - reference)
    for turn, reward in enumerate(REWARDS):
        last = (turn_of == turn).nonzero().flatten()[-1]
        rewards[last] = rewards[last] + reward
    returns = torch.cat([row.flip(0).cumsum(0).flip(0) for row in by_row(rewards)])
    return (returns - returns.mean()) / (returns.std(unbiased=False) + 1e-8)


def turn_group():
    """Each turn's return less the mean return of the group's other episodes at the same turn; without any, of all others'."""
    returns, places, later = [], [], {}
    for turn in reversed(range(len(REWARDS))):
        held = (old - reference)[turn_of == turn].mean()
        later[turn_row[turn]] = later.get(turn_row[turn], 0.0) + REWARDS[turn] - BETA * held
        returns.insert(0, later[turn_row[turn]])
        places.insert(0, (turn_row[turn] // GROUP, sum(row == turn_row[turn] for row in turn_row[:turn])))
    advantages = []
    for turn, (own, (group, number)) in enumerate(zip(returns, places)):
        others = [other for other in range(len(returns)) if other != turn]
        beside = [other for other in others if places[other] == (group, number)]
        beside = beside or [other for other in others if places[other][1] == number]
        advantages.append(own - sum(returns[other] for other in beside) / max(len(beside), 1))
    raw = torch.stack(advantages)
    return ((raw - raw.mean()) / (raw.std(unbiased=False) + 1e-8))[turn_of]


# A value before every token.
VALUES = torch.sin(torch.arange(COUNT, dtype=torch.float64)) / 2


def generalised(gamma=1.0, lam=0.95):
    """Advantages of tokens, and what their values are to be."""
    rewards = -BETA * (old - reference)
    for turn, reward in enumerate(REWARDS):
        last = (turn_of == turn).nonzero().flatten()[-1]
        rewards[last] = rewards[last] + reward
    advantages = []
    for of_row, values in zip(by_row(rewards), by_row(VALUES)):
        later = torch.cat([values[1:], torch.zeros(1, dtype=torch.float64)])
        deltas = of_row + gamma * later - values
        discounts = [[(gamma * lam) ** (j - i) if j >= i else 0.0 for j in range(len(deltas))] for i in range(len(deltas))]
        advantages.append(torch.tensor(discounts, dtype=torch.float64) @ deltas)
    raw = torch.cat(advantages)
    return (raw - raw.mean()) / (raw.std(unbiased=False) + 1e-8), raw + VALUES


def weights(kind, level, cap, floor=0.0, veto=0.0):
    ratios = []
    for row in by_row(old - behaviour):
        whole = {"token": row, "sequence": row.sum().expand(len(row)), "geometric": row.mean().expand(len(row))}[level].exp()
        kept = whole.clamp(floor, cap) if kind == "tis" else torch.where((whole <= cap) & (whole >= floor), whole, torch.zeros_like(whole))
        ratios.append(torch.zeros_like(kept) if (row.exp() < veto).any() else kept)
    return torch.cat(ratios)


def surrogate(ratio, advantages, low, high):
    return torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def row_means(x):
    return torch.stack([row.mean() for row in by_row(x)])


def first(x):
    return torch.stack([row[0] for row in by_row(x)])


def of_tokens(low, high, constant):
    return lambda new, a, w: -(w * surrogate((new - old).exp(), a, low, high)).sum() / constant


def ppo(new, a, w):
    ratio = (new - old).exp() * ((new - behaviour).exp().clamp(max=1.0).detach() if w is None else 1.0)
    return -((1.0 if w is None else w) * surrogate(ratio, a, CLIP, CLIP)).mean()


def grpo(new, a, w):
    k3 = (reference - new).exp() - (reference - new) - 1
    return -row_means(w * surrogate((new - old).exp(), a, CLIP, CLIP) - BETA * k3).mean()


def gspo(low, high):
    return lambda new, a, w: -(row_means(w) * surrogate(row_means(new - old).exp(), first(a), low, high)).mean()


def rloo(new, a, w):
    ratio = torch.stack([row.sum() for row in by_row(new - old)]).exp()
    return -(row_means(w) * surrogate(ratio, first(a), CLIP, CLIP)).mean()


def cispo(high):
    return lambda new, a, w: -(w * (new - old).exp().clamp(max=1 + high).detach() * a * new).mean()


def dpo(beta, anchor=reference):
    def loss(new, a, w):
        apart = torch.stack([row.sum() for row in by_row(new - anchor)])
        return -F.logsigmoid(beta * (apart[0::2] - apart[1::2])).mean()

    return loss


def row_sums(x):
    return torch.stack([row.sum() for row in by_row(x)])


def apart(x):
    """Of pairs of rows, the first less the second."""
    return x[0::2] - x[1::2]


def cdpo(beta, wrong):
    def loss(new, a, w):
        margins = beta * apart(row_sums(new - reference))
        return -((1 - wrong) * F.logsigmoid(margins) + wrong * F.logsigmoid(-margins)).mean()

    return loss


def ipo(beta, per_token):
    return lambda new, a, w: ((apart((row_means if per_token else row_sums)(new - reference)) - 1 / (2 * beta)) ** 2).mean()


def simpo(beta, gamma, wrong):
    def loss(new, a, w):
        margins = beta * apart(row_means(new)) - gamma
        return -((1 - wrong) * F.logsigmoid(margins) + wrong * F.logsigmoid(-margins)).mean()

    return loss


def orpo(beta):
    def loss(new, a, w):
        means = row_means(new)
        odds = means - torch.log1p(-means.exp())
        return -(means[0::2] + beta * F.logsigmoid(apart(odds))).mean()

    return loss


def rpo(beta, alpha):
    def loss(new, a, w):
        margins = beta * apart(row_sums(new - reference))
        return -(F.logsigmoid(margins) + alpha * row_means(new)[0::2]).mean()

    return loss


# Of every second row, whether it is a good answer; the rows between are other prompts' answers.
LABELS = torch.tensor([True, False, True])


def point():
    return row_sums(old - reference)[1::2].mean().clamp(min=0)


def kto_worth():
    share = LABELS.double().mean()
    own = torch.where(LABELS, 1 / share, -1 / (1 - share))
    return torch.stack([own, point().expand(len(own))], 1).flatten()[row_of]


def kto(beta, good, bad):
    def loss(new, a, w):
        rewards = beta * row_sums(new - reference)[0::2]
        of_good, of_bad = 1 - torch.sigmoid(rewards - beta * point()), 1 - torch.sigmoid(beta * point() - rewards)
        return torch.where(LABELS, good * of_good, bad * of_bad).mean()

    return loss


def apa(lam, anchor):
    return lambda new, a, w: ((new - anchor - a / lam) ** 2).mean()


WORTH = torch.tensor([1.0 if solved else -1.0 for solved in SOLVED], dtype=torch.float64)
CALIBRATED = torch.sigmoid(WORTH - torch.tensor(STORED, dtype=torch.float64).repeat_interleave(GROUP))
KL = row_sums(old - reference)


def crpg_worth(kl_max):
    rewards = (1 - KL / kl_max).clamp(min=0) * CALIBRATED * torch.tensor(FEASIBLE).double()
    return (rewards - rewards.mean())[row_of]


def crraft_worth(kl_max):
    """Of each group the best of the feasible rows within the bound."""
    weights = torch.zeros(ROWS, dtype=torch.float64)
    for start in range(0, ROWS, GROUP):
        within = [row for row in range(start, start + GROUP) if FEASIBLE[row] and KL[row] <= kl_max]
        if within:
            best = max(within, key=lambda row: (WORTH[row].item(), -row))
            weights[best] = CALIBRATED[best]
    return weights[row_of]


def whole_answers(count):
    """The sum of each answer's log-probabilities times what the answer is worth."""
    return lambda new, a, w: -sum(first_a * row.sum() for first_a, row in zip(first(a), by_row(w * new))) / count


def case(algorithm, loss, advantages=None, settings=None, correction=None, **more):
    new = NEW.clone().requires_grad_()
    without = None if algorithm == "ppo" else torch.ones(COUNT, dtype=torch.float64)
    value = loss(new, advantages, weights(**correction) if correction else without)
    value.backward()
    return {
        "algorithm": algorithm,
        "settings": settings or {},
        "correction": correction,
        "advantages": None if advantages is None else advantages.tolist(),
        "loss": float(value.detach()),
        "gradient": new.grad.tolist(),
        **more,
    }


def against_reward_model(gamma=1.0, lam=0.95, settings=None, correction=None):
    advantages, returns = generalised(gamma, lam)
    lists = {"values": VALUES.tolist(), "returns": returns.tolist()}
    return case("rlhf_ppo", of_tokens(CLIP, CLIP, COUNT), advantages, settings, correction, **lists)


given = torch.tensor(MODEL["advantages"], dtype=torch.float64)
bounds = lambda low, high: {"clip_low": low, "clip_high": high}
dr_grpo, dapo = of_tokens(CLIP, CLIP, ROWS * LONGEST), of_tokens(0.2, 0.28, COUNT)
tis = lambda level, cap, **more: {"kind": "tis", "level": level, "cap": cap, **more}
mis = lambda level, cap, **more: {"kind": "mis", "level": level, "cap": cap, **more}
cases = [
    case("ppo", ppo, given),
    case("grpo", grpo, STANDARD),
    case("dr_grpo", dr_grpo, CENTRED),
    case("rloo", rloo, leave_one_out()),
    case("dapo", dapo, STANDARD),
    case("gspo", gspo(3e-4, 4e-4), STANDARD),
    case("gspo", gspo(0.05, 0.08), STANDARD, bounds(0.05, 0.08)),
    case("cispo", cispo(5.0), STANDARD),
    case("cispo", cispo(0.1), STANDARD, {"clip_high": 0.1}),
    case("reinforce_pp", of_tokens(CLIP, CLIP, COUNT), token_returns()),
    case("turn_group", of_tokens(CLIP, CLIP, COUNT), turn_group()),
    against_reward_model(),
    against_reward_model(0.9, 0.5, {"gamma": 0.9, "lambda": 0.5}),
    against_reward_model(correction=tis("token", 1.2)),
    case("dpo", dpo(0.1)),
    case("online_dpo", dpo(0.1)),
    case("online_dpo", dpo(0.5, old), None, {"beta": 0.5, "renew_reference": True}),
    case("dpo", dpo(0.5), None, {"beta": 0.5}),
    case("cdpo", cdpo(0.1, 0.1)),
    case("cdpo", cdpo(0.5, 0.3), None, {"beta": 0.5, "label_smoothing": 0.3}),
    case("ipo", ipo(0.1, True)),
    case("ipo", ipo(0.5, False), None, {"beta": 0.5, "per_token": False}),
    case("kto", kto(0.1, 1.0, 1.0), kto_worth()),
    case("kto", kto(0.7, 1.3, 0.6), kto_worth(), {"beta": 0.7, "desirable_weight": 1.3, "undesirable_weight": 0.6}),
    case("simpo", simpo(2.0, 0.5, 0.0)),
    case("simpo", simpo(2.5, 1.5, 0.2), None, {"beta": 2.5, "gamma": 1.5, "label_smoothing": 0.2}),
    case("orpo", orpo(0.1)),
    case("orpo", orpo(0.8), None, {"beta": 0.8}),
    case("rpo", rpo(0.1, 1.0)),
    case("rpo", rpo(0.4, 0.3), None, {"beta": 0.4, "alpha": 0.3}),
    case("apa", apa(2.0, reference), given),
    case("apa", apa(0.5, old), given, {"lambda": 0.5, "anchor": "old"}),
    case("sft", lambda new, a, w: -new.mean()),
    case("crpg", whole_answers(ROWS), crpg_worth(10.0)),
    case("crpg", whole_answers(ROWS), crpg_worth(0.2), {"kl_max": 0.2}),
    case("crpg", whole_answers(ROWS), crpg_worth(0.2), {"kl_max": 0.2}, tis("token", 1.2)),
    case("codpo", rpo(0.1, 1.0)),
    case("codpo", rpo(0.4, 0.3), None, {"beta": 0.4, "lambda": 0.3}),
    case("crraft", whole_answers(ROWS), crraft_worth(10.0)),
    case("crraft", whole_answers(ROWS), crraft_worth(0.1), {"kl_max": 0.1}),
    case("ppo", ppo, given, correction=tis("token", 1.2)),
    case("grpo", grpo, STANDARD, correction=mis("token", 1.3)),
    case("dr_grpo", dr_grpo, CENTRED, correction=tis("sequence", 2.0)),
    case("rloo", rloo, leave_one_out(), correction=tis("token", 1.2, floor=0.9)),
    case("dapo", dapo, STANDARD, correction=mis("sequence", 2.0)),
    case("gspo", gspo(0.05, 0.08), STANDARD, bounds(0.05, 0.08), correction=mis("geometric", 1.1, floor=0.95)),
    case("cispo", cispo(5.0), STANDARD, correction=tis("geometric", 1.05)),
    case("reinforce_pp", of_tokens(CLIP, CLIP, COUNT), token_returns(), correction=tis("token", 2.0, veto=0.6)),
    case("turn_group", of_tokens(CLIP, CLIP, COUNT), turn_group(), correction=mis("token", 1.3)),
]
golden = {"stored": STORED, "feasible": FEASIBLE, "group": GROUP, "clip": CLIP, "kl_beta": BETA, "longest": LONGEST, "solved": SOLVED, "silent": SILENT, "cases": cases}
(HERE / "losses.json").write_text(json.dumps(golden) + "\n")
