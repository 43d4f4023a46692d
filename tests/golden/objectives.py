"""Losses and gradients of PPO as in RLEF and of GRPO by PyTorch, on the small models of `models/` and on a LoRA adapter.

    python3 -m venv venv && venv/bin/pip install torch transformers peft safetensors numpy
    venv/bin/python tests/golden/objectives.py

Writes objectives.json (inputs and losses) and objectives.safetensors (gradients, by objective and model). The formulas
are written here from the papers, not taken from this crate: PPO with the truncated correction and the clipped value
loss from Gehring et al. 2024, arXiv 2410.02089, section 2.2; GRPO from Shao et al. 2024, arXiv 2402.03300, section 4.1,
with the deviation of TRL (sample deviation plus 1e-4).
"""

import json
import pathlib

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
CLIP, VALUE_CLIP, BETA, GROUP = 0.2, 0.2, 0.05, 3
# Rows are two groups of three episodes; a turn is (last prompt position, number of sampled tokens).
LENGTHS = [19, 11, 26, 14, 22, 9]
TURNS = [[(4, 5), (13, 5)], [(3, 7)], [(2, 6), (12, 4), (20, 5)], [(5, 3), (10, 3)], [(6, 8), (18, 3)], [(1, 7)]]
REWARDS = [1.0, -1.0, 0.6, -1.0, -1.0, 0.8]
floats = lambda tensor: [float(x) for x in tensor]


def load(name, adapter=None):
    model = AutoModelForCausalLM.from_pretrained(HERE / "models" / name, dtype=torch.float32, attn_implementation="eager").eval()
    return PeftModel.from_pretrained(model, HERE / "models" / adapter, is_trainable=True).eval() if adapter else model


def collate(seed):
    torch.manual_seed(seed)
    rows = [torch.randint(0, 96, (length,)) for length in LENGTHS]
    tokens = torch.zeros(len(rows), max(LENGTHS), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for index, row in enumerate(rows):
        tokens[index, : len(row)], mask[index, : len(row)] = row, 1
    spans = [(row, last, count) for row, turns in enumerate(TURNS) for last, count in turns]
    places = [(row, at, turn) for turn, (row, last, count) in enumerate(spans) for at in range(last, last + count)]
    return rows, tokens, mask, spans, places


def log_probabilities(model, tokens, mask, places):
    every = torch.log_softmax(model(input_ids=tokens, attention_mask=mask).logits, dim=-1)
    return torch.stack([every[row, at, tokens[row, at + 1]] for row, at, _ in places])


def ppo(new, old, behaviour, advantages):
    ratio = (new - old).exp() * (new - behaviour).exp().clamp(max=1.0).detach()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages).mean()


def value_loss(values, old, returns):
    clipped = old + (values - old).clamp(-VALUE_CLIP, VALUE_CLIP)
    return (0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)).mean()


def grpo(new, old, reference, advantages, rows):
    """The mean over episodes of the mean over an episode's tokens."""
    ratio = (new - old).exp()
    k3 = (reference - new).exp() - (reference - new) - 1
    each = torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages) - BETA * k3
    return -torch.stack([each[rows == row].mean() for row in range(len(LENGTHS))]).mean()


def gradients(model, loss, prefix, arrays):
    model.zero_grad()
    loss.backward(retain_graph=True)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            name = name.removeprefix("base_model.model.").replace(".default.", ".")
            arrays[f"{prefix}.{name}"] = parameter.grad.clone()


golden, arrays = {"clip": CLIP, "value_clip": VALUE_CLIP, "kl_beta": BETA, "group": GROUP, "rewards": REWARDS, "models": {}}, {}
rewards = torch.tensor(REWARDS).view(-1, GROUP)
relative = ((rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)).flatten()
golden["relative"] = floats(relative)
for seed, (name, adapter) in enumerate([("qwen2", None), ("llama", None), ("qwen3", "qwen3-lora")]):
    rows, tokens, mask, spans, places = collate(seed)
    model = load(name, adapter)
    new = log_probabilities(model, tokens, mask, places)
    near = lambda: new.detach() + 0.3 * torch.randn(len(new))
    old, behaviour, reference = near(), near(), near()
    by_turn = torch.randn(len(spans))
    advantages = torch.stack([by_turn[turn] for _, _, turn in places])
    row_of = torch.tensor([row for row, _, _ in places])
    of_ppo, of_grpo = ppo(new, old, behaviour, advantages), grpo(new, old, reference, relative[row_of], row_of)
    key = adapter or name
    gradients(model, of_ppo, f"{key}.ppo", arrays)
    gradients(model, of_grpo, f"{key}.grpo", arrays)
    golden["models"][key] = {
        "rows": [row.tolist() for row in rows],
        "actions": [{"row": row, "position": at, "target": int(tokens[row, at + 1]), "turn": turn} for row, at, turn in places],
        "turns": [{"row": row, "prompt_last": last} for row, last, _ in spans],
        "old": floats(old),
        "behaviour": floats(behaviour),
        "reference": floats(reference),
        "advantages": floats(advantages),
        "new": floats(new),
        "ppo": float(of_ppo),
        "grpo": float(of_grpo),
    }
    if name == "qwen2":
        # The body with a random head of values in place of the language head.
        body, head = load(name).model, torch.nn.Parameter(0.3 * torch.randn(1, 32))
        hidden = body(input_ids=tokens, attention_mask=mask).last_hidden_state
        values = torch.stack([(hidden[row, last] * head[0]).sum() for row, last, _ in spans])
        old_values, returns = values.detach() + 0.3 * torch.randn(len(values)), torch.randn(len(values))
        loss = value_loss(values, old_values, returns)
        loss.backward()
        golden["value"] = {"old": floats(old_values), "returns": floats(returns), "values": floats(values), "loss": float(loss), "head": floats(head[0])}
        for parameter_name, parameter in body.named_parameters():
            arrays[f"value.model.{parameter_name}"] = parameter.grad.clone()
        arrays["value.value_head.weight"] = head.grad.clone()

save_file({name: array.contiguous() for name, array in arrays.items()}, HERE / "objectives.safetensors")
(HERE / "objectives.json").write_text(json.dumps(golden) + "\n")
