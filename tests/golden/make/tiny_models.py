#!/usr/bin/env python3
"""Makes the tiny random models of tests/golden/data/tiny and what transformers computes with them.

Only needed to add a family: pip install torch transformers; python3 tiny_models.py OUT [NAME ...]

Each folder gets config.json, model.safetensors (float32) and forward.safetensors: for two sequences
`seq<i>.input_ids`, `.embed`, `.layer<n>.out`, `.final_norm`, `.logits` (float32, eager attention).
"""

import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

COMMON = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    vocab_size=96, max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=False,
    pad_token_id=0, bos_token_id=1, eos_token_id=2)

SMALL = {**COMMON, "vocab_size": 48}

MODELS = {
    "qwen2_moe": lambda: transformers.Qwen2MoeConfig(
        **COMMON, intermediate_size=48, moe_intermediate_size=16, num_experts=6,
        num_experts_per_tok=2, shared_expert_intermediate_size=24, norm_topk_prob=False,
        mlp_only_layers=[1], decoder_sparse_step=1),
    "mixtral": lambda: transformers.MixtralConfig(
        **COMMON, intermediate_size=24, num_local_experts=4, num_experts_per_tok=2,
        sliding_window=8),
    "qwen3_moe": lambda: transformers.Qwen3MoeConfig(
        **COMMON, head_dim=16, intermediate_size=48, moe_intermediate_size=16, num_experts=4,
        num_experts_per_tok=2, norm_topk_prob=True),
    "glm4_moe": lambda: transformers.Glm4MoeConfig(
        **{**COMMON, "rms_norm_eps": 1e-5}, head_dim=8, intermediate_size=32, use_qk_norm=True,
        attention_bias=True, moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2,
        n_shared_experts=1, n_group=1, topk_group=1, routed_scaling_factor=2.5,
        first_k_dense_replace=1, num_nextn_predict_layers=1),
    "deepseek_v3": lambda: transformers.DeepseekV3Config(
        **{**COMMON, "num_key_value_heads": 4}, intermediate_size=48, moe_intermediate_size=16,
        n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1, q_lora_rank=16,
        kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8, n_group=2,
        topk_group=1, routed_scaling_factor=2.5, first_k_dense_replace=1,
        num_nextn_predict_layers=1,
        rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
                         "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1,
                         "mscale": 1.0, "mscale_all_dim": 1.0}),
    "glm4_moe_lite": lambda: transformers.Glm4MoeLiteConfig(
        **{**COMMON, "num_key_value_heads": 4, "rms_norm_eps": 1e-5}, intermediate_size=48,
        moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
        q_lora_rank=16, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=12,
        n_group=1, topk_group=1, routed_scaling_factor=1.8, norm_topk_prob=True,
        mlp_layer_types=["dense", "sparse"]),
    "deepseek_v2": lambda: transformers.DeepseekV2Config(
        **{**COMMON, "num_key_value_heads": 4}, intermediate_size=48, moe_intermediate_size=16,
        n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1, q_lora_rank=None,
        kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8, n_group=2,
        topk_group=1, topk_method="group_limited_greedy", routed_scaling_factor=16.0,
        norm_topk_prob=False, first_k_dense_replace=1),
    "deepseek_v32": lambda: transformers.DeepseekV32Config(
        **{**COMMON, "num_key_value_heads": 4}, intermediate_size=48, moe_intermediate_size=16,
        n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1, q_lora_rank=16,
        kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8, n_group=2,
        topk_group=1, routed_scaling_factor=2.5, first_k_dense_replace=1, index_n_heads=16,
        index_head_dim=8, index_topk=6),
    "glm_moe_dsa": lambda: transformers.GlmMoeDsaConfig(
        **{**COMMON, "num_key_value_heads": 4, "rms_norm_eps": 1e-5}, intermediate_size=48,
        moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
        q_lora_rank=16, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=12,
        n_group=1, topk_group=1, routed_scaling_factor=2.5, norm_topk_prob=True,
        mlp_layer_types=["dense", "sparse"], index_n_heads=16, index_head_dim=8, index_topk=6,
        indexer_types=["full", "full"]),
    "minimax_m2": lambda: transformers.MiniMaxM2Config(
        **COMMON, head_dim=16, rotary_dim=8, intermediate_size=16, num_local_experts=4,
        num_experts_per_tok=2),
    "qwen3_next": lambda: transformers.Qwen3NextConfig(
        **COMMON, head_dim=16, partial_rotary_factor=0.25, intermediate_size=48,
        moe_intermediate_size=16, shared_expert_intermediate_size=16, num_experts=4,
        num_experts_per_tok=2, norm_topk_prob=True, linear_num_key_heads=2,
        linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=12,
        linear_conv_kernel_dim=4, layer_types=["linear_attention", "full_attention"]),
    "qwen3_5_text": lambda: transformers.Qwen3_5TextConfig(
        **SMALL, head_dim=16, intermediate_size=32, linear_num_key_heads=2,
        linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=8,
        linear_conv_kernel_dim=4, layer_types=["linear_attention", "full_attention"],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 0.25}),
    "seed_oss": lambda: transformers.SeedOssConfig(
        **SMALL, head_dim=8, intermediate_size=32, attention_bias=True,
        attention_out_bias=False),
    "internlm3": lambda: transformers.InternLM3Config(
        **SMALL, head_dim=8, intermediate_size=32, qkv_bias=True, bias=True),
    "smollm3": lambda: transformers.SmolLM3Config(
        **{**SMALL, "tie_word_embeddings": True}, intermediate_size=32, no_rope_layers=[1, 0]),
    "granite": lambda: transformers.GraniteConfig(
        **{**SMALL, "tie_word_embeddings": True}, intermediate_size=32,
        embedding_multiplier=6.0, residual_multiplier=0.25, attention_multiplier=0.1,
        logits_scaling=5.0),
    "olmo2": lambda: transformers.Olmo2Config(**SMALL, intermediate_size=32),
    "phi3": lambda: transformers.Phi3Config(
        **SMALL, intermediate_size=32, sliding_window=8, original_max_position_embeddings=256,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 0.75}),
    "glm": lambda: transformers.GlmConfig(
        **SMALL, head_dim=8, intermediate_size=32, attention_bias=True),
    "glm4": lambda: transformers.Glm4Config(
        **SMALL, head_dim=8, intermediate_size=32, attention_bias=True),
    "cohere": lambda: transformers.CohereConfig(
        **{**{k: v for k, v in SMALL.items() if k != "rms_norm_eps"},
           "tie_word_embeddings": True}, intermediate_size=32, logit_scale=0.25),
    "gemma2": lambda: transformers.Gemma2Config(
        **{**SMALL, "tie_word_embeddings": True}, head_dim=16, intermediate_size=32,
        query_pre_attn_scalar=24, sliding_window=8, attn_logit_softcapping=3.0,
        final_logit_softcapping=5.0, layer_types=["sliding_attention", "full_attention"]),
    "gemma3_text": lambda: transformers.Gemma3TextConfig(
        **{**SMALL, "tie_word_embeddings": True}, head_dim=16, intermediate_size=32,
        query_pre_attn_scalar=24, sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            "full_attention": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 8.0}}),
}

