"""A small reward model as transformers makes it, and the scores it gives.

Make the files of `models/qwen2-reward/` (committed):
    python3 -m venv venv && venv/bin/pip install torch transformers
    venv/bin/python tests/golden/reward.py make
Score rows of ids (JSON, a list of lists) with a reward model that rlef wrote:
    venv/bin/python tests/golden/reward.py score FOLDER < rows.json
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForSequenceClassification, Qwen2Config, Qwen2ForSequenceClassification

HERE = pathlib.Path(__file__).parent / "models" / "qwen2-reward"
ROWS = [[5, 17, 80, 3, 41, 9, 77, 2], [90, 1, 33], [i * 7 % 95 + 1 for i in range(50)]]


def scores(model, rows):
    with torch.no_grad():
        return [float(model(torch.tensor([row])).logits[0, 0]) for row in rows]


if sys.argv[1] == "make":
    torch.manual_seed(11)
    config = Qwen2Config(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=96,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
        num_labels=1,
        tie_word_embeddings=True,
    )
    model = Qwen2ForSequenceClassification(config).eval()
    model.save_pretrained(HERE)
    model = AutoModelForSequenceClassification.from_pretrained(HERE).eval()
    (HERE / "golden.json").write_text(json.dumps({"rows": ROWS, "scores": scores(model, ROWS)}) + "\n")
else:
    model = AutoModelForSequenceClassification.from_pretrained(sys.argv[2]).eval()
    assert model.config.num_labels == 1
    print(json.dumps(scores(model, json.load(sys.stdin))))
