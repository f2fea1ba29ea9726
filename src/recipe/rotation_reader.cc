// quarot, adapt_rotation, and the stages before the main one.

#include <fmt/format.h>

#include <bit>

#include "recipe/join_words.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kLargest = 1 << 20;

bool is_power_of_two(std::int64_t value) {
  return value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value));
}

std::int64_t read_block_size(Fields* fields) {
  const std::int64_t size = fields->integer("block_size", -1, -1, kLargest);
  if (size != -1 && !is_power_of_two(size))
    fields->problem("block_size", "must be -1 (the whole width) or a power of two");
  return size;
}

QuaRotStep read_rotation(Fields* fields, std::int64_t most_tp) {
  QuaRotStep step;
  step.block_size = read_block_size(fields);
  step.online = fields->boolean("online", false);
  for (std::int64_t layer : fields->integers("down_proj_online_layers", 0, kLargest))
    step.down_proj_online_layers.insert(layer);
  step.max_tp_size = fields->integer("max_tp_size", 4, 1, most_tp);
  if (!is_power_of_two(step.max_tp_size)) fields->problem("max_tp_size", "must be a power of two");
  return step;
}

// 1 or 2; 0 when it is missing or wrong.
std::int64_t read_stage(Fields* fields) {
  if (fields->require("stage") == nullptr) return 0;
  return fields->integer("stage", 0, 1, 2);
}

AdaptRotationStep read_fit(Fields* fields) {
  AdaptRotationStep step;
  step.steps = fields->integer("steps", step.steps, 1, 1000);
  const std::string dtype = fields->text("quant_dtype", "int4", 200);
  if (dtype != "int4" && dtype != "int8") fields->problem("quant_dtype", "must be int4 or int8");
  step.bits = dtype == "int8" ? 8 : 4;
  constexpr std::size_t kLongestPart = 128;
  if (auto parts = fields->texts("layer_type", kLongestPart, false)) {
    if (parts->empty()) fields->problem("layer_type", "must name at least one kind of linear");
    step.layer_types = std::move(*parts);
  }
  step.block_size = read_block_size(fields);
  step.max_samples = fields->integer("max_samples", step.max_samples, 1, 100000);
  return step;
}

void read_prior_entry(const YamlValue& item, const std::string& path, ReadContext context,
                      PriorStage* stage) {
  Fields fields(item, path, context.problems);
  if (!fields.is_map() || fields.require("type") == nullptr) return;
  if (fields.text("type", "", 200) != "adapt_rotation") {
    fields.problem("type", "only adapt_rotation with stage 1 can run before the main stage");
    return;
  }
  const std::int64_t number = read_stage(&fields);
  if (number == 2)
    fields.problem("stage", "stage 2 belongs under spec.process; here it is stage 1");
  if (number != 1) return;
  stage->steps.push_back(read_fit(&fields));
  fields.finish();
}

}  // namespace

QuaRotStep read_quarot(Fields* fields) {
  QuaRotStep step = read_rotation(fields, kLargest);
  step.export_extra_info = fields->boolean("export_extra_info", true);
  return step;
}

QuaRotStep read_adapted_rotation(Fields* fields) {
  QuaRotStep step;
  if (read_stage(fields) == 1) {
    fields->problem("stage", "stage 1 belongs under spec.prior; here it is stage 2");
    read_fit(fields);  // its other problems
  } else {
    step = read_rotation(fields, 64);
  }
  step.export_extra_info = false;
  step.adapted = true;
  return step;
}

std::vector<PriorStage> read_priors(Fields* spec, ReadContext context) {
  std::vector<PriorStage> stages;
  const YamlValue* prior = spec->list("prior");
  if (prior == nullptr) return stages;
  for (std::size_t i = 0; i < prior->items.size(); ++i) {
    const std::string path = fmt::format("{}.{}", spec->path_of("prior"), i);
    Fields fields(prior->items[i], path, context.problems);
    if (!fields.is_map()) continue;
    constexpr std::size_t kLongestPath = 4096;
    PriorStage stage;
    stage.dataset = fields.text("dataset", "", kLongestPath);
    const YamlValue* process = fields.list("process");
    if (process == nullptr || process->items.empty())
      context.warnings->push_back(path + " has no process entries, so it does nothing");
    else
      for (std::size_t j = 0; j < process->items.size(); ++j)
        read_prior_entry(process->items[j], fmt::format("{}.{}", fields.path_of("process"), j),
                         context, &stage);
    fields.finish();
    if (!stage.steps.empty()) stages.push_back(std::move(stage));
  }
  return stages;
}

}  // namespace msmodelslim
