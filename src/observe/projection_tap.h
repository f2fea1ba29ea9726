#pragma once
// Ranges of what chosen linears put out, per channel, over all samples; computed again from their
// inputs.

#include <map>
#include <string>
#include <vector>

#include "forward/context.h"
#include "observe/ranges.h"

namespace msmodelslim {

class ProjectionTap : public Tap {
 public:
  // The linears must outlive the tap.
  ProjectionTap(const std::vector<Linear*>& linears, DType compute_dtype);
  bool wants(const Linear& linear) const override { return linears_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  bool seen() const { return !ranges_.empty(); }
  const ColumnRange& range(const std::string& linear) const { return ranges_.at(linear); }

 private:
  FloatLinearOp op_;
  std::map<std::string, Linear*> linears_;
  std::map<std::string, ColumnRange> ranges_;
  std::vector<float> output_;
};

}  // namespace msmodelslim
