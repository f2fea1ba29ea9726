#pragma once
// Tokens in, logits out: a loaded model with cached sequences, several of them in one batch.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/raw_vector.h"
#include "runtime/kv_cache.h"
#include "runtime/loaded_model.h"

namespace msmodelslim {

// New tokens of one sequence: a piece of its prompt, or the one that was sampled last.
struct SequenceStep {
  SequenceCache* cache = nullptr;
  std::span<const std::int32_t> ids;
  std::int64_t logits = 1;  // of so many last tokens are asked for
  std::int64_t prompt = 0;  // length of the whole prompt, where `ids` is a piece of it
};

class ModelRunner {
 public:
  // `max_length`: most tokens of a sequence; 0: what config.json says. UsageError if it says less.
  explicit ModelRunner(const std::string& folder, std::int64_t max_length = 0,
                       const LoadOptions& options = {});

  const ModelSpec& spec() const { return model_.spec(); }
  SequenceCache new_cache() const { return model_.new_cache(); }
  std::int64_t max_length() const { return max_length_; }
  // Runs all steps as one batch and lengthens their caches. The logits that were asked for, in the
  // order of the steps, [those, vocab], are the caller's until the next call.
  float* run(std::span<const SequenceStep> steps);

 private:
  LoadedModel model_;
  std::int64_t max_length_;
  RopeTable rope_;
  std::vector<Block> blocks_;
  Workspace workspace_;
  RawVector<float> hidden_;
  RawVector<float> logits_;
};

}  // namespace msmodelslim
