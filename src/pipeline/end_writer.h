#pragma once
// Writes what lies outside the blocks: embedding, final norm, head, and tensors that no module has.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/processor.h"

namespace msmodelslim {

class EndWriter {
 public:
  // Warns about tensors that are no part of the model; they are copied.
  EndWriter(const ModelSpec& model, const CheckpointReader& checkpoint, const ModelEnds& ends);

  // Throws UsageError when a tensor that is copied reads hidden states that `ends` has rotated.
  void check_rotation() const;
  void write_embedding(Saver& saver) const;
  // Final norm and head, `quantized` or as `ends` has it. `use` gets them as they are written.
  void write_head(std::optional<QuantizedLinear> quantized, Saver& saver,
                  const std::function<void(Head&)>& use) const;
  // As they are; behind a rotation, what other towers send into the text model or read from it
  // is rotated, too.
  void write_extra_tensors(Saver& saver) const;

 private:
  bool rewrites_output(const std::string& name, const TensorView& tensor) const;
  bool rewrites_input(const std::string& name, const TensorView& tensor) const;

  const ModelSpec& model_;
  const CheckpointReader& checkpoint_;
  const ModelEnds& ends_;
  std::vector<std::string> extra_tensors_;
};

}  // namespace msmodelslim
