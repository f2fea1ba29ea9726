#!/usr/bin/env python3
"""Makes tests/unit/text/data/tokenizers: tiny tokenizers without a tokenizer.json and the ids that
the packages sentencepiece and tiktoken give for a list of texts.

    tiny_tokenizers.py REPOSITORY OUTPUT

Each folder has the tokenizer's file, tokenizer_config.json and expected.json:
{"texts": [...], "ids": [[...]], "decoded": [...]}; ids without special tokens around the text.
Special tokens inside the text are cut out first and the parts encoded one by one, as transformers'
slow tokenizers do. Needs sentencepiece, protobuf and tiktoken.
"""

import base64
import json
import os
import re
import sys
import unicodedata

import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2
from tiktoken._educational import bpe_train

TEXTS = [
    "", " ", "   ", "a", " a", "a ", "  two  blanks  inside   ", "Hello, world!", "HELLO hello HeLLo",
    "The quick brown fox jumps over the lazy dog.", "don't we'll I'M they'VE", "x = 3.14159 * r**2\n",
    "def f(a):\n    return a[1:]\n\n\nprint(f([1, 2]))\t# tab", "1234567890 12 345 6,789", "\n", "\n\n \n",
    "线性量化把权重变成整数。", "你好，世界！今天天气很好。", "中文 and English 混排 text", "日本語のテスト、カタカナ",
    "한국어 문장입니다", "Привет, мир", "emoji 😀👍🏽 and 👨‍👩‍👧 joined", "café cafe\u0301 naïve", "ﬁne ligature ① ②",
    "full　width　ＡＢＣ１２３", "zero\u200bwidth", "\u00a0nbsp\u00a0", "▁ a lower block ▁▁", "<unk> is text",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "the the the theatre thethe",
    "mixed<mark>user<mark> defined", "<mark>", "<mark><mark>x", "\x01\x7f control", "a\r\nb\r\n", "ÄÖÜ ß ẞ",
    "https://example.com/a?b=c&d=%20", "𝒳 math 𠮷 rare",
]


def corpus(root):
    with open(os.path.join(root, "calib", "eval_en_zh.txt"), encoding="utf-8") as f:
        return [line for line in f.read().split("\n") if line.strip()]


def write(folder, config, expected, model_type=None):
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump(config, f, indent=1, ensure_ascii=False)
        f.write("\n")
    if model_type:
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump({"model_type": model_type}, f)
            f.write("\n")
    with open(os.path.join(folder, "expected.json"), "w") as f:
        f.write("{\n")
        for i, key in enumerate(expected):
            rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in expected[key])
            f.write(f' "{key}": [\n{rows}]{"," if i + 1 < len(expected) else ""}\n')
        f.write("}\n")


def cut(text, special):
    """Parts between special tokens, and the tokens themselves."""
    if not special:
        return [text]
    pattern = "(" + "|".join(re.escape(s) for s in sorted(special, key=len, reverse=True)) + ")"
    return [part for part in re.split(pattern, text) if part]


def mark_unused(pieces):
    """Every third piece of several characters: merges go through them, results they are not."""
    for i, piece in enumerate(p for p in pieces if p.type == 1 and len(p.piece) > 1):
        if i % 3 == 1:
            piece.type = 5


def make_ties(pieces):
    """Scores that many sums of others are equal to, or nearly."""
    for piece in pieces:
        if piece.type == 1:
            piece.score = round(piece.score) + 0.1 * len(piece.piece)


def sentence_piece(root, out, name, config, change=None, more=(), **options):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    rules = os.path.join(folder, "rules.tsv")
    pairs = {"①": "1", "②": "2", "ﬁ": "fi", "\u3000": " ", "Ａ": "A", "Ｂ": "B", "Ｃ": "C", "e\u0301": "é",
             "\u200b": "", "\t": " ", "\u00a0": " ", "ẞ": "SS", "😀": " :) "}
    with open(rules, "w") as f:
        for key, value in pairs.items():
            f.write(" ".join(f"{ord(c):X}" for c in key) + "\t" + " ".join(f"{ord(c):X}" for c in value) + "\n")
    prefix = os.path.join(folder, "tokenizer")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus(root)), model_prefix=prefix, normalization_rule_tsv=rules,
        character_coverage=0.98, num_threads=1, minloglevel=2, **options)
    os.remove(prefix + ".vocab")
    os.remove(rules)
    if change:
        proto = sentencepiece_model_pb2.ModelProto()
        with open(prefix + ".model", "rb") as f:
            proto.ParseFromString(f.read())
        change(proto.pieces)
        proto.trainer_spec.ClearField("model_prefix")  # paths of this machine
        proto.normalizer_spec.ClearField("normalization_rule_tsv")
        with open(prefix + ".model", "wb") as f:
            f.write(proto.SerializeToString())
    model = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
    special = {}
    for i in range(model.vocab_size()):
        if model.is_control(i) or model.is_unknown(i):
            special[model.id_to_piece(i)] = i
    texts = TEXTS + ["<s>begin</s> end", "a<ctl> b <ctl>c"] + list(more)
    ids = []
    for text in texts:
        row = []
        for part in cut(text, special):
            row += [special[part]] if part in special else model.encode(part)
        ids.append(row)
    # Not those whose decoded text is the package's own: of unknown pieces, of blanks that are U+2581 itself.
    plain = [i for i, text in enumerate(texts) if not any(s in text for s in special)
             and "\u2581" not in text and "\u2047" not in model.decode(ids[i])]
    write(folder, config, {"texts": texts, "ids": ids,
                           "decoded": [model.decode(ids[i]) if i in plain else None for i in range(len(texts))]})


