#pragma once
// Ways to quantize a linear that need no data, by name: what `analyze` tries on layers, and `tune`
// chooses from.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "forward/context.h"
#include "quantize/linear_quantizer.h"
#include "recipe/plan.h"

namespace msmodelslim {

struct QuantKind {
  const char* name;
  const char* act;     // YAML of the recipe's qconfig
  const char* weight;  // the same
};

const std::vector<QuantKind>& quant_kinds();
// UsageError lists the known ones.
const QuantKind& quant_kind(const std::string& name);
std::vector<std::string> quant_kind_names();

// The recipe entry of that kind for the linears that `include` selects.
LinearQuantStep probe_step(const QuantKind& kind, const std::vector<std::string>& include);

// Computes chosen linears as the kind quantizes them and all others in float. For one block.
class ProbeOp : public LinearOp {
 public:
  using Chosen = std::function<bool(const LinearSpec&)>;
  ProbeOp(const LinearQuantStep& step, Chosen chosen, DType model_dtype);
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;

 private:
  struct Made {
    explicit Made(DType dtype) : op(dtype) {}
    QuantizedLinear linear;
    CalibrationOp op;
  };
  std::unique_ptr<Made> make(Linear& linear) const;

  LinearConfig config_;
  Chosen chosen_;
  DType dtype_;
  FloatLinearOp float_op_;
  std::map<std::string, std::unique_ptr<Made>> made_;
};

}  // namespace msmodelslim
