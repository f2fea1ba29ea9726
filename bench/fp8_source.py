#!/usr/bin/env python3
"""Quantizes a made-up DeepSeek-V3 of random FP8 blocks and measures time, memory and the disk.

  bench/fp8_source.py FOLDER [--gb 4] [--msmodelslim build/src/msmodelslim] [--types w8a8 w4a8]

FOLDER/model gets one layer with experts in DeepSeek-V3's own sizes, as many as fill --gb (80 for 4 GB), and a
small vocabulary. Each run starts with the file dropped from the page cache; the disk is measured in the same way. Two
roofs are printed: the disk alone, and the run's own CPU seconds spread over all cores.
"""

import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

HIDDEN, INNER, HEADS, Q_LATENT, KV_LATENT, NOPE, ROPE, VALUE, VOCAB = 7168, 2048, 128, 1536, 512, 128, 64, 128, 1024
LINEARS = {
    "self_attn.q_a_proj": (Q_LATENT, HIDDEN),
    "self_attn.q_b_proj": (HEADS * (NOPE + ROPE), Q_LATENT),
    "self_attn.kv_a_proj_with_mqa": (KV_LATENT + ROPE, HIDDEN),
    "self_attn.kv_b_proj": (HEADS * (NOPE + VALUE), KV_LATENT),
    "self_attn.o_proj": (HIDDEN, HEADS * VALUE),
}
MLP = {"gate_proj": (INNER, HIDDEN), "up_proj": (INNER, HIDDEN), "down_proj": (HIDDEN, INNER)}
# No NaN: 0x7f and 0xff become the numbers before them.
CODES = bytes((b - 1 if b & 0x7F == 0x7F else b) for b in range(256))


