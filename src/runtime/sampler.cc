#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

void require(bool good, const char* name, double value, const char* range) {
  if (good) return;
  throw UsageError(fmt::format("{} is {}, must be {}", name, value, range),
                   "see msmodelslim generate --help");
}

std::int32_t most_likely(std::span<const float> logits) {
  const MinMax ends = min_max(logits.data(), static_cast<std::int64_t>(logits.size()));
  const auto found = std::find(logits.begin(), logits.end(), ends.max);
  if (found != logits.end()) return static_cast<std::int32_t>(found - logits.begin());
  // NaN among them
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

void check_params(const SamplingParams& params) {
  require(params.max_tokens >= 1, "max_tokens", static_cast<double>(params.max_tokens),
          "at least 1");
  require(params.temperature >= 0, "temperature", params.temperature, "0 or above");
  require(params.top_p > 0 && params.top_p <= 1, "top_p", params.top_p, "above 0 and at most 1");
  require(params.top_k >= -1, "top_k", static_cast<double>(params.top_k), "-1, 0 or above");
  const std::int64_t kept = params.truncate_prompt_tokens.value_or(-1);
  require(kept == -1 || kept >= 1, "truncate_prompt_tokens", static_cast<double>(kept),
          "-1, or 1 or above");
  require(params.min_p >= 0 && params.min_p <= 1, "min_p", params.min_p, "between 0 and 1");
  require(params.repetition_penalty > 0, "repetition_penalty", params.repetition_penalty,
          "above 0");
  require(!params.logprobs || (*params.logprobs >= 0 && *params.logprobs <= 20), "logprobs",
          static_cast<double>(params.logprobs.value_or(0)), "between 0 and 20");
  require(
      !params.prompt_logprobs || (*params.prompt_logprobs >= 0 && *params.prompt_logprobs <= 20),
      "prompt_logprobs", static_cast<double>(params.prompt_logprobs.value_or(0)),
      "between 0 and 20");
  require(std::abs(params.presence_penalty) <= 2, "presence_penalty", params.presence_penalty,
          "between -2 and 2");
  require(std::abs(params.frequency_penalty) <= 2, "frequency_penalty", params.frequency_penalty,
          "between -2 and 2");
}

TokenLogprobs token_logprobs(std::span<const float> row, std::int32_t token, int count) {
  const float logprob = row[static_cast<std::size_t>(token)];
  const auto likelier =
      std::count_if(row.begin(), row.end(), [&](float other) { return other > logprob; });
  TokenLogprobs result{token, logprob, likelier + 1, {}};
  std::vector<std::int32_t> order(row.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min(order.size(), static_cast<std::size_t>(count));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      const float x = row[static_cast<std::size_t>(a)];
                      const float y = row[static_cast<std::size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  for (std::size_t i = 0; i < kept; ++i)
    result.top.emplace_back(order[i], row[static_cast<std::size_t>(order[i])]);
  return result;
}

Sampler::Sampler(const SamplingParams& params, std::span<const std::int32_t> prompt,
                 std::uint64_t fallback_seed)
    : params_(params),
      random_(params.seed.value_or(fallback_seed)),
      prompt_(prompt.begin(), prompt.end()) {
  check_params(params_);
}

void Sampler::penalize(std::span<float> logits) const {
  const auto at = [&](std::int32_t id) -> float& { return logits[static_cast<std::size_t>(id)]; };
  if (params_.repetition_penalty != 1.0) {
    std::set<std::int32_t> seen(prompt_.begin(), prompt_.end());
    seen.insert(answer_.begin(), answer_.end());
    const auto penalty = static_cast<float>(params_.repetition_penalty);
    for (const std::int32_t id : seen) at(id) = at(id) > 0 ? at(id) / penalty : at(id) * penalty;
  }
  if (params_.presence_penalty == 0 && params_.frequency_penalty == 0) return;
  std::map<std::int32_t, int> counts;
  for (const std::int32_t id : answer_) ++counts[id];
  for (const auto& [id, count] : counts)
    at(id) -= static_cast<float>(params_.frequency_penalty * count + params_.presence_penalty);
}

// What may come next while the answer has not got through one of the openings.
std::vector<std::int32_t> Sampler::opening_tokens() const {
  std::vector<std::int32_t> allowed;
  for (const auto& opening : params_.openings) {
    const auto common =
        std::mismatch(opening.begin(), opening.end(), answer_.begin(), answer_.end());
    if (common.first == opening.end()) return {};
    if (common.second == answer_.end()) allowed.push_back(*common.first);
  }
  return allowed;
}

std::int32_t Sampler::next(std::span<float> logits) {
  penalize(logits);
  const std::vector<std::int32_t> allowed = opening_tokens();
  if (!allowed.empty()) {
    std::map<std::int32_t, float> kept;
    for (const std::int32_t id : allowed) kept[id] = logits[static_cast<std::size_t>(id)];
    std::fill(logits.begin(), logits.end(), kImpossible);
    for (const auto& [id, logit] : kept) logits[static_cast<std::size_t>(id)] = logit;
  }
  std::int32_t token = most_likely(logits);
  if (!params_.greedy()) {
    const float top = logits[static_cast<std::size_t>(token)];
    // Candidates by falling probability, not normalized: the first has 1.
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto likelier = [&](std::int32_t a, std::int32_t b) {
      const float x = logits[static_cast<std::size_t>(a)];
      const float y = logits[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    };
    const auto weight = [&](std::int32_t id) {
      return std::exp(static_cast<double>(logits[static_cast<std::size_t>(id)] - top) /
                      params_.temperature);
    };
    if (!allowed.empty())
      std::erase_if(order, [&](std::int32_t id) {
        return logits[static_cast<std::size_t>(id)] == kImpossible;
      });
    if (params_.min_p > 0)
      std::erase_if(order, [&](std::int32_t id) { return weight(id) < params_.min_p; });
    if (params_.top_k > 0 && static_cast<std::size_t>(params_.top_k) < order.size()) {
      std::nth_element(order.begin(), order.begin() + params_.top_k, order.end(), likelier);
      order.resize(static_cast<std::size_t>(params_.top_k));
    }
    std::vector<double> weights;
    if (params_.top_p < 1) {
      std::sort(order.begin(), order.end(), likelier);
      double total = 0;
      for (const std::int32_t id : order) total += weight(id);
      double sum = 0;
      std::size_t kept = 0;
      while (kept < order.size() && sum < params_.top_p * total) sum += weight(order[kept++]);
      order.resize(std::max<std::size_t>(kept, 1));
    }
    weights.reserve(order.size());
    for (const std::int32_t id : order) weights.push_back(weight(id));
    const double share = static_cast<double>(random_() >> 11) * 0x1p-53;  // [0, 1)
    double left = share * std::accumulate(weights.begin(), weights.end(), 0.0);
    token = order.back();
    for (std::size_t i = 0; i < order.size(); ++i) {
      left -= weights[i];
      if (left < 0) {
        token = order[i];
        break;
      }
    }
  }
  answer_.push_back(token);
  return token;
}

}  // namespace msmodelslim
