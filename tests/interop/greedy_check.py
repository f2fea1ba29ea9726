#!/usr/bin/env python3
"""Does `generate` give the tokens that transformers gives, greedily, in float32?  (development only)

  greedy_check.py MODEL PROMPTS.txt [--binary build/src/msmodelslim] [--max_tokens 64]

PROMPTS.txt: a prompt per line. Needs a Python with torch and transformers.
Exit 0: all equal, 1: a difference, 77: the libraries are absent.
"""
import argparse
import json
import os
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    parser.add_argument("--max_tokens", type=int, default=64)
    args = parser.parse_args()
    command = [args.binary, "generate", args.model, "--prompts_file", args.prompts, "--temperature", "0"]
    command += ["--repetition_penalty", "1", "--max_tokens", str(args.max_tokens), "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    same = 0
    for answer in map(json.loads, lines):
        ids = tokenizer(answer["prompt"], return_tensors="pt").input_ids
        settings = {"max_new_tokens": args.max_tokens, "do_sample": False, "repetition_penalty": 1.0}
        theirs = model.generate(ids, **settings)[0][ids.shape[1] :].tolist()
        same += answer["token_ids"] == theirs
        if answer["token_ids"] != theirs:
            print(f"{answer['prompt']!r}: {answer['token_ids']} here, {theirs} there")
    print(f"{same} of {len(lines)} equal")
    return 0 if lines and same == len(lines) else 1


if __name__ == "__main__":
    sys.exit(main())