WORDS = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"""
         r"""|\s*[\r\n]+|\s+(?!\S)|\s+""")
LETTERS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
HEAD = r"[^\r\n\p{L}\p{N}]?"
KIMI = "|".join([r"[\p{Han}]+", HEAD + LETTERS + "*" + SMALL + "+" + SHORT, HEAD + LETTERS + "+" + SMALL + "*" + SHORT,
                 r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def tiktoken_file(root, out, name, file, config, model_type, pattern, special, nfc, ranks):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, file), "wb") as f:
        for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
            f.write(base64.b64encode(token) + b" " + str(rank).encode() + b"\n")
    special = {token: len(ranks) + i for i, token in enumerate(special)}
    encoding = tiktoken.Encoding("tiny", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    texts = TEXTS + ["a" + token + " b" for token in list(special)[:5]]
    ids = [encoding.encode(unicodedata.normalize("NFC", t) if nfc else t, allowed_special="all") for t in texts]
    write(folder, config, {"texts": texts, "ids": ids, "decoded": [encoding.decode(row) for row in ids]}, model_type)


def main():
    root, out = sys.argv[1:]
    user = {"user_defined_symbols": ["<mark>", "▁▁"]}
    sentence_piece(root, out, "spm_bpe", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True},
                   model_type="bpe", vocab_size=700, byte_fallback=True, control_symbols=["<ctl>"],
                   remove_extra_whitespaces=False, split_digits=True, **user)
    sentence_piece(root, out, "spm_bpe_plain", {}, model_type="bpe", vocab_size=700, add_dummy_prefix=False)
    sentence_piece(root, out, "spm_unigram", {"tokenizer_class": "XLNetTokenizer"}, model_type="unigram",
                   vocab_size=700, control_symbols=["<ctl>"], **user)
    sentence_piece(root, out, "spm_unigram_bytes", {}, model_type="unigram", vocab_size=640, byte_fallback=True,
                   treat_whitespace_as_suffix=True)
    sentence_piece(root, out, "spm_bpe_unused", {}, mark_unused, model_type="bpe", vocab_size=700)
    # Sums that are compared in double precision give other ids of these.
    close = ["bout剖站 as", "P la什wer as", "cap re出来度"]
    sentence_piece(root, out, "spm_unigram_ties", {}, make_ties, close, model_type="unigram", vocab_size=700, **user)
    text = "\n".join(corpus(root))[:60000]
    ranks = bpe_train(text, 600, WORDS % "", visualise=None)
    tiktoken_file(root, out, "qwen", "qwen.tiktoken", {"tokenizer_class": "QWenTokenizer"}, "qwen", WORDS % "",
                  ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [f"<|extra_{i}|>" for i in range(205)], True, ranks)
    start = len(ranks)
    names = [f"<|reserved_token_{start + i}|>" for i in range(258)]
    names[0], names[1], names[3] = "[BOS]", "[EOS]", "<|im_user|>"
    listed = {str(start + i): {"content": names[i], "special": True} for i in (0, 1, 3)}
    tiktoken_file(root, out, "kimi", "tiktoken.model",
                  {"tokenizer_class": "TikTokenTokenizer", "bos_token": "[BOS]", "eos_token": "[EOS]",
                   "added_tokens_decoder": listed}, "kimi_k2", KIMI, names, False, ranks)
    tiktoken_file(root, out, "hunyuan", "hy.tiktoken", {"tokenizer_class": "HYTokenizer"}, "hunyuan_v1_moe", WORDS % "",
                  ["<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"]
                  + [f"<|extra_{i}|>" for i in range(205)], True, ranks)
    glm = ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>",
           "<|observation|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>"]
    tiktoken_file(root, out, "glm4", "tokenizer.model", {}, "chatglm", WORDS % "{1,3}", glm, False, ranks)


if __name__ == "__main__":
    main()
