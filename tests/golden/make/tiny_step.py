#!/usr/bin/env python3
"""Makes the tiny random Step-3.5 model of tests/golden/data/tiny: python3 tiny_step.py OUT

transformers 5.24 knows the text model as that of Step-3.7 only, without a head of its own. It gets
one here, and the files have the keys and names of the published Step-3.5-Flash.
"""

import json
import pathlib
import sys
import types

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.step3p7.modeling_step3p7 import Step3p7TextModel

from tiny_models import randomize, record

CONFIG = {
    "architectures": ["Step3p5ForCausalLM"], "model_type": "step3p5", "dtype": "float32",
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "vocab_size": 32,
    "num_attention_heads": 4, "num_attention_groups": 2, "head_dim": 8, "sliding_window": 7,
    "attention_other_setting": {"attention_type": "sliding_attention", "num_attention_heads": 6,
                                "num_attention_groups": 2, "head_dim": 8},
    # The last entries are those of the next-token layer.
    "layer_types": ["full_attention", "sliding_attention", "sliding_attention",
                    "sliding_attention"],
    "rope_theta": [5000.0, 100.0, 100.0, 100.0], "partial_rotary_factors": [0.5, 1.0, 1.0, 1.0],
    "rope_scaling": {"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1.0,
                     "high_freq_factor": 32.0, "original_max_position_embeddings": 64},
    "yarn_only_types": ["full_attention"], "max_position_embeddings": 256,
    "moe_layers_enum": "1,2", "moe_num_experts": 4, "moe_top_k": 2, "moe_intermediate_size": 12,
    "share_expert_dim": 12, "moe_router_activation": "sigmoid", "moe_router_scaling_factor": 3.0,
    "use_moe_router_bias": True, "need_fp32_gate": True, "use_qk_norm": True,
    "use_head_wise_attn_gate": True, "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-5,
    "swiglu_limits": [0.0, 0.0, 0.3, 0.0], "swiglu_limits_shared": [0.4, 0.0, 0.2, 0.0],
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}


class WithHead(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Step3p7TextModel(config)
        self.lm_head = torch.nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, ids):
        return types.SimpleNamespace(logits=self.lm_head(self.model(ids).last_hidden_state))


def published(state):
    """Names and tensors as the published files have them."""
    tensors = {}
    for name, value in state.items():
        if name.endswith("mlp.experts.gate_up_proj"):
            gate, up = value.chunk(2, 1)
            owner = name[: -len("mlp.experts.gate_up_proj")]
            tensors[owner + "moe.gate_proj.weight"] = gate.contiguous()
            tensors[owner + "moe.up_proj.weight"] = up.contiguous()
            continue
        for own, theirs in (("mlp.experts.down_proj", "moe.down_proj.weight"),
                            ("mlp.gate.e_score_correction_bias", "moe.router_bias"),
                            ("mlp.gate.weight", "moe.gate.weight"),
                            ("mlp.shared_experts.", "share_expert.")):
            name = name.replace(own, theirs)
        tensors[name] = value.contiguous().clone()
    return tensors


def main():
    folder = pathlib.Path(sys.argv[1]) / "step3p5"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    own = {**CONFIG, "num_key_value_heads": 2, "n_routed_experts": 4, "num_experts_per_tok": 2}
    config = transformers.Step3p7TextConfig(**own)
    config._attn_implementation = "eager"
    model = WithHead(config).float().eval()
    randomize(model, 7, True)
    tensors = published(model.state_dict())
    generator = torch.Generator().manual_seed(11)
    for name in ("enorm", "hnorm", "transformer.shared_head.norm"):
        tensors[f"model.layers.3.{name}.weight"] = torch.randn(16, generator=generator) * 0.2
    tensors["model.layers.3.eh_proj.weight"] = torch.randn(16, 32, generator=generator)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    record(model, folder)


if __name__ == "__main__":
    main()