def tensors(experts):
    """name -> (dtype, shape), in file order."""
    layer = "model.layers.0."
    modules = {layer + name: shape for name, shape in LINEARS.items()}
    for expert in [f"experts.{e}" for e in range(experts)] + ["shared_experts"]:
        modules.update({f"{layer}mlp.{expert}.{name}": shape for name, shape in MLP.items()})
    out = {}
    for name, (rows, columns) in modules.items():
        out[name + ".weight"] = ("F8_E4M3", (rows, columns))
        out[name + ".weight_scale_inv"] = ("F32", ((rows + 127) // 128, (columns + 127) // 128))
    out["model.embed_tokens.weight"] = out["lm_head.weight"] = ("BF16", (VOCAB, HIDDEN))
    out[layer + "mlp.gate.weight"] = ("BF16", (experts, HIDDEN))
    out[layer + "mlp.gate.e_score_correction_bias"] = ("F32", (experts,))
    for name, size in {"input_layernorm": HIDDEN, "post_attention_layernorm": HIDDEN,
                       "self_attn.q_a_layernorm": Q_LATENT, "self_attn.kv_a_layernorm": KV_LATENT}.items():
        out[f"{layer}{name}.weight"] = ("BF16", (size,))
    out["model.norm.weight"] = ("BF16", (HIDDEN,))
    return out


def write_model(folder, gb):
    expert = sum(rows * columns for rows, columns in MLP.values())
    others = sum(rows * columns for rows, columns in LINEARS.values()) + expert + 4 * VOCAB * HIDDEN
    experts = max(16, int((gb * 1e9 - others) / expert) // 8 * 8)
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(
        model_type="deepseek_v3", architectures=["DeepseekV3ForCausalLM"], torch_dtype="bfloat16", hidden_size=HIDDEN,
        moe_intermediate_size=INNER, intermediate_size=18432, num_hidden_layers=1, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, vocab_size=VOCAB, q_lora_rank=Q_LATENT, kv_lora_rank=KV_LATENT,
        qk_nope_head_dim=NOPE, qk_rope_head_dim=ROPE, v_head_dim=VALUE, n_routed_experts=experts,
        num_experts_per_tok=8, n_shared_experts=1, n_group=8, topk_group=4, routed_scaling_factor=2.5,
        norm_topk_prob=True, first_k_dense_replace=0, rms_norm_eps=1e-6, tie_word_embeddings=False,
        quantization_config=dict(quant_method="fp8", fmt="e4m3", weight_block_size=[128, 128]))
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    sizes = {"F8_E4M3": 1, "BF16": 2, "F32": 4}
    header, at, list_ = {}, 0, tensors(experts)
    for name, (dtype, shape) in list_.items():
        size = sizes[dtype]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    noise = os.urandom(1 << 26).translate(CODES)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            size = end - begin
            if entry["dtype"] == "F8_E4M3":
                while size > 0:
                    start = begin % 4099
                    file.write(noise[start:start + min(size, 1 << 25)])
                    size -= min(size, 1 << 25)
            elif entry["dtype"] == "F32":
                file.write(struct.pack("<f", 2.0 ** -12) * (size // 4))
            else:
                file.write(struct.pack("<H", 0x3F80 if "norm" in name else 0x3C00) * (size // 2))
        file.flush()
        os.fsync(file.fileno())
    return experts


def drop(path):
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_speed(path):
    drop(path)
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 24)
        while file.readinto(buffer):
            pass
    return os.path.getsize(path) / (time.perf_counter() - start)


def write_speed(path):
    block = os.urandom(1 << 24)
    start = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        for _ in range(64):
            file.write(block)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    os.unlink(path)
    return 64 * len(block) / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--gb", type=float, default=4)
    parser.add_argument("--msmodelslim", default="build/src/msmodelslim")
    parser.add_argument("--types", nargs="+", default=["w8a8", "w4a8", "w4a8-minmax"])
    args = parser.parse_args()
    model = args.folder / "model"
    weights = model / "model.safetensors"
    print(f"{write_model(model, args.gb)} experts, {os.path.getsize(weights) / 1e9:.2f} GB")
    recipes = {"w8a8": "data-free-w8a8", "w4a8": "data-free-w4a8"}
    text = "apiversion: modelslim_v1\nspec:\n  process:\n    - type: linear_quant\n      qconfig:\n" \
           "        act: {scope: per_token, dtype: int8, symmetric: true, method: minmax}\n" \
           "        weight: {scope: per_channel, dtype: int4, symmetric: true, method: minmax}\n" \
           "  save: [{type: ascendv1_saver, part_file_size: 4}]\n"
    (args.folder / "w4a8-minmax.yaml").write_text(text)
    recipes["w4a8-minmax"] = str(args.folder / "w4a8-minmax.yaml")
    for name in args.types:
        read, write = read_speed(weights), write_speed(args.folder / "speed")
        out = args.folder / name
        drop(weights)
        start = time.perf_counter()
        run = subprocess.run(
            ["/usr/bin/time", "-v", args.msmodelslim, "quant", "--model_path", str(model), "--save_path", str(out),
             "--config_path", recipes[name], "--yes", "--overwrite", "--verify", "none"],
            capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if run.returncode != 0:
            sys.exit(run.stdout + run.stderr)
        figure = {key: float(re.search(pattern, run.stdout + run.stderr).group(1)) for key, pattern in {
            "rss": r"Maximum resident set size \(kbytes\): (\d+)", "user": r"User time \(seconds\): ([\d.]+)",
            "system": r"System time \(seconds\): ([\d.]+)", "own": r"peak memory\s+([\d.]+) GB"}.items()}
        size_in = os.path.getsize(weights)
        size_out = sum(file.stat().st_size for file in out.glob("*.safetensors"))
        ideal = size_in / read + size_out / write
        cpu, cores = figure["user"] + figure["system"], len(os.sched_getaffinity(0))
        print(f"{name:12} {seconds:6.1f} s wall {cpu:6.1f} CPU s, {cores} cores "
              f"{100 * cpu / seconds / cores:.0f} % busy (all busy: {cpu / cores:.1f} s); "
              f"{size_in / 1e9:.2f} -> {size_out / 1e9:.2f} GB; resident {figure['rss'] / 1e6:.2f} GB, without mapped "
              f"files {figure['own']:.2f} GB; disk {read / 1e9:.2f} read, {write / 1e9:.2f} write GB/s, "
              f"alone {ideal:.1f} s ({100 * ideal / seconds:.0f} %); the slower roof "
              f"{100 * max(ideal, cpu / cores) / seconds:.0f} %", flush=True)
        subprocess.run(["rm", "-rf", str(out)], check=True)


if __name__ == "__main__":
    main()
