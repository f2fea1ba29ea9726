#include "runtime/loaded_model.h"

#include "forward/scratch.h"
#include "model/build.h"
#include "runtime/engine_kv.h"
#include "runtime/engine_op.h"

namespace msmodelslim {

LoadedModel::LoadedModel(const std::string& folder)
    : checkpoint_(folder), spec_(build_model_spec(ModelConfig::read(folder), checkpoint_)) {
  if (EngineOp::is_quantized(folder)) {
    op_ = std::make_unique<EngineOp>(spec_, checkpoint_, spec_.dtype);
    kv_op_ = std::make_unique<EngineKvOp>(spec_, checkpoint_);
  } else {
    check_checkpoint(spec_, checkpoint_);
    op_ = std::make_unique<FloatLinearOp>(spec_.dtype);
  }
  head_ = std::make_unique<Head>(spec_, checkpoint_);
}

void LoadedModel::logits(const float* hidden, std::int64_t rows, float* logits) {
  head_->run(hidden, rows, *op_, sized(normed_, rows * spec_.hidden), logits);
}

}  // namespace msmodelslim
