#pragma once
// What a plan does, as far as advice depends on it.

#include <optional>

#include "recipe/plan.h"

namespace msmodelslim {

struct PlanTraits {
  bool rotates = false;
  bool learns_transform = false;       // flatquant
  std::optional<double> smooth_alpha;  // the smallest of iter_smooth and smooth_quant
  bool smooths = false;                // any suppression at all
  bool static_range = false;           // per-tensor activations
  bool static_symmetric = false;       // one of them symmetric
  bool static_minmax = false;          // one of them not by histogram
  bool int4 = false;
  bool int4_nearest = false;  // int4 weights by minmax
  bool int4_ssz = false;
  bool weight_only = false;
  bool sparse = false;
  bool int8_cache = false;
};

PlanTraits traits_of(const Plan& plan);

}  // namespace msmodelslim
