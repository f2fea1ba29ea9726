#!/usr/bin/env python3
"""The plan of `quant --dry_run` against what runs use, for one recipe of each kind, on random models that are wide enough
for a block to count.

  memory_check.py [--binary build/src/msmodelslim] [--only WORD] [--threads N]

Prints MB; exit 1 when a run uses more than a tenth above its plan. "high": the plan, less what it allows for the program and
for tensors that wait for the disk, is more than twice the use.
"""
import argparse
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

VOCAB, HIDDEN, DIM, KV_HEADS, BLOCKS = 2048, 1536, 128, 4, 3
INNER, EXPERTS, EXPERT_INNER, TOP = 4096, 16, 512, 4
SAMPLES, TOKENS = 5, 512
BASE = dict(torch_dtype="bfloat16", hidden_size=HIDDEN, num_hidden_layers=BLOCKS, num_attention_heads=HIDDEN // DIM,
            num_key_value_heads=KV_HEADS, head_dim=DIM, vocab_size=VOCAB, rms_norm_eps=1e-5, rope_theta=10000.0,
            max_position_embeddings=4096, tie_word_embeddings=False, hidden_act="silu")
CONFIGS = {
    "dense": dict(BASE, model_type="llama", architectures=["LlamaForCausalLM"], intermediate_size=INNER),
    "experts": dict(BASE, model_type="qwen3_moe", architectures=["Qwen3MoeForCausalLM"], intermediate_size=INNER,
                    moe_intermediate_size=EXPERT_INNER, num_experts=EXPERTS, num_experts_per_tok=TOP, norm_topk_prob=True,
                    decoder_sparse_step=1, mlp_only_layers=[]),
}
INT8 = "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}"
INT4 = "{dtype: int4, scope: per_channel, symmetric: true, method: ssz}"
TOKEN = "{dtype: int8, scope: per_token, symmetric: true, method: minmax}"
STATIC = "{dtype: int8, scope: per_tensor, symmetric: false, method: minmax}"
INT4_TOKEN = "{dtype: int4, scope: per_token, symmetric: true, method: minmax}"
GPTQ = "{dtype: int8, scope: per_channel, symmetric: true, method: gptq}"


def linear(act=TOKEN, weight=INT8):
    return f"{{type: linear_quant, qconfig: {{act: {act}, weight: {weight}}}}}"


def autoround(act, more=""):
    weight = "{dtype: int4, scope: per_channel, symmetric: true, method: autoround}"
    return (f"{{type: autoround_quant, iters: 4{more}, strategies: [{{qconfig: {{act: {act}, weight: {weight}}}}}]}}")


RECIPES = {
    "data-free": [linear()],
    "static": [linear(STATIC)],
    "iter_smooth": ["{type: iter_smooth}", linear(STATIC)],
    "flex_smooth_quant": ["{type: flex_smooth_quant}", linear()],
    "flex_awq_ssz": [f"{{type: flex_awq_ssz, qconfig: {{act: {TOKEN}, weight: {INT4}}}}}", linear(TOKEN, INT4)],
    "awq": [f"{{type: awq, n_grid: 3, weight_qconfig: {INT4}}}", linear(TOKEN, INT4)],
    "kv_smooth": ["{type: kv_smooth}", linear()],
    "quarot": ["{type: quarot}", linear()],
    "quarot online": ["{type: quarot, online: true, max_tp_size: 2}", linear(STATIC)],
    "quarot gptq": ["{type: quarot}", linear(TOKEN, GPTQ)],
    "gptq": [linear(TOKEN, GPTQ)],
    "gptq static": [linear(STATIC, GPTQ)],
    "float_sparse": ["{type: float_sparse}"],
    "autoround": [autoround(INT4_TOKEN)],
    "autoround quantized": [autoround(INT4_TOKEN, ", quantized_inputs: true")],
    "flatquant": ["{type: flatquant}", "{type: linear_quant, qconfig: {act: {dtype: int4, scope: per_token, "
                  "symmetric: true, method: minmax}, weight: " + INT4.replace("ssz", "minmax") + "}}"],
}
ONE_SAMPLE = {"flatquant", "autoround", "autoround quantized"}  # they take long
DENSE_ONLY = {"quarot online", *ONE_SAMPLE}


