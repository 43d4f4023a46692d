"""What transformers and llama.cpp make of a GGUF file, for `benchmarks/src/bin/gguf.rs` to be held against.

    venv/bin/pip install torch transformers gguf accelerate xllamacpp
    venv/bin/python .ci/gguf_peer.py MODEL.gguf IMPORTED_FOLDER OUT.json

transformers reads the file by its own loader (f32): logits after each row, and 64 tokens drawn greedily. llama.cpp cuts texts into ids.
What `rlef import` wrote is read by transformers, too: the weights are compared to the bit, and AutoTokenizer's ids with llama.cpp's.
"""

import json
import pathlib
import sys
import urllib.request

import torch
import transformers
import xllamacpp
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = [
    "def add(a, b):\n    return a + b\n",
    "The year 2024, 10007 numbers and 3.14159; I'LL say we'll.",
    "  leading blanks,\ttabs\r\n\r\n\nand   more   \n",
    "naïve café, cafe\u0301, 你好世界, \U0001F600 and ١٢٣",
    "from typing import List\n\n\ndef has_close_elements(numbers: List[float], threshold: float) -> bool:\n    \"\"\" Check if in given list of numbers, are any two numbers closer to each other than\n    given threshold.\n    >>> has_close_elements([1.0, 2.0, 3.0], 0.5)\n    False\n    \"\"\"\n",
    "class Ünïcode:\r\n\t'''It's 100% <b>fine</b>, isn't it?'''\n\tx_1 = {'k': [1, 22, 333, 4444]}\n",
    "Within a text <|im_end|> and <|endoftext|> are plain words.",
    "",
]
CHATS = ["Write a Python function that reverses a string.", "What is 17 * 23? Answer with a number.", "Name three colours."]


def cut(server, text, marks):
    asked = json.dumps({"content": text, "add_special": False, "parse_special": marks}).encode()
    request = urllib.request.Request(server.listening_address + "/tokenize", asked, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))["tokens"]


def main(file, imported, out):
    torch.set_num_threads(1)
    file = pathlib.Path(file)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx = 256
    settings.warmup = False
    server = xllamacpp.Server(settings)
    ids = [cut(server, text, False) for text in TEXTS]
    fast = AutoTokenizer.from_pretrained(imported)
    # Marks in a text are marks to that class; what has none is cut alike.
    plain = [(text, own) for text, own in zip(TEXTS, ids) if "<|" not in text]
    assert all(fast(text, add_special_tokens=False)["input_ids"] == own for text, own in plain), "AutoTokenizer cuts otherwise than llama.cpp"
    chats = [fast.apply_chat_template([{"role": "user", "content": chat}], add_generation_prompt=True, tokenize=False) for chat in CHATS]
    rows = [cut(server, chat, True) for chat in chats] + [ids[4], ids[0]]
    del server
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    other = AutoModelForCausalLM.from_pretrained(imported, dtype=torch.float32).eval()
    theirs = other.state_dict()
    # The divisors of rotary frequencies are kept beside the weights in some versions.
    gaps = {name: (own - theirs[name]).abs().max().item() for name, own in model.state_dict().items() if name in theirs}
    assert len(gaps) > 100 or len(gaps) == len(theirs), len(gaps)
    logits, greedy, gap = [], [], 0.0
    with torch.no_grad():
        for row in rows:
            asked = torch.tensor([row])
            logits.append(model(asked).logits[0, -1])
            gap = max(gap, (logits[-1] - other(asked).logits[0, -1]).abs().max().item())
            drawn = model.generate(asked, max_new_tokens=64, do_sample=False, pad_token_id=0)
            greedy.append(drawn[0, len(row):].tolist())
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, llama.cpp of xllamacpp {xllamacpp.BUILD_INFO if hasattr(xllamacpp, 'BUILD_INFO') else ''}")
    print(f"weights of transformers' GGUF loader and of the imported folder: largest gap {max(gaps.values())} in {len(gaps)} tensors")
    print(f"logits of the two: largest gap {gap}")
    print(f"ids of {len(plain)} texts by AutoTokenizer and llama.cpp: equal")
    json.dump({"texts": TEXTS, "ids": ids, "rows": rows, "logits": [own.tolist() for own in logits], "greedy": greedy}, open(out, "w"))


main(*sys.argv[1:])