MODELS["gpt_oss"] = lambda: transformers.GptOssConfig(
    **{**SMALL, "rms_norm_eps": 1e-5}, head_dim=8, intermediate_size=16, num_local_experts=4,
    num_experts_per_tok=2, sliding_window=8,
    rope_parameters={"rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "truncate": False,
                     "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0})
MODELS["qwen3_5_moe_text"] = lambda: transformers.Qwen3_5MoeTextConfig(
    **SMALL, head_dim=8, moe_intermediate_size=16, shared_expert_intermediate_size=16,
    num_experts=4, num_experts_per_tok=2, linear_num_key_heads=2, linear_num_value_heads=4,
    linear_key_head_dim=8, linear_value_head_dim=8,
    layer_types=["linear_attention", "full_attention"],
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})

SMALLER = {**SMALL, "vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 2}
WITHOUT_RMS = {k: v for k, v in SMALLER.items() if k != "rms_norm_eps"}
NO_GQA = {k: v for k, v in WITHOUT_RMS.items() if k != "num_key_value_heads"}
SLIDING = ["sliding_attention", "full_attention"]

MODELS.update({
    "mistral": lambda: transformers.MistralConfig(
        **SMALLER, intermediate_size=24, head_dim=8, sliding_window=7),
    "hunyuan_v1_dense": lambda: transformers.HunYuanDenseV1Config(
        **SMALLER, intermediate_size=24, head_dim=8,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 50.0,
                         "factor": 1.0}),
    "hunyuan_v1_moe": lambda: transformers.HunYuanMoEV1Config(
        **SMALLER, intermediate_size=12, head_dim=8, num_experts=4, moe_topk=[2, 2]),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(
        **{**NO_GQA, "num_attention_heads": 2}, intermediate_size=32),
    "gpt_neox_serial": lambda: transformers.GPTNeoXConfig(
        **NO_GQA, intermediate_size=32, use_parallel_residual=False, hidden_act="gelu_fast",
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 1.0}),
    "starcoder2": lambda: transformers.Starcoder2Config(
        **WITHOUT_RMS, intermediate_size=32, sliding_window=7),
    "cohere_qk": lambda: transformers.CohereConfig(
        **WITHOUT_RMS, intermediate_size=24, use_qk_norm=True),
    "cohere2": lambda: transformers.Cohere2Config(
        **WITHOUT_RMS, intermediate_size=24, head_dim=8, sliding_window=7, layer_types=SLIDING),
    "olmo3": lambda: transformers.Olmo3Config(
        **SMALLER, intermediate_size=24, sliding_window=7, layer_types=SLIDING),
    "olmoe": lambda: transformers.OlmoeConfig(
        **SMALLER, intermediate_size=12, num_experts=4, num_experts_per_tok=2),
    "gemma": lambda: transformers.GemmaConfig(
        **{**SMALLER, "tie_word_embeddings": True}, intermediate_size=24, head_dim=8),
})