def tensors(kind):
    """name -> shape."""
    out = {"model.embed_tokens.weight": (VOCAB, HIDDEN)}
    for block in range(BLOCKS):
        layer = f"model.layers.{block}."
        for name, rows in (("q", HIDDEN), ("k", KV_HEADS * DIM), ("v", KV_HEADS * DIM), ("o", HIDDEN)):
            out[f"{layer}self_attn.{name}_proj.weight"] = (rows, HIDDEN)
        mlps = {"mlp.": INNER} if kind == "dense" else {f"mlp.experts.{e}.": EXPERT_INNER for e in range(EXPERTS)}
        for name, inner in mlps.items():
            out.update({layer + name + "gate_proj.weight": (inner, HIDDEN), layer + name + "up_proj.weight": (inner, HIDDEN),
                        layer + name + "down_proj.weight": (HIDDEN, inner)})
        out.update({layer + name + ".weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")})
        if kind == "experts":
            out[layer + "mlp.gate.weight"] = (EXPERTS, HIDDEN)
            out.update({f"{layer}self_attn.{name}_norm.weight": (DIM,) for name in "qk"})
    return {**out, "model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCAB, HIDDEN)}


def make_model(folder, kind):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIGS[kind]))
    ids = random.Random(1)
    (folder / "calib.jsonl").write_text("".join(
        json.dumps({"input_ids": [ids.randrange(VOCAB) for _ in range(TOKENS)]}) + "\n" for _ in range(SAMPLES)))
    header, at = {}, 0
    for name, shape in tensors(kind).items():
        size = 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    sizes = bytes(0x3C if byte < 128 else 0xBC for byte in range(256))  # between 2^-7 and 2^-5, with both signs
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            values = bytearray(os.urandom(end - begin))
            values[1::2] = values[1::2].translate(sizes)
            file.write(struct.pack("<H", 0x3F80) * ((end - begin) // 2) if "norm" in name else values)


def compare(args, model, name, work):
    """Plan in parts, and use, in bytes."""
    recipe = work / "recipe.yaml"
    recipe.write_text("apiversion: modelslim_v1\nmetadata: {config_id: check}\nspec:\n  process:\n"
                      + "".join(f"    - {entry}\n" for entry in RECIPES[name]) + "  save: [{type: ascendv1_saver}]\n")
    command = [args.binary, "quant", "--model_path", str(model), "--save_path", str(work / "q"), "--config_path", str(recipe),
               "--calib_dataset", str(model / "calib.jsonl"), "--verify", "none", "--yes", "--quiet", "--overwrite",
               "--threads", str(args.threads), *(["--calib_samples", "1"] if name in ONE_SAMPLE else [])]
    plan = subprocess.run([*command, "--dry_run", "--json"], capture_output=True, text=True)
    if plan.returncode == 2 and "rror" in plan.stderr:
        sys.exit(plan.stderr)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    report = json.loads((work / "q/quant_report.json").read_text())
    return json.loads(plan.stdout)["memory"], report["environment"]["peak_bytes"], report["time"]["cpu_seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/src/msmodelslim")
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    wrong = 0
    print(f"{'model':8} {'recipe':20} {'plan':>6} {'use':>6} {'CPU s':>6}  plan in parts")
    for kind in CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            make_model(work / "model", kind)
            for name in RECIPES:
                if args.only not in f"{kind} {name}" or (kind == "experts" and name in DENSE_ONLY):
                    continue
                memory, used, seconds = compare(args, work / "model", name, work)
                plan = memory["bytes"]
                allowed = memory["parts"]["program"] + memory["parts"]["tensors to be written"]
                bad = "too low" if used > 1.1 * plan else "high" if plan - allowed > 2 * used else ""
                wrong += bad == "too low"
                parts = dict(memory["parts"], states=memory["hidden_states"])
                print(f"{kind:8} {name:20} {plan / 1e6:6.0f} {used / 1e6:6.0f} {seconds:6.0f}  {bad:9}"
                      + ", ".join(f"{part} {size / 1e6:.0f}" for part, size in parts.items()), flush=True)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
