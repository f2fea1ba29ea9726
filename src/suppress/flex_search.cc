#include "suppress/flex_search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include "base/threads.h"
#include "kernels/distance.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "suppress/row_order.h"

namespace msmodelslim {
namespace {

constexpr int kSteps = 20;            // of the grid 0, 0.05 .. 1
constexpr std::int64_t kCols = 1024;  // columns of a product at once
constexpr double kSlack = 0.8;        // see the header
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void widen_column_max(const float* x, std::int64_t rows, std::int64_t k, std::vector<float>& max) {
  parallel_ranges(k, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = begin; j < end; ++j) {
        const float value = std::fabs(x[r * k + j]);
        float& best = max[static_cast<std::size_t>(j)];
        best = value > best ? value : best;
      }
  });
}

// Codes and steps of q8(x * factor), row by row. False when a row has no step: zeros, NaN or
// infinite values, for which the score is NaN.
bool quantize_rows(const float* x, const std::vector<float>& factor, std::int64_t rows,
                   std::int8_t* codes, float* steps) {
  const auto k = static_cast<std::int64_t>(factor.size());
  std::atomic<bool> good{true};
  parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> line(factor.size());
    for (std::int64_t r = begin; r < end; ++r) {
      for (std::size_t j = 0; j < line.size(); ++j)
        line[j] = x[r * k + static_cast<std::int64_t>(j)] * factor[j];
      steps[r] = abs_max(line.data(), k) / 127.0F;
      if (!(steps[r] > 0.0F) || std::isinf(steps[r]))
        good = false;
      else
        quantize_s8(line.data(), steps[r], 0.0F, -127.0F, codes + r * k, k);
    }
  });
  return good;
}

// The errors of candidates on one piece of the rows after the other.
class Scorer {
 public:
  Scorer(const float* x, std::int64_t rows, const std::vector<WeightPiece>& weights, std::int64_t k,
         bool cut, FlexInput input)
      : x_(x),
        weights_(weights),
        k_(k),
        per_tensor_(input == FlexInput::kPerTensor),
        pieces_(row_pieces(x, rows, k, cut)),
        exact_(pieces_.size()) {
    if (per_tensor_) {
      x_low_.assign(x, x + k);
      x_high_ = x_low_;
      column_min_max(x, rows, k, x_low_.data(), x_high_.data());
    }
    x_max_.resize(static_cast<std::size_t>(k));
    w_max_.resize(x_max_.size());
    widen_column_max(x, rows, k, x_max_);
    for (const WeightPiece& weight : weights) {
      widen_column_max(weight.values, weight.rows, k, w_max_);
      n_ += weight.rows;
    }
    w_codes_.resize(static_cast<std::size_t>(n_ * k));
    w_steps_.resize(static_cast<std::size_t>(n_));
  }

  std::size_t pieces() const { return pieces_.size(); }
  std::int64_t rows(std::size_t piece) const {
    return static_cast<std::int64_t>(pieces_[piece].size());
  }

