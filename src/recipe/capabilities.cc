#include "recipe/capabilities.h"

#include <fmt/format.h>

#include <algorithm>

#include "recipe/plan.h"

namespace msmodelslim {
namespace {

constexpr bool kBuilt = true;
constexpr bool kLater = false;
constexpr bool kSym = true;
constexpr bool kAsym = false;
constexpr bool kData = true;
constexpr bool kFree = false;
constexpr bool kQuantizes = true;
constexpr bool kRewrites = false;

// One side of a pair; an empty `symmetry` means both.
struct Scheme {
  std::string_view dtype;
  std::string_view scope;
  std::optional<bool> symmetry;
};

struct PairInfo {
  Scheme act;
  Scheme weight;
  std::string_view type;
};

const std::vector<PairInfo>& known_pairs() {
  static const std::vector<PairInfo> table = {
      {{"float", "per_tensor", {}}, {"int8", "per_channel", {}}, "W8A16"},
      {{"float", "per_tensor", {}}, {"int8", "per_group", {}}, "W8A16"},
      {{"float", "per_tensor", {}}, {"int4", "per_channel", {}}, "W4A16"},
      {{"float", "per_tensor", {}}, {"int4", "per_group", {}}, "W4A16"},
      {{"int8", "per_tensor", {}}, {"int8", "per_channel", kSym}, "W8A8"},
      {{"int8", "per_token", kSym}, {"int8", "per_channel", kSym}, "W8A8_DYNAMIC"},
      {{"int8", "per_token", kSym}, {"int8", "per_group", {}}, "W8A8_DYNAMIC"},
      {{"int8", "pd_mix", kAsym}, {"int8", "per_channel", kSym}, "W8A8_MIX"},
      {{"int8", "per_token", kSym}, {"int4", "per_channel", kSym}, "W4A8_DYNAMIC"},
      {{"int4", "per_token", kSym}, {"int4", "per_channel", {}}, "W4A4_DYNAMIC"},
      {{"int4", "per_token", kSym}, {"int4", "per_group", {}}, "W4A4_DYNAMIC"},
      {{"fp8_e4m3", "per_token", kSym}, {"fp8_e4m3", "per_channel", kSym}, "WFP8AFP8_DYNAMIC"},
      {{"mxfp8", "per_block", kSym}, {"mxfp8", "per_block", kSym}, "W8A8_MXFP8"},
      {{"mxfp8", "per_block", kSym}, {"mxfp4", "per_block", kSym}, "W4A8_MXFP"},
      {{"mxfp4", "per_block", kSym}, {"mxfp4", "per_block", kSym}, "W4A4_MXFP4"},
      {{"mxfp4", "dual_scale", kSym}, {"mxfp4", "dual_scale", kSym}, "W4A4_MXFP4_DUALSCALE"},
  };
  return table;
}

const std::vector<QuantizerInfo>& known_quantizers() {
  constexpr Side kA = Side::kAct;
  constexpr Side kW = Side::kWeight;
  const std::vector<std::string_view> gptq = {"percdamp",     "block_size",       "act_order",
                                              "scale_search", "quantized_inputs", "refine_sweeps"};
  std::vector<std::string_view> group_gptq = gptq;
  group_gptq.emplace_back("group_size");
  static const std::vector<QuantizerInfo> table = {
      {kA, "float", "per_tensor", kSym, "none", kBuilt, kFree, {}},
      {kA, "int8", "per_tensor", kSym, "minmax", kBuilt, kData, {"aggregation_type"}},
      {kA, "int8", "per_tensor", kAsym, "minmax", kBuilt, kData, {"aggregation_type"}},
      {kA, "int8", "per_tensor", kSym, "histogram", kBuilt, kData, {}},
      {kA, "int8", "per_tensor", kAsym, "histogram", kBuilt, kData, {}},
      {kA, "fp8_e4m3", "per_tensor", kSym, "minmax", kLater, kData, {"aggregation_type"}},
      {kA, "int8", "per_token", kSym, "minmax", kBuilt, kFree, {}},
      {kA, "int8", "per_token", kAsym, "minmax", kLater, kFree, {}},
      {kA, "int4", "per_token", kSym, "minmax", kBuilt, kFree, {}},
      {kA, "fp8_e4m3", "per_token", kSym, "minmax", kBuilt, kFree, {}},
      {kA, "int8", "per_channel", kSym, "minmax", kBuilt, kData, {"aggregation_type"}},
      {kA, "int8", "per_channel", kAsym, "minmax", kBuilt, kData, {"aggregation_type"}},
      {kA, "fp8_e4m3", "per_channel", kSym, "minmax", kLater, kData, {"aggregation_type"}},
      {kA, "int8", "pd_mix", kAsym, "minmax", kBuilt, kData, {"aggregation_type"}},
      {kA, "mxfp8", "per_block", kSym, "minmax", kBuilt, kFree, {"axes"}},
      {kA, "mxfp4", "per_block", kSym, "minmax", kBuilt, kFree, {"axes"}},
      {kA, "mxfp4", "dual_scale", kSym, "dualscale", kBuilt, kFree, {"dual_block_size", "axes"}},
      {kW, "int8", "per_channel", kSym, "minmax", kBuilt, kFree, {}},
      {kW, "int4", "per_channel", kSym, "minmax", kBuilt, kFree, {}},
      {kW, "int8", "per_channel", kAsym, "minmax", kBuilt, kFree, {}},
      {kW, "int4", "per_channel", kAsym, "minmax", kBuilt, kFree, {}},
      {kW, "int8", "per_group", kSym, "minmax", kBuilt, kFree, {"group_size"}},
      {kW, "int8", "per_group", kAsym, "minmax", kBuilt, kFree, {"group_size"}},
      {kW, "int4", "per_group", kSym, "minmax", kBuilt, kFree, {"group_size"}},
      {kW, "int4", "per_group", kAsym, "minmax", kBuilt, kFree, {"group_size"}},
      {kW, "fp8_e4m3", "per_channel", kSym, "minmax", kBuilt, kFree, {}},
      {kW, "int8", "per_channel", kSym, "ssz", kBuilt, kFree, {"step"}},
      {kW, "int4", "per_channel", kSym, "ssz", kBuilt, kFree, {"step"}},
      {kW, "int8", "per_channel", kSym, "gptq", kBuilt, kData, gptq},
      {kW, "int8", "per_channel", kAsym, "gptq", kBuilt, kData, gptq},
      {kW, "int4", "per_channel", kSym, "gptq", kBuilt, kData, gptq},
      {kW, "int4", "per_channel", kAsym, "gptq", kBuilt, kData, gptq},
      {kW, "int8", "per_group", kSym, "gptq", kBuilt, kData, group_gptq},
      {kW, "int8", "per_group", kAsym, "gptq", kBuilt, kData, group_gptq},
      {kW, "int4", "per_group", kSym, "gptq", kBuilt, kData, group_gptq},
      {kW, "int4", "per_group", kAsym, "gptq", kBuilt, kData, group_gptq},
      {kW, "mxfp8", "per_block", kSym, "minmax", kBuilt, kFree, {"axes"}},
      {kW, "mxfp4", "per_block", kSym, "minmax", kBuilt, kFree, {"axes"}},
      {kW, "mxfp8", "per_block", kSym, "mse_round", kBuilt, kFree, {"axes"}},
      {kW, "mxfp4", "per_block", kSym, "fouroversix", kBuilt, kFree, {"axes"}},
      {kW,
       "mxfp4",
       "per_block",
       kSym,
       "ceil_x",
       kBuilt,
       kFree,
       {"axes", "ceil_x_value", "enable_search", "search_min", "search_max", "search_step"}},
      {kW, "mxfp4", "dual_scale", kSym, "dualscale", kBuilt, kFree, {"dual_block_size", "axes"}},
  };
  return table;
}

bool fits(const Scheme& scheme, const QConfig& config) {
  return scheme.dtype == config.dtype && scheme.scope == config.scope &&
         scheme.symmetry.value_or(config.symmetric) == config.symmetric;
}

}  // namespace

const std::vector<NamedInfo>& known_apiversions() {
  static const std::vector<NamedInfo> table = {{"modelslim_v0", kBuilt},
                                               {"modelslim_v1", kBuilt},
                                               {"multimodal_vlm_modelslim_v1", kLater},
                                               {"multimodal_sd_modelslim_v1", kLater},
                                               {"modelslim_convert", kBuilt}};
  return table;
}

const std::vector<NamedInfo>& known_savers() {
  static const std::vector<NamedInfo> table = {{"ascendv1_saver", kBuilt},
                                               {"mindie_format_saver", kBuilt},
                                               {"compressed_tensors", kBuilt},
                                               {"ascendv1_saver_distributed", kLater}};
  return table;
}

const std::vector<ProcessorInfo>& known_processors() {
  static const std::vector<ProcessorInfo> table = {
      {"linear_quant", kBuilt, kQuantizes, {"qconfig", "include", "exclude"}, {"qconfig"}},
      {"group", kBuilt, kRewrites, {"configs"}, {"configs"}},
      {"smooth_quant", kBuilt, kRewrites, {"alpha", "symmetric", "include", "exclude"}, {}},
      {"iter_smooth",
       kBuilt,
       kRewrites,
       {"alpha", "scale_min", "symmetric", "enable_subgraph_type", "ignore_adapter", "include",
        "exclude"},
       {}},
      {"flex_smooth_quant",
       kBuilt,
       kRewrites,
       {"alpha", "beta", "search_rows", "enable_subgraph_type", "ignore_adapter", "include",
        "exclude"},
       {}},
      {"flex_awq_ssz",
       kBuilt,
       kRewrites,
       {"alpha", "beta", "search_rows", "enable_subgraph_type", "include", "exclude", "qconfig"},
       {"qconfig"}},
      {"awq",
       kBuilt,
       kRewrites,
       {"weight_qconfig", "n_grid", "search_rows", "enable_subgraph_type", "include", "exclude"},
       {"weight_qconfig"}},
      {"kv_smooth", kBuilt, kRewrites, {"smooth_factor", "include", "exclude"}, {}},
      {"quarot",
       kBuilt,
       kRewrites,
       {"online", "block_size", "down_proj_online_layers", "max_tp_size", "export_extra_info"},
       {}},
      {"online_quarot", kLater, kRewrites, {"include", "exclude", "block_size"}, {}},
      {"adapt_rotation",
       kBuilt,
       kRewrites,
       {"stage", "steps", "quant_dtype", "layer_type", "block_size", "max_samples", "online",
        "down_proj_online_layers", "max_tp_size"},
       {"stage"}},
      {"dynamic_cache", kBuilt, kQuantizes, {"qconfig", "include", "exclude"}, {"qconfig"}},
      {"fa3_quant", kBuilt, kQuantizes, {"qconfig", "details", "include", "exclude"}, {}},
      {"float_sparse", kBuilt, kQuantizes, {"sparse_ratio", "include", "exclude"}, {}},
      {"autoround_quant",
       kBuilt,
       kQuantizes,
       {"iters", "lr", "enable_minmax_tuning", "enable_round_tuning", "strategies"},
       {"strategies"}},
      {"flatquant", kBuilt, kQuantizes, {"include", "exclude"}, {}},
      {"svd_res", kBuilt, kRewrites, {"rank", "include", "exclude"}, {}},
      {"load",
       kLater,
       kRewrites,
       {"device", "non_blocking", "mode", "cleanup", "post_offload"},
       {}},
  };
  return table;
}

const std::vector<std::string_view>& known_dtypes() {
  static const std::vector<std::string_view> table = {"float", "int8",  "int4",
                                                      "mxfp8", "mxfp4", "fp8_e4m3"};
  return table;
}

const std::vector<std::string_view>& known_scopes() {
  static const std::vector<std::string_view> table = {"per_tensor", "per_channel", "per_group",
                                                      "per_block",  "per_token",   "pd_mix",
                                                      "per_head",   "dual_scale"};
  return table;
}

const NamedInfo* find_named(const std::vector<NamedInfo>& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const NamedInfo& info) { return info.name == name; });
  return found == list.end() ? nullptr : &*found;
}

