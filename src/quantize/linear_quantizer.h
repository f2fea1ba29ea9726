#pragma once
// Quantizes the linears of a block as one recipe entry says, and computes them so during
// calibration.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forward/context.h"
#include "observe/ranges.h"
#include "quantize/gptq.h"
#include "quantize/histogram_range.h"
#include "quantize/integer_product.h"
#include "quantize/sample_exchange.h"
#include "quantize/weight.h"

namespace msmodelslim {

enum class ActKind {
  kFloat,     // weight-only
  kStatic,    // one scale per tensor, from the calibration set
  kPerToken,  // one scale per token at run time; nothing is stored
  kMix,       // both: the static scale is stored, calibration sees the dynamic one
};

struct LinearConfig {
  LinearType type = LinearType::kW8A8Dynamic;
  ActKind act = ActKind::kPerToken;
  bool act_symmetric = true;
  RangeAggregation aggregation = RangeAggregation::kMax;
  std::optional<RangeSearch> histogram;  // static scale: from a range that is searched for
  WeightConfig weight;
  DType act_scale_dtype = DType::kF32;  // static scales are rounded to it
  DType compute_dtype = DType::kF32;    // of products, see ProductWeight
  bool static_pass = false;  // the calibration pass has one scale for all tokens, whatever `act` is
  bool has_range() const { return act == ActKind::kStatic || act == ActKind::kMix; }
  bool collects_range() const { return has_range() || static_pass; }
  bool needs_data() const { return has_range() || weight.method == "gptq"; }
};

// One linear under calibration (reference: quantizers 5.1, 8.1, 9).
//
// For every sample, in order: the running range takes it in, the scale follows, the sample is
// quantized with it and multiplied with the codes of the weight. So sample i sees the range of
// samples 0..i, as in the Python tool; a histogram is searched again whenever it has grown by a
// quarter. A per-token linear uses one scale per sample here (the Python tool's rule, for W8A8_MIX
// too; it is data-free and only matters beside a static neighbour in a group). A gptq weight is
// quantized at the end: until then it is the float weight that the dequantized sample is multiplied
// with, and a per-token linear has one scale per token, since the Hessian is made of these values.
class LinearQuantizer {
 public:
  // gptq: `hessian` is shared by linears with the same input; the one that `collects` fills it.
  // With a low-rank branch only the residual is quantized. `linear` must outlive the object.
  LinearQuantizer(const LinearConfig& config, Linear& linear,
                  std::shared_ptr<Hessian> hessian = nullptr, bool collects = false,
                  LowRank low_rank = {});
  LinearQuantizer(const LinearQuantizer&) = delete;
  LinearQuantizer& operator=(const LinearQuantizer&) = delete;
  const Linear& linear() const { return linear_; }
  bool needs_data() const { return config_.needs_data(); }
  bool collects_range() const { return config_.collects_range(); }
  // For linears that no calibration token reaches. Static activations become dynamic ones:
  void make_dynamic();
  // gptq becomes plain rounding:
  void round_plainly();
  void forward(const float* x, std::int64_t rows, const std::vector<Sequence>& sequences, float* y);
  // The samples of the next passes are shared out over ranks; null: no longer. Not for histograms.
  void exchange_with(SampleExchange* exchange) { exchange_ = exchange; }
  // Behind such a pass: what other ranks have seen. `samples`: the ranges of all samples, in order.
  void take_in(const std::vector<MinMax>& samples);
  void combine(Ranks& ranks);
  // Null unless finish() solves for the weight. Linears with the same one have the same input.
  const Hessian* hessian() const { return hessian_.get(); }
  // Takes the samples into the range without a product.
  void observe(const float* x, const std::vector<Sequence>& sequences);
  // What it has seen, and back into a quantizer that was made in the same way.
  void store(ByteWriter& out) const;
  void load(StatisticsReader& in);
  // Throws DataError when a static range never saw a token or saw NaN.
  QuantizedLinear finish();

 private:
  QuantParam param_of(MinMax range) const;
  WeightRows weight_rows() const;
  ProductWeight product_weight() const;
  // The scale that each sample sees; ranges take the samples in.
  std::vector<QuantParam> sample_params(const float* x, const std::vector<Sequence>& sequences);
  QuantParam sample_param(const float* x, std::int64_t count, MinMax sample, RunningRange& running);
  MinMax search_range() const;
  QuantParam histogram_param(const float* x, std::int64_t count, MinMax range);
  void multiply_dequantized(const float* x, std::int64_t rows,
                            const std::vector<Sequence>& sequences, float* y);
  LinearConfig config_;
  Linear& linear_;
  std::shared_ptr<Hessian> hessian_;
  bool collects_;
  QuantizedLinear result_;
  std::vector<float> residual_;  // with a low-rank branch: what is quantized, [out, in]
  RunningRange range_;
  SampleExchange* exchange_ = nullptr;
  RunningHistogram histogram_;
  MinMax searched_{0, 0};      // search_range() of the histogram when it held
  double searched_total_ = 0;  // this many values
  // One of the two is made at the first forward.
  std::optional<IntegerProduct> integers_;
  std::optional<ProductWeight> weight_;  // dequantized; gptq: the float weight
  std::vector<float> input_;
};

// The linear operation of a block in which some linears are under calibration or already quantized.
class CalibrationOp : public LinearOp {
 public:
  // `int8`: linears that are not quantized yet are computed as int8_linear.h does; otherwise as
  // FloatLinearOp does, which `packs`.
  explicit CalibrationOp(DType compute, bool int8 = false, bool packs = false);
  void add(const std::string& name, LinearQuantizer* quantizer) { active_[name] = quantizer; }
  void add(const std::string& name, const QuantizedLinear* done) { done_[name] = done; }
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;
  void apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override;
  bool wants(const Linear& linear) const override;

 private:
  void apply_quantized(const QuantizedLinear& linear, const float* x, std::int64_t rows, float* y);
  void multiply_dequantized(const QuantizedLinear& linear, const float* x, std::int64_t rows,
                            float* y);
  DType compute_;
  std::unique_ptr<LinearOp> float_op_;
  std::map<std::string, LinearQuantizer*> active_;
  std::map<std::string, const QuantizedLinear*> done_;
  std::map<std::string, IntegerProduct> integers_;
  std::map<std::string, ProductWeight> dequantized_;
  std::vector<float> input_;
};

}  // namespace msmodelslim
