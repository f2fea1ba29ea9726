#pragma once
// The recipes that `tune` tries: each is quantized and evaluated once, whatever asks for it, also
// by an earlier run.
//
// Below `save_path`:
//   quant_model/                 the folder quantized last; at the end, that of the final recipe
//   history/<config_id>.yaml     a recipe that was tried
//   history/history.yaml         what came of them, in the order of this run
//   history/accuracy.yaml        the figures of all runs by what they depend on

#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "advise/evaluate.h"
#include "pipeline/quantize_model.h"
#include "pipeline/read_samples.h"

namespace msmodelslim {

// The search has to end: time is up, or there were enough trials.
class SearchEnded : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct TrialOptions {
  std::string model_path;
  std::string save_path;
  std::string pedigree;
  std::string model_type;  // names the recipe's copy in the folder
  CalibrationChoice calibration;
  TuneEvaluation evaluation;
  std::string evaluation_text;
  std::vector<std::vector<std::int32_t>> held_out;  // of KL and perplexity
  std::optional<std::int64_t> timeout;              // seconds from now
  int max_trials = 30;                              // that are not known yet
};

struct Trial {
  Recipe recipe;  // with its config_id
  Figures figures;
  bool satisfied = false;
  bool cached = false;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

class Trials {
 public:
  explicit Trials(const TrialOptions& options);
  // Throws SearchEnded before a trial that is not known yet, when it may not begin.
  const Trial& run(const Recipe& recipe);
  const std::vector<Trial>& all() const { return trials_; }
  // The last run() of a recipe like this one, or null.
  const Trial* find(const Recipe& recipe) const;
  // Makes quant_model/ that of this recipe, read back and checked.
  QuantSummary export_folder(const Recipe& recipe);
  std::string folder() const { return options_.save_path + "/quant_model"; }
  std::string history_folder() const { return options_.save_path + "/history"; }

 private:
  QuantJob job_of(const Recipe& recipe) const;
  std::string key_of(const QuantJob& job) const;
  // Makes the folder and clears it of an earlier run's recipes, when nothing speaks against the
  // first trial any more.
  void begin_history();
  void check_limits() const;
  void measure(const QuantJob& job, Trial* trial);
  void read_cache();
  void write_cache() const;
  void write_history() const;

  TrialOptions options_;
  ModelConfig config_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<Trial> trials_;
  std::map<std::string, Trial> known_;  // of accuracy.yaml: figures and bytes only
  int fresh_ = 0;
};

}  // namespace msmodelslim
