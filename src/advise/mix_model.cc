#include "advise/mix_model.h"

#include <algorithm>
#include <map>
#include <regex>

#include "advise/candidates.h"
#include "advise/probe.h"
#include "advise/tune_plan.h"
#include "advise/tune_recipe.h"
#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {
namespace {

// Patterns for the linears of a part; those of experts once for all.
std::vector<std::string> patterns_of(const LinearSet& set) {
  static const std::regex kExpert(R"(\.experts\.\d+\.)");
  std::vector<std::string> patterns;
  for (const LinearSpec* linear : set.linears) {
    const std::string pattern = std::regex_replace(linear->name, kExpert, ".experts.*.");
    if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end())
      patterns.push_back(pattern);
  }
  return patterns;
}

// Routers and what adds up to one number a token stay as they are.
bool can_be_quantized(const LinearSet& set) {
  return std::none_of(set.linears.begin(), set.linears.end(), [](const LinearSpec* linear) {
    return linear->role == Role::kRouter || linear->role == Role::kSharedGate ||
           linear->role == Role::kNextToken;
  });
}

struct Place {
  std::size_t block;
  LinearSet set;
};

std::vector<Place> places_of(const ModelSpec& model) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < model.decoders(); ++i)
    for (LinearSet& set : linear_sets(model.blocks[i]))
      if (can_be_quantized(set)) places.push_back({i, std::move(set)});
  return places;
}

double weight_bits(const QuantKind& kind) {
  const std::string weight = kind.weight;
  if (weight.find("mxfp4") != std::string::npos) return 4.25;
  if (weight.find("mxfp8") != std::string::npos) return 8.25;
  return weight.find("int4") != std::string::npos ? 4 : 8;
}

// Rounding to int4 by GPTQ, which the probe, being data-free, cannot.
std::string recipe_weight(const QuantKind& kind) {
  if (std::string(kind.weight).find("int4") == std::string::npos) return kind.weight;
  return "{dtype: int4, scope: per_channel, symmetric: true, method: gptq, ext: {percdamp: 0.1, "
         "act_order: true, scale_search: true}}";
}

Plan suppression_plan(const ModelSpec& model) {
  return make_plan(parse_recipe(
      fmt::format("apiversion: modelslim_v1\nspec: {{process: [{}, {{type: linear_quant, qconfig: "
                  "{{act: {}, weight: {}}}}}], save: [{{type: ascendv1_saver}}]}}\n",
                  mix_suppression(model), quant_kind("w8a8").act, quant_kind("w8a8").weight),
      "mix"));
}

std::vector<std::string> by_bits(std::vector<std::string> types, DType dtype) {
  constexpr std::int64_t kSize = 1024;
  std::stable_sort(types.begin(), types.end(), [&](const auto& a, const auto& b) {
    return bits_of_square(kSize, a, dtype) < bits_of_square(kSize, b, dtype);
  });
  return types;
}

}  // namespace

std::string mix_suppression(const ModelSpec& model) {
  const bool rotates = std::all_of(model.blocks.begin(), model.blocks.end(),
                                   [](const BlockSpec& block) { return block.can_rotate(); });
  if (!rotates) return "{type: iter_smooth, alpha: 0.5, ignore_adapter: true}";
  return "{type: quarot}, {type: iter_smooth, alpha: 0.4, enable_subgraph_type: [up-down, ov], "
         "ignore_adapter: true}";
}

double bits_of(const LinearSpec& linear, const std::string& type, DType model_dtype) {
  const auto weights = static_cast<double>(linear.in) * static_cast<double>(linear.out);
  if (type == "float") return weights * 8 * static_cast<double>(dtype_size(model_dtype));
  const QuantKind& kind = quant_kind(type);
  const bool channels = std::string(kind.weight).find("per_channel") != std::string::npos;
  return weights * weight_bits(kind) + (channels ? 32 * static_cast<double>(linear.out) : 0);
}

double bits_of_square(std::int64_t size, const std::string& type, DType model_dtype) {
  LinearSpec linear;
  linear.in = size;
  linear.out = size;
  return bits_of(linear, type, model_dtype) / static_cast<double>(size * size);
}

