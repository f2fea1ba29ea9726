#pragma once
// Float linears computed as W8A8_DYNAMIC on the way, without a folder that says so: every weight is
// rounded when it is first used, one scale per output (max|row| / 127).

#include <map>
#include <memory>
#include <string>

#include "forward/context.h"
#include "quantize/dynamic_product.h"
#include "quantize/weight.h"

namespace msmodelslim {

class Int8Weight {
 public:
  // Throws DataError naming `name` for NaN or infinite weights. All threads.
  Int8Weight(const std::string& name, const WeightRows& rows);
  // Where the product of the input and this weight goes.
  DynamicProduct product(const Linear& linear, float* y) const;

 private:
  std::vector<std::int8_t> codes_;  // [out, in], unless they are packed
  HugeBuffer packed_;
  CodeWeight weight_;
  std::vector<float> scales_;  // [out]
};

// For weights that do not change between two calls.
class Int8LinearOp : public LinearOp {
 public:
  // Rounds the weight now.
  void prepare(Linear& linear) { weight_of(linear); }
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;
  void apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override;

 private:
  const Int8Weight& weight_of(Linear& linear);

  std::map<std::string, std::unique_ptr<Int8Weight>> weights_;
  DynamicInput input_;
};

}  // namespace msmodelslim
