#!/usr/bin/env python3
"""Makes a model folder in the shape of a large one, to see what a run needs: random weights, few blocks.

    bench/large_shape.py FOLDER [--blocks 4]

Llama 3 70B's block (1.7 GB in bfloat16) with a small vocabulary; calib.jsonl beside the weights holds token ids, so no
tokenizer is needed. Then, for example:

    bench/memory_limit.py FOLDER --limits 8GiB,16GiB -- --quant_type w8a8 --calib_dataset FOLDER/calib.jsonl
"""
import argparse
import json
import os
import pathlib
import random
import struct

HIDDEN, INNER, HEADS, KV_HEADS, VOCAB = 8192, 28672, 64, 8, 1024
DIM = HIDDEN // HEADS
LINEARS = {"self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (KV_HEADS * DIM, HIDDEN),
           "self_attn.v_proj": (KV_HEADS * DIM, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
           "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER)}
SAMPLES, TOKENS = 4, 256


def tensors(blocks):
    """name -> shape, in file order."""
    out = {"model.embed_tokens.weight": (VOCAB, HIDDEN)}
    for block in range(blocks):
        layer = f"model.layers.{block}."
        out.update({layer + name + ".weight": shape for name, shape in LINEARS.items()})
        out.update({layer + name + ".weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")})
    return {**out, "model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCAB, HIDDEN)}


def noise():
    """64 MiB of bfloat16 numbers between 2^-7 and 2^-5, with both signs."""
    values = bytearray(os.urandom(1 << 26))
    values[1::2] = values[1::2].translate(bytes(0x3C if byte < 128 else 0xBC for byte in range(256)))
    return bytes(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--blocks", type=int, default=4)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    config = dict(model_type="llama", architectures=["LlamaForCausalLM"], torch_dtype="bfloat16", hidden_size=HIDDEN,
                  intermediate_size=INNER, num_hidden_layers=args.blocks, num_attention_heads=HEADS,
                  num_key_value_heads=KV_HEADS, vocab_size=VOCAB, rms_norm_eps=1e-5, rope_theta=500000.0,
                  max_position_embeddings=8192, tie_word_embeddings=False, hidden_act="silu")
    (args.folder / "config.json").write_text(json.dumps(config, indent=2))
    ids = random.Random(1)
    lines = [json.dumps({"input_ids": [ids.randrange(VOCAB) for _ in range(TOKENS)]}) for _ in range(SAMPLES)]
    (args.folder / "calib.jsonl").write_text("\n".join(lines) + "\n")
    header, at = {}, 0
    for name, shape in tensors(args.blocks).items():
        size = 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    values = noise()
    with open(args.folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            if "norm" in name:
                file.write(struct.pack("<H", 0x3F80) * ((end - begin) // 2))
                continue
            while begin < end:
                start = begin % 4099 * 2
                file.write(values[start:start + min(end - begin, 1 << 25)])
                begin += min(end - begin, 1 << 25)
    print(f"{args.blocks} blocks, {at / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
