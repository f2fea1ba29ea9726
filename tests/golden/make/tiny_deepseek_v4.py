#!/usr/bin/env python3
"""Makes the tiny DeepSeek-V4 model of tests/golden/data/tiny: python3 tiny_deepseek_v4.py OUT

The files have the keys and names of the published ones: a layer with a window alone, whose tokens
have fixed experts, one whose entries stand for 4 tokens, of which an indexer chooses, and one whose
entries stand for 8; and a next-token layer, which transformers leaves out.
"""

import copy
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

from tiny_models import randomize, record

CONFIG = {
    "architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", "dtype": "float32",
    "hidden_size": 32, "num_hidden_layers": 3, "vocab_size": 32, "num_attention_heads": 4,
    "num_key_value_heads": 1, "head_dim": 16, "qk_rope_head_dim": 4, "q_lora_rank": 8,
    "o_groups": 2, "o_lora_rank": 8, "sliding_window": 6, "compress_ratios": [0, 4, 8, 0],
    "index_n_heads": 4, "index_head_dim": 8, "index_topk": 2, "num_hash_layers": 1, "hc_mult": 4,
    "hc_sinkhorn_iters": 20, "hc_eps": 1e-6, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_shared_experts": 1, "moe_intermediate_size": 16, "routed_scaling_factor": 1.5,
    "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc", "norm_topk_prob": True,
    "swiglu_limit": 0.5, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
    "compress_rope_theta": 160000.0, "max_position_embeddings": 256,
    "rope_scaling": {"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1,
                     "original_max_position_embeddings": 64},
    "num_nextn_predict_layers": 1, "tie_word_embeddings": False, "bos_token_id": 0,
    "eos_token_id": 1,
}


def published(tensors):
    """transformers writes a prefix, and one of its renamings back hits another norm too."""
    names = {}
    for name, value in tensors.items():
        own = name[len("model."):] if name.startswith("model.") else name
        own = own.replace(".attn.norm.weight", ".attn.kv_norm.weight")
        own = own.replace("hc_head.hc_", "hc_head_")
        own = {"lm_head.weight": "head.weight", "embed_tokens.weight": "embed.weight"}.get(own, own)
        names[own] = value.to(torch.int32) if own.endswith("tid2eid") else value
    return names


def add_next_token_layer(tensors, generator):
    """A layer with a window alone, its two projections, and what joins its streams."""
    h = CONFIG["hidden_size"]
    for name in ("enorm", "hnorm", "norm"):
        tensors[f"mtp.0.{name}.weight"] = 1 + torch.randn(h, generator=generator) * 0.2
    for name in ("e_proj", "h_proj"):
        tensors[f"mtp.0.{name}.weight"] = torch.randn(h, h, generator=generator) * h ** -0.5

    def like(name, value):  # values in another order
        order = torch.randperm(value.numel(), generator=generator)
        tensors[name] = value.flatten()[order].reshape(value.shape).contiguous()

    for name in sorted(tensors):
        if name.startswith("layers.0.") and not name.endswith("tid2eid"):
            like("mtp.0." + name[len("layers.0."):], tensors[name])
    like("mtp.0.ffn.gate.bias", tensors["layers.1.ffn.gate.bias"])
    for part in ("fn", "base", "scale"):
        like(f"mtp.0.hc_head_{part}", tensors[f"hc_head_{part}"])


def main():
    folder = pathlib.Path(sys.argv[1]) / "deepseek_v4"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    own = copy.deepcopy(CONFIG)
    for key in ("compress_ratios", "architectures", "dtype"):
        own.pop(key)
    config = transformers.DeepseekV4Config(**own, compress_ratios=[0, 4, 128], compress_rate_hca=8)
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    randomize(model, 7)
    for name, value in model.named_parameters():  # so that what they do shows
        if name.endswith(("hc.scale", "hc_scale")):
            value.data += 1
        elif name.endswith(("hc.base", "hc_base", "sinks")):
            value.data *= 5
    generator = torch.Generator().manual_seed(5)
    table = model.model.layers[0].mlp.gate.tid2eid
    for row in table:  # no expert twice
        row.copy_(torch.randperm(4, generator=generator)[: table.shape[1]])
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tensors = published(load_file(folder / "model.safetensors"))
    add_next_token_layer(tensors, generator)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    record(model, folder)


if __name__ == "__main__":
    main()
