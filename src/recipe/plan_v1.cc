// apiversion modelslim_v1: runner, prior, process, save, dataset.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "recipe/join_words.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kLongestPath = 4096;
constexpr const char* kDefaultDataset = "mix_calib.jsonl";

Runner read_runner(Fields* fields) {
  static const std::map<std::string, Runner> kRunners = {{"auto", Runner::kAuto},
                                                         {"model_wise", Runner::kModelWise},
                                                         {"layer_wise", Runner::kLayerWise},
                                                         {"dp_layer_wise", Runner::kDpLayerWise}};
  const std::string name = fields->text("runner", "auto", 200);
  const auto found = kRunners.find(name);
  if (found != kRunners.end()) return found->second;
  fields->problem("runner", fmt::format("'{}' is unknown; known values: auto, model_wise, "
                                        "layer_wise, dp_layer_wise",
                                        name));
  return Runner::kAuto;
}

void read_saver(const YamlValue& item, const std::string& path, ReadContext context, Plan* plan) {
  Fields fields(item, path, context.problems);
  if (!fields.is_map()) return;
  fields.require("type");
  SaveStep step;
  step.type = fields.text("type", "", 200);
  const NamedInfo* info = find_named(known_savers(), step.type);
  if (info == nullptr && !step.type.empty()) {
    std::vector<std::string_view> names;
    for (const NamedInfo& saver : known_savers()) names.push_back(saver.name);
    fields.problem("type", fmt::format("the saver '{}' is unknown; known savers: {}", step.type,
                                       join_words(names)));
  } else if (info != nullptr && !info->built) {
    fields.problem("type", fmt::format("the saver {} is not built yet", step.type));
  }
  constexpr std::int64_t kMostGiB = 1 << 20;
  step.part_file_size = static_cast<int>(fields.integer("part_file_size", 4, 0, kMostGiB));
  fields.text("save_directory", ".", kLongestPath);
  if (step.type != "compressed_tensors") {
    const YamlValue* ext = fields.get("ext");
    if (ext != nullptr && !ext->is(YamlValue::Kind::kMap))
      fields.problem("ext", "must be a mapping");
  }
  fields.finish();
  plan->saves.push_back(step);
}

void read_savers(Fields* fields, ReadContext context, Plan* plan) {
  const YamlValue* list = fields->list("save");
  if (list == nullptr || list->items.empty()) {
    fields->problem("save",
                    "lists no saver, so nothing would be written; add "
                    "'- type: ascendv1_saver'");
    return;
  }
  for (std::size_t i = 0; i < list->items.size(); ++i)
    read_saver(list->items[i], fmt::format("{}.{}", fields->path_of("save"), i), context, plan);
  std::set<std::string> types;
  for (const SaveStep& step : plan->saves)
    if (!types.insert(step.type).second)
      fields->problem("save",
                      fmt::format("lists {} twice; both would write the same files", step.type));
  if (types.size() > 1)
    fields->problem("save",
                    "lists several savers, but a folder holds one format; run quant once for each");
}

}  // namespace

void read_v1_spec(const YamlValue& spec, ReadContext context, Plan* plan) {
  Fields fields(spec, "spec", context.problems);
  if (!fields.is_map()) return;
  plan->runner = read_runner(&fields);
  plan->dataset = fields.text("dataset", kDefaultDataset, kLongestPath);
  plan->priors = read_priors(&fields, context);
  bool quantizes = false;
  if (const YamlValue* process = fields.list("process"))
    plan->steps = read_steps(*process, "spec.process", context, &quantizes);
  if (!quantizes)
    fields.problem("process",
                   "quantizes nothing; add a linear_quant entry that includes some "
                   "modules");
  const bool adapts = std::any_of(plan->steps.begin(), plan->steps.end(), [](const Step& step) {
    const auto* rotation = std::get_if<QuaRotStep>(&step.value);
    return rotation != nullptr && rotation->adapted;
  });
  if (adapts != !plan->priors.empty())
    context.warnings->push_back(
        adapts ? "adapt_rotation stage 2 has no stage 1 under spec.prior: it rotates as quarot does"
               : "adapt_rotation stage 1 under spec.prior has no stage 2: it has no effect");
  read_savers(&fields, context, plan);
  fields.finish();
}

}  // namespace msmodelslim
