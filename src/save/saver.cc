#include "save/saver.h"

#include "base/files.h"
#include "base/interrupt.h"
#include "checkpoint/safetensors.h"
#include "quantize/mx.h"
#include "save/linear_tensors.h"

namespace msmodelslim {

Saver::Saver(std::string folder, const SaverOptions& options)
    : folder_(std::move(folder)),
      options_(options),
      writer_(folder_, options.layout == FolderLayout::kV1 ? kV1Stem : options.v0_stem,
              options.part_bytes) {}

void Saver::add(const std::string& name, const TensorView& view, LinearType type, bool svd) {
  check_interrupted();
  writer_.add(name, view);
  const std::string type_name = linear_type_name(type);
  types_.emplace_back(name, svd && type != LinearType::kFloat ? with_svd(type_name) : type_name);
}

void Saver::write(QuantizedLinear linear) {
  const LinearType type = linear.type;
  const bool svd = linear.low_rank.rank > 0;
  if (linear.group_size > 0) group_size_ = linear.group_size;
  if (is_mx(type)) group_size_ = kMxBlock;
  const auto tensors = options_.layout == FolderLayout::kV1
                           ? ascendv1_tensors(std::move(linear), options_.model_dtype)
                           : v0_tensors(std::move(linear), options_.model_dtype);
  for (const OutputTensor& tensor : tensors)
    add(tensor.name, tensor.tensor.view(), tensor.type, svd);
  model_type_.propose(type, svd);
}

void Saver::write(Linear& linear) {
  const LinearSpec& spec = linear.spec();
  const DType dtype = linear.source().dtype;
  if (linear.changed())
    add(spec.name + ".weight", from_f32(linear.weight(), {spec.out, spec.in}, dtype).view(),
        LinearType::kFloat);
  else
    add(spec.name + ".weight", linear.source(), LinearType::kFloat);
  if (!linear.bias().empty())
    add(spec.name + ".bias", from_f32(linear.bias().data(), {spec.out}, dtype).view(),
        LinearType::kFloat);
  model_type_.propose(LinearType::kFloat);
}

void Saver::write(const Norm& norm, DType dtype) {
  const Shape shape = {norm.spec.size};
  add(norm.spec.name + ".weight", from_f32(norm.weight.data(), shape, dtype).view(),
      LinearType::kFloat);
  if (!norm.bias.empty())
    add(norm.spec.name + ".bias", from_f32(norm.bias.data(), shape, dtype).view(),
        LinearType::kFloat);
}

void Saver::write(const ModuleTensor& extra) {
  if (!extra.type) {
    writer_.add(extra.name, extra.tensor.view());
    return;
  }
  add(extra.name, extra.tensor.view(), *extra.type);
  has_kv_cache_ = has_kv_cache_ || extra.type == LinearType::kC8;
  model_type_.propose(*extra.type);
}

void Saver::write_float(const std::string& name, const TensorView& view) {
  add(name, view, LinearType::kFloat);
  model_type_.propose(LinearType::kFloat);
}

void Saver::write_global_rotation(const Tensor& rotation) {
  constexpr const char* kFile = "optional/quarot.safetensors";
  fs::create_directory(fs::path(folder_) / "optional");
  write_safetensors((fs::path(folder_) / kFile).string(), {{"global_rotation", rotation.view()}});
  optional_["quarot"] = {{"rotation_map", {{"global_rotation", kFile}}}};
}

void Saver::finish() {
  writer_.finish();
  Json::object_t all;
  const bool v1 = options_.layout == FolderLayout::kV1;
  if (!v1) {
    all.emplace_back("version", "1.0.0");
    all.emplace_back("model_quant_type", model_type_.name());
  }
  for (auto& [name, type] : types_) all.emplace_back(name, std::move(type));
  if (v1) {
    if (has_kv_cache_)
      for (const char* key : kKvCacheKeys) all.emplace_back(key, kKvCacheType);
    all.emplace_back("version", "1.0.0");
    all.emplace_back("model_quant_type", model_type_.name());
    all.emplace_back("metadata", metadata_);
    all.emplace_back("group_size", group_size_);
    all.emplace_back("optional", optional_);
  }
  description_ = Json(std::move(all));
  write_file_atomic((fs::path(folder_) / kDescriptionFile).string(),
                    dump_json_python(description_, v1 ? 4 : 2));
}

}  // namespace msmodelslim
