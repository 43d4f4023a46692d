"""What `model.rs` measures, in PyTorch and transformers: tokens sampled by `generate` and learnt from, per second.

The same random Llama (4 layers, 256 wide, 4 heads, SwiGLU 1024, vocabulary 512, f32), prompts of 32 tokens, 64 new ones,
temperature 1 without cuts; 32 x 128 tokens forward, backward and AdamW. `side_by_side.py` runs both.
"""

import os
import resource
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(1)
runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
model = LlamaForCausalLM(LlamaConfig(
    hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4,
    vocab_size=512, max_position_embeddings=256, tie_word_embeddings=True, pad_token_id=0, eos_token_id=None, bos_token_id=None,
))


def tokens(count, salt):
    return [(i * 131 + salt * 17) % 511 for i in range(count)]


def measure(work):
    usage = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    clock, before = time.perf_counter(), usage()
    work()
    return time.perf_counter() - clock, usage() - before


def row(question, case, run, items, taken):
    wall, cpu = taken
    print(f"{question},{case},{run},{items},tokens,{wall:.4f},{cpu:.4f},{items / wall:.1f},{items / cpu:.1f}", flush=True)


def sample(rows):
    prompt = torch.tensor([tokens(32, row) for row in range(rows)])
    with torch.no_grad():
        out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=64)
    assert out.shape == (rows, 96)


optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
batch = torch.tensor([tokens(128, row) for row in range(32)])


def train():
    loss = model(input_ids=batch, labels=batch, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


for run in range(runs + 1):
    for rows in (1, 32, 64):
        taken = measure(lambda: sample(rows))
        if run:
            row("sampling", f"batch {rows}; prompt 32; 64 new", run, rows * 64, taken)
    taken = measure(train)
    if run:
        row("training", "32 x 128; forward + backward + AdamW", run, 4096, taken)
print(f"peak,torch_model,{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", file=sys.stderr)
