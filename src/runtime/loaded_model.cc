#include "runtime/loaded_model.h"

#include "base/error.h"
#include "checkpoint/source.h"
#include "forward/scratch.h"
#include "model/build.h"
#include "model/check_checkpoint.h"
#include "runtime/engine_op.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPackedHeadRows = 64;  // at most: of answers, not of texts that are scored

}  // namespace

LoadedModel::LoadedModel(const std::string& folder, const LoadOptions& options)
    : checkpoint_(EngineOp::is_quantized(folder) ? CheckpointReader(folder) : open_source(folder)),
      spec_(build_model_spec(ModelConfig::read(folder), checkpoint_)) {
  if (EngineOp::is_quantized(folder)) {
    op_ = std::make_unique<EngineOp>(spec_, checkpoint_, spec_.dtype);
    kv_op_ = std::make_unique<EngineKvOp>(spec_, checkpoint_);
  } else {
    check_checkpoint(spec_, checkpoint_);
    op_ = std::make_unique<FloatLinearOp>(spec_.dtype);
  }
  head_ = std::make_unique<Head>(spec_, checkpoint_);
  if (options.int8_head) {
    Linear& head = head_->linear();
    if (!is_float(head.source().dtype()))
      throw UsageError(
          fmt::format("the head {} is {} already", head.name(), dtype_name(head.source().dtype())),
          "leave --lm_head out");
    int8_head_ = std::make_unique<Int8LinearOp>();
    int8_head_->prepare(head);
  }
}

SequenceCache LoadedModel::new_cache() const {
  return SequenceCache(spec_,
                       kv_op_ ? kv_op_->by_block(spec_) : std::vector<const KvCacheParams*>());
}

LinearOp& LoadedModel::head_op(std::int64_t rows) {
  if (int8_head_) return *int8_head_;
  if (rows > kPackedHeadRows || spec_.dtype != DType::kBF16) return *op_;
  if (!packed_head_ && head_packs_) {
    packed_head_ = PackedLinearOp::of(head_->linear());
    head_packs_ = packed_head_ != nullptr;
  }
  if (packed_head_) return *packed_head_;
  return *op_;
}

void LoadedModel::logits(const float* hidden, std::int64_t rows, float* logits) {
  head_->run(hidden, rows, head_op(rows), sized(normed_, rows * spec_.hidden), logits);
}

}  // namespace msmodelslim
