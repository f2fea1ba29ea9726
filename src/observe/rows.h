#pragma once
// Rows of activations for algorithms that search, and their mean size.

#include <map>
#include <string>
#include <vector>

#include "forward/context.h"

namespace msmodelslim {

// Which rows of the calibration set are kept: one entry per row, in order. Of an expert, which sees
// some rows only, those are kept that come at the chosen places among them.
using RowChoice = std::vector<bool>;

// At most `most` rows, evenly spread over all samples; all when there are no more or `most` is
// 0.
RowChoice spread_rows(const std::vector<Sequence>& samples, std::int64_t most);
// The same with whole samples: about `most` rows, at least one sample.
RowChoice spread_samples(const std::vector<Sequence>& samples, std::int64_t most);
// The chosen samples of spread_samples, as they lie in a RowsTap.
std::vector<Sequence> chosen_samples(const std::vector<Sequence>& samples, const RowChoice& choice);

// The chosen input rows of some linears, in order.
class RowsTap : public Tap {
 public:
  RowsTap(const std::vector<std::string>& linears, RowChoice choice);
  bool wants(const Linear& linear) const override { return kept_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  const std::vector<float>& rows(const std::string& linear) const {
    return kept_.at(linear).values;
  }
  void drop(const std::string& linear) { kept_.at(linear).values = {}; }

 private:
  struct Kept {
    std::size_t seen = 0;
    std::vector<float> values;
  };
  RowChoice choice_;
  std::size_t chosen_;
  std::map<std::string, Kept> kept_;
};

// Per input channel the mean of |x| over all tokens, of chosen linears. Summed in double.
class MeanTap : public Tap {
 public:
  explicit MeanTap(const std::vector<std::string>& linears);
  bool wants(const Linear& linear) const override { return sums_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  bool seen(const std::string& linear) const { return sums_.at(linear).rows > 0; }
  // Only when seen.
  std::vector<float> mean(const std::string& linear) const;

 private:
  struct Sum {
    std::int64_t rows = 0;
    std::vector<double> values;
  };
  std::map<std::string, Sum> sums_;
};

}  // namespace msmodelslim
