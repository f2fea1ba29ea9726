#pragma once
// The long lists of a run's report. Those that grow with the experts of a model are joined above a
// bound, so that the report can be opened whatever the model.

#include <cstddef>

#include "base/json.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

inline constexpr std::size_t kMostLinears = 4096;
inline constexpr std::size_t kMostExpertCells = 16384;

// [{name, type, snr_db, cosine}]. Of more than kMostLinears the experts of a layer with one type
// become one entry {name, type, snr_db, cosine, linears, least_snr_db, least}: the means, so many
// linears, and the one with the most noise.
Json linears_json(const std::vector<LinearNote>& notes);

// [{layer, experts, per_cell, without, tokens}] of the layers that saw data: so many experts, so
// many of them in one value of `tokens`, so many without a token; of several experts `tokens` has
// the mean, rounded.
Json experts_json(const std::vector<std::int64_t>& tokens, const ModelSpec& model);

// [{sequence, position, kl, token, float_probability, probability, before, text, after}]: `text` is
// the token that came, between what stands around it; all three null without a tokenizer in the
// model's folder.
Json worst_json(const HeldOutProof& proof, const QuantJob& job);

}  // namespace msmodelslim
