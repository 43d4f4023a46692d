"""A small random Gemma 3 (text) model with the logits and greedy continuations that NumPy finds, by the equations of the report
(arXiv 2503.19786) and of transformers' `modeling_gemma3.py`, in double precision and one token after the other.

Make `models/gemma3` (run beside this script, committed):
    python3 -m venv venv && venv/bin/pip install numpy safetensors
    venv/bin/python tests/golden/gemma.py make
Hold it against transformers, where that is:
    venv/bin/pip install torch transformers && venv/bin/python tests/golden/gemma.py check
"""

import json
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "models" / "gemma3"
CONFIG = {
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
    "attention_bias": False,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "vocab_size": 96,
    "max_position_embeddings": 256,
    "query_pre_attn_scalar": 20,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_scaling": {"rope_type": "linear", "factor": 2.0},
    "rope_local_base_freq": 10000.0,
    "sliding_window": 9,
    "sliding_window_pattern": 3,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
}
ROWS = [[5, 17, 80, 3, 41, 9, 77, 2], [90, 1, 33], [i * 7 % 96 for i in range(50)]]


def weights():
    draw = np.random.default_rng(7)
    d, f, h = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["head_dim"]
    q, kv = h * CONFIG["num_attention_heads"], h * CONFIG["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": (CONFIG["vocab_size"], d), "model.norm.weight": (d,)}
    for layer in range(CONFIG["num_hidden_layers"]):
        for name, shape in {
            "self_attn.q_proj": (q, d), "self_attn.k_proj": (kv, d), "self_attn.v_proj": (kv, d), "self_attn.o_proj": (d, q),
            "self_attn.q_norm": (h,), "self_attn.k_norm": (h,), "mlp.gate_proj": (f, d), "mlp.up_proj": (f, d), "mlp.down_proj": (d, f),
            "input_layernorm": (d,), "post_attention_layernorm": (d,), "pre_feedforward_layernorm": (d,), "post_feedforward_layernorm": (d,),
        }.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    # No part at its neutral value, so that a mistake shows.
    return {name: (0.3 if "norm" in name else 0.2) * draw.standard_normal(shape).astype(np.float32) for name, shape in sorted(shapes.items())}


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + CONFIG["rms_norm_eps"]) * (1 + weight)


def rotated(x, position, base, stretch):
    half = x.shape[-1] // 2
    angle = position * base ** (-np.arange(half) / half) / stretch
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * np.cos(angle) - second * np.sin(angle), second * np.cos(angle) + first * np.sin(angle)], -1)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


class Model:
    """Reads one token after the other and keeps the keys and values of all."""

    def __init__(self, tensors):
        self.w = {name: value.astype(np.float64) for name, value in tensors.items()}
        self.seen = [([], []) for _ in range(CONFIG["num_hidden_layers"])]
        self.position = 0

    def attention(self, layer, y):
        name = lambda part: self.w[f"model.layers.{layer}.self_attn.{part}.weight"]
        local = (layer + 1) % CONFIG["sliding_window_pattern"] != 0
        base, stretch = (CONFIG["rope_local_base_freq"], 1.0) if local else (CONFIG["rope_theta"], CONFIG["rope_scaling"]["factor"])
        heads = lambda part: (name(f"{part}_proj") @ y).reshape(-1, CONFIG["head_dim"])
        q = rotated(norm(heads("q"), name("q_norm")), self.position, base, stretch)
        k = rotated(norm(heads("k"), name("k_norm")), self.position, base, stretch)
        keys, values = self.seen[layer]
        keys.append(k)
        values.append(heads("v"))
        first = max(0, self.position + 1 - CONFIG["sliding_window"]) if local else 0
        shared = CONFIG["num_attention_heads"] // CONFIG["num_key_value_heads"]
        found = []
        for head in range(CONFIG["num_attention_heads"]):
            k, v = (np.array([one[head // shared] for one in of[first:]]) for of in (keys, values))
            scores = k @ q[head] / np.sqrt(CONFIG["query_pre_attn_scalar"])
            share = np.exp(scores - scores.max())
            found.append(share / share.sum() @ v)
        return name("o_proj") @ np.concatenate(found)

    def read(self, token):
        x = self.w["model.embed_tokens.weight"][token] * np.sqrt(CONFIG["hidden_size"])
        for layer in range(CONFIG["num_hidden_layers"]):
            name = lambda part: self.w[f"model.layers.{layer}.{part}.weight"]
            added = self.attention(layer, norm(x, name("input_layernorm")))
            x = x + norm(added, name("post_attention_layernorm"))
            y = norm(x, name("pre_feedforward_layernorm"))
            added = name("mlp.down_proj") @ (gelu(name("mlp.gate_proj") @ y) * (name("mlp.up_proj") @ y))
            x = x + norm(added, name("post_feedforward_layernorm"))
        self.position += 1
        return self.w["model.embed_tokens.weight"] @ norm(x, self.w["model.norm.weight"])


def outputs(tensors):
    logits, greedy = [], []
    for row in ROWS:
        model = Model(tensors)
        for token in row:
            last = model.read(token)
        logits.append(last.tolist())
        greedy.append([])
        for _ in range(64):
            greedy[-1].append(int(last.argmax()))
            last = model.read(greedy[-1][-1])
    return {"rows": ROWS, "logits": logits, "greedy": greedy}


def make():
    from safetensors.numpy import save_file

    FOLDER.mkdir(parents=True, exist_ok=True)
    tensors = weights()
    save_file(tensors, FOLDER / "model.safetensors", metadata={"format": "pt"})
    (FOLDER / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (FOLDER / "golden.json").write_text(json.dumps(outputs(tensors)))


def check():
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager").eval()
    golden = json.loads((FOLDER / "golden.json").read_text())
    worst = 0.0
    for row, logits, greedy in zip(golden["rows"], golden["logits"], golden["greedy"]):
        ids = torch.tensor([row])
        with torch.no_grad():
            found = model(ids).logits[0, -1]
            worst = max(worst, (found - torch.tensor(logits)).abs().max().item())
            for token in greedy:
                if model(ids).logits[0, -1].argmax().item() != token:
                    sys.exit(f"transformers goes on otherwise after {ids.shape[1]} tokens")
                ids = torch.cat([ids, torch.tensor([[token]])], 1)
    print(f"largest logit gap {worst:.2e}, greedy continuations identical")
    sys.exit(0 if worst < 1e-4 else 1)


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]]()
