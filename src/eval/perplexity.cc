#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "eval/scored_model.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {
namespace {

std::int64_t arg_max(const float* line, std::int64_t n) {
  return std::max_element(line, line + n) - line;
}

// `reference` (nothing: perplexity alone) has run on the windows, `model` too.
PerplexityResult score(ScoredModel& model, ScoredModel* reference, const Windows& windows) {
  const std::int64_t vocab = model.spec().vocab;
  std::vector<double> nll;
  std::vector<double> float_nll;
  std::vector<double> kl;
  std::int64_t same = 0;
  std::int64_t row = 0;
  std::vector<float> mine;
  std::vector<float> theirs;
  for (const auto& window : windows) {
    const auto length = static_cast<std::int64_t>(window.size());
    for (std::int64_t begin = 0; begin + 1 < length; begin += kLogitRows) {
      check_interrupted();
      const std::int64_t rows = std::min(kLogitRows, length - 1 - begin);
      model.log_probabilities(row + begin, rows, mine);
      if (reference) reference->log_probabilities(row + begin, rows, theirs);
      std::vector<double> kl_part(static_cast<std::size_t>(rows));
      std::vector<char> same_part(static_cast<std::size_t>(rows));
      if (reference)
        parallel_for(rows, [&](std::int64_t r) {
          const float* q = mine.data() + r * vocab;
          const float* p = theirs.data() + r * vocab;
          kl_part[static_cast<std::size_t>(r)] = kl_divergence(p, q, vocab);
          same_part[static_cast<std::size_t>(r)] = arg_max(p, vocab) == arg_max(q, vocab);
        });
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t next = window[static_cast<std::size_t>(begin + r + 1)];
        nll.push_back(-static_cast<double>(mine[static_cast<std::size_t>(r * vocab + next)]));
        if (!reference) continue;
        float_nll.push_back(
            -static_cast<double>(theirs[static_cast<std::size_t>(r * vocab + next)]));
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
  const Windows windows = cut_windows(ids, options.seqlen, options.windows);
  std::unique_ptr<ScoredModel> reference;
  if (options.float_path) {
    reference = std::make_unique<ScoredModel>(*options.float_path);
    reference->run(windows);
  }
  std::vector<PerplexityResult> results;
  for (const std::string& path : options.model_paths) {
    ScoredModel model(path);
    if (reference && reference->spec().vocab != model.spec().vocab)
      throw DataError(fmt::format("{} has {} vocabulary entries, {} has {}", *options.float_path,
                                  reference->spec().vocab, path, model.spec().vocab),
                      "--float_path must be the model that was quantized");
    model.run(windows);
    results.push_back(score(model, reference.get(), windows));
  }
  return results;
}

}  // namespace msmodelslim
