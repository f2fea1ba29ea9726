#include "advise/probe.h"

#include <algorithm>

#include "base/error.h"
#include "pipeline/linear_config.h"
#include "recipe/join_words.h"
#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

constexpr const char* kInt8Token =
    "{dtype: int8, scope: per_token, symmetric: true, method: minmax}";
constexpr const char* kFloat = "{dtype: float, scope: per_tensor, symmetric: true, method: none}";

// Experts are made anew for every chunk, so that not all of a block are in memory at once.
bool is_expert(const std::string& name) { return name.find(".experts.") != std::string::npos; }

}  // namespace

const std::vector<QuantKind>& quant_kinds() {
  static const std::vector<QuantKind> kinds = {
      {"mxfp4", "{dtype: mxfp4, scope: per_block, symmetric: true, method: minmax}",
       "{dtype: mxfp4, scope: per_block, symmetric: true, method: minmax}"},
      {"mxfp8", "{dtype: mxfp8, scope: per_block, symmetric: true, method: minmax}",
       "{dtype: mxfp8, scope: per_block, symmetric: true, method: minmax}"},
      {"w8a8", kInt8Token, "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}"},
      {"w8a16", kFloat, "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}"},
      {"w4a8", kInt8Token, "{dtype: int4, scope: per_channel, symmetric: true, method: minmax}"},
  };
  return kinds;
}

std::vector<std::string> quant_kind_names() {
  std::vector<std::string> names;
  for (const QuantKind& kind : quant_kinds()) names.emplace_back(kind.name);
  return names;
}

const QuantKind& quant_kind(const std::string& name) {
  const auto& kinds = quant_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const QuantKind& kind) { return kind.name == name; });
  if (found == kinds.end())
    throw UsageError(fmt::format("no way to quantize is called '{}'", name),
                     "known: " + join_words(quant_kind_names()));
  return *found;
}

LinearQuantStep probe_step(const QuantKind& kind, const std::vector<std::string>& include) {
  const Plan plan = make_plan(parse_recipe(
      fmt::format("apiversion: modelslim_v1\nspec:\n  process:\n    - type: linear_quant\n"
                  "      qconfig: {{act: {}, weight: {}}}\n  save: [{{type: ascendv1_saver}}]\n",
                  kind.act, kind.weight),
      kind.name));
  auto step = std::get<LinearQuantStep>(plan.steps.at(0).value);
  step.filter = NameFilter(include, {}, false);
  return step;
}

ProbeOp::ProbeOp(const LinearQuantStep& step, Chosen chosen, DType model_dtype)
    : config_(linear_config_of(step, Plan(), model_dtype)),
      chosen_(std::move(chosen)),
      dtype_(model_dtype),
      float_op_(model_dtype) {}

std::unique_ptr<ProbeOp::Made> ProbeOp::make(Linear& linear) const {
  auto made = std::make_unique<Made>(dtype_);
  made->linear = LinearQuantizer(config_, linear).finish();
  made->op.add(linear.name(), &made->linear);
  return made;
}

void ProbeOp::apply(Linear& linear, const float* x, std::int64_t rows,
                    const std::vector<Sequence>& sequences, float* y) {
  if (!chosen_(linear.spec())) {
    float_op_.apply(linear, x, rows, sequences, y);
    return;
  }
  if (is_expert(linear.name())) {
    make(linear)->op.apply(linear, x, rows, sequences, y);
    return;
  }
  std::unique_ptr<Made>& made = made_[linear.name()];
  if (!made) made = make(linear);
  made->op.apply(linear, x, rows, sequences, y);
}

}  // namespace msmodelslim
