#pragma once
// Which experts a token goes to, and how much each counts (reference: models 2.9).
//
//   s = softmax(logits), sigmoid(logits) or sqrt(softplus(logits));  c = s + correction bias
//   groups of experts: only those of the `top_groups` best groups are looked at; a group is as good
//   as the sum of its two largest c (softmax: as its largest)
//   the `per_token` largest c are taken, the lower number first among equals
//   or the table says which experts a token has, whatever the c are
//   weights: their s, divided by their sum if `normalize`, times `scale`

#include <cstdint>
#include <vector>

#include "model/spec.h"

namespace msmodelslim {

struct Routing {
  std::int64_t rows = 0;
  std::int64_t per_token = 0;
  std::vector<std::int32_t> experts;  // [rows, per_token], the best first
  std::vector<float> weights;         // [rows, per_token]
};

// `logits` [rows, experts] become the scores s. `bias` [experts] or null. `fixed`: the experts of
// each row [rows, per_token], or null. All threads.
Routing route(const MoeSpec& moe, float* logits, const float* bias, std::int64_t rows,
              const std::int32_t* fixed = nullptr);

}  // namespace msmodelslim