MODELS["longcat_flash"] = lambda: transformers.LongcatFlashConfig(
    **{k: v for k, v in SMALLER.items() if k not in ("num_hidden_layers", "num_key_value_heads")},
    num_layers=2, ffn_hidden_size=24, expert_ffn_hidden_size=12, n_routed_experts=4,
    zero_expert_num=2, moe_topk=3, q_lora_rank=8, kv_lora_rank=8, qk_nope_head_dim=8,
    qk_rope_head_dim=4, v_head_dim=8, head_dim=4, routed_scaling_factor=2.0,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0})

# Positions behind the first 8 scale the queries; texts of more than 20 tokens have the long factors;
# layers 1 and 2 look at what layer 0 chose, layer 4 at what layer 3 did.
MODELS["ministral3"] = lambda: transformers.Ministral3Config(
    **SMALLER, intermediate_size=24, head_dim=8,
    rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 16.0,
                     "original_max_position_embeddings": 8, "beta_fast": 32.0, "beta_slow": 1.0,
                     "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1})
MODELS["phi3_longrope"] = lambda: transformers.Phi3Config(
    **SMALLER, intermediate_size=24, original_max_position_embeddings=20,
    rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.2],
                     "long_factor": [1.5, 3.0], "original_max_position_embeddings": 20})
MODELS["glm_moe_dsa_shared"] = lambda: transformers.GlmMoeDsaConfig(
    **{**SMALLER, "num_hidden_layers": 5, "num_key_value_heads": 4}, intermediate_size=16,
    moe_intermediate_size=8, n_routed_experts=2, num_experts_per_tok=1, n_shared_experts=1,
    q_lora_rank=8, kv_lora_rank=8, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8, n_group=1,
    topk_group=1, mlp_layer_types=["dense", "dense", "dense", "sparse", "dense"], index_n_heads=16,
    index_head_dim=8, index_topk=6, index_topk_freq=3, index_skip_topk_offset=1)

# Files of these hold the norms' weights less 1.
ONE_PLUS = ("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text", "gemma", "gemma2", "gemma3_text")


