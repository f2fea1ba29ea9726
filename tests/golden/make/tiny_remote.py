#!/usr/bin/env python3
"""Tiny random models of families that transformers does not have, as tiny_models.py makes them.

    tiny_remote.py OUT [NAME ...]

The forward pass is written down here from the published descriptions of InternLM2, Baichuan 2 (7B
and 13B), Qwen (the first generation) and ChatGLM3 / GLM-4-9B; needs torch and safetensors.
"""

import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

H, HEADS, KV, D, INNER, VOCAB, LAYERS = 32, 4, 2, 8, 24, 48, 2
BASE = {"hidden_size": H, "num_attention_heads": HEADS, "torch_dtype": "float32"}


class Family:
    """Names of the tensors, and what differs."""

    def __init__(self, config, names, kv_heads, interleaved=False, rotary=D, qkv_bias=False,
                 unit_head=False, eps=1e-6, heads=HEADS, alibi=False):
        self.config, self.names, self.kv = config, names, kv_heads
        self.interleaved, self.rotary, self.eps = interleaved, rotary, eps
        self.qkv_bias, self.unit_head = qkv_bias, unit_head
        self.heads, self.alibi = heads, alibi

    def shapes(self):
        n, H, HEADS = self.names, self.heads * D, self.heads
        shapes = {n["embed"]: (VOCAB, H), n["norm"]: (H,), n["head"]: (VOCAB, H)}
        for i in range(LAYERS):
            p = n["layers"] % i
            width = (HEADS + 2 * self.kv) * D
            shapes.update({p + n["in"]: (H,), p + n["post"]: (H,), p + n["qkv"]: (width, H),
                           p + n["o"]: (H, HEADS * D), p + n["down"]: (H, INNER)})
            if self.qkv_bias:
                shapes[p + n["qkv"].replace("weight", "bias")] = (width,)
            if "both" in n:
                shapes[p + n["both"]] = (2 * INNER, H)
            else:
                shapes.update({p + n["gate"]: (INNER, H), p + n["up"]: (INNER, H)})
        return shapes

    def split(self, x):
        """Queries, keys, values [rows, heads, D]."""
        HEADS = self.heads
        if self.config["model_type"] == "internlm2":
            x = x.view(-1, self.kv, HEADS // self.kv + 2, D)
            return x[:, :, :-2].reshape(-1, HEADS, D), x[:, :, -2], x[:, :, -1]
        q, k, v = x.split([HEADS * D, self.kv * D, self.kv * D], -1)
        return q.view(-1, HEADS, D), k.view(-1, self.kv, D), v.view(-1, self.kv, D)

    def slopes(self):
        n = 2 ** int(math.log2(self.heads))
        more = [2 ** (-4 * i / n) for i in range(1, 2 * (self.heads - n), 2)]
        return torch.tensor([2 ** (-8 * i / n) for i in range(1, n + 1)] + more)

    def rotate(self, x):
        r = self.rotary
        angle = torch.arange(len(x)).float()[:, None] * 10000.0 ** (-torch.arange(0, r, 2).float() / r)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]
        part, rest = x[..., :r], x[..., r:]
        if self.interleaved:
            a, b = part[..., 0::2], part[..., 1::2]
            turned = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
        else:
            a, b = part[..., :r // 2], part[..., r // 2:]
            turned = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
        return torch.cat([turned, rest], -1)

    def norm(self, x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * weight

    def forward(self, w, ids):
        n, rows = self.names, len(ids)
        x = w[n["embed"]][ids]
        out = {"input_ids": ids.to(torch.int32), "embed": x}
        mask = torch.full((rows, rows), -math.inf).triu(1)
        for i in range(LAYERS):
            p = n["layers"] % i
            bias = w.get(p + n["qkv"].replace("weight", "bias"))
            q, k, v = self.split(F.linear(self.norm(x, w[p + n["in"]]), w[p + n["qkv"]], bias))
            if not self.alibi:
                q, k = self.rotate(q), self.rotate(k)
            k, v = (t.repeat_interleave(self.heads // self.kv, 1) for t in (k, v))
            scores = torch.einsum("ihd,jhd->hij", q, k) / math.sqrt(D) + mask
            if self.alibi:
                scores = scores + self.slopes()[:, None, None] * torch.arange(rows)
            x = x + torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).reshape(rows, -1) @ w[p + n["o"]].T
            y = self.norm(x, w[p + n["post"]])
            gate, up = ((y @ w[p + n["both"]].T).chunk(2, -1) if "both" in n
                        else (y @ w[p + n["gate"]].T, y @ w[p + n["up"]].T))
            x = x + (F.silu(gate) * up) @ w[p + n["down"]].T
            out[f"layer{i}.out"] = x
        out["final_norm"] = self.norm(x, w[n["norm"]])
        head = F.normalize(w[n["head"]]) if self.unit_head else w[n["head"]]
        out["logits"] = out["final_norm"] @ head.T
        return out


FAMILIES = {
    "internlm2": Family(
        {**BASE, "model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"], "bias": False,
         "num_key_value_heads": KV, "num_hidden_layers": LAYERS, "intermediate_size": INNER,
         "vocab_size": VOCAB, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
         "max_position_embeddings": 256, "tie_word_embeddings": False, "rope_scaling": None},
        {"embed": "model.tok_embeddings.weight", "norm": "model.norm.weight", "head": "output.weight",
         "layers": "model.layers.%d.", "in": "attention_norm.weight", "post": "ffn_norm.weight",
         "qkv": "attention.wqkv.weight", "o": "attention.wo.weight", "gate": "feed_forward.w1.weight",
         "up": "feed_forward.w3.weight", "down": "feed_forward.w2.weight"}, KV, eps=1e-5),
    "baichuan": Family(
        {**BASE, "model_type": "baichuan", "architectures": ["BaichuanForCausalLM"],
         "num_hidden_layers": LAYERS, "intermediate_size": INNER, "vocab_size": VOCAB,
         "rms_norm_eps": 1e-6, "hidden_act": "silu", "model_max_length": 256, "z_loss_weight": 0,
         "max_position_embeddings": 256,
         "tie_word_embeddings": False},
        {"embed": "model.embed_tokens.weight", "norm": "model.norm.weight", "head": "lm_head.weight",
         "layers": "model.layers.%d.", "in": "input_layernorm.weight",
         "post": "post_attention_layernorm.weight", "qkv": "self_attn.W_pack.weight",
         "o": "self_attn.o_proj.weight", "gate": "mlp.gate_proj.weight", "up": "mlp.up_proj.weight",
         "down": "mlp.down_proj.weight"}, HEADS, unit_head=True),
    "qwen": Family(
        {**BASE, "model_type": "qwen", "architectures": ["QWenLMHeadModel"], "num_hidden_layers": LAYERS,
         "intermediate_size": 2 * INNER, "vocab_size": VOCAB, "layer_norm_epsilon": 1e-6, "no_bias": True,
         "kv_channels": D, "rotary_pct": 1.0, "rotary_emb_base": 10000, "seq_length": 256,
         "use_logn_attn": True, "use_dynamic_ntk": True, "scale_attn_weights": True,
         "tie_word_embeddings": False},
        {"embed": "transformer.wte.weight", "norm": "transformer.ln_f.weight", "head": "lm_head.weight",
         "layers": "transformer.h.%d.", "in": "ln_1.weight", "post": "ln_2.weight",
         "qkv": "attn.c_attn.weight", "o": "attn.c_proj.weight", "gate": "mlp.w2.weight",
         "up": "mlp.w1.weight", "down": "mlp.c_proj.weight"}, HEADS, qkv_bias=True),
    "chatglm": Family(
        {**BASE, "model_type": "chatglm", "architectures": ["ChatGLMModel"], "num_layers": LAYERS,
         "ffn_hidden_size": INNER, "padded_vocab_size": VOCAB, "layernorm_epsilon": 1e-5,
         "kv_channels": D, "multi_query_attention": True, "multi_query_group_num": KV,
         "add_qkv_bias": True, "add_bias_linear": False, "rmsnorm": True, "seq_length": 256,
         "post_layer_norm": True, "rope_ratio": 1, "tie_word_embeddings": False},
        {"embed": "transformer.embedding.word_embeddings.weight",
         "norm": "transformer.encoder.final_layernorm.weight",
         "head": "transformer.output_layer.weight", "layers": "transformer.encoder.layers.%d.",
         "in": "input_layernorm.weight", "post": "post_attention_layernorm.weight",
         "qkv": "self_attention.query_key_value.weight", "o": "self_attention.dense.weight",
         "both": "mlp.dense_h_to_4h.weight", "down": "mlp.dense_4h_to_h.weight"},
        KV, interleaved=True, rotary=D // 2, qkv_bias=True, eps=1e-5),
}

FAMILIES["baichuan_13b"] = Family(
    {**{k: v for k, v in FAMILIES["baichuan"].config.items() if k != "max_position_embeddings"},
     "hidden_size": 3 * D, "num_attention_heads": 3},
    FAMILIES["baichuan"].names, 3, unit_head=True, heads=3, alibi=True)


def make(name, folder):
    family = FAMILIES[name]
    generator = torch.Generator().manual_seed(7)
    weights = {}
    for tensor, shape in family.shapes().items():
        noise = torch.randn(shape, generator=generator)
        scale = 0.1 if tensor.endswith("bias") else shape[-1] ** -0.5
        weights[tensor] = noise * scale if "bias" in tensor or len(shape) > 1 else 1 + noise * 0.2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(family.config, indent=2) + "\n")
    tensors = {}
    for i, length in enumerate((17, 23)):
        ids = torch.randint(0, VOCAB, (length,), generator=generator)
        for key, value in family.forward(weights, ids).items():
            tensors[f"seq{i}.{key}"] = value.contiguous().clone()
    save_file(tensors, folder / "forward.safetensors", {"torch": torch.__version__})


def main():
    out = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:] or FAMILIES:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        make(name, folder)
        print(folder)


if __name__ == "__main__":
    main()
