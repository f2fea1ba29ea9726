#pragma once
// Rotary position embedding: reading the config and the inverse frequencies of every scaling kind.
// Source: Su et al., "RoFormer" (arXiv 2104.09864); YaRN (arXiv 2309.00071); the kinds as
// Hugging Face transformers computes them.

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

RopeSpec read_rope(const ModelConfig& config, std::int64_t head_dim);

// YaRN's magnitude function: 1, or 0.1 m ln(scale) + 1 beyond a scale of 1.
double yarn_magnitude(double scale, double m);

struct RopeFrequencies {
  std::vector<float> inverse;  // dim / 2
  float attention_factor = 1;  // cos and sin are multiplied by it
};

// `length`: tokens of the longest sequence (dynamic and longrope depend on it).
RopeFrequencies rope_frequencies(const RopeSpec& rope, std::int64_t length);

}  // namespace msmodelslim
