#pragma once
// How the calibration set lies on the ranks: whole chunks of it (forward/run.h), one behind the
// other, so that every product has the shape that it has in one process.

#include <cstdint>
#include <string>
#include <vector>

#include "base/ranks.h"
#include "forward/run.h"
#include "recipe/plan.h"

namespace msmodelslim {

// Rows of a chunk: sixteen chunks at least, so that there is something to share out, where that
// costs nothing. Experts want many rows at once.
std::int64_t chunk_rows_of(const ModelSpec& model,
                           const std::vector<std::vector<std::int32_t>>& samples);

// Why every rank has to compute the whole calibration set; "" when it can be shared out.
std::string reason_for_whole_set(const Plan& plan, const ModelSpec& model);

class SharedSamples {
 public:
  using Ids = std::vector<std::vector<std::int32_t>>;
  // `split` false: every rank has all samples. `samples` must outlive the object.
  SharedSamples(Ranks& ranks, const Ids& samples, std::int64_t chunk_rows, bool split);

  bool split() const { return split_; }
  // From here on every rank has all.
  void join() { split_ = false; }
  Ids mine() const;
  // Of the whole set, in one packed matrix.
  const std::vector<Sequence>& sequences() const { return sequences_; }
  std::int64_t rows() const;
  std::int64_t longest() const;  // sample, in tokens; at least 1

  // The states of all ranks in one, on all of them. Collective.
  PackedStates whole(const PackedStates& mine, const std::string& scratch);
  // Their values, on rank 0; elsewhere nothing. Collective.
  FloatBuffer at_root(const PackedStates& mine, const std::string& scratch);
  // Rank 0's `all` becomes everybody's `mine`. Collective.
  void from_root(const FloatBuffer& all, PackedStates& mine);

 private:
  std::size_t first_row(int rank) const;  // rank = size: all rows

  Ranks& ranks_;
  const Ids& samples_;
  bool split_;
  std::vector<Sequence> sequences_;
  std::vector<Share> shares_;  // of the samples, by rank
};

}  // namespace msmodelslim
