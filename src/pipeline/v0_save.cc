#include "pipeline/v0_save.h"

#include "base/ascii.h"
#include "base/files.h"
#include "base/json.h"
#include "model/float_model.h"

namespace msmodelslim {
void set_v0_options(const V0Options& v0, AscendV1Options* options) {
  constexpr std::uint64_t kGiB = 1ULL << 30;
  options->layout = v0.mindie ? FolderLayout::kV0MindIE : FolderLayout::kV0;
  options->stem = v0.stem();
  options->model_quant_type = v0.says_type.empty() ? v0.written_type() : v0.says_type;
  options->fa_quant_type = v0.fa_type;
  options->describes_norm_copies = v0.says_type.empty();
  options->part_bytes = kGiB * static_cast<std::uint64_t>(v0.part_file_size.value_or(0));
}

namespace {

// Scripts that fix what they do write less.
void describe_script(const V0Options& v0, Json& q) {
  q["kv_quant_type"] = Json();
  q["fa_quant_type"] = v0.use_fa_quant ? Json(v0.fa_type) : Json();
  q["group_size"] = v0.weight_group;
}

}  // namespace

void mark_config(const V0Options& v0, int layers, const std::string& folder) {
  if (!v0.mindie && v0.config_marks.empty() && layers == 0) return;
  const std::string path = (fs::path(folder) / "config.json").string();
  Json config = read_json_file(path);
  if (layers > 0) keep_first_layers(config, layers);
  for (const auto& [key, value] : v0.config_marks) config[key] = value;
  if (!v0.mindie || !v0.config_marks.empty()) {
    if (v0.mindie) describe_script(v0, config["quantization_config"] = Json::object());
    write_file_atomic(path, dump_json_python(config, 4));
    return;
  }
  config["quantize"] = ascii_lower(v0.written_type());
  Json& q = config["quantization_config"];
  q = Json::object();
  q["group_size"] = v0.weight_group;
  q["kv_quant_type"] = v0.use_kvcache_quant ? Json(kKvCacheType) : Json();
  q["fa_quant_type"] = v0.use_fa_quant ? Json(v0.fa_type) : Json();
  q["w_bit"] = v0.w_bit;
  q["a_bit"] = v0.a_bit;
  q["dev_type"] = "cpu";
  q["fraction"] = v0.fraction;
  q["act_method"] = v0.act_method;
  q["co_sparse"] = v0.co_sparse;
  q["anti_method"] = v0.anti ? v0.anti->method : "";
  q["disable_level"] = v0.disable_level;
  q["do_smooth"] = v0.do_smooth;
  q["use_sigma"] = v0.use_sigma;
  q["sigma_factor"] = v0.sigma_factor;
  q["is_lowbit"] = v0.is_lowbit;
  q["mm_tensor"] = false;
  q["w_sym"] = v0.w_sym;
  q["open_outlier"] = v0.open_outlier;
  q["is_dynamic"] = v0.is_dynamic;
  if (v0.pdmix) q["pdmix"] = true;
  if (v0.use_reduce_quant) q["reduce_quant_type"] = "per_channel";
  write_file_atomic(path, dump_json_python(config, 4));
}

}  // namespace msmodelslim