  // Before error(): gathers the rows and multiplies them with the float weights.
  void load(std::size_t piece) {
    const std::int64_t rows = this->rows(piece);
    x_part_.resize(static_cast<std::size_t>(rows * k_));
    for (std::int64_t r = 0; r < rows; ++r)
      std::copy_n(x_ + pieces_[piece][static_cast<std::size_t>(r)] * k_, k_,
                  x_part_.data() + r * k_);
    loaded_ = piece;
    if (exact_[piece] != nullptr) return;
    exact_[piece] = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(rows * n_));
    float* to = exact_[piece].get();
    for (const WeightPiece& weight : weights_) {
      matmul_nt(x_part_.data(), k_, weight.values, k_, to, n_, rows, weight.rows, k_);
      to += weight.rows;
    }
    const std::vector<float> zeros(static_cast<std::size_t>(n_));
    norm_ += sum_over_rows(rows, [&](std::int64_t r) {
      return squared_distance(exact_[piece].get() + r * n_, zeros.data(), n_);
    });
  }

  // Squared error on the loaded piece, or NaN.
  double error(double alpha, double beta) {
    std::vector<float> up(x_max_.size());
    std::vector<float> down(x_max_.size());
    for (std::size_t j = 0; j < up.size(); ++j) {
      up[j] = std::pow(x_max_[j], static_cast<float>(alpha)) *
              std::pow(w_max_[j], static_cast<float>(-beta));
      down[j] = 1.0F / up[j];
    }
    const std::int64_t rows = this->rows(loaded_);
    x_codes_.resize(static_cast<std::size_t>(rows * k_));
    x_steps_.resize(static_cast<std::size_t>(rows));
    const bool good =
        per_tensor_ ? quantize_tensor(down, rows)
                    : quantize_rows(x_part_.data(), down, rows, x_codes_.data(), x_steps_.data());
    if (!good) return kNan;
    std::int64_t at = 0;
    for (const WeightPiece& weight : weights_) {
      if (!quantize_rows(weight.values, up, weight.rows, w_codes_.data() + at * k_,
                         w_steps_.data() + at))
        return kNan;
      at += weight.rows;
    }
    return product_error(rows);
  }

  // What fp32 arithmetic alone may leave as squared error.
  double noise() const { return norm_ * 0x1p-46; }
  // rms of all errors over rms of the exact products; every piece must have been loaded.
  double score(double error) const { return std::sqrt(error) / std::sqrt(norm_); }

 private:
  template <typename Body>
  static double sum_over_rows(std::int64_t rows, const Body& body) {
    std::vector<double> parts(static_cast<std::size_t>(rows));
    parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) parts[static_cast<std::size_t>(r)] = body(r);
    });
    double total = 0;
    for (double part : parts) total += part;
    return total;
  }

  // The loaded rows * factor with one scale, that of all rows.
  bool quantize_tensor(const std::vector<float>& factor, std::int64_t rows) {
    float low = 0;
    float high = 0;
    for (std::size_t j = 0; j < factor.size(); ++j) {
      low = std::min(low, x_low_[j] * factor[j]);
      high = std::max(high, x_high_[j] * factor[j]);
    }
    const float step = high / 255 - low / 255;
    if (!(step > 0.0F) || std::isinf(step)) return false;
    x_offset_ = std::min(std::nearbyint(-low / step) - 128, 127.0F);
    std::fill(x_steps_.begin(), x_steps_.end(), step);
    parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> line(factor.size());
      for (std::int64_t r = begin; r < end; ++r) {
        for (std::size_t j = 0; j < line.size(); ++j)
          line[j] = x_part_[static_cast<std::size_t>(r * k_) + j] * factor[j];
        quantize_s8(line.data(), step, x_offset_, -128.0F, x_codes_.data() + r * k_, k_);
      }
    });
    return true;
  }

  // sum_j q_w (q_x - offset) instead of sum_j q_w q_x.
  void take_offset_away(std::int64_t rows, std::int64_t col, std::int64_t cols) {
    parallel_for(cols, [&](std::int64_t i) {
      const std::int8_t* codes = w_codes_.data() + (col + i) * k_;
      std::int32_t sum = 0;
      for (std::int64_t j = 0; j < k_; ++j) sum += codes[j];
      sum *= static_cast<std::int32_t>(x_offset_);
      for (std::int64_t r = 0; r < rows; ++r) sums_[static_cast<std::size_t>(r * cols + i)] -= sum;
    });
  }

  double product_error(std::int64_t rows) {
    double error = 0;
    for (std::int64_t col = 0; col < n_; col += kCols) {
      const std::int64_t cols = std::min(kCols, n_ - col);
      sums_.resize(static_cast<std::size_t>(rows * cols));
      matmul_s8(x_codes_.data(), w_codes_.data() + col * k_, sums_.data(), rows, cols, k_);
      if (per_tensor_ && x_offset_ != 0) take_offset_away(rows, col, cols);
      error += sum_over_rows(rows, [&](std::int64_t r) {
        return squared_distance_s8(sums_.data() + r * cols, x_steps_[static_cast<std::size_t>(r)],
                                   w_steps_.data() + col, exact_[loaded_].get() + r * n_ + col,
                                   cols);
      });
    }
    return error;
  }

  const float* x_;
  const std::vector<WeightPiece>& weights_;
  std::int64_t k_;
  std::int64_t n_ = 0;
  bool per_tensor_;
  std::vector<float> x_low_, x_high_;  // of the columns; per_tensor_
  float x_offset_ = 0;
  std::vector<std::vector<std::int64_t>> pieces_;
  std::vector<std::unique_ptr<float[]>> exact_;  // X W^T per piece
  double norm_ = 0;
  std::size_t loaded_ = 0;
  std::vector<float> x_max_, w_max_, x_part_, x_steps_, w_steps_;
  std::vector<std::int8_t> x_codes_, w_codes_;
  std::vector<std::int32_t> sums_;
};

