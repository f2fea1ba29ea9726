#pragma once
// Options of `msmodelslim analyze`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace msmodelslim {

enum class AnalyzeScope { kLinear, kLayer, kAttention };

struct AnalyzeArgs {
  AnalyzeScope scope = AnalyzeScope::kLinear;
  std::string model_path;
  std::optional<std::string> model_type;
  std::string metric;  // a known one of the scope
  std::vector<std::string> patterns = {"*"};
  std::string probe = "mxfp4";
  std::string output_path;  // "": none
  std::optional<std::string> calib_dataset;
  std::optional<std::int64_t> calib_samples;
  std::optional<std::int64_t> calib_tokens;
  std::int64_t topk = 15;
  std::optional<int> threads;
  bool quiet = false;
};

// `words` are those behind "analyze". Nothing: help was asked for and printed. UsageError for
// everything that is wrong.
std::optional<AnalyzeArgs> parse_analyze_args(const std::vector<std::string>& words);

// The Python tool's older spellings, without a scope: `--metrics attention_mse` is the scope attn
// with the metric mse, where patterns mean nothing; everything else is the scope linear. Warns
// about what is out of use.
std::vector<std::string> with_scope(std::vector<std::string> words);

}  // namespace msmodelslim
