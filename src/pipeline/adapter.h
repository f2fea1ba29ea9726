#pragma once
// What the Python tool's model adapters declare for smoothing: which pairs of weights a scale may
// move between (reference: outlier-suppression 16, models 4.2-4.3).

#include <set>
#include <string>

#include "suppress/smoother.h"

namespace msmodelslim {

// `pedigree` of the model_type ("qwen3", "qwq", "default", ...). An adapter without a declaration
// of its own smooths the norm-linear pairs.
std::set<SubgraphKind> declared_subgraphs(const std::string& pedigree, SmoothAlgorithm algorithm);

// True when the adapter turns the heads by a shifted block matrix instead of a Hadamard matrix
// (reference: outlier-suppression 10.4).
bool has_shifted_heads(const std::string& pedigree);

}  // namespace msmodelslim
