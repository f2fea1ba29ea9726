#pragma once
// Options of `msmodelslim tune`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace msmodelslim {

struct TuneArgs {
  std::string model_path;
  std::string save_path;
  std::optional<std::string> model_type;
  std::string config;  // a plan file, or "": the strategy auto, or --target_bits or --max_kl
  std::string start;   // recipe that auto begins with: a file or an id
  std::optional<double> target_bits;
  std::optional<double> max_kl;
  std::vector<std::string> types;  // that --target_bits and --max_kl choose from
  std::optional<std::int64_t> timeout;
  int max_trials = 30;
  std::optional<std::string> calib_dataset;
  std::int64_t calib_tokens = 2048;
  std::string eval_text = "eval_en_zh.txt";
  std::int64_t eval_tokens = 2048;
  std::int64_t part_tokens = 512;  // that the KL of every part is measured on
  std::optional<int> threads;
};

// Nothing: help was asked for and printed. UsageError for everything that is wrong.
std::optional<TuneArgs> parse_tune_args(const std::vector<std::string>& words);

}  // namespace msmodelslim
