#include "runtime/runner.h"

#include <algorithm>

#include "base/error.h"
#include "forward/scratch.h"

namespace msmodelslim {
namespace {

std::int64_t checked_length(const ModelSpec& model, std::int64_t wanted) {
  if (wanted == 0) return model.max_position;
  if (wanted > model.max_position)
    throw UsageError(fmt::format("a length of {} tokens was asked for, config.json allows {}",
                                 wanted, model.max_position),
                     "choose a smaller --max_model_len");
  return wanted;
}

}  // namespace

ModelRunner::ModelRunner(const std::string& folder, std::int64_t max_length,
                         const LoadOptions& options)
    : model_(folder, options),
      max_length_(checked_length(spec(), max_length)),
      rope_(spec().rope, max_length_) {
  blocks_.reserve(spec().decoders());
  for (std::size_t i = 0; i < spec().decoders(); ++i)
    blocks_.emplace_back(spec().blocks[i], model_.checkpoint());
}

float* ModelRunner::run(std::span<const SequenceStep> steps) {
  const std::int64_t width = spec().stream;
  Context context;
  context.rope = &rope_;
  context.linear_op = &model_.op();
  context.kv_op = model_.kv_op();
  std::vector<SequenceCache*> caches;
  std::int64_t rows = 0;
  for (const SequenceStep& step : steps) {
    const auto count = static_cast<std::int64_t>(step.ids.size());
    context.sequences.push_back({rows, count, step.cache->length(), step.prompt});
    caches.push_back(step.cache);
    rows += count;
  }
  BatchCache cache(spec(), caches);
  context.cache = &cache;
  std::vector<ChosenTokens> chosen(spec().shares_choices() ? steps.size() : 0);
  if (!chosen.empty()) context.chosen = chosen.data();
  float* hidden = sized(hidden_, rows * width);
  for (std::size_t i = 0; i < steps.size(); ++i)
    embed_stream(spec(), model_.checkpoint(), steps[i].ids,
                 hidden + context.sequences[i].begin * width);
  for (Block& block : blocks_) {
    run_block(spec(), block, hidden, hidden, rows, context, workspace_);
    for (Linear* linear : block.linears()) linear->release();
  }
  std::int64_t asked = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Sequence& sequence = context.sequences[i];
    steps[i].cache->commit(sequence.rows);
    const std::int64_t wanted = std::min(steps[i].logits, sequence.rows);
    const float* from = hidden + (sequence.begin + sequence.rows - wanted) * width;
    std::copy(from, from + wanted * width, hidden + asked * width);  // never forward
    asked += wanted;
  }
  float* logits = sized(logits_, asked * spec().vocab);
  if (asked > 0) model_.logits(hidden, asked, logits);
  return logits;
}

}  // namespace msmodelslim
