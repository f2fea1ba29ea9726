#pragma once
// How far the largest inputs of some linears stand out, as the LayerSelector of modelslim_v0 sees
// it: of every sample the sorted values, each 100th of them from the 50th on (all of a sample with
// fewer than 100); of those of all samples together, sorted:
//
//   score = 2 max|x| / 254 / (x[3 (n / 4)] - x[n / 4] + 1e-10)

#include <map>
#include <string>
#include <vector>

#include "forward/context.h"

namespace msmodelslim {

class QuantileTap : public Tap {
 public:
  explicit QuantileTap(const std::vector<std::string>& linears);
  bool wants(const Linear& linear) const override { return values_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  // 0 for a linear that saw nothing.
  double score(const std::string& linear) const;

 private:
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace msmodelslim
