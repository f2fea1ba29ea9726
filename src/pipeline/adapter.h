#pragma once
// What the Python tool's model adapters declare for smoothing: which pairs of weights a scale may
// move between (reference: outlier-suppression 16, models 4.2-4.3).

#include <set>
#include <string>

#include "suppress/smoother.h"

namespace msmodelslim {

inline const std::set<SubgraphKind> kAllSubgraphs = {SubgraphKind::kUpDown, SubgraphKind::kOv,
                                                     SubgraphKind::kLinearLinear,
                                                     SubgraphKind::kNormLinear};

// `pedigree` of the model_type ("qwen3", "qwq", "default", ...). An adapter without a declaration
// of its own smooths the norm-linear pairs.
std::set<SubgraphKind> declared_subgraphs(const std::string& pedigree, SmoothAlgorithm algorithm);

// False for the norm in front of the MLP where the adapter leaves it out, dense layers included
// (those of models with experts do), and for next-token layers (`mtp`) where it leaves those out.
bool declares_source(const std::string& pedigree, SmoothAlgorithm algorithm,
                     const std::string& source, bool mtp);

// True when the adapter turns the heads by a shifted block matrix instead of a Hadamard matrix
// (reference: outlier-suppression 10.4).
bool has_shifted_heads(const std::string& pedigree);

// The same for awq. Adapters without it end in an error there; here they are treated as qwen2's.
std::set<SubgraphKind> declared_awq_subgraphs(const std::string& pedigree);

// The kinds with these names that are in `declared`.
std::set<SubgraphKind> enabled_subgraphs(const std::set<std::string>& names,
                                         const std::set<SubgraphKind>& declared);

}  // namespace msmodelslim
