#include "recipe/v0_steps.h"

#include <algorithm>

#include "base/ascii.h"

namespace msmodelslim {
namespace {

QConfig qconfig(const char* dtype, const char* scope, bool symmetric, const char* method) {
  QConfig config;
  config.dtype = dtype;
  config.scope = scope;
  config.symmetric = symmetric;
  config.method = method;
  return config;
}

bool has_static_input(const std::string& type) {
  return type == "W8A8" || type == "W8A8_MIX" || type == "W8A8S";
}

// What FlatQuant's linears are behind their transforms.
constexpr const char* kFlat = "W4A4_FLATQUANT_DYNAMIC";

QConfig act_of(const std::string& type, bool histogram) {
  if (type == kFlat) return qconfig("int4", "per_token", true, "minmax");
  if (type.ends_with("A16")) return {};
  if (type.ends_with("_DYNAMIC")) return qconfig("int8", "per_token", true, "minmax");
  return qconfig("int8", type == "W8A8_MIX" ? "pd_mix" : "per_tensor", false,
                 histogram ? "histogram" : "minmax");
}

QConfig weight_of(const V0Options& o, const std::string& type) {
  const bool grouped = o.weight_group > 0 && (type == o.type);
  QConfig weight =
      qconfig(type == "W4A16" || type == "W4A8_DYNAMIC" || type == kFlat ? "int4" : "int8",
              grouped       ? "per_group"
              : o.mm_tensor ? "per_tensor"
                            : "per_channel",
              o.w_sym, "minmax");
  if (grouped) weight.ext["group_size"] = o.weight_group;
  if (type == "W4A8_DYNAMIC") {
    weight.method = "two_level";
  } else if (type == "W8A8S") {
    weight.method = o.co_sparse ? "co_sparse" : "lowbit";
    weight.ext["fraction"] = o.fraction;
    if (!o.co_sparse && o.use_sigma) weight.ext["sigma_factor"] = o.sigma_factor;
  } else if (type == o.type && o.w_method == "HQQ") {
    weight.method = "hqq";
  } else if (type == o.type && o.w_method == "GPTQ") {
    weight.method = "gptq";
    weight.ext["percdamp"] = o.percdamp;
  }
  return weight;
}

class LinearSteps {
 public:
  LinearSteps(const V0Options& options, int line) : o_(options), line_(line) {
    taken_ = o_.disable_names;
    taken_.insert(taken_.end(), o_.rolled_back.begin(), o_.rolled_back.end());
  }

  // Exact names go before patterns, then the order of the recipe; the rest has the model's type.
  std::vector<Step> take() {
    for (const bool exact : {true, false})
      for (const auto& [pattern, type] : o_.mix_cfg)
        if ((pattern.find_first_of("*?[") == std::string::npos) == exact) add(pattern, type);
    add("*", o_.type);
    return std::move(steps_);
  }
  // After take(): the transforms of FlatQuant, which go first.
  const std::vector<Step>& flat() const { return flat_; }

 private:
  void add(const std::string& pattern, const std::string& written) {
    std::string type = ascii_upper(written);
    if (type == "W8A8" && o_.type == "W8A8_MIX") type = "W8A8_MIX";
    if (type != "FLOAT" && has_static_input(type) && o_.histograms) {
      // The linears of the list, then the others.
      for (const std::string& name : *o_.histograms)
        if (Glob(pattern).matches(name)) histogram_.push_back(name);
      if (!histogram_.empty()) add_step(histogram_, type, true);
      histogram_.clear();
      add_step({pattern}, type, false);
    } else if (type != "FLOAT") {
      add_step({pattern}, type, o_.act_method == 2);
    }
    taken_.push_back(pattern);
  }

  void add_step(const std::vector<std::string>& include, const std::string& type, bool histogram) {
    LinearQuantStep step;
    step.act = act_of(type, histogram);
    step.weight = weight_of(o_, type);
    step.type = type == kFlat ? "W4A4_DYNAMIC" : type;
    step.filter = NameFilter(include, taken_, false);
    if (type == kFlat) flat_.push_back({FlatQuantStep{step.filter}, "spec.calib_cfg", line_});
    steps_.push_back({step, "spec.calib_cfg", line_});
    if (histogram) taken_.insert(taken_.end(), include.begin(), include.end());
  }

  const V0Options& o_;
  int line_;
  std::vector<std::string> taken_;
  std::vector<std::string> histogram_;
  std::vector<Step> steps_;
  std::vector<Step> flat_;
};

Step attention_step(const V0Options& o, int line) {
  Fa3QuantStep step;
  step.q = step.k = step.v = qconfig("int8", "per_head", true, "minmax");
  step.filter = NameFilter({}, o.disable_names, true);
  return {step, "spec.calib_cfg", line};
}

SmoothKind kind_of(const std::string& method) {
  if (method == "m1") return SmoothKind::kSmoothQuant;
  if (method == "m2") return SmoothKind::kOutlierSuppression;
  if (method == "m4") return SmoothKind::kIterSmooth;
  return method == "m5" ? SmoothKind::kCbq : SmoothKind::kFlexSmoothQuant;
}

Step anti_step(const V0Anti& anti, int line) {
  const std::set<std::string> groups = anti.method == "m4" || anti.method == "m6"
                                           ? std::set<std::string>{"norm-linear", "ov", "up-down"}
                                           : std::set<std::string>{"norm-linear"};
  if (anti.method == "m3") {
    AwqStep step;
    step.weight = qconfig(anti.w_bit == 4 ? "int4" : "int8", "per_channel", anti.w_sym, "minmax");
    step.subgraph_types = groups;
    step.skip = anti.disable_names;
    return {step, "spec.anti_cfg", line};
  }
  SmoothStep step;
  step.kind = kind_of(anti.method);
  if (step.kind != SmoothKind::kFlexSmoothQuant) step.alpha = 0.5;
  if (anti.alpha && anti.beta) {
    step.alpha = anti.alpha;
    step.beta = anti.beta;
  }
  step.subgraph_types = groups;
  step.ignore_adapter = true;
  step.skip = anti.disable_names;
  return {step, "spec.anti_cfg", line};
}

}  // namespace

std::vector<Step> v0_steps(const V0Options& options, int line) {
  std::vector<Step> steps;
  if (options.rot) {
    QuaRotStep rotation;
    rotation.export_extra_info = false;
    steps.push_back({rotation, "spec.calib_cfg", line});
  }
  if (options.anti) steps.push_back(anti_step(*options.anti, line));
  if (options.use_fa_quant) steps.push_back(attention_step(options, line));
  LinearSteps made(options, line);
  std::vector<Step> linears = made.take();
  steps.insert(steps.end(), made.flat().begin(), made.flat().end());
  if (linears.size() == 1)
    steps.push_back(std::move(linears.front()));
  else if (!linears.empty())
    steps.push_back({GroupStep{std::move(linears)}, "spec.calib_cfg", line});
  if (options.use_kvcache_quant) {
    DynamicCacheStep cache;
    cache.cache = qconfig("int8", "per_channel", true, "minmax");
    steps.push_back({cache, "spec.calib_cfg", line});
  }
  return steps;
}

}  // namespace msmodelslim
