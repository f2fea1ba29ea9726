#include "pipeline/convert_choice.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "recipe/join_words.h"
#include "recipe/name_filter.h"

namespace msmodelslim {
namespace {

using Kind = ConvertChoice::Kind;
using Codes = CodedWeight::Codes;

constexpr std::size_t kShown = 5;

std::string form_of(const CheckpointReader& checkpoint, const ConvertTensor& tensor) {
  const WeightSource source = checkpoint.source(tensor.origin());
  if (source.is_plain()) return kFloatForm;
  switch (source.coded().codes) {
    case Codes::kE4M3:
      return "FP8_BLOCK";
    case Codes::kFp4:
      return "NVFP4_MODELOPT";
    default:
      return "INT4_PACKED";
  }
}

LinearType type_of(const std::string& target) {
  if (target == "W8A8_MXFP8") return LinearType::kMxFp8;
  return target == "W4A8_MXFP8" ? LinearType::kW4A8MxFp : LinearType::kMxFp4;
}

bool writes_fp4(LinearType type) { return type != LinearType::kMxFp8; }

class Chooser {
 public:
  Chooser(const ConvertPlan& plan, const std::vector<std::string>& exclude,
          const CheckpointReader& checkpoint)
      : plan_(plan), exclude_(exclude, {}, false), checkpoint_(checkpoint) {
    for (const ConvertRule& rule : plan.rules) {
      filters_.emplace_back(rule.match, std::vector<std::string>{}, false);
      matched_.push_back(0);
    }
  }

  ConvertChoice choose(const ConvertTensor& tensor) {
    ConvertChoice choice;
    const std::string form = form_of(checkpoint_, tensor);
    const ConvertRule* rule = rule_of(tensor);
    if (rule == nullptr) {
      if (form == kFloatForm) return choice;
      choice.kind = Kind::kCodes;
      // Cut or put together, codes are no longer those of the files.
      if (plan_.ascendv1 || !tensor.is_origin) left_.push_back(tensor.name);
      return choice;
    }
    choice.edge = edge_of(*rule, form, tensor);
    if (rule->target != kFloatForm) {
      choice.kind = Kind::kQuantize;
      choice.type = type_of(rule->target);
      check_shape(*rule, tensor, choice.type);
    } else if (form != kFloatForm) {
      choice.kind = Kind::kFloat;
    }
    return choice;
  }

  void finish() {
    for (std::size_t i = 0; i < matched_.size(); ++i)
      if (matched_[i] == 0)
        problem(fmt::format("{}.match: no linear of the model matches {}", plan_.rules[i].path,
                            join_words(plan_.rules[i].match)));
    if (!left_.empty()) {
      const std::size_t count = left_.size();
      if (count > kShown) left_.resize(kShown);
      problem(
          fmt::format("no rule is for {} linears that are stored as codes, which this output "
                      "has no place for: {}{}",
                      count, join_words(left_), count > kShown ? ", ..." : ""));
    }
    if (problems_.empty()) return;
    std::string text;
    for (std::size_t i = 0; i < problems_.size() && i < kShown; ++i) text += "\n  " + problems_[i];
    if (problems_.size() > kShown)
      text += fmt::format("\n  and {} more", problems_.size() - kShown);
    throw UsageError("the recipe does not fit the model:" + text,
                     "compare it with the names and shapes that msmodelslim inspect shows");
  }

 private:
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  // Null: none is for this tensor. Vectors are parts of modules that are no linears.
  const ConvertRule* rule_of(const ConvertTensor& tensor) {
    const std::string module = module_of(tensor.name);
    if (module == tensor.name || tensor.shape.size() < 2 || exclude_.selects(module))
      return nullptr;
    for (std::size_t i = 0; i < filters_.size(); ++i)
      if (filters_[i].selects(module)) {
        ++matched_[i];
        return &plan_.rules[i];
      }
    return nullptr;
  }

  std::string edge_of(const ConvertRule& rule, const std::string& form,
                      const ConvertTensor& tensor) {
    std::vector<std::string> route = rule.route;
    if (route.empty()) {
      if (form != kFloatForm && rule.target != kFloatForm) route = {kFloatForm};
      route.push_back(rule.target);
    }
    if (route.front() != form) {
      const bool edge = (form == kFloatForm) != (route.front() == kFloatForm) &&
                        (form == kFloatForm || route.front() == kFloatForm) &&
                        (form != kFloatForm || route.size() == 1);
      if (!edge)
        problem(fmt::format("{}.route: {} is {}, from which no conversion leads to {}", rule.path,
                            tensor.name, form, route.front()));
      route.insert(route.begin(), form);
    }
    return join_words(route, " -> ");
  }

  void check_shape(const ConvertRule& rule, const ConvertTensor& tensor, LinearType type) {
    if (tensor.shape.size() != 2)
      problem(fmt::format("{}: {} is {}, {} needs a matrix: cut it with a preprocess entry (chunk)",
                          rule.path, tensor.name, shape_text(tensor.shape), rule.target));
    else if (writes_fp4(type) && tensor.shape[1] % 2 != 0)
      problem(fmt::format("{}: {} has {} columns, {} needs an even number", rule.path, tensor.name,
                          tensor.shape[1], rule.target));
  }

  const ConvertPlan& plan_;
  NameFilter exclude_;
  const CheckpointReader& checkpoint_;
  std::vector<NameFilter> filters_;
  std::vector<std::int64_t> matched_;
  std::vector<std::string> left_;
  std::vector<std::string> problems_;
};

}  // namespace

std::string module_of(const std::string& tensor) {
  constexpr std::string_view kWeight = ".weight";
  return tensor.ends_with(kWeight) ? tensor.substr(0, tensor.size() - kWeight.size()) : tensor;
}

std::vector<ConvertChoice> choose_conversions(const ConvertPlan& plan,
                                              const std::vector<std::string>& exclude,
                                              const CheckpointReader& checkpoint,
                                              const std::vector<ConvertTensor>& tensors) {
  Chooser chooser(plan, exclude, checkpoint);
  std::vector<ConvertChoice> choices;
  choices.reserve(tensors.size());
  for (const ConvertTensor& tensor : tensors) choices.push_back(chooser.choose(tensor));
  chooser.finish();
  return choices;
}

}  // namespace msmodelslim
