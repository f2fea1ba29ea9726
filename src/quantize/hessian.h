#pragma once
// H = 2/N X^T X over the N calibration rows that a linear sees (as it sees them: fake-quantized
// when its activations are), and the factor GPTQ needs. Linears with the same input share one.
// Reference: quantizers 6.4.

#include <cstdint>
#include <map>
#include <vector>

#include "base/ranks.h"

namespace msmodelslim {

class StatisticsReader;

class Hessian {
 public:
  explicit Hessian(std::int64_t width) : width_(width) {}

  // x [rows, width]. All threads.
  void add(const float* x, std::int64_t rows);
  // Of samples that are shared out over ranks: keeps the rows of this rank's chunk until combine().
  void hold(std::size_t chunk, const float* x, std::int64_t rows);
  // Adds what the ranks hold, rank by rank and chunk by chunk, so that the sums are those of one
  // process: each rank is shown all rows and makes its columns, which then go to all.
  void combine(Ranks& ranks);
  std::int64_t rows() const { return rows_; }
  // What was collected, before factor().
  void store(ByteWriter& out) const;
  void load(StatisticsReader& in);
  // X^T X, [width, width], before factor().
  std::vector<float> products() const;

  // Ends collecting and factors H + percdamp * mean(diag H) * I, the first time. A failed
  // factorization is tried again with ten times the damping, at most kTries times.
  // False: no factor (also when H is not finite).
  // `act_order`: columns by falling diagonal, see order(). `keep`: see damped().
  bool factor(double percdamp, bool act_order = false, bool keep = false);
  // H with its damping, [width, width], in the linear's own order of columns.
  const std::vector<float>& damped() const { return damped_; }
  // The column of the linear that stands at place j of U: j itself, or by falling diagonal.
  const std::vector<std::int64_t>& order() const { return order_; }
  // Upper triangular U, [width, width]: inverse(H + damping) = U^T U.
  const std::vector<float>& upper() const { return values_; }
  // Columns (of the linear) that never saw anything but zero.
  const std::vector<bool>& dead() const { return dead_; }
  double damping() const { return damping_; }  // as a share of the mean diagonal

 private:
  void share_columns(Ranks& ranks);
  void sort_by_diagonal();
  static constexpr int kTries = 6;
  std::int64_t width_;
  std::int64_t rows_ = 0;
  std::map<std::size_t, std::vector<float>> held_;  // of each chunk [rows, width]
  std::vector<float> values_;                       // sums of X^T X, later U
  std::vector<float> damped_;
  std::vector<bool> dead_;
  std::vector<std::int64_t> order_;
  double damping_ = 0;
  bool factored_ = false;
  bool usable_ = false;
};

}  // namespace msmodelslim