// One point of the grid; `errors[i]`: squared error on the first i + 1 pieces.
struct Candidate {
  double alpha = 0;
  double beta = 0;
  std::vector<double> errors;
};

// Leaves those candidates that saw all pieces.
void race(Scorer& scorer, std::vector<Candidate>& candidates) {
  std::int64_t seen = 0;
  for (std::size_t piece = 0; piece < scorer.pieces() && !candidates.empty(); ++piece) {
    scorer.load(piece);
    seen += scorer.rows(piece);
    double least = std::numeric_limits<double>::infinity();
    for (Candidate& c : candidates) {
      if (c.errors.size() == piece)
        c.errors.push_back((piece == 0 ? 0 : c.errors.back()) + scorer.error(c.alpha, c.beta));
      least = std::min(least, std::isnan(c.errors[piece]) ? least : c.errors[piece]);
    }
    const bool last = piece + 1 == scorer.pieces();
    const double limit = last ? std::numeric_limits<double>::infinity()
                              : least * (1 + kSlack / std::sqrt(static_cast<double>(seen)));
    candidates.erase(
        std::remove_if(candidates.begin(), candidates.end(),
                       [&](const Candidate& c) { return !(c.errors[piece] <= limit); }),
        candidates.end());
  }
}

// The candidate with the smallest error, of equal ones the last; null when there is none. Errors
// below `noise` are equal.
const Candidate* best_of(const std::vector<Candidate>& candidates, double noise) {
  const Candidate* best = nullptr;
  for (const Candidate& c : candidates)
    if (best == nullptr || c.errors.back() <= std::max(best->errors.back(), noise)) best = &c;
  return best;
}

}  // namespace

FlexChoice search_flex(const float* x, std::int64_t rows, const std::vector<WeightPiece>& weights,
                       std::int64_t k, bool racing, FlexInput input) {
  const FlexChoice nothing{0, 0, std::numeric_limits<double>::infinity(), false};
  if (rows == 0) return nothing;
  Scorer scorer(x, rows, weights, k, racing, input);
  std::vector<Candidate> line;
  for (int i = 0; i <= kSteps; ++i) line.push_back({i / 20.0, (kSteps - i) / 20.0, {}});
  race(scorer, line);
  const Candidate* first = best_of(line, scorer.noise());
  std::vector<Candidate> column;
  for (int i = 0; i <= kSteps; ++i) {
    Candidate c{first == nullptr ? 0 : first->alpha, i / 20.0, {}};
    if (first != nullptr && c.beta == first->beta) c.errors = first->errors;
    column.push_back(std::move(c));
  }
  race(scorer, column);
  const Candidate* best = best_of(column, scorer.noise());
  if (first != nullptr && (best == nullptr || first->errors.back() < best->errors.back()))
    best = first;
  if (best == nullptr) return nothing;
  return {best->alpha, best->beta, scorer.score(best->errors.back()), true};
}

}  // namespace msmodelslim
