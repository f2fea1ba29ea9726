#!/usr/bin/env python3
"""Writes the seeds of fuzz_model_folder: python3 tests/fuzz/make_model_folders.py

Standard library only. The same bytes each time.
"""
import json
import pathlib
import struct

SIZES = {"F32": 4, "BF16": 2, "I64": 8, "I32": 4, "I8": 1, "U8": 1, "F8_E4M3": 1}
CORPUS = pathlib.Path(__file__).parent / "corpus" / "fuzz_model_folder"


def shard(tensors):
    """tensors: (name, dtype, shape); every byte of the values is 0x3c."""
    header, end = {}, 0
    for name, dtype, shape in tensors:
        begin, count = end, 1
        for extent in shape:
            count *= extent
        end += count * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"\x3c" * end


def folder(name, **files):
    """files: letter -> bytes, or something for json."""
    out = b""
    for letter, content in files.items():
        if not isinstance(content, bytes):
            content = json.dumps(content, separators=(",", ":")).encode()
        assert b"\x1e" not in content, name
        out += b"\x1e" + letter.encode() + content
    CORPUS.mkdir(parents=True, exist_ok=True)
    (CORPUS / name).write_bytes(out)


def described(name, kind, tensors):
    folder(name, a=shard(tensors), d={t[0]: kind for t in tensors} | {"model_quant_type": kind})


L = "model.layers.0.mlp.up_proj"
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4, "vocab_size": 3,
         "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 2, "torch_dtype": "bfloat16"}
BLOCK = [("model.layers.0." + n + ".weight", "BF16", s) for n, s in (
    ("self_attn.q_proj", [4, 4]), ("self_attn.k_proj", [4, 4]), ("self_attn.v_proj", [4, 4]),
    ("self_attn.o_proj", [4, 4]), ("mlp.gate_proj", [2, 4]), ("mlp.up_proj", [2, 4]), ("mlp.down_proj", [4, 2]),
    ("input_layernorm", [4]), ("post_attention_layernorm", [4]))]
ENDS = [("model.embed_tokens.weight", "BF16", [3, 4]), ("model.norm.weight", "BF16", [4])]

folder("two_shards", a=shard(BLOCK), b=shard(ENDS), c=LLAMA,
       i={"weight_map": {t[0]: "a.safetensors" for t in BLOCK} | {t[0]: "b.safetensors" for t in ENDS}})
folder("experts", a=shard(ENDS + BLOCK[:4] + [
    ("model.layers.0.block_sparse_moe.gate.weight", "BF16", [2, 4])] + [
    (f"model.layers.0.block_sparse_moe.experts.{e}.{w}.weight", "BF16", s)
    for e in range(2) for w, s in (("w1", [2, 4]), ("w2", [4, 2]), ("w3", [2, 4]))]),
    c=LLAMA | {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 2,
               "num_experts_per_tok": 1})
folder("fp8_blocks", a=shard([(L + ".weight", "F8_E4M3", [4, 4]), (L + ".weight_scale_inv", "F32", [2, 2])]),
       c={"quantization_config": {"quant_method": "fp8", "weight_block_size": [2, 2]}})
folder("words", a=shard([(L + ".weight_packed", "I32", [4, 2]), (L + ".weight_scale", "BF16", [4, 2]),
                         (L + ".weight_shape", "I64", [2]), (L + ".weight_zero_point", "I32", [1, 2])]),
       c={"quantization_config": {"quant_method": "compressed-tensors"}})
folder("nvfp4", a=shard([(L + ".weight_packed", "U8", [4, 16]), (L + ".weight_scale", "F8_E4M3", [4, 2]),
                         (L + ".weight_global_scale", "F32", [1])]),
       c={"quantization_config": {"quant_method": "compressed-tensors"}})
described("w8a8_dynamic", "W8A8_DYNAMIC",
          [(L + ".weight", "I8", [4, 4]), (L + ".weight_scale", "F32", [4, 1]), (L + ".weight_offset", "F32", [4, 1])])
described("w8a8_static", "W8A8", [(L + ".weight", "I8", [4, 4]), (L + ".deq_scale", "I64", [4]),
                                  (L + ".input_scale", "F32", [1]), (L + ".quant_bias", "I32", [4])])
described("w4a8_two_levels", "W4A8_DYNAMIC",
          [(L + ".weight", "I8", [4, 4]), (L + ".weight_scale", "F32", [4, 1]),
           (L + ".weight_scale_second", "F32", [4, 2]), (L + ".weight_offset", "F32", [4, 1])])
described("mxfp4_dual", "W4A4_MXFP4_DUALSCALE",
          [(L + ".weight", "U8", [2, 32]), (L + ".weight_scale", "U8", [2, 2]), (L + ".weight_dual_scale", "F32", [2, 1])])
described("mxfp4_svd", "W4A4_MXFP4_SVD",
          [(L + ".weight", "U8", [2, 32]), (L + ".weight_scale", "U8", [2, 2]),
           (L + ".svd_lowrank_l1", "BF16", [1, 64]), (L + ".svd_lowrank_l2", "BF16", [2, 1])])
folder("settings", g={"eos_token_id": [1, 2], "temperature": 0.6, "top_k": 20, "top_p": 0.95},
       t={"tokenizer_class": "LlamaTokenizer", "bos_token": {"content": "<s>"}, "add_bos_token": True,
          "chat_template": [{"name": "default", "template": "{{ x }}"}],
          "added_tokens_decoder": {"5": {"content": "<s>", "special": True}}},
       s={"eos_token": "</s>", "additional_special_tokens": ["<a>"]}, m={"<b>": 7})