const ProcessorInfo* find_processor(std::string_view type) {
  const auto& table = known_processors();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const ProcessorInfo& info) { return info.type == type; });
  return found == table.end() ? nullptr : &*found;
}

const QuantizerInfo* find_quantizer(Side side, const QConfig& config) {
  for (const QuantizerInfo& info : known_quantizers())
    if (info.side == side && info.dtype == config.dtype && info.scope == config.scope &&
        info.symmetric == config.symmetric && info.method == config.method)
      return &info;
  return nullptr;
}

std::vector<std::string> describe_quantizers(Side side, std::string_view dtype) {
  std::vector<std::string> texts;
  for (const QuantizerInfo& info : known_quantizers())
    if (info.side == side && info.dtype == dtype)
      texts.push_back(fmt::format("({}, {}, symmetric {}, {})", info.dtype, info.scope,
                                  info.symmetric, info.method));
  return texts;
}

std::optional<std::string> exported_type(const QConfig& act, const QConfig& weight) {
  for (const PairInfo& pair : known_pairs())
    if (fits(pair.act, act) && fits(pair.weight, weight)) return std::string(pair.type);
  return std::nullopt;
}

std::vector<std::string> activations_for(const QConfig& weight) {
  std::vector<std::string> texts;
  for (const PairInfo& pair : known_pairs()) {
    if (!fits(pair.weight, weight)) continue;
    const Scheme& act = pair.act;
    if (act.dtype == "float") {
      texts.emplace_back("float");
      continue;
    }
    const char* symmetry = !act.symmetry ? "" : *act.symmetry ? " symmetric" : " asymmetric";
    texts.push_back(fmt::format("{} {}{}", act.dtype, act.scope, symmetry));
  }
  if (texts.empty()) texts.emplace_back("none");
  return texts;
}

}  // namespace msmodelslim
