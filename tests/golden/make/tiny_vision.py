#!/usr/bin/env python3
"""Makes tiny random models that also see or hear, and what transformers computes with their text
model: python3 tiny_vision.py OUT [NAME ...]

The files are as tiny_models.py makes them. Thinkers lie in the folder of the whole model, as they
are published: with a prefix, and with something of the talker beside them.
"""

import json
import pathlib
import sys
import types

import torch
import transformers

from safetensors.torch import load_file, save_file

from tiny_models import randomize, record

TEXT = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
            head_dim=8, intermediate_size=24, vocab_size=48, max_position_embeddings=64,
            rms_norm_eps=1e-6, tie_word_embeddings=False, pad_token_id=0, bos_token_id=1,
            eos_token_id=2)
SECTIONS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
SEES = dict(image_token_id=40, video_token_id=41, vision_start_token_id=42, vision_end_token_id=43)
EXPERTS = dict(moe_intermediate_size=8, num_experts=3, num_experts_per_tok=2)
BLOCK = dict(depth=1, hidden_size=16, intermediate_size=24, num_heads=2, patch_size=2,
             spatial_merge_size=1, temporal_patch_size=1, out_hidden_size=16)
QWEN3_EYES = dict(**BLOCK, num_position_embeddings=16, deepstack_visual_indexes=[0])
EARS = dict(d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=24,
            num_mel_bins=8, max_source_positions=16, n_window=4, output_dim=16)

MODELS = {
    "qwen2_5_vl": lambda: transformers.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": SECTIONS}, **SEES,
        vision_config={**BLOCK, "fullatt_block_indexes": [0], "window_size": 4}),
    "qwen3_vl": lambda: transformers.Qwen3VLConfig(
        text_config={**TEXT, "rope_parameters": SECTIONS}, vision_config=QWEN3_EYES, **SEES),
    "qwen3_vl_moe": lambda: transformers.Qwen3VLMoeConfig(
        text_config={**TEXT, **EXPERTS, "rope_parameters": SECTIONS}, **SEES,
        vision_config=QWEN3_EYES),
    "glm4v_moe": lambda: transformers.Glm4vMoeConfig(
        text_config={**TEXT, "moe_intermediate_size": 8, "n_routed_experts": 3,
                     "num_experts_per_tok": 2,
                     "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
                     "rope_parameters": {**SECTIONS, "partial_rotary_factor": 0.5,
                                         "mrope_section": [1, 1, 0]}},
        vision_config={**BLOCK, "image_size": 4}, **SEES),
    "internvl": lambda: transformers.InternVLConfig(
        text_config={**TEXT, "model_type": "qwen3"}, image_token_id=40, tie_word_embeddings=False,
        vision_config=dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                           intermediate_size=24, image_size=[4, 4], patch_size=[2, 2])),
    "qwen2_5_omni_thinker": lambda: transformers.Qwen2_5OmniThinkerConfig(
        text_config={**TEXT, "rope_parameters": SECTIONS}, audio_config=EARS,
        vision_config={**BLOCK, "fullatt_block_indexes": [0], "window_size": 4}),
    "qwen3_omni_moe_thinker": lambda: transformers.Qwen3OmniMoeThinkerConfig(
        text_config={**TEXT, **EXPERTS, "rope_parameters": SECTIONS},
        audio_config={**EARS, "downsample_hidden_size": 4}, vision_config=QWEN3_EYES),
}
CLASSES = {
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen3_vl": "Qwen3VLForConditionalGeneration",
    "qwen3_vl_moe": "Qwen3VLMoeForConditionalGeneration",
    "glm4v_moe": "Glm4vMoeForConditionalGeneration",
    "internvl": "InternVLForConditionalGeneration",
    "qwen2_5_omni_thinker": "Qwen2_5OmniThinkerForConditionalGeneration",
    "qwen3_omni_moe_thinker": "Qwen3OmniMoeThinkerForConditionalGeneration",
}


class TextOnly(torch.nn.Module):
    """What record() asks of a model."""

    def __init__(self, whole):
        super().__init__()
        inner = whole.model
        self.model = getattr(inner, "language_model", inner)
        self.lm_head = whole.lm_head
        self.config = whole.config.get_text_config()

    def forward(self, ids):
        states = self.model(input_ids=ids).last_hidden_state
        return types.SimpleNamespace(logits=self.lm_head(states))


def wrap_thinker(folder, model_type):
    path = folder / "model.safetensors"
    tensors = {"thinker." + name: value for name, value in load_file(path).items()}
    tensors["talker.model.layers.0.mlp.down_proj.weight"] = torch.randn(16, 24)
    save_file(tensors, path, {"format": "pt"})
    path = folder / "config.json"
    thinker = json.loads(path.read_text())
    whole = {"architectures": [thinker["architectures"][0].replace("Thinker", "")],
             "model_type": model_type, "thinker_config": thinker, "talker_config": {"hidden_size": 16}}
    path.write_text(json.dumps(whole, indent=2) + "\n")


def main():
    out = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:] or MODELS:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(1)
        config = MODELS[name]()
        config._attn_implementation = "eager"
        model = getattr(transformers, CLASSES[name])._from_config(config).float().eval()
        randomize(model, 7)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        record(TextOnly(model), folder)
        if name.endswith("_thinker"):
            wrap_thinker(folder, config.model_type.replace("_thinker", ""))
        print(folder)


if __name__ == "__main__":
    main()
