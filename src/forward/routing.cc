#include "forward/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// The numbers of the `count` largest values, in order; equal ones by number.
void best(const std::vector<float>& values, std::int64_t count, std::vector<std::int32_t>& out) {
  out.resize(values.size());
  std::iota(out.begin(), out.end(), 0);
  std::partial_sort(out.begin(), out.begin() + count, out.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      const float va = values[static_cast<std::size_t>(a)];
                      const float vb = values[static_cast<std::size_t>(b)];
                      return va > vb || (va == vb && a < b);
                    });
}

// Gives the experts of all other groups no chance.
void keep_best_groups(const MoeSpec& moe, std::vector<float>& choice) {
  const auto size = static_cast<std::int64_t>(choice.size()) / moe.groups;
  std::vector<float> goodness(static_cast<std::size_t>(moe.groups));
  for (std::int64_t g = 0; g < moe.groups; ++g) {
    float first = kNever;
    float second = kNever;
    for (std::int64_t i = g * size; i < (g + 1) * size; ++i) {
      const float value = choice[static_cast<std::size_t>(i)];
      second = std::max(second, std::min(first, value));
      first = std::max(first, value);
    }
    const bool both = moe.score == RouterScore::kSigmoid && size > 1;
    goodness[static_cast<std::size_t>(g)] = both ? first + second : first;
  }
  std::vector<std::int32_t> order;
  best(goodness, moe.top_groups, order);
  for (auto group = order.begin() + moe.top_groups; group != order.end(); ++group)
    std::fill_n(choice.begin() + *group * size, size, kNever);
}

float score_of(RouterScore score, float logit) {
  if (score == RouterScore::kSigmoid) return 1.0F / (1.0F + std::exp(-logit));
  return std::sqrt(logit > 20 ? logit : std::log1p(std::exp(logit)));
}

// The experts of a row by its scores.
void choose(const MoeSpec& moe, const float* scores, const float* bias, std::int32_t* experts) {
  const auto count = static_cast<std::size_t>(moe.choices());
  std::vector<float> choice(scores, scores + count);
  for (std::size_t e = 0; bias != nullptr && e < count; ++e) choice[e] += bias[e];
  if (moe.groups > moe.top_groups) keep_best_groups(moe, choice);
  std::vector<std::int32_t> order;
  best(choice, moe.per_token, order);
  std::copy_n(order.begin(), moe.per_token, experts);
}

void route_row(const MoeSpec& moe, float* scores, const float* bias, const std::int32_t* fixed,
               std::int32_t* experts, float* weights) {
  const auto count = static_cast<std::size_t>(moe.choices());
  if (moe.score == RouterScore::kSoftmax)
    softmax(scores, 1.0F, static_cast<std::int64_t>(count));
  else
    for (std::size_t e = 0; e < count; ++e) scores[e] = score_of(moe.score, scores[e]);
  if (fixed != nullptr)
    std::copy_n(fixed, moe.per_token, experts);
  else
    choose(moe, scores, bias, experts);
  float sum = 0;
  for (std::int64_t j = 0; j < moe.per_token; ++j) {
    weights[j] = scores[experts[j]];
    sum += weights[j];
  }
  const float factor = static_cast<float>(moe.scale) / (moe.normalize ? sum + 1e-20F : 1.0F);
  for (std::int64_t j = 0; j < moe.per_token; ++j) weights[j] *= factor;
}

}  // namespace

Routing route(const MoeSpec& moe, float* logits, const float* bias, std::int64_t rows,
              const std::int32_t* fixed) {
  const std::int64_t experts = moe.choices();
  const auto places = static_cast<std::size_t>(rows * moe.per_token);
  Routing routing{rows, moe.per_token, std::vector<std::int32_t>(places),
                  std::vector<float>(places)};
  parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      route_row(
          moe, logits + r * experts, bias, fixed == nullptr ? nullptr : fixed + r * moe.per_token,
          routing.experts.data() + r * moe.per_token, routing.weights.data() + r * moe.per_token);
  });
  return routing;
}

}  // namespace msmodelslim
