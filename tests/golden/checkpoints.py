"""Random small Llama, Qwen2 and Qwen3 models with the logits, greedy continuations and LoRA changes PyTorch finds.

Make the files of `models/` (run beside this script, committed):
    python3 -m venv venv && venv/bin/pip install torch transformers peft
    venv/bin/python tests/golden/checkpoints.py make
See what PEFT makes of the adapters that rlef wrote into `models/` (tests/adapters.rs says how):
    venv/bin/python tests/golden/checkpoints.py adapters
Check a model that rlef wrote (`rlef export`) against the one it was read from:
    venv/bin/python tests/golden/checkpoints.py check tests/golden/models/qwen3 WRITTEN_DIRECTORY
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

HERE = pathlib.Path(__file__).parent / "models"
SHAPE = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=96,
    max_position_embeddings=256,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
MODELS = {
    "llama": LlamaConfig(**SHAPE, tie_word_embeddings=True),
    "llama-3": LlamaConfig(**SHAPE, rope_theta=5e5, rope_scaling=LLAMA3, tie_word_embeddings=False),
    "llama-biased": LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True, head_dim=12, rope_scaling=dict(rope_type="linear", factor=2.0)),
    "qwen2": Qwen2Config(**SHAPE, rope_theta=1e6, tie_word_embeddings=True),
    "qwen2-yarn": Qwen2Config(**SHAPE, rope_theta=1e6, rope_scaling=YARN, tie_word_embeddings=False),
    "qwen3": Qwen3Config(**SHAPE, head_dim=16, rope_theta=1e6, tie_word_embeddings=True),
    "qwen3-untied": Qwen3Config(**SHAPE, head_dim=8, attention_bias=True, tie_word_embeddings=False),
}
ROWS = [[5, 17, 80, 3, 41, 9, 77, 2], [90, 1, 33], [i * 7 % 96 for i in range(50)]]


def outputs(model):
    logits, greedy = [], []
    for row in ROWS:
        ids = torch.tensor([row])
        with torch.no_grad():
            logits.append(model(ids).logits[0, -1].tolist())
            for _ in range(64):
                ids = torch.cat([ids, model(ids).logits[:, -1].argmax(-1, keepdim=True)], 1)
        greedy.append(ids[0, len(row):].tolist())
    return {"rows": ROWS, "logits": logits, "greedy": greedy}


def make():
    for number, (name, config) in enumerate(MODELS.items()):
        torch.manual_seed(number)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            # Sharper than a fresh model and with no part at its neutral value, so that a mistake shows.
            for key, parameter in model.named_parameters():
                noise = torch.randn_like(parameter)
                parameter.copy_(1 + 0.3 * noise if "norm" in key else 0.15 * noise)
        shards = {"max_shard_size": "20KB"} if name == "qwen2-yarn" else {}
        model.save_pretrained(HERE / name, **shards)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
        (HERE / name / "golden.json").write_text(json.dumps(outputs(model)))
    lora()


def lora():
    """A PEFT adapter of the `qwen3` model, and what the adapted model says."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(99)
    base = AutoModelForCausalLM.from_pretrained(HERE / "qwen3", dtype=torch.float32, attn_implementation="eager").eval()
    config = LoraConfig(r=3, lora_alpha=7, target_modules=["q_proj", "o_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(base, config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    folder = HERE / "qwen3-lora"
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    settings = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": "qwen3"}
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2))
    (folder / "golden.json").write_text(json.dumps(outputs(model)))


def adapters():
    """What the models say with the adapters that rlef wrote."""
    from peft import PeftModel

    for name, base in (("qwen2-lora-rlef", "qwen2"), ("llama-rslora-rlef", "llama")):
        model = AutoModelForCausalLM.from_pretrained(HERE / base, dtype=torch.float32, attn_implementation="eager").eval()
        plain = outputs(model)["logits"]
        found = outputs(PeftModel.from_pretrained(model, HERE / name).eval())
        moved = max(abs(a - b) for x, y in zip(found["logits"], plain) for a, b in zip(x, y))
        print(f"{name}: the adapter moves a logit by up to {moved:.3f}")
        (HERE / name / "golden.json").write_text(json.dumps(found))


def check(original, written, adapter=None):
    load = lambda folder: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ours, theirs = load(written), load(original)
    if adapter:
        from peft import PeftModel

        ours = PeftModel.from_pretrained(ours, adapter).eval()
    golden = json.loads((pathlib.Path(original) / "golden.json").read_text()) if not adapter else json.loads((HERE / "qwen3-lora" / "golden.json").read_text())
    found = outputs(ours)
    gap = max(abs(a - b) for x, y in zip(found["logits"], golden["logits"]) for a, b in zip(x, y))
    same = found["greedy"] == golden["greedy"]
    print(f"largest logit gap {gap:.2e}, greedy continuations {'identical' if same else 'differ'}")
    sys.exit(0 if same and gap < 1e-5 else 1)


if __name__ == "__main__":
    {"make": make, "adapters": adapters, "check": check}[sys.argv[1]](*sys.argv[2:])
