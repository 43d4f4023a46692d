"""How many tokens of a real model does a CPU second sample, beside transformers and llama.cpp? One thread, the same prompts, by turns.

    venv/bin/pip install torch transformers accelerate gguf xllamacpp
    venv/bin/python benchmarks/gguf_speed.py --rlef target/release/rlef --model SmolLM2-135M-Instruct.Q4_1.gguf --problems HumanEval.jsonl.gz --out speed.csv

rlef is `rlef eval` as a whole process: loading and judging are counted. The others are their `generate` alone, the model loaded before.
transformers and llama.cpp may not stop before the last token, rlef may: each counts its own tokens. llama.cpp reads the file as it is (4 bits a
number) and a copy in F16, 32 sequences in one batch.
"""

import argparse
import concurrent.futures
import csv
import gzip
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request

import torch
import xllamacpp
from gguf import GGUFReader, GGUFValueType, GGUFWriter, GGMLQuantizationType
from gguf.quants import dequantize, quantize
from transformers import AutoModelForCausalLM, AutoTokenizer


def f16_copy(source, target):
    """The same model with matrices in F16."""
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[-1] if kind == GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type).reshape(tuple(int(size) for size in tensor.shape[::-1]))
        kind = GGMLQuantizationType.F16 if numbers.ndim > 1 else GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, quantize(numbers, kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def cpu(who=resource.RUSAGE_SELF):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def transformers(prompts, file, dtype, tokens):
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    tokenizer.padding_side, tokenizer.pad_token = "left", "<|im_end|>"
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=dtype).eval()

    def run():
        asked = tokenizer(prompts, return_tensors="pt", padding=True)
        with torch.no_grad():
            drawn = model.generate(**asked, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True, temperature=0.2, top_k=0)
        return drawn.numel() - asked["input_ids"].numel()

    return run


def llama_cpp(prompts, file, tokens):
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_parallel = len(prompts)
    settings.n_ctx = len(prompts) * 640
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.warmup = False
    server = xllamacpp.Server(settings)

    def ask(prompt):
        asked = {"prompt": prompt, "n_predict": tokens, "ignore_eos": True, "temperature": 0.2, "top_k": 0, "cache_prompt": False}
        request = urllib.request.Request(server.listening_address + "/completion", json.dumps(asked).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=3600))["tokens_predicted"]

    def run():
        with concurrent.futures.ThreadPoolExecutor(len(prompts)) as pool:
            return sum(pool.map(ask, prompts))

    return run


def rlef(program, problems, file, tokens):
    def run():
        with tempfile.TemporaryDirectory() as folder:
            rows = pathlib.Path(folder) / "problems.jsonl"
            rows.write_text("\n".join(problems) + "\n")
            out = pathlib.Path(folder) / "journal.jsonl"
            subprocess.run(
                [program, "eval", "--policy", str(file), "--problems", str(rows), "--turns", "1", "--rollouts", "1", "--style", "full", "--no-cache",
                 "--temperature", "0.2", "--top-p", "1", "--max-tokens", str(tokens), "--journal", str(out)],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "RAYON_NUM_THREADS": "1"})
            events = [json.loads(line) for line in out.read_text().splitlines()]
            return sum(len(event["tokens"]) for event in events if event.get("event") == "answer")

    return run


def main():
    parser = argparse.ArgumentParser()
    for name in ("rlef", "model", "problems", "out"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--only", default="", help="ways whose names hold this text")
    args = parser.parse_args()
    torch.set_num_threads(1)
    opened = gzip.open if args.problems.suffix == ".gz" else open
    problems = opened(args.problems, "rt").read().splitlines()[:args.rows]
    ask = "Solve this programming problem in Python 3.\n\n{}\n\nPut the whole program into a block between ```python and ```, and nothing else."
    prompts = [f"<|im_start|>user\n{ask.format(json.loads(row)['prompt'])}<|im_end|>\n<|im_start|>assistant\n" for row in problems]
    with tempfile.TemporaryDirectory() as folder:
        wide = pathlib.Path(folder) / "f16.gguf"
        f16_copy(args.model, wide)
        ways = {
            "rlef f32, whole process": lambda: rlef(args.rlef, problems, args.model, args.tokens),
            "transformers f32": lambda: transformers(prompts, args.model, torch.float32, args.tokens),
            "transformers bf16": lambda: transformers(prompts, args.model, torch.bfloat16, args.tokens),
            "llama.cpp F16": lambda: llama_cpp(prompts, wide, args.tokens),
            "llama.cpp Q4_1": lambda: llama_cpp(prompts, args.model, args.tokens),
        }
        ways = {way: make() for way, make in ways.items() if args.only in way}
        with open(args.out, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["way", "run", "rows", "tokens", "wall_seconds", "cpu_seconds", "tokens_per_cpu_second", "load_average"])
            for turn in range(args.runs):
                for way, run in ways.items():
                    who = resource.RUSAGE_CHILDREN if way.startswith("rlef") else resource.RUSAGE_SELF
                    clock, before = time.monotonic(), cpu(who)
                    tokens = run()
                    wall, used = time.monotonic() - clock, cpu(who) - before
                    table.writerow([way, turn + 1, args.rows, tokens, f"{wall:.1f}", f"{used:.1f}", f"{tokens / used:.1f}", os.getloadavg()[0]])
                    file.flush()
                    print(way, turn + 1, tokens, f"{wall:.1f} s, {used:.1f} CPU s, {tokens / used:.1f} tokens a CPU second", file=sys.stderr, flush=True)


main()
