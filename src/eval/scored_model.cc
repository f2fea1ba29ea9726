#include "eval/scored_model.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {

Windows cut_windows(std::span<const std::int32_t> ids, std::int64_t seqlen, std::int64_t most) {
  if (ids.size() < 2) throw DataError("the text has fewer than two tokens", "give a longer --text");
  const auto length = static_cast<std::size_t>(seqlen);
  std::size_t count = ids.size() / length;
  Windows windows;
  if (count == 0) {
    log_warning("eval",
                "the text has {} tokens, less than one window of {}; it is one short window",
                ids.size(), seqlen);
    windows.emplace_back(ids.begin(), ids.end());
    return windows;
  }
  if (most > 0) count = std::min(count, static_cast<std::size_t>(most));
  if (most > static_cast<std::int64_t>(count))
    log_warning("eval", "the text holds {} windows of {}, {} were asked for", count, seqlen, most);
  for (std::size_t w = 0; w < count; ++w)
    windows.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(w * length),
                         ids.begin() + static_cast<std::ptrdiff_t>((w + 1) * length));
  return windows;
}

void ScoredModel::begin(const Windows& windows) {
  states_ = embed_samples(spec(), model_.checkpoint(), windows);
  std::int64_t longest = 1;
  for (const auto& window : windows)
    longest = std::max(longest, static_cast<std::int64_t>(window.size()));
  rope_.assign(1, RopeTable(spec().rope, longest));
}

void ScoredModel::run_block(std::size_t index) {
  check_interrupted();
  Block block(spec().blocks[index], model_.checkpoint());
  run_block_on(spec(), block, states_, true, rope_.front(), model_.op(), {}, workspace_,
               model_.kv_op());
}

void ScoredModel::run(const Windows& windows) {
  begin(windows);
  for (std::size_t i = 0; i < spec().decoders(); ++i) run_block(i);
}

void ScoredModel::log_probabilities(std::int64_t begin, std::int64_t rows,
                                    std::vector<float>& out) {
  const std::int64_t vocab = spec().vocab;
  out.resize(static_cast<std::size_t>(rows * vocab));
  model_.logits(states_.values.data() + begin * spec().stream, rows, out.data());
  parallel_for(rows, [&](std::int64_t r) { log_softmax(out.data() + r * vocab, vocab); });
}

}  // namespace msmodelslim
