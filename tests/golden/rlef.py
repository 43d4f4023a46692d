"""Makes the golden numbers of RLEF's losses with PyTorch and transformers; not part of the tests themselves.

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors numpy
    venv/bin/python tests/golden/rlef.py

Writes rlef.json (inputs and scalars) and rlef.safetensors (weights and gradients) beside this file. The model is
transformers' own Llama; the losses are written from Gehring et al. 2024, arXiv 2410.02089, section 2.2.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
CLIP, VALUE_CLIP = 0.2, 0.2
SHAPE = dict(
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=4,
    vocab_size=32,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)

torch.manual_seed(7)
torch.set_default_dtype(torch.float32)


def network():
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, attn_implementation="eager"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


# Three rows of different lengths; a turn is (last prompt position, number of sampled tokens).
lengths = [19, 11, 26]
turns = [[(4, 5), (13, 5)], [(3, 7)], [(2, 6), (12, 4), (20, 5)]]
rows = [torch.randint(0, 32, (length,)) for length in lengths]
width = max(lengths)
tokens = torch.zeros(len(rows), width, dtype=torch.long)
mask = torch.zeros(len(rows), width, dtype=torch.long)
for index, row in enumerate(rows):
    tokens[index, : len(row)] = row
    mask[index, : len(row)] = 1

policy, value = network(), network()
value_head = torch.nn.Parameter(0.3 * torch.randn(1, SHAPE["hidden_size"]))

logits = policy(input_ids=tokens, attention_mask=mask).logits
every = torch.log_softmax(logits, dim=-1)
hidden = value.model(input_ids=tokens, attention_mask=mask).last_hidden_state

actions, spans, new, entropy, values = [], [], [], [], []
for row, row_turns in enumerate(turns):
    for last, count in row_turns:
        turn = len(spans)
        spans.append({"row": row, "prompt_last": last})
        values.append((hidden[row, last] * value_head[0]).sum())
        for position in range(last, last + count):
            target = int(tokens[row, position + 1])
            actions.append({"row": row, "position": position, "target": target, "turn": turn})
            new.append(every[row, position, target])
            entropy.append(-(every[row, position].exp() * every[row, position]).sum())

new, values = torch.stack(new), torch.stack(values)
old = new.detach() + 0.3 * torch.randn(len(new))
behaviour = new.detach() + 0.3 * torch.randn(len(new))
turn_advantages = torch.randn(len(spans))
advantages = torch.stack([turn_advantages[action["turn"]] for action in actions])
old_values = values.detach() + 0.3 * torch.randn(len(values))
returns = torch.randn(len(values))

correction = torch.clamp((new - behaviour).exp(), max=1.0).detach()
ratio = (new - old).exp() * correction
policy_loss = -torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages).mean()
clipped = old_values + (values - old_values).clamp(-VALUE_CLIP, VALUE_CLIP)
value_loss = (0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)).mean()
policy_loss.backward()
value_loss.backward()

arrays = {}
for prefix, model in (("policy", policy), ("value", value)):
    for name, parameter in model.named_parameters():
        arrays[f"{prefix}.{name}"] = parameter.detach().clone()
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        arrays[f"{prefix}.gradient.{name}"] = gradient.clone()
arrays["value.value_head.weight"] = value_head.detach().clone()
arrays["value.gradient.value_head.weight"] = value_head.grad.clone()
save_file(arrays, HERE / "rlef.safetensors")

floats = lambda tensor: [float(x) for x in tensor]
(HERE / "rlef.json").write_text(
    json.dumps(
        {
            "config": SHAPE,
            "clip": CLIP,
            "value_clip": VALUE_CLIP,
            "rows": [row.tolist() for row in rows],
            "actions": actions,
            "turns": spans,
            "old": floats(old),
            "behaviour": floats(behaviour),
            "advantages": floats(advantages),
            "old_values": floats(old_values),
            "returns": floats(returns),
            "new": floats(new),
            "entropy": floats(torch.stack(entropy)),
            "values": floats(values),
            "policy_loss": float(policy_loss),
            "value_loss": float(value_loss),
        },
        indent=1,
    )
    + "\n"
)
