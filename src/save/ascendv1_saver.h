#pragma once
// The AscendV1 folder: weights and quant_model_description.json (checkpoint/ascendv1.h).

#include "save/saver.h"

namespace msmodelslim {

enum class FolderLayout {
  kV1,        // quant_model_weights-*.safetensors + index; global keys last
  kV1MindIE,  // tensors of V1; quant_model_description_<type>.json without version, metadata ...
  kV0,        // quant_model_weight_<type>.safetensors; global keys first
  kV0MindIE   // tensors of V0, int4 not packed; quant_model_description_<type>.json; smoothed norms
              // twice, also as <norm>.module
};

struct AscendV1Options {
  FolderLayout layout = FolderLayout::kV1;
  std::uint64_t part_bytes = 4ULL << 30;  // 0: one file without index
  DType model_dtype = DType::kF32;
  std::string stem = kV1Stem;    // of the weight files
  std::string model_quant_type;  // empty: found from the linears (V1)
  std::string fa_quant_type = kFaQuantType;
  bool describes_norm_copies = true;  // <norm>.module in the description, of kV0MindIE
  bool is_v0() const { return layout == FolderLayout::kV0 || layout == FolderLayout::kV0MindIE; }
  bool is_mindie() const {
    return layout == FolderLayout::kV1MindIE || layout == FolderLayout::kV0MindIE;
  }
};

// quant_model_description.json, or the name that old MindIE versions read for this
// model_quant_type.
std::string description_name(const std::string& model_quant_type, bool mindie);

class AscendV1Saver : public Saver {
 public:
  AscendV1Saver(std::string folder, const AscendV1Options& options);
  void finish() override;
  std::vector<std::string> problems(const ModelSpec& model, bool allow_mixed_groups) const override;
  // optional/quarot.safetensors
  void write_global_rotation(const Tensor& rotation) override;
  // rot.safetensors, which the index names too
  void write_norm_rotation(const Tensor& rotation) override;
  void set_metadata(const Json& metadata) override { metadata_ = metadata; }
  const Json& description() const { return description_; }

 private:
  void put_linear(QuantizedLinear linear) override;
  void put_extra(const ModuleTensor& extra) override;
  void saw_tensor(const std::string& name, LinearType type) override;
  void put_norm(const Norm& norm, DType dtype) override;
  Json format_state() const override;
  void resume_format(const Json& state) override;
  std::string quant_type() const;
  void put_transform(const std::string& linear, const InputRotation& transform,
                     std::size_t tensors) override;
  void saw_float_linear(const std::string&) override { model_type_.propose(LinearType::kFloat); }

  AscendV1Options options_;
  Json::object_t types_;
  Json description_;
  Json metadata_ = Json::object();
  Json optional_ = Json::object();
  bool has_norm_rotation_ = false;
  ModelQuantType model_type_;
  bool has_kv_cache_ = false;
  bool has_attention_ = false;  // with scales
  bool has_indexer_ = false;
  std::int64_t group_size_ = 0;  // of the last linear that has one
};

}  // namespace msmodelslim
