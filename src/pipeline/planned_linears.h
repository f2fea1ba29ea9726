#pragma once
// What a plan will make of each linear, known before any work.

#include <string>
#include <utility>
#include <vector>

#include "pipeline/quantize_model.h"

namespace msmodelslim {

struct PlannedLinear {
  const LinearSpec* spec = nullptr;
  std::string type = "FLOAT";            // as the description will name it
  std::int64_t group_size = 0;           // columns that share a weight scale; 0: the whole row
  bool flat = false;                     // has a FlatQuant transform
  const SvdResidualStep* svd = nullptr;  // the low-rank branch that svd_res wants
};

// Every linear inside the blocks. The first entry that quantizes a linear decides.
std::vector<PlannedLinear> planned_linears(const QuantJob& job, const ModelSpec& model);

// Warnings (message, remedy) about types that no known engine loads, one per type, and about
// svd_res entries without effect. Throws UsageError for a rank that a linear is too small for.
std::vector<std::pair<std::string, std::string>> linear_warnings(const QuantJob& job,
                                                                 const ModelSpec& model);

}  // namespace msmodelslim
