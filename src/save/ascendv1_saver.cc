#include "save/ascendv1_saver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "quantize/mx.h"
#include "save/linear_tensors.h"
#include "save/v0_tensors.h"
#include "save/verify.h"

namespace msmodelslim {

AscendV1Saver::AscendV1Saver(std::string folder, const AscendV1Options& options)
    : Saver(std::move(folder), options.stem, options.part_bytes), options_(options) {}

std::string description_name(const std::string& model_quant_type, bool mindie) {
  if (!mindie) return kDescriptionFile;
  std::string type = model_quant_type;
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return fmt::format("quant_model_description_{}.json", type);
}

void AscendV1Saver::saw_tensor(const std::string& name, LinearType type) {
  types_.emplace_back(name, linear_type_name(type));
}

void AscendV1Saver::put_linear(QuantizedLinear linear) {
  const LinearType type = linear.type;
  const bool svd = linear.low_rank.rank > 0;
  const std::string name = linear.spec.name;
  const InputRotation transform = std::move(linear.input_rotation);
  if (linear.group_size > 0) group_size_ = linear.group_size;
  if (is_mx(type)) group_size_ = kMxBlock;
  auto tensors = options_.is_v0()
                     ? v0_tensors(std::move(linear), options_.model_dtype, options_.is_mindie())
                     : ascendv1_tensors(std::move(linear), options_.is_mindie()
                                                               ? DType::kBF16  // deq_scale fp32
                                                               : options_.model_dtype);
  for (OutputTensor& tensor : tensors) {
    put(tensor.name, std::move(tensor.tensor), tensor.type);
    if (svd && tensor.type != LinearType::kFloat)
      types_.back().second = with_svd(linear_type_name(tensor.type));
  }
  if (transform.flat)
    put_transform(name, transform, tensors.size());
  else
    model_type_.propose(type, svd);
}

void AscendV1Saver::put_transform(const std::string& linear, const InputRotation& transform,
                                  std::size_t tensors) {
  const auto first = types_.end() - static_cast<std::ptrdiff_t>(tensors);
  for (auto entry = first; entry != types_.end(); ++entry)
    entry->second = with_flatquant(entry->second.get<std::string>());
  const Json type = types_.back().second;
  const auto add = [&](const char* suffix, const std::vector<float>& values, const Shape& shape,
                       DType dtype) {
    if (values.empty()) return;
    put(linear + suffix, from_f32(values.data(), shape, dtype), LinearType::kFloat);
    types_.back().second = type;
  };
  if (options_.is_v0()) add(kClipRatio, {transform.clip_ratio}, {1}, DType::kF32);
  add(kLeftTrans, transform.left, {transform.m, transform.m}, options_.model_dtype);
  add(kRightTrans, transform.right, {transform.n, transform.n}, options_.model_dtype);
  if (!options_.is_v0()) add(kClipRatio, {transform.clip_ratio}, {1}, DType::kF32);
}

void AscendV1Saver::put_extra(const ModuleTensor& extra) {
  if (!extra.says.empty()) {
    types_.emplace_back(extra.name, extra.says);
    has_indexer_ = has_indexer_ || extra.name.ends_with(".indexer.quant_type");
    return;
  }
  if (!extra.type) {
    put_unnamed(extra.name, extra.tensor.view());
    return;
  }
  put(extra.name, extra.tensor.view(), *extra.type);
  has_kv_cache_ = has_kv_cache_ || extra.type == LinearType::kC8;
  has_attention_ = has_attention_ || extra.type == LinearType::kFaQuant;
  model_type_.propose(*extra.type);
}

Json AscendV1Saver::format_state() const {
  Json types = Json::array();  // pairs: a name may come twice
  for (const auto& [name, type] : types_) types.push_back({name, type});
  return {{"types", std::move(types)},
          {"model_type", model_type_.rank()},
          {"kv_cache", has_kv_cache_},
          {"attention", has_attention_},
          {"group_size", group_size_}};
}

void AscendV1Saver::resume_format(const Json& state) {
  for (const Json& item : state.at("types")) types_.emplace_back(item.at(0), item.at(1));
  model_type_ = ModelQuantType(state.at("model_type").get<int>());
  has_kv_cache_ = state.at("kv_cache").get<bool>();
  has_attention_ = state.at("attention").get<bool>();
  group_size_ = state.at("group_size").get<std::int64_t>();
}

void AscendV1Saver::write_global_rotation(const Tensor& rotation) {
  constexpr const char* kFile = "optional/quarot.safetensors";
  fs::create_directory(fs::path(folder()) / "optional");
  write_safetensors((fs::path(folder()) / kFile).string(), {{"global_rotation", rotation.view()}});
  optional_["quarot"] = {{"rotation_map", {{"global_rotation", kFile}}}};
}

void AscendV1Saver::write_norm_rotation(const Tensor& rotation) {
  write_safetensors((fs::path(folder()) / kNormRotationFile).string(),
                    {{kNormRotation, rotation.view()}});
  note_elsewhere(kNormRotation, kNormRotationFile);
  has_norm_rotation_ = true;
}

std::string AscendV1Saver::quant_type() const {
  return options_.model_quant_type.empty() ? model_type_.name() : options_.model_quant_type;
}

// Old MindIE versions look for a norm with a bias under both names.
void AscendV1Saver::put_norm(const Norm& norm, DType dtype) {
  Saver::put_norm(norm, dtype);
  if (options_.layout != FolderLayout::kV0MindIE || norm.bias.empty()) return;
  Norm copy = norm;
  copy.spec.name += ".module";
  Saver::put_norm(copy, dtype);
  const auto copies = types_.end() - 2;  // weight and bias
  if (!options_.describes_norm_copies) {
    types_.erase(copies, types_.end());
    return;
  }
  for (auto entry = copies; entry != types_.end(); ++entry) entry->second = quant_type();
}

void AscendV1Saver::finish() {
  finish_weights();
  Json::object_t all;
  const bool v0 = options_.is_v0();
  const auto kv_keys = [&] {
    if (has_kv_cache_)
      for (const char* key : kKvCacheKeys) all.emplace_back(key, kKvCacheType);
  };
  if (v0) {
    if (!options_.is_mindie()) all.emplace_back("version", "1.0.0");
    all.emplace_back("model_quant_type", quant_type());
    kv_keys();
    if (has_attention_) all.emplace_back(kFaQuantKey, options_.fa_quant_type);
    if (!options_.is_mindie() && group_size_ > 0) all.emplace_back("group_size", group_size_);
  }
  for (auto& [name, type] : types_) all.emplace_back(name, std::move(type));
  if (!v0) kv_keys();
  if (!v0 && has_attention_) all.emplace_back(kFaQuantKey, kFaQuantType);
  if (options_.layout == FolderLayout::kV1) {
    all.emplace_back("version", "1.0.0");
    all.emplace_back("model_quant_type", quant_type());
    all.emplace_back("metadata", metadata_);
    all.emplace_back("group_size", group_size_);
    all.emplace_back("optional", optional_);
  } else if (!v0) {
    all.emplace_back("model_quant_type", quant_type());
  }
  if (has_norm_rotation_) all.emplace_back(kNormRotationKey, true);
  if (has_indexer_) all.emplace_back(kIndexerKey, kIndexerType);
  description_ = Json(std::move(all));
  const std::string file = description_name(quant_type(), options_.is_mindie());
  write_file_atomic((fs::path(folder()) / file).string(),
                    dump_json_python(description_, v0 ? 2 : 4));
}

std::vector<std::string> AscendV1Saver::problems(const ModelSpec& model,
                                                 bool allow_mixed_groups) const {
  return find_problems(folder(), model, written(), allow_mixed_groups);
}

}  // namespace msmodelslim