def randomize(model, seed, one_plus=False):
    """Spread weights, so that mistakes show."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in list(model.named_parameters()) + list(model.named_buffers()):
        if not value.is_floating_point() or value.dim() == 0 or "inv_freq" in name:
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("correction_bias"):
            value.data = noise * 0.2
        elif "norm" in name:
            value.data = noise * 0.2 + (0 if one_plus and "linear_attn" not in name else 1)
        elif name.endswith("conv1d.weight"):
            value.data = noise * 0.5
        elif value.dim() == 1:
            value.data = noise * 0.1
        else:
            value.data = noise * value.shape[-1] ** -0.5


def add_next_token_layer(folder, config):
    """transformers leaves these layers out: one with other random weights."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    layers, h = config.num_hidden_layers, config.hidden_size
    old, new = f"model.layers.{layers - 1}.", f"model.layers.{layers}."
    generator = torch.Generator().manual_seed(11)
    for name in [n for n in tensors if n.startswith(old)]:
        shape = tensors[name].shape
        noise = torch.randn(shape, generator=generator)
        tensors[new + name[len(old):]] = (
            1 + noise * 0.2 if "norm" in name else noise * (shape[-1] ** -0.5 if len(shape) > 1 else 0.1))
    for norm in ("enorm", "hnorm", "shared_head.norm"):
        tensors[f"{new}{norm}.weight"] = 1 + torch.randn(h, generator=generator) * 0.2
    tensors[f"{new}eh_proj.weight"] = torch.randn(h, 2 * h, generator=generator) * (2 * h) ** -0.5
    tensors[f"{new}embed_tokens.weight"] = tensors["model.embed_tokens.weight"].clone()
    tensors[f"{new}shared_head.head.weight"] = tensors["lm_head.weight"].clone()
    save_file(tensors, path, {"format": "pt"})


def fuse_experts(folder):
    """As the published files have them: one tensor for all gates and ups, one for all downs."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for module in {n.split("experts.")[0] for n in tensors if ".experts.0." in n}:
        count = sum(n.startswith(module + "experts.") for n in tensors) // 3
        take = lambda part: torch.stack([tensors.pop(f"{module}experts.{e}.{part}_proj.weight")
                                         for e in range(count)])
        gate, up, down = take("gate"), take("up"), take("down")
        tensors[module + "experts.gate_up_proj"] = torch.cat([gate, up], 1).contiguous()
        tensors[module + "experts.down_proj"] = down
    save_file(tensors, path, {"format": "pt"})


def finish_longcat(folder):
    """As the published files are: no weights of experts that have none, and a next-token module."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    downs = {n.rsplit(".", 2)[0] for n in tensors if ".experts." in n and "down_proj" in n}
    tensors = {n: t for n, t in tensors.items()
               if ".experts." not in n or n.rsplit(".", 2)[0] in downs}
    generator = torch.Generator().manual_seed(11)
    h = tensors["model.norm.weight"].shape[0]
    tensors["model.mtp.norm.weight"] = 1 + torch.randn(h, generator=generator) * 0.2
    tensors["model.mtp.layers.0.eh_proj.weight"] = torch.randn(h, 2 * h, generator=generator)
    save_file(tensors, path, {"format": "pt"})


def forward(model, ids):
    inner = model.gpt_neox if hasattr(model, "gpt_neox") else model.model
    embed = inner.get_input_embeddings()(ids)[0] * getattr(model.config, "embedding_multiplier", 1)
    out = {"input_ids": ids[0].to(torch.int32), "embed": embed}
    hooks = []
    for n, layer in enumerate(inner.layers):
        def keep(_module, _args, result, n=n):
            hidden = result[0] if isinstance(result, tuple) else result
            out[f"layer{n}.out"] = hidden.reshape(-1, hidden.shape[-1])
        hooks.append(layer.register_forward_hook(keep))
    final = inner.final_layer_norm if hasattr(model, "gpt_neox") else inner.norm
    hooks.append(final.register_forward_hook(
        lambda _module, _args, result: out.update({"final_norm": result[0]})))
    out["logits"] = model(ids).logits[0]
    for hook in hooks:
        hook.remove()
    return out


def record(model, folder):
    """What the model makes of two texts, in forward.safetensors."""
    generator = torch.Generator().manual_seed(3)
    tensors = {}
    with torch.no_grad():
        for i, length in enumerate((17, 23)):
            ids = torch.randint(0, model.config.vocab_size, (1, length), generator=generator)
            for key, value in forward(model, ids).items():
                tensors[f"seq{i}.{key}"] = value.contiguous().clone()
    save_file(tensors, folder / "forward.safetensors",
              {"transformers": transformers.__version__, "torch": torch.__version__})


def make(name, folder):
    torch.manual_seed(1)
    config = MODELS[name]()
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    randomize(model, 7, name in ONE_PLUS)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if getattr(config, "num_nextn_predict_layers", 0):
        add_next_token_layer(folder, config)
    if name == "qwen3_5_moe_text":
        fuse_experts(folder)
    if name == "longcat_flash":
        finish_longcat(folder)
    record(model, folder)


def main():
    out = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:] or MODELS:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        make(name, folder)
        print(folder)


if __name__ == "__main__":
    main()