double least_bits(const ModelSpec& model, const std::vector<std::string>& types) {
  const std::string least = by_bits(types, model.dtype).front();
  double bits = 0;
  double weights = 0;
  for (const Place& place : places_of(model))
    for (const LinearSpec* linear : place.set.linears) {
      bits += bits_of(*linear, least, model.dtype);
      weights += static_cast<double>(linear->in) * static_cast<double>(linear->out);
    }
  return bits / weights;
}

std::vector<MixPart> measure_parts(const MixOptions& options) {
  ModelWalk walk(options.model_path);
  const ModelSpec& model = walk.model();
  Plan plan = suppression_plan(model);
  plan.steps.pop_back();  // only suppression is left
  walk.suppress(plan, options.pedigree, options.calibration);
  const std::vector<Place> places = places_of(model);
  const std::vector<std::string> types = by_bits(options.types, model.dtype);
  std::map<std::string, LinearQuantStep> steps;
  for (const std::string& type : types)
    if (type != "float") steps.emplace(type, probe_step(quant_kind(type), {"*"}));
  std::string free;  // the largest quantized one
  for (const std::string& type : types)
    if (options.best_is_free && type != "float") free = type;
  std::vector<Candidate> candidates;
  for (const Place& place : places)
    for (const auto& [type, step] : steps) {
      if (type == free) continue;
      Candidate candidate{place.block, {}, &step};
      for (const LinearSpec* linear : place.set.linears) candidate.linears.insert(linear->name);
      candidates.push_back(std::move(candidate));
    }
  log_info("tune", "measuring {} parts of the model in {} types on {} sequences", places.size(),
           steps.size() - (free.empty() ? 0 : 1), options.text.size());
  const std::vector<CandidateLoss> losses =
      measure_candidates(walk, options.text, candidates, true, false);
  std::vector<MixPart> parts;
  std::size_t at = 0;
  for (const Place& place : places) {
    std::map<std::string, double> loss;
    for (const auto& [type, step] : steps) loss[type] = type == free ? 0 : losses[at++].kl.mean;
    MixPart part{place.set.name, 0, {}};
    for (const std::string& type : types) {
      MixOption option{type, 0, type == "float" ? 0 : loss.at(type)};
      for (const LinearSpec* linear : place.set.linears)
        option.bits += bits_of(*linear, type, model.dtype);
      part.options.push_back(option);
    }
    for (const LinearSpec* linear : place.set.linears)
      part.weights += static_cast<double>(linear->in) * static_cast<double>(linear->out);
    parts.push_back(std::move(part));
  }
  return parts;
}

Recipe mix_recipe(const ModelSpec& model, const std::vector<MixPart>& parts,
                  const Assignment& assignment) {
  const std::vector<Place> places = places_of(model);
  std::map<std::string, std::vector<std::string>> patterns;  // by type
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& list = patterns[parts[i].options[assignment[i]].type];
    for (const std::string& pattern : patterns_of(places[i].set)) list.push_back(pattern);
  }
  YamlValue process = parse_yaml(fmt::format("[{}]", mix_suppression(model)), "mix");
  for (const auto& [type, include] : patterns) {
    if (type == "float") continue;
    const QuantKind& kind = quant_kind(type);
    YamlValue step = YamlValue::map();
    step.add("type", YamlValue::of_text("linear_quant"));
    step.add(
        "qconfig",
        parse_yaml(fmt::format("{{act: {}, weight: {}}}", kind.act, recipe_weight(kind)), "mix"));
    step.add("include", text_list(include));
    process.items.push_back(std::move(step));
  }
  if (process.items.back().find("include") == nullptr)
    throw UsageError("so many bits per weight leave every linear in float",
                     "give a smaller --target_bits, or drop float from --types");
  YamlValue spec = parse_yaml(
      "{dataset: mix_calib.jsonl, save: [{type: ascendv1_saver, part_file_size: 4}]}", "mix");
  spec.add("process", std::move(process));
  return recipe_of_spec(std::move(spec), "mixed");
}

}  // namespace msmodelslim
