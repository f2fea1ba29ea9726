#pragma once
// The compressed-tensors folder: weights, and quantization_config in config.json
// (checkpoint/compressed_config.h).

#include "checkpoint/compressed_config.h"
#include "save/linear_tensors.h"
#include "save/saver.h"

namespace msmodelslim {

// The tensors of one linear. The codes move out of `linear`.
std::vector<OutputTensor> compressed_tensors(QuantizedLinear linear, const CompressedScheme& scheme,
                                             DType model_dtype);

class CompressedTensorsSaver : public Saver {
 public:
  // config.json of the float model must already lie in `folder`. `part_bytes` 0: one file without
  // an index.
  CompressedTensorsSaver(std::string folder, std::uint64_t part_bytes, DType model_dtype);
  void finish() override;
  std::vector<std::string> problems(const ModelSpec& model, bool allow_mixed_groups) const override;

 private:
  void put_linear(QuantizedLinear linear) override;
  void put_extra(const ModuleTensor& extra) override;
  void saw_float_linear(const std::string& name) override { ignore_.push_back(name); }
  Json format_state() const override;
  void resume_format(const Json& state) override;

  DType model_dtype_;
  std::vector<CompressedGroup> groups_;
  std::vector<std::string> ignore_;
};

}  // namespace msmodelslim
