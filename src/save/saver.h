#pragma once
// Writes the AscendV1 folder tensor by tensor: weights, description, copied files.

#include <memory>
#include <optional>
#include <string>

#include "checkpoint/shard_writer.h"
#include "forward/block.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {

enum class FolderLayout {
  kV1,  // quant_model_weights-*.safetensors + index; global keys last
  kV0   // quant_model_weight_<type>.safetensors; global keys first
};

struct SaverOptions {
  FolderLayout layout = FolderLayout::kV1;
  std::uint64_t part_bytes = 4ULL << 30;  // 0: one file without index
  DType model_dtype = DType::kF32;
  std::string v0_stem = "quant_model_weight_w8a8";
};

// A tensor that belongs to a module but is none of a linear's own: a KV cache scale, a rotation.
// It is written behind the module's own tensors.
struct ModuleTensor {
  std::string module;  // "model.layers.0.self_attn.k_proj"
  std::string name;    // of the tensor, whole
  Tensor tensor;
  std::optional<LinearType> type;  // as the description names it; absent: no entry
};

class Saver {
 public:
  Saver(std::string folder, const SaverOptions& options);

  void write(QuantizedLinear linear);
  // A float linear or norm: the checkpoint's bytes, or the rewritten values in the source's dtype.
  void write(Linear& linear);
  void write(const Norm& norm, DType dtype);
  void write(const ModuleTensor& extra);
  void write_float(const std::string& name, const TensorView& view);

  // optional/quarot.safetensors: the rotation of the residual stream [hidden, hidden].
  void write_global_rotation(const Tensor& rotation);
  // The description's `metadata`.
  void set_metadata(Json metadata) { metadata_ = std::move(metadata); }

  // Closes the weight files and writes the description (last).
  void finish();

  const std::vector<WrittenTensor>& written() const { return writer_.written(); }
  std::uint64_t total_bytes() const { return writer_.total_bytes(); }
  const Json& description() const { return description_; }

 private:
  void add(const std::string& name, const TensorView& view, LinearType type, bool svd = false);
  std::string folder_;
  SaverOptions options_;
  ShardWriter writer_;
  Json::object_t types_;
  Json description_;
  Json metadata_ = Json::object();
  Json optional_ = Json::object();
  ModelQuantType model_type_;
  bool has_kv_cache_ = false;
  std::int64_t group_size_ = 0;  // of the last linear that has one
};

}  // namespace msmodelslim
