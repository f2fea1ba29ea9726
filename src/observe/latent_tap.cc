#include "observe/latent_tap.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/statistics_reader.h"
#include "kernels/gemm.h"
#include "observe/recall_window.h"

namespace msmodelslim {
namespace {

constexpr double kRecall = 0.9999;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void widen(MinMax& range, const MinMax& other) {
  // A NaN stays.
  range.min = std::isnan(other.min) ? other.min : std::min(range.min, other.min);
  range.max = std::isnan(other.max) ? other.max : std::max(range.max, other.max);
}

MinMax window_of(std::vector<float>& values) {
  const MinMax all = range_of(values.data(), static_cast<std::int64_t>(values.size()));
  return std::isfinite(all.min) && std::isfinite(all.max) ? recall_window(values, kRecall) : all;
}

}  // namespace

LatentTap::LatentTap(Mla& mla, std::int64_t heads, bool queries)
    : mla_(mla),
      wants_queries_(queries),
      queries_(static_cast<std::size_t>(heads), {kInfinity, -kInfinity}),
      keys_{kInfinity, -kInfinity},
      values_{kInfinity, -kInfinity} {}

void LatentTap::see_latent(const Block&, const float* q, const float* latent, std::int64_t,
                           const std::vector<Sequence>& sequences) {
  const MlaSpec& spec = *mla_.spec;
  const auto heads = static_cast<std::int64_t>(queries_.size());
  for (const Sequence& s : sequences) {
    if (s.rows == 0) continue;
    seen_ = true;
    if (wants_queries_) add_queries(q + s.begin * heads * (spec.nope + spec.rope), s.rows);
    add_latents(latent + s.begin * (spec.latent + spec.rope), s.rows);
  }
}

void LatentTap::add_queries(const float* q, std::int64_t rows) {
  const MlaSpec& spec = *mla_.spec;
  const auto heads = static_cast<std::int64_t>(queries_.size());
  const float* weight = mla_.kv_b.weight();  // per head: nope rows, then value rows
  parallel_for(heads, [&](std::int64_t h) {
    std::vector<float> absorbed(static_cast<std::size_t>(rows * spec.latent));
    matmul_nn_tile(q + h * (spec.nope + spec.rope), heads * (spec.nope + spec.rope),
                   weight + h * (spec.nope + spec.value) * spec.latent, spec.latent,
                   absorbed.data(), spec.latent, rows, spec.latent, spec.nope);
    widen(queries_[static_cast<std::size_t>(h)], window_of(absorbed));
  });
}

void LatentTap::add_latents(const float* latent, std::int64_t rows) {
  const MlaSpec& spec = *mla_.spec;
  std::vector<float> values(static_cast<std::size_t>(rows * spec.latent));
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(latent + r * (spec.latent + spec.rope), spec.latent,
                values.data() + r * spec.latent);
  widen(values_, range_of(values.data(), rows * spec.latent));
  widen(keys_, window_of(values));
}

void LatentTap::store(ByteWriter& out) const {
  out.value<std::uint8_t>(seen_);
  out.values(queries_);
  out.value(keys_);
  out.value(values_);
}

void LatentTap::load(StatisticsReader& in) {
  seen_ = in.value<std::uint8_t>() != 0;
  queries_ = in.values<MinMax>(queries_.size());
  keys_ = in.value<MinMax>();
  values_ = in.value<MinMax>();
}

bool LatentTap::finite() const {
  const auto is_finite = [](const MinMax& range) {
    return std::isfinite(range.min) && std::isfinite(range.max);
  };
  return is_finite(keys_) && is_finite(values_) &&
         (!wants_queries_ || std::all_of(queries_.begin(), queries_.end(), is_finite));
}

}  // namespace msmodelslim
