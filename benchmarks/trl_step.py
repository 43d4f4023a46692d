"""One GRPO step of TRL at the size of `step.rs`, for the same machine: CPU seconds and wall per step.

    python3 -m venv venv && venv/bin/pip install torch transformers trl
    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE venv/bin/python benchmarks/trl_step.py

`side_by_side.py` runs it in turns with rlef's.

8 prompts, 8 answers each, at most 64 tokens, a random Llama of 4 layers, 256 wide, vocabulary 512, f32; the reward
runs every answer with `python3 -I -S` in a process of its own.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(1)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
alphabet = pre_tokenizers.ByteLevel.alphabet()
special = ["<pad>", "<eos>"]
texts = ["print(sum(map(int, input().split())))", "Read integers. Print their sum."] * 50
tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=512, special_tokens=special, initial_alphabet=alphabet))
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")
config = LlamaConfig(
    hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4,
    vocab_size=512, max_position_embeddings=256, tie_word_embeddings=True,
    pad_token_id=fast.pad_token_id, eos_token_id=fast.eos_token_id,
)
model = LlamaForCausalLM(config)


def cpu():
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


drawn = []


def reward(completions, completion_ids, **_):
    drawn.append(sum(len(ids) for ids in completion_ids))
    scores = []
    for text in completions:
        with tempfile.NamedTemporaryFile("w", suffix=".py", errors="replace") as file:
            file.write(text.replace("\0", " "))
            file.flush()
            done = subprocess.run([sys.executable, "-I", "-S", file.name], input="1 2\n", capture_output=True, text=True, errors="replace")
        scores.append(1.0 if done.stdout == "3\n" else len(text) / 1000.0)
    return scores


class Clock(TrainerCallback):
    def __init__(self):
        self.last = None

    def on_step_end(self, args, state, control, **_):
        now = (time.perf_counter(), cpu())
        if self.last:
            wall, used = now[0] - self.last[0], now[1] - self.last[1]
            count = drawn.pop()
            print(f"step,8 x 8 x 64; grpo,{state.global_step},{count},sampled tokens,{wall:.4f},{used:.4f},{count / wall:.1f},{count / used:.1f}", flush=True)
        self.last = now


steps = int(os.environ.get("STEPS", "6"))
trainer = GRPOTrainer(
    model=model,
    processing_class=fast,
    reward_funcs=reward,
    train_dataset=Dataset.from_dict({"prompt": ["Read integers. Print their sum."] * 8 * steps}),
    args=GRPOConfig(
        output_dir=tempfile.mkdtemp(), per_device_train_batch_size=64, num_generations=8, max_completion_length=64,
        max_steps=steps, report_to=[], use_cpu=True, bf16=False, beta=0.0, logging_steps=1000, save_strategy="no",
        disable_tqdm=True, gradient_checkpointing=False,
    ),
    callbacks=[Clock()],
)
trainer.train()
print(f"peak,trl_step,{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", file=sys.stderr)
