"""What other programs read in GGUF: numbers of every kind of block by the `gguf` package, ids of texts by llama.cpp itself.

Make `gguf.json` (committed; tests/gguf.rs reads it):
    python3 -m venv venv && venv/bin/pip install gguf numpy tokenizers sentencepiece xllamacpp
    venv/bin/python tests/golden/gguf_files.py

Q8_K has no reader in that package; it is written down here by its definition in ggml-common.h.
"""

import io
import json
import pathlib
import tempfile
import urllib.request

import numpy as np
import sentencepiece
import xllamacpp
from gguf import GGUFWriter, GGMLQuantizationType as Kind, TokenType
from gguf.quants import dequantize
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
# Bytes of a block, and where in it half-precision numbers stand.
BLOCKS = {
    "Q4_0": (18, [0]),
    "Q4_1": (20, [0, 2]),
    "Q5_0": (22, [0]),
    "Q5_1": (24, [0, 2]),
    "Q8_0": (34, [0]),
    "Q2_K": (84, [80, 82]),
    "Q3_K": (110, [108]),
    "Q4_K": (144, [0, 2]),
    "Q5_K": (176, [0, 2]),
    "Q6_K": (210, [208]),
}


def blocks():
    random = np.random.default_rng(7)
    found = {}
    for name, (size, halves) in BLOCKS.items():
        rows = random.integers(0, 256, (4, size), dtype=np.uint8)
        for at in halves:
            rows[:, at:at + 2] = random.normal(0, 0.2, (4, 1)).astype(np.float16).view(np.uint8)
        found[name] = (rows, dequantize(rows, Kind[name]))
    rows = random.integers(0, 256, (4, 292), dtype=np.uint8)
    scale = random.normal(0, 0.2, (4, 1)).astype(np.float32)
    rows[:, :4] = scale.view(np.uint8)
    found["Q8_K"] = (rows, scale * rows[:, 4:260].view(np.int8).astype(np.float32))
    for name, kind in (("F16", np.float16), ("F32", np.float32)):
        numbers = random.normal(0, 3, (4, 32)).astype(kind)
        found[name] = (numbers.view(np.uint8), numbers.astype(np.float32))
    numbers = random.normal(0, 3, (4, 32)).astype(np.float32).view(np.uint32)
    halves = (numbers >> 16).astype(np.uint16)
    found["BF16"] = (halves.view(np.uint8), (halves.astype(np.uint32) << 16).view(np.float32))
    return {name: {"bytes": raw.tobytes().hex(), "numbers": out.astype(np.float64).ravel().tolist()} for name, (raw, out) in found.items()}


SAMPLE = (HERE / "gguf_files.py").read_text() + " ".join(f"{word}{i} in range({i * 37})\n\tprint('{word}', é, naïve, 你好, {i})" for i, word in enumerate(["total", "Count", "we'll", "IT'S", "x_y"] * 40))
TEXTS = [
    "def add(a, b):\n    return a + b\n",
    "The year 2024, 10007 numbers and 3.14159; I'LL say we'll.",
    "  leading blanks,\ttabs\r\n\r\n\nand   more   \n",
    "naïve café, cafe\u0301, 你好世界, \U0001F600 and ١٢٣",
    "print(f'{x:>8}')  # <|im_end|> is no mark here",
    "<tool>don't</tool> <s>bos</s>",
    "",
    " ",
    "a",
]
SPLITTINGS = {
    "smollm": (None, [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "gpt-2": (None, [pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "qwen2": (normalizers.NFC(), [pre_tokenizers.Split(Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
    "llama-bpe": (None, [pre_tokenizers.Split(Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
}


def byte_pairs(pre):
    """A vocabulary of bytes trained on the sample; llama.cpp is asked what it makes of texts, not the trainer."""
    normalizer, parts = SPLITTINGS[pre]
    trained = Tokenizer(models.BPE())
    if normalizer:
        trained.normalizer = normalizer
    trained.pre_tokenizer = pre_tokenizers.Sequence(parts)
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    trained.train_from_iterator([SAMPLE], trainer)
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [TokenType.NORMAL] * len(tokens)
    for text, kind in (("<|im_start|>", TokenType.CONTROL), ("<|im_end|>", TokenType.CONTROL), ("<tool>", TokenType.USER_DEFINED), ("[PAD0]", TokenType.UNUSED)):
        tokens.append(text)
        types.append(kind)
    merges = [" ".join(pair) for pair in model["merges"]]
    return dict(model="gpt2", pre=pre, tokens=tokens, types=[int(kind) for kind in types], merges=merges, bos=len(tokens) - 4, eos=len(tokens) - 3)


def pieces():
    """A vocabulary of SentencePiece's BPE with bytes to fall back on."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SAMPLE.splitlines()), model_writer=out, model_type="bpe", vocab_size=500, byte_fallback=True, character_coverage=0.999,
        normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, minloglevel=2)
    own = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    tokens, types, scores = [], [], []
    for i in range(own.vocab_size()):
        tokens.append(own.id_to_piece(i))
        scores.append(own.get_score(i))
        types.append(int(TokenType.UNKNOWN if own.is_unknown(i) else TokenType.CONTROL if own.is_control(i) else TokenType.BYTE if own.is_byte(i) else TokenType.NORMAL))
    return dict(model="llama", pre="default", tokens=tokens, types=types, scores=scores, bos=own.bos_id(), eos=own.eos_id(), ids_of_sentencepiece=[own.encode(text) for text in TEXTS])


def ids(own, path):
    """What llama.cpp makes of the texts with this vocabulary, on a model with random weights."""
    writer = GGUFWriter(path, "llama")
    for add, value in (
        (writer.add_context_length, 512), (writer.add_embedding_length, 32), (writer.add_block_count, 1), (writer.add_feed_forward_length, 32),
        (writer.add_head_count, 2), (writer.add_head_count_kv, 2), (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_rope_dimension_count, 16),
        (writer.add_tokenizer_model, own["model"]), (writer.add_tokenizer_pre, own["pre"]), (writer.add_token_list, own["tokens"]), (writer.add_token_types, own["types"]),
        (writer.add_bos_token_id, own["bos"]), (writer.add_eos_token_id, own["eos"]), (writer.add_add_bos_token, False),
    ):
        add(value)
    if "merges" in own:
        writer.add_token_merges(own["merges"])
    if "scores" in own:
        writer.add_token_scores(own["scores"])
    random = np.random.default_rng(1)
    weights = {"token_embd.weight": (len(own["tokens"]), 32), "output_norm.weight": (32,)}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        weights[f"blk.0.{name}.weight"] = (32, 32)
    for name in ("attn_norm", "ffn_norm"):
        weights[f"blk.0.{name}.weight"] = (32,)
    for name, shape in weights.items():
        writer.add_tensor(name, random.normal(0, 0.1, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = 256
    settings.warmup = False
    server = xllamacpp.Server(settings)
    found = []
    for text in TEXTS:
        asked = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
        request = urllib.request.Request(server.listening_address + "/tokenize", asked, {"Content-Type": "application/json"})
        found.append(json.load(urllib.request.urlopen(request))["tokens"])
    return found


def main():
    vocabularies = {pre: byte_pairs(pre) for pre in SPLITTINGS}
    vocabularies["pieces"] = pieces()
    for name, own in vocabularies.items():
        with tempfile.TemporaryDirectory() as folder:
            own["ids"] = ids(own, pathlib.Path(folder) / f"{name}.gguf")
    golden = {"blocks": blocks(), "texts": TEXTS, "vocabularies": vocabularies}
    (HERE / "gguf.json").write_text(json.dumps(golden, ensure_ascii=True))


main()
