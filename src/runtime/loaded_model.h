#pragma once
// A model folder ready to be run: float (Hugging Face), AscendV1 or compressed-tensors.

#include <memory>
#include <string>

#include "base/raw_vector.h"
#include "checkpoint/reader.h"
#include "forward/run.h"
#include "quantize/int8_linear.h"
#include "runtime/engine_kv.h"
#include "runtime/kv_cache.h"
#include "runtime/packed_linear.h"

namespace msmodelslim {

struct LoadOptions {
  // A float head is computed with int8 weights and activations: a half or a quarter of its bytes
  // per token. Throws UsageError for another.
  bool int8_head = false;
};

class LoadedModel {
 public:
  // Throws DataError for what the folder lacks.
  explicit LoadedModel(const std::string& folder, const LoadOptions& options = {});

  const CheckpointReader& checkpoint() const { return checkpoint_; }
  const ModelSpec& spec() const { return spec_; }
  LinearOp& op() { return *op_; }
  KvOp* kv_op() { return kv_op_.get(); }  // null for float folders
  // For one sequence, empty; must not outlive the model.
  SequenceCache new_cache() const;
  // Final norm and head: `hidden` [rows, spec().stream] -> `logits` [rows, spec().vocab].
  void logits(const float* hidden, std::int64_t rows, float* logits);

 private:
  LinearOp& head_op(std::int64_t rows);

  CheckpointReader checkpoint_;
  ModelSpec spec_;
  std::unique_ptr<LinearOp> op_;
  std::unique_ptr<EngineKvOp> kv_op_;
  std::unique_ptr<Head> head_;
  std::unique_ptr<Int8LinearOp> int8_head_;      // null: the head is float
  std::unique_ptr<PackedLinearOp> packed_head_;  // of a float head, since few rows asked for it
  bool head_packs_ = true;                       // false: it was tried in vain
  RawVector<float> normed_;
};

}  // namespace msmodelslim
