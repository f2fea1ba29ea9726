#include "checkpoint/engines.h"

#include <fmt/format.h>

#include <algorithm>

namespace msmodelslim {
namespace {

constexpr bool kPerChannel = false;
constexpr bool kGrouped = true;
constexpr const char* kVllm = "vLLM-Ascend";

}  // namespace

const std::vector<EngineSupport>& engine_support() {
  static const std::vector<EngineSupport> table = {
      {"FLOAT", kPerChannel, kVllm, ""},
      {"W8A8", kPerChannel, kVllm, ""},
      {"W8A8_DYNAMIC", kPerChannel, kVllm, ""},
      {"W8A8_DYNAMIC", kGrouped, "", "it expects one weight scale per output channel"},
      {"W8A8_MIX", kPerChannel, kVllm, ""},
      {"W8A16", kPerChannel, kVllm, ""},
      {"W8A16", kGrouped, "", "it expects one weight scale per output channel"},
      {"W4A8_DYNAMIC", kPerChannel, "",
       "up to v0.26 it wants two-level scales per group, later it has W4A8 for experts only"},
      {"W4A4_DYNAMIC", kPerChannel, kVllm, ""},
      {"W4A4_DYNAMIC", kGrouped, "", "it expects one weight scale per output channel"},
      {"W4A4_FLATQUANT_DYNAMIC", kPerChannel, kVllm, ""},
      {"W4A4_MXFP4_FLATQUANT", kPerChannel, kVllm, ""},
      {"W8A8_MXFP8", kPerChannel, kVllm, ""},
      {"W4A8_MXFP", kPerChannel, kVllm, ""},
      {"W4A4_MXFP4", kPerChannel, kVllm, ""},
      {"W8A8S", kPerChannel, "vLLM-Ascend on Atlas 300I Duo", ""},
      {"WFP8AFP8_DYNAMIC", kPerChannel, "",
       "it calls the same layout W8A8FP8_DYNAMIC and does not know this name"},
      {"W16A16S", kPerChannel, "",
       "such weights are made for the compression unit of Atlas 300I Duo, which needs them "
       "compressed first"},
  };
  return table;
}

std::string why_not_loadable(const std::string& type, bool grouped) {
  const auto& table = engine_support();
  const auto row = std::find_if(table.begin(), table.end(), [&](const EngineSupport& entry) {
    return entry.type == type && entry.grouped == grouped;
  });
  if (row != table.end() && !row->engines.empty()) return "";
  return fmt::format("no engine that we know loads linears of the type {}{} (vLLM-Ascend: {})",
                     type, grouped ? " with a scale per group" : "",
                     row == table.end() ? "it has no scheme of that name" : row->remark);
}

}  // namespace msmodelslim
