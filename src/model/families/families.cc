#include "model/families/families.h"

namespace msmodelslim {
namespace {

constexpr ModuleNames kInternLm2 = {"model.",       "tok_embeddings",
                                    "layers",       "norm",
                                    "output",       "attention_norm",
                                    "ffn_norm",     "attention",
                                    "wqkv",         "wo",
                                    "feed_forward", "w1",
                                    "w3",           "w2",
                                    "w1w3"};
constexpr ModuleNames with_qkv(ModuleNames names, const char* qkv) {
  names.qkv = qkv;
  return names;
}
constexpr ModuleNames kBaichuan = with_qkv(kLlamaNames, "W_pack");
constexpr ModuleNames ungated(ModuleNames names, const char* up, const char* down) {
  names.gate = "";
  names.up = up;
  names.down = down;
  return names;
}
constexpr ModuleNames kStarCoder2 = ungated(kLlamaNames, "c_fc", "c_proj");
constexpr ModuleNames kGptNeoX = {"gpt_neox.",
                                  "embed_in",
                                  "layers",
                                  "final_layer_norm",
                                  "embed_out",
                                  "input_layernorm",
                                  "post_attention_layernorm",
                                  "attention",
                                  "query_key_value",
                                  "dense",
                                  "mlp",
                                  "",
                                  "dense_h_to_4h",
                                  "dense_4h_to_h",
                                  ""};
constexpr ModuleNames kQwen1 = {"transformer.", "wte",  "h",    "ln_f",   "lm_head",
                                "ln_1",         "ln_2", "attn", "c_attn", "c_proj",
                                "mlp",          "w2",   "w1",   "c_proj", "w2w1"};
constexpr ModuleNames kChatGlm = {"transformer.",
                                  "embedding.word_embeddings",
                                  "encoder.layers",
                                  "encoder.final_layernorm",
                                  "transformer.output_layer",
                                  "input_layernorm",
                                  "post_attention_layernorm",
                                  "self_attention",
                                  "query_key_value",
                                  "dense",
                                  "mlp",
                                  "gate",
                                  "up",
                                  "dense_4h_to_h",
                                  "dense_h_to_4h"};

constexpr ModuleNames with_mlp(ModuleNames names, const char* mlp) {
  names.mlp = mlp;
  return names;
}
constexpr ModuleNames kLongCat = with_mlp(kLlamaNames, "mlps");

constexpr ModuleNames kDeepSeekV4 = {"",          "embed",    "layers", "norm", "head",
                                     "attn_norm", "ffn_norm", "attn",   "",     "wo_b",
                                     "ffn",       "w1",       "w3",     "w2",   ""};

constexpr FamilyTraits kHunYuan = {
    .late_qk_norm = true, .q_norm = "query_layernorm", .k_norm = "key_layernorm"};

}  // namespace

const std::vector<FamilyRow>& families() {
  using B = Rule;
  using W = WindowRule;
  using T = FamilyTraits;
  static const std::vector<FamilyRow> rows = {
      // model_type architecture         qkv bias    o bias      mlp bias    qk     d    window
      {"llama", "LlamaForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0, W::kNever},
      {"mistral", "MistralForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0,
       W::kAllLayers},
      {"ministral3", "Ministral3ForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0,
       W::kAllLayers},
      {"qwen2", "Qwen2ForCausalLM", B::kAlways, B::kNever, B::kNever, B::kNever, 0,
       W::kUseSlidingWindow},
      {"qwen3", "Qwen3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 128,
       W::kUseSlidingWindow},
      {"qwen2_moe", "Qwen2MoeForCausalLM", B::kConfig, B::kNever, B::kNever, B::kNever, 0,
       W::kUseSlidingWindow},
      {"qwen3_moe", "Qwen3MoeForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 0,
       W::kAllWhenUsed},
      {"mixtral", "MixtralForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0,
       W::kAllLayers},
      {"glm4_moe", "Glm4MoeForCausalLM", B::kConfig, B::kNever, B::kNever, B::kConfig, 0, W::kNever,
       false, true},
      {"deepseek_v3", "DeepseekV3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"kimi_k2", "DeepseekV3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"deepseek_v2", "DeepseekV2ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true},
      {"glm4_moe_lite", "Glm4MoeLiteForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"deepseek_v32", "DeepseekV32ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"glm_moe_dsa", "GlmMoeDsaForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"longcat_flash", "LongcatFlashForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, false, T{.two_halves = true, .names = &kLongCat}},
      {"deepseek_v4", "DeepseekV4ForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 512,
       W::kNever, false, true, T{.rope_pairs = true, .entries = true, .names = &kDeepSeekV4}},
      {"step3p5", "Step3p5ForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kConfig, 128,
       W::kNever, false, false, T{.one_plus = true, .head_gate = true}},
      {"minimax_m2", "MiniMaxM2ForCausalLM", B::kNever, B::kNever, B::kNever, B::kAlways, 128,
       W::kNever, false, false, T{.whole_norm = true}},
      {"qwen3_next", "Qwen3NextForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 256,
       W::kNever, false, false, T{.one_plus = true, .query_gate = true}},
      {"qwen3_5_text", "Qwen3_5ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 256,
       W::kNever, false, false, T{.one_plus = true, .query_gate = true}},
      {"qwen3_5_moe_text", "Qwen3_5MoeForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways,
       256, W::kNever, false, false, T{.one_plus = true, .query_gate = true}},
      {"gpt_oss", "GptOssForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 64,
       W::kEvenLayers, false, false, T{.sinks = true}},
      {"internlm2", "InternLM2ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, false, false,
       T{.fused_qkv = true,
         .grouped_qkv = true,
         .qkv_bias_key = "bias",
         .out_bias_key = "bias",
         .names = &kInternLm2}},
      {"baichuan", "BaichuanForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0, W::kNever,
       false, false, T{.fused_qkv = true, .names = &kBaichuan}},
      {"qwen", "QWenLMHeadModel", B::kAlways, B::kNever, B::kNever, B::kNever, 0, W::kNever, false,
       false, T{.fused_qkv = true, .names = &kQwen1}},
      {"chatglm", "ChatGLMModel", B::kConfig, B::kConfig, B::kConfig, B::kNever, 128, W::kNever,
       false, false,
       T{.fused_qkv = true,
         .fused_gate_up = true,
         .rope_pairs = true,
         .qkv_bias_key = "add_qkv_bias",
         .out_bias_key = "add_bias_linear",
         .mlp_bias_key = "add_bias_linear",
         .names = &kChatGlm}},
      {"seed_oss", "SeedOssForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0,
       W::kNever, false, false, T{.out_bias_key = "attention_out_bias"}},
      {"internlm3", "InternLM3ForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0,
       W::kNever, false, false,
       T{.qkv_bias_key = "qkv_bias", .out_bias_key = "bias", .mlp_bias_key = "bias"}},
      {"smollm3", "SmolLM3ForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0,
       W::kUseSlidingWindow},
      {"granite", "GraniteForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0,
       W::kNever},
      {"olmo2", "Olmo2ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 0, W::kNever,
       false, false, T{.norms = NormPlaces::kOuter, .whole_norm = true}},
      {"phi3", "Phi3ForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0, W::kAllLayers,
       false, false, T{.fused_qkv = true, .fused_gate_up = true}},
      {"glm", "GlmForCausalLM", B::kConfig, B::kNever, B::kNever, B::kNever, 128, W::kNever, false,
       false, T{.fused_gate_up = true, .rope_pairs = true}},
      {"glm4", "Glm4ForCausalLM", B::kConfig, B::kNever, B::kNever, B::kNever, 128, W::kNever,
       false, false, T{.norms = NormPlaces::kGlm, .fused_gate_up = true, .rope_pairs = true}},
      {"olmo3", "Olmo3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 0, W::kPattern,
       false, false, T{.norms = NormPlaces::kOuter, .whole_norm = true}},
      {"olmoe", "OlmoeForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 0, W::kNever,
       false, false, T{.whole_norm = true}},
      {"hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", B::kConfig, B::kConfig, B::kNever,
       B::kAlways, 0, W::kNever, false, false, kHunYuan},
      {"hunyuan_v1_moe", "HunYuanMoEV1ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways,
       0, W::kNever, false, false, kHunYuan},
      {"gpt_neox", "GPTNeoXForCausalLM", B::kConfig, B::kConfig, B::kAlways, B::kNever, 0,
       W::kNever, false, false,
       T{.norms = NormPlaces::kTwoParallel,
         .centered = true,
         .fused_qkv = true,
         .grouped_qkv = true,
         .activation = Activation::kGelu,
         .names = &kGptNeoX}},
      {"starcoder2", "Starcoder2ForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0,
       W::kAllLayers, false, false,
       T{.centered = true,
         .activation = Activation::kGeluTanh,
         .qkv_bias_key = "use_bias",
         .out_bias_key = "use_bias",
         .mlp_bias_key = "use_bias",
         .names = &kStarCoder2}},
      {"cohere2", "Cohere2ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 128,
       W::kPattern, false, false,
       T{.norms = NormPlaces::kParallel,
         .centered = true,
         .rope_pairs = true,
         .window_rope = true}},
      {"cohere", "CohereForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kConfig, 0, W::kNever,
       false, false, T{.norms = NormPlaces::kParallel, .centered = true, .rope_pairs = true}},
      {"gemma", "GemmaForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 256, W::kNever,
       false, false,
       T{.one_plus = true, .activation = Activation::kGeluTanh, .root_embedding = true}},
      {"gemma2", "Gemma2ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 256,
       W::kEvenLayers, false, false,
       T{.norms = NormPlaces::kSandwich,
         .one_plus = true,
         .activation = Activation::kGeluTanh,
         .root_embedding = true,
         .query_scalar = true}},
      {"gemma3_text", "Gemma3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 256,
       W::kPattern, false, false,
       T{.norms = NormPlaces::kSandwich,
         .one_plus = true,
         .activation = Activation::kGeluTanh,
         .root_embedding = true,
         .query_scalar = true}},
  };
  return rows;
}

const FamilyRow* find_family(const std::string& model_type, const std::string& architecture) {
  for (const FamilyRow& row : families())
    if (model_type == row.model_type || (model_type.empty() && architecture == row.architecture))
      return &row;
  return nullptr;
}

std::string supported_families_text() {
  std::string text;
  for (const FamilyRow& row : families())
    text +=
        (text.empty() ? "" : ", ") + std::string(row.model_type) + " (" + row.architecture + ")";
  return text;
}

}  // namespace msmodelslim
