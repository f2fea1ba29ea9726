#pragma once
// Quantizes a model without a forward pass: every linear by itself, in the order of the files.

#include <optional>

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// Throws UsageError when the model has no forward pass and the recipe needs one: it names the
// entries that do, and the recipes that go without.
void check_data_free(const QuantJob& job, const ModelSpec& model);

// What will become of the tensors, a line each, such as
//   W8A8_DYNAMIC  96 linears: layers.*.self_attn.q_proj, ...
std::vector<std::string> tensor_plan(const QuantJob& job, const ModelSpec& model,
                                     const CheckpointReader& checkpoint);

// Of jobs of one model, see quantize_models(). Nothing: the model has a forward pass. Rank 0 does
// it alone.
std::optional<std::vector<QuantSummary>> quantize_by_tensors(const std::vector<QuantJob>& jobs);

}  // namespace msmodelslim
