#include "pipeline/v1_layout.h"

#include "base/ascii.h"
#include "pipeline/planned_linears.h"

namespace msmodelslim {

void set_v1_layout(const QuantJob& job, const ModelSpec& model, AscendV1Options* options) {
  if (job.plan.saves.empty() || job.plan.saves.front().type != "mindie_format_saver") return;
  options->layout = FolderLayout::kV1MindIE;
  ModelQuantType type;
  for (const PlannedLinear& linear : planned_linears(job, model))
    if (const auto known = linear_type_from_name(linear.type)) type.propose(*known);
  options->model_quant_type = type.name();
  options->stem = "quant_model_weight";
  if (options->part_bytes > 0) return;
  options->stem += '_';
  options->stem += ascii_lower(type.name());
}

}  // namespace msmodelslim
