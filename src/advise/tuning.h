#pragma once
// One run of `tune`: the strategy of a plan, asking Trials.

#include <optional>
#include <string>
#include <vector>

#include "advise/trials.h"
#include "advise/tune_auto.h"
#include "advise/tune_mix.h"

namespace msmodelslim {

struct TuningOptions {
  TrialOptions trials;  // those of the plan's evaluation
  Strategy strategy;
  std::int64_t part_tokens = 512;  // that each part's KL is measured on
};

class Tuning {
 public:
  explicit Tuning(const TuningOptions& options) : options_(options), trials_(options.trials) {}

  // The recipe found, with its config_id; where none met the demand, or the search had to end, the
  // best that was tried. ResourceError when nothing was.
  SearchResult run();
  Trials& trials() { return trials_; }
  const MixTable* mix() const { return mix_ ? &*mix_ : nullptr; }

 private:
  using Samples = std::vector<std::vector<std::int32_t>>;

  SearchResult search();
  SearchResult search_types(const MixSearch& search);
  MixOptions mix_options(const MixSearch& search, const ModelSpec& model) const;
  Quality judge(const Recipe& recipe);
  SearchResult best_so_far() const;
  bool is_better(const Trial& trial, const Trial& than) const;
  // Decoder blocks by falling sensitivity.
  std::vector<std::string> ranking(const std::vector<std::string>& include,
                                   const std::string& dataset) const;
  Samples calibration(const std::string& dataset, std::int64_t tokens, std::size_t length) const;
  bool has_demand() const { return !options_.trials.evaluation.expectations.empty(); }

  TuningOptions options_;
  Trials trials_;
  std::optional<MixTable> mix_;
};

}  // namespace msmodelslim
