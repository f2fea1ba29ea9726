#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/log_softmax.h"
#include "runtime/loaded_model.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kHeadRows = 128;  // rows of logits held at once

using Windows = std::vector<std::vector<std::int32_t>>;

// A model folder and its hidden states after the last block.
class ScoredModel {
 public:
  explicit ScoredModel(const std::string& folder) : model_(folder) {}

  void run(const Windows& windows) {
    const ModelSpec& spec = model_.spec();
    states_ = embed_samples(spec, model_.checkpoint(), windows);
    std::int64_t longest = 1;
    for (const auto& window : windows)
      longest = std::max(longest, static_cast<std::int64_t>(window.size()));
    const RopeTable rope(spec.rope, longest);
    Workspace workspace;
    for (const BlockSpec& block_spec : spec.blocks) {
      check_interrupted();
      Block block(block_spec, model_.checkpoint());
      run_block_on(spec, block, states_, true, rope, model_.op(), {}, workspace, model_.kv_op());
    }
  }

  std::int64_t vocab() const { return model_.spec().vocab; }
  // Log-probabilities of rows [begin, begin + rows), [rows, vocab].
  void log_probabilities(std::int64_t begin, std::int64_t rows, std::vector<float>& out) {
    out.resize(static_cast<std::size_t>(rows * vocab()));
    model_.logits(states_.values.data() + begin * model_.spec().hidden, rows, out.data());
    parallel_for(rows, [&](std::int64_t r) { log_softmax(out.data() + r * vocab(), vocab()); });
  }

 private:
  LoadedModel model_;
  PackedStates states_;
};

std::int64_t arg_max(const float* line, std::int64_t n) {
  return std::max_element(line, line + n) - line;
}

Windows cut_windows(const PerplexityOptions& options, std::span<const std::int32_t> ids) {
  if (ids.size() < 2) throw DataError("the text has fewer than two tokens", "give a longer --text");
  const auto length = static_cast<std::size_t>(options.seqlen);
  std::size_t count = ids.size() / length;
  Windows windows;
  if (count == 0) {
    log_warning("eval",
                "the text has {} tokens, less than one window of {}; it is one short window",
                ids.size(), options.seqlen);
    windows.emplace_back(ids.begin(), ids.end());
    return windows;
  }
  if (options.windows > 0) count = std::min(count, static_cast<std::size_t>(options.windows));
  if (options.windows > static_cast<std::int64_t>(count))
    log_warning("eval", "the text holds {} windows of {}, {} were asked for", count, options.seqlen,
                options.windows);
  for (std::size_t w = 0; w < count; ++w)
    windows.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(w * length),
                         ids.begin() + static_cast<std::ptrdiff_t>((w + 1) * length));
  return windows;
}

// `reference` (nothing: perplexity alone) has run on the windows, `model` too.
PerplexityResult score(ScoredModel& model, ScoredModel* reference, const Windows& windows) {
  std::vector<double> nll;
  std::vector<double> float_nll;
  std::vector<double> kl;
  std::int64_t same = 0;
  std::int64_t row = 0;
  std::vector<float> mine;
  std::vector<float> theirs;
  for (const auto& window : windows) {
    const auto length = static_cast<std::int64_t>(window.size());
    for (std::int64_t begin = 0; begin + 1 < length; begin += kHeadRows) {
      check_interrupted();
      const std::int64_t rows = std::min(kHeadRows, length - 1 - begin);
      model.log_probabilities(row + begin, rows, mine);
      if (reference) reference->log_probabilities(row + begin, rows, theirs);
      std::vector<double> kl_part(static_cast<std::size_t>(rows));
      std::vector<char> same_part(static_cast<std::size_t>(rows));
      if (reference)
        parallel_for(rows, [&](std::int64_t r) {
          const float* q = mine.data() + r * model.vocab();
          const float* p = theirs.data() + r * model.vocab();
          kl_part[static_cast<std::size_t>(r)] = kl_divergence(p, q, model.vocab());
          same_part[static_cast<std::size_t>(r)] =
              arg_max(p, model.vocab()) == arg_max(q, model.vocab());
        });
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t next = window[static_cast<std::size_t>(begin + r + 1)];
        nll.push_back(
            -static_cast<double>(mine[static_cast<std::size_t>(r * model.vocab() + next)]));
        if (!reference) continue;
        float_nll.push_back(
            -static_cast<double>(theirs[static_cast<std::size_t>(r * model.vocab() + next)]));
        kl.push_back(kl_part[static_cast<std::size_t>(r)]);
        same += same_part[static_cast<std::size_t>(r)];
      }
    }
    row += length;
  }
  PerplexityResult result;
  result.windows = static_cast<std::int64_t>(windows.size());
  result.predictions = static_cast<std::int64_t>(nll.size());
  result.perplexity = std::exp(mean_error(nll).mean);
  if (reference) {
    result.float_perplexity = std::exp(mean_error(float_nll).mean);
    std::vector<double> difference(nll.size());
    for (std::size_t i = 0; i < nll.size(); ++i) difference[i] = nll[i] - float_nll[i];
    result.nll_difference = mean_error(difference);
    result.kl = mean_error(kl);
    result.top1_agreement = static_cast<double>(same) / static_cast<double>(nll.size());
  }
  return result;
}

}  // namespace

std::vector<PerplexityResult> evaluate_perplexity(const PerplexityOptions& options,
                                                  std::span<const std::int32_t> ids) {
  const Windows windows = cut_windows(options, ids);
  std::unique_ptr<ScoredModel> reference;
  if (options.float_path) {
    reference = std::make_unique<ScoredModel>(*options.float_path);
    reference->run(windows);
  }
  std::vector<PerplexityResult> results;
  for (const std::string& path : options.model_paths) {
    ScoredModel model(path);
    if (reference && reference->vocab() != model.vocab())
      throw DataError(fmt::format("{} has {} vocabulary entries, {} has {}", *options.float_path,
                                  reference->vocab(), path, model.vocab()),
                      "--float_path must be the model that was quantized");
    model.run(windows);
    results.push_back(score(model, reference.get(), windows));
  }
  return results;
}

}  // namespace msmodelslim
