#pragma once
// generation_config.json: which tokens end an answer, and how the model's makers sample.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/sampler.h"

namespace msmodelslim {

struct GenerationConfig {
  std::vector<std::int32_t> end_ids;  // eos_token_id; that of config.json when the file has none
  SamplingParams params;              // temperature, top_p, top_k, min_p, repetition_penalty
};

// Both files may be missing. Throws DataError for a value that is no number.
GenerationConfig read_generation_config(const std::string& folder);

}  // namespace msmodelslim
