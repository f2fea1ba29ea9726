#include "pipeline/check_cache.h"

#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {
namespace {

// What the entries up to now have fixed in one block.
struct Fixed {
  bool cache = false;      // ranges of keys and values
  bool query_key = false;  // codes of q_proj or k_proj
};

class OrderCheck {
 public:
  OrderCheck(const BlockSpec& block, const NameFilter& kept_float)
      : block_(block), kept_float_(kept_float) {}

  void walk(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      mark(step);
      check(step);
    }
  }

 private:
  bool selects(const NameFilter& filter) const { return filter.selects(block_.attention_name()); }
  bool quantizes(const NameFilter& filter, const std::string& name) const {
    return filter.selects(name) && !kept_float_.selects(name);
  }

  // All children of a group count as earlier than each of them: they share one pass.
  void mark(const Step& step) {
    if (const auto* cache = std::get_if<DynamicCacheStep>(&step.value))
      fixed_.cache = fixed_.cache || quantizes(cache->filter, block_.attention_name());
    if (const auto* linear = std::get_if<LinearQuantStep>(&step.value))
      fixed_.query_key = fixed_.query_key || quantizes(linear->filter, block_.q.name) ||
                         quantizes(linear->filter, block_.k.name);
    if (const auto* group = std::get_if<GroupStep>(&step.value))
      for (const Step& child : group->steps) mark(child);
  }

  void check(const Step& step) const {
    if (const auto* smooth = std::get_if<SmoothStep>(&step.value);
        smooth && fixed_.cache && smooth->subgraph_types.count("ov") > 0 &&
        smooth->filter.selects(block_.v.name))
      refuse(step, "dynamic_cache");
    if (const auto* smooth = std::get_if<KvSmoothStep>(&step.value);
        smooth && selects(smooth->filter)) {
      if (fixed_.cache) refuse(step, "dynamic_cache");
      if (fixed_.query_key && !block_.k_norm) refuse(step, "linear_quant");
    }
    if (const auto* group = std::get_if<GroupStep>(&step.value))
      for (const Step& child : group->steps) check(child);
  }

  [[noreturn]] void refuse(const Step& step, const char* earlier) const {
    throw UsageError(fmt::format("{} (line {}) changes what {} has already measured in {}",
                                 step.path, step.line, earlier, block_.attention_name()),
                     fmt::format("put it before {} in the recipe, outside its group", earlier));
  }

  const BlockSpec& block_;
  const NameFilter& kept_float_;
  Fixed fixed_;
};

bool has_asymmetric_cache(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (const auto* cache = std::get_if<DynamicCacheStep>(&step.value);
        cache && !cache->cache.symmetric)
      return true;
    if (const auto* group = std::get_if<GroupStep>(&step.value);
        group && has_asymmetric_cache(group->steps))
      return true;
  }
  return false;
}

}  // namespace

namespace {

template <typename... Kinds>
bool has_step(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    const auto* group = std::get_if<GroupStep>(&step.value);
    return (std::holds_alternative<Kinds>(step.value) || ...) ||
           (group != nullptr && has_step<Kinds...>(group->steps));
  });
}

bool measures_attention(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    const auto* attention = std::get_if<Fa3QuantStep>(&step.value);
    const auto* group = std::get_if<GroupStep>(&step.value);
    return (attention != nullptr && attention->measures()) ||
           (group != nullptr && measures_attention(group->steps));
  });
}

}  // namespace

void check_cache_order(const QuantJob& job, const ModelSpec& model) {
  const NameFilter kept_float(job.exclude, {}, false);
  const auto any = [&](auto&& wanted) {
    return std::any_of(model.blocks.begin(), model.blocks.end(), wanted);
  };
  if (has_step<KvSmoothStep>(job.plan.steps) && !model.blocks.front().mla &&
      (model.rope_pairs || any([](const BlockSpec& b) { return !b.smooths_keys() && !b.delta; })))
    throw UsageError(
        fmt::format("kv_smooth knows no way to smooth the keys of {}", model.architecture),
        "drop the entry");
  if (has_step<DynamicCacheStep>(job.plan.steps) && job.plan.v0 &&
      any([](const BlockSpec& b) { return b.qkv.has_value(); }))
    throw UsageError("modelslim_v0 measures k_proj and v_proj, which this model has as qkv_proj",
                     "use dynamic_cache of modelslim_v1");
  if ((model.blocks.front().mla || model.blocks.front().entries) &&
      has_step<DynamicCacheStep, KvSmoothStep>(job.plan.steps))
    throw UsageError(
        "dynamic_cache and kv_smooth are for keys and values of heads; this model's cache holds "
        "latent vectors",
        "drop these entries of the recipe");
  if (model.blocks.front().mla && model.blocks.front().mla->indexer &&
      measures_attention(job.plan.steps))
    throw UsageError(
        "fa3_quant of this model is about its indexer, per_token only",
        "use qconfig: {dtype: int8, scope: per_token, symmetric: true, method: minmax}");
  if (!model.blocks.front().mla && has_step<Fa3QuantStep>(job.plan.steps))
    throw UsageError("fa3_quant is for latent attention (DeepSeek, Kimi), which this model has not",
                     "drop the entry; dynamic_cache quantizes keys and values of heads");
  for (const BlockSpec& block : model.blocks) OrderCheck(block, kept_float).walk(job.plan.steps);
  if (has_asymmetric_cache(job.plan.steps))
    log_warning("quant",
                "an asymmetric KV cache: where vLLM-Ascend reads the cache without its int8 "
                "kernel it ignores the offset; symmetric: true is safe");
}

}  // namespace msmodelslim
