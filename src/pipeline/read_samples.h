#pragma once
// The calibration sets of a run, as token ids.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

struct CalibrationChoice {
  std::optional<std::string> dataset;  // instead of the recipe's
  std::vector<std::string> texts;      // not empty: instead of any set
  std::optional<std::int64_t> samples;
  std::optional<std::int64_t> tokens;
  bool spread = false;  // the tokens are the beginnings of samples from all over the set
  std::optional<std::int64_t> characters = {};  // texts are cut into samples of so many
};

// The beginnings of samples, evenly spread over the set: about `tokens` tokens at most, in pieces
// of `length` at most. DataError when no sample has two tokens.
std::vector<std::vector<std::int32_t>> spread_pieces(
    const std::vector<std::vector<std::int32_t>>& samples, std::size_t tokens, std::size_t length);

// The set `dataset`, or what `choice` says instead of it.
std::vector<std::vector<std::int32_t>> calibration_ids(const std::string& model_path,
                                                       const ModelConfig& config,
                                                       const CalibrationChoice& choice,
                                                       const std::string& dataset,
                                                       const char* logger);

// Sets that were read before, for the same choice and model, by name.
using KnownSets = std::map<std::string, std::vector<std::vector<std::int32_t>>>;

// Fills in what the job's plan reads. `known`: of the jobs before.
void read_samples(const CalibrationChoice& choice, const ModelConfig& config, QuantJob* job,
                  KnownSets* known = nullptr);

}  // namespace msmodelslim
