#pragma once
// rope_scaling of config.json from a GGUF model.
//
// llama.cpp keeps linear and YaRN scaling as metadata (<arch>.rope.scaling.*). Llama 3.1 and later
// models instead carry a tensor rope_freqs.weight [head_dim / 2] of divisors of the rotary
// frequencies; the parameters behind it are found again by computing it.

#include "base/json.h"
#include "checkpoint/gguf_arch.h"

namespace msmodelslim {

// null when positions are not scaled. Throws DataError for a scaling that has no counterpart.
Json gguf_rope_scaling(const GgufModel& model, const GgufArch& arch);

struct Llama3Rope {
  double factor = 8.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_context = 8192;
};

// Divisor of rotary frequency `index` under Llama 3's rule (transformers,
// _compute_llama3_parameters): 1 for short wavelengths, `factor` for long ones, smooth between.
double llama3_divisor(const Llama3Rope& rope, double theta, std::int64_t head_dim,
                      std::int64_t index);

}  // namespace msmodelslim
