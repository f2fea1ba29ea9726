#include "pipeline/engine_keys.h"

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/ascendv1.h"
#include "pipeline/planned_linears.h"

namespace msmodelslim {

void note_engine_keys(const QuantJob& job, const ModelSpec& model, const std::string& folder) {
  const bool deepseek = model.model_type == "deepseek_v3";
  if ((!deepseek && model.model_type != "kimi_k2") || saves_compressed_tensors(job.plan)) return;
  const auto linears = planned_linears(job, model);
  if (std::none_of(linears.begin(), linears.end(), [](const PlannedLinear& linear) {
        return linear.type == linear_type_name(LinearType::kW4A8Dynamic);
      }))
    return;
  const std::string path = (fs::path(folder) / "config.json").string();
  Json config = read_json_file(path);
  if (deepseek) config["mtp_quantize"] = "w8a8_dynamic";
  config["quantize"] = "w8a8_dynamic";
  config["moe_quantize"] = "w4a8_dynamic";
  config["mla_quantize"] = "w8a8_dynamic";
  write_file_atomic(path, dump_json_python(config, 2));
}

}  // namespace msmodelslim
