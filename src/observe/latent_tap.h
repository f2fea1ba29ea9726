#pragma once
// Ranges of what latent attention compares: queries in the absorbed form q'_n = Wk^T q_n, per head,
// and the normalized latent vectors, as one head. Parts with a position (RoPE) are left out.

#include <vector>

#include "forward/context.h"
#include "observe/ranges.h"

namespace msmodelslim {

class LatentTap : public Tap {
 public:
  // `queries` false: those are not looked at. `mla` must outlive the object.
  LatentTap(Mla& mla, std::int64_t heads, bool queries);
  bool wants(const Linear&) const override { return false; }
  bool wants_cache() const override { return true; }
  void see(const Linear&, const float*, std::int64_t, const std::vector<Sequence>&) override {}
  void see_latent(const Block& block, const float* q, const float* latent, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override;

  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  bool seen() const { return seen_; }
  bool finite() const;
  // Extrema over all samples of the interval that holds 99.99 % of a sample's values (`keys`,
  // `queries`) or all of them (`values`).
  const std::vector<MinMax>& queries() const { return queries_; }  // [heads]
  MinMax keys() const { return keys_; }
  MinMax values() const { return values_; }

 private:
  void add_queries(const float* q, std::int64_t rows);
  void add_latents(const float* latent, std::int64_t rows);

  Mla& mla_;
  bool wants_queries_;
  bool seen_ = false;
  std::vector<MinMax> queries_;
  MinMax keys_;
  MinMax values_;
};

}  // namespace msmodelslim
