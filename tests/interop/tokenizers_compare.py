#!/usr/bin/env python3
"""Compares our tokenizer with the Python package `tokenizers`, id for id.

    tokenizers_compare.py --tool PATH/tokenize_file TOKENIZER.json... [--text FILE...] [--fuzz N]

Texts: every FILE as a whole and line by line (.jsonl: also every string inside), and N random
strings of characters that Unicode 14 knows (regular expression libraries differ on later ones).
Checks ids without and with special tokens, and both ways of decoding.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)


def read_texts(path):
    with open(path, encoding="utf-8", newline="") as file:
        whole = file.read()
    yield whole
    for line in whole.splitlines(keepends=True):
        yield line
        if path.endswith(".jsonl"):
            yield from strings_in(json.loads(line))
    if path.endswith(".json"):
        yield from strings_in(json.loads(whole))


RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0x80, 0x24F), (0x300, 0x36F),
          (0x370, 0x5FF), (0x600, 0x77F), (0x900, 0xDFF), (0xE00, 0xFFF), (0x10A0, 0x11FF),
          (0x1680, 0x18AF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF), (0x3000, 0x30FF),
          (0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFFD), (0x10000, 0x10FFF),
          (0x1D400, 0x1D7FF), (0x1F000, 0x1FAFF), (0x20000, 0x2FFFF), (0xE0000, 0xE01EF)]
PIECES = [" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "'re", "\u2581", "\u0120", "123", "4", "a",
          "the", " the", "...", "\u017f", "\u212a", "e\u0301", "\u1100\u1161", "<0x41>", "\u200d",
          "\u00a0", "\u180e", "\u0085", "\u2028", "\u3000", "aaaaaaaaaaaaaaaa", "_", "\u0130"]


def random_char(rng, low, high):
    while True:
        char = chr(rng.randint(low, high))
        if unicodedata.category(char) not in ("Cn", "Cs"):
            return char


def random_text(rng, specials):
    parts = []
    for _ in range(rng.randint(0, 40)):
        kind = rng.random()
        if kind < 0.45:
            parts.append(rng.choice(PIECES))
        elif kind < 0.5 and specials:
            parts.append(rng.choice(specials))
        elif kind < 0.75:
            low, high = rng.choice(RANGES)
            parts.append("".join(random_char(rng, low, high) for _ in range(rng.randint(1, 6))))
        else:
            low, high = rng.choice([(0x61, 0x7A), (0x30, 0x39), (0x4E00, 0x9FFF), (0x430, 0x44F)])
            parts.append("".join(random_char(rng, low, high) for _ in range(rng.randint(1, 20))))
    return "".join(parts)


def compare(tool, path, texts):
    reference = tokenizers.Tokenizer.from_file(path)
    reference.no_truncation()
    reference.no_padding()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for text in texts:
            file.write(json.dumps(text) + "\n")
        file.flush()
        run = subprocess.run([tool, path, file.name], capture_output=True, check=False)
    print(f"{path}: {run.stderr.decode().strip()}")
    if run.returncode != 0:
        return 1
    lines = run.stdout.decode("utf-8").split("\n")[:-1]
    assert len(lines) == len(texts), (len(lines), len(texts))
    plain = reference.encode_batch(texts, add_special_tokens=False)
    special = reference.encode_batch(texts, add_special_tokens=True)
    differences = 0
    for text, line, one, two in zip(texts, lines, plain, special):
        ours = json.loads(line)
        wanted = {"ids": one.ids, "special": two.ids,
                  "text": reference.decode(one.ids, skip_special_tokens=False),
                  "plain": reference.decode(two.ids, skip_special_tokens=True)}
        for key, value in wanted.items():
            if ours[key] == value:
                continue
            differences += 1
            if differences > 5:
                break
            at = next((i for i, (a, b) in enumerate(zip(ours[key], value)) if a != b),
                      min(len(ours[key]), len(value)))
            around = slice(max(at - 5, 0), at + 10)
            print(f"  {key} differ at {at}: ours {ours[key][around]} reference {value[around]}\n"
                  f"  text {text[:200]!r}")
    print(f"  {len(texts)} texts, {sum(len(t) for t in texts)} characters: "
          f"{differences} differences")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--text", nargs="*", default=[])
    parser.add_argument("--fuzz", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("tokenizer", nargs="+")
    args = parser.parse_args()
    differences = 0
    for path in args.tokenizer:
        texts = [text for name in args.text for text in read_texts(name)]
        with open(path, encoding="utf-8") as file:
            specials = [token["content"] for token in json.load(file).get("added_tokens", [])]
        rng = random.Random(args.seed)
        texts += [random_text(rng, specials) for _ in range(args.fuzz)]
        differences += compare(args.tool, path, texts)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
