#include "quantize/linear_quantizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "forward/statistics_reader.h"
#include "quantize/int8_linear.h"
#include "quantize/mx.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kGrain = 1 << 14;

void fake_quantize_all(const float* x, QuantParam param, float* out, std::int64_t count) {
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    fake_quantize_s8(x + begin, param.scale, param.offset, out + begin, end - begin);
  });
}

ProductWeight dequantized(const QuantizedLinear& linear, DType compute) {
  std::vector<float> values(static_cast<std::size_t>(linear.spec.in * linear.spec.out));
  dequantize_weight(linear, values.data());
  return {std::move(values), linear.spec.out, linear.spec.in, compute};
}

const float* data_or_null(const std::vector<float>& values) {
  return values.empty() ? nullptr : values.data();
}

}  // namespace

LinearQuantizer::LinearQuantizer(const LinearConfig& config, Linear& linear,
                                 std::shared_ptr<Hessian> hessian, bool collects, LowRank low_rank)
    : config_(config),
      linear_(linear),
      hessian_(std::move(hessian)),
      collects_(collects),
      range_(config.aggregation) {
  result_.spec = linear.spec();
  result_.type = config.type;
  result_.bias = linear.bias();
  result_.input_rotation = linear.input_rotation();
  if (low_rank.rank > 0) {
    residual_ = residual_of(linear, low_rank);
    linear.release();
  }
  result_.low_rank = std::move(low_rank);
  if (hessian_) return;
  quantize_weight(config.weight, weight_rows(), result_);
  residual_ = {};
}

WeightRows LinearQuantizer::weight_rows() const {
  if (residual_.empty()) return WeightRows(linear_);
  return WeightRows(TensorView{DType::kF32,
                               {result_.spec.out, result_.spec.in},
                               reinterpret_cast<const std::byte*>(residual_.data())});
}

ProductWeight LinearQuantizer::product_weight() const {
  if (!hessian_) return dequantized(result_, config_.compute_dtype);
  if (residual_.empty()) return {linear_, config_.compute_dtype};
  return {residual_, result_.spec.out, result_.spec.in, config_.compute_dtype};
}

QuantParam LinearQuantizer::param_of(MinMax range) const {
  return integer_param(range.min, range.max, config_.act_symmetric, 8, config_.act_scale_dtype);
}

MinMax LinearQuantizer::search_range() const {
  if (config_.histogram == RangeSearch::kFirstRise) return first_rise_range(histogram_);
  return best_range(histogram_, config_.act_symmetric, config_.act_scale_dtype);
}

// Takes the sample in.
QuantParam LinearQuantizer::histogram_param(const float* x, std::int64_t count, MinMax range) {
  if (!std::isfinite(range.min) || !std::isfinite(range.max)) return param_of(range);
  histogram_.add(x, count, range);
  constexpr double kGrowth = 1.25;
  if (histogram_.total() >= kGrowth * searched_total_) {
    searched_ = search_range();
    searched_total_ = histogram_.total();
  }
  return param_of(searched_);
}

QuantParam LinearQuantizer::sample_param(const float* x, std::int64_t count, MinMax sample,
                                         RunningRange& running) {
  if (config_.collects_range()) running.update(sample);
  if (config_.act != ActKind::kStatic && !config_.static_pass)
    return integer_param(sample.min, sample.max, true, 8, DType::kF32);
  return config_.histogram ? histogram_param(x, count, sample) : param_of(running.range());
}

std::vector<QuantParam> LinearQuantizer::sample_params(const float* x,
                                                       const std::vector<Sequence>& sequences) {
  const std::int64_t in = result_.spec.in;
  std::vector<MinMax> samples;
  for (const Sequence& s : sequences) samples.push_back(range_of(x + s.begin * in, s.rows * in));
  const bool waits = exchange_ != nullptr && config_.collects_range();
  RunningRange own = range_;
  if (waits)
    for (const MinMax& earlier : exchange_->before(linear_, samples)) own.update(earlier);
  std::vector<QuantParam> params;
  for (std::size_t i = 0; i < sequences.size(); ++i)
    params.push_back(sample_param(x + sequences[i].begin * in, sequences[i].rows * in, samples[i],
                                  waits ? own : range_));
  return params;
}

void LinearQuantizer::take_in(const std::vector<MinMax>& samples) {
  for (const MinMax& sample : samples) range_.update(sample);
}

void LinearQuantizer::combine(Ranks& ranks) {
  if (hessian_ && collects_) hessian_->combine(ranks);
}

void LinearQuantizer::forward(const float* x, std::int64_t rows,
                              const std::vector<Sequence>& sequences, float* y) {
  if (config_.act != ActKind::kFloat && !hessian_ && IntegerProduct::computes(result_)) {
    std::vector<QuantParam> params(static_cast<std::size_t>(rows));
    const std::vector<QuantParam> of_samples = sample_params(x, sequences);
    for (std::size_t i = 0; i < sequences.size(); ++i)
      std::fill_n(params.begin() + sequences[i].begin, sequences[i].rows, of_samples[i]);
    if (!integers_) integers_.emplace(result_);
    integers_->multiply(x, params, y);
  } else {
    multiply_dequantized(x, rows, sequences, y);
  }
  if (result_.low_rank.rank > 0) add_low_rank(result_.low_rank, x, rows, config_.compute_dtype, y);
}

void LinearQuantizer::multiply_dequantized(const float* x, std::int64_t rows,
                                           const std::vector<Sequence>& sequences, float* y) {
  const std::int64_t in = result_.spec.in;
  const float* input = x;
  if (config_.act != ActKind::kFloat) {
    const std::vector<QuantParam> params = sample_params(x, sequences);
    input_.resize(static_cast<std::size_t>(rows * in));
    const bool per_token =
        config_.act != ActKind::kStatic && (is_float_format(config_.type) || hessian_);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const Sequence& s = sequences[i];
      const float* from = x + s.begin * in;
      float* to = input_.data() + s.begin * in;
      if (per_token)
        fake_quantize_dynamic(config_.type, config_.weight.dual_block,
                              linear_.input_rotation().clip_ratio, from, s.rows, in, to);
      else
        fake_quantize_all(from, params[i], to, s.rows * in);
    }
    input = input_.data();
  }
  if (collects_ && exchange_ != nullptr)
    hessian_->hold(exchange_->chunk(), input, rows);
  else if (collects_)
    hessian_->add(input, rows);
  if (!weight_) weight_ = product_weight();
  weight_->multiply(input, rows, data_or_null(result_.bias), y);
}

void LinearQuantizer::make_dynamic() {
  if (!config_.collects_range()) return;
  config_.act = ActKind::kPerToken;
  config_.type = result_.type = LinearType::kW8A8Dynamic;
}

void LinearQuantizer::round_plainly() {
  if (!hessian_) return;
  hessian_.reset();
  config_.weight.method = "minmax";
  result_.group_size = config_.weight.group_size;
  quantize_weight(config_.weight, weight_rows(), result_);
}

void LinearQuantizer::observe(const float* x, const std::vector<Sequence>& sequences) {
  sample_params(x, sequences);
}

void LinearQuantizer::store(ByteWriter& out) const {
  if (config_.has_range()) range_.store(out);
  if (config_.has_range() && config_.histogram) histogram_.store(out);
  if (hessian_ && collects_) hessian_->store(out);
}

void LinearQuantizer::load(StatisticsReader& in) {
  if (config_.has_range()) range_.load(in);
  if (config_.has_range() && config_.histogram) histogram_.load(in);
  if (hessian_ && collects_) hessian_->load(in);
}

QuantizedLinear LinearQuantizer::finish() {
  if (config_.has_range()) {
    if (!range_.seen())
      throw DataError(fmt::format("{}: no calibration token reached it", result_.spec.name),
                      "use a larger calibration set, or exclude it from static quantization");
    const MinMax range = range_.range();
    if (!std::isfinite(range.min) || !std::isfinite(range.max))
      throw DataError(
          fmt::format("{}: its input has NaN or infinite values", result_.spec.name),
          "a weight before it is damaged, or the model overflows; check the checkpoint");
    result_.input = param_of(config_.histogram ? search_range() : range);
    result_.input_symmetric = config_.act_symmetric;
  }
  if (hessian_) quantize_gptq(config_.weight, weight_rows(), *hessian_, result_);
  return std::move(result_);
}

CalibrationOp::CalibrationOp(DType compute, bool int8, bool packs) : compute_(compute) {
  if (int8)
    float_op_ = std::make_unique<Int8LinearOp>();
  else
    float_op_ = std::make_unique<FloatLinearOp>(compute, packs);
}

void CalibrationOp::apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                               const std::vector<Sequence>& sequences) {
  const bool all_float = std::none_of(parts.begin(), parts.end(), [&](const Part& part) {
    return active_.count(part.linear->name()) > 0 || done_.count(part.linear->name()) > 0;
  });
  if (all_float)
    float_op_->apply_each(parts, x, rows, sequences);
  else
    LinearOp::apply_each(parts, x, rows, sequences);
}

void CalibrationOp::apply(Linear& linear, const float* x, std::int64_t rows,
                          const std::vector<Sequence>& sequences, float* y) {
  if (const auto it = active_.find(linear.name()); it != active_.end())
    it->second->forward(x, rows, sequences, y);
  else if (const auto found = done_.find(linear.name()); found != done_.end())
    apply_quantized(*found->second, x, rows, y);
  else
    float_op_->apply(linear, x, rows, sequences, y);
}

bool CalibrationOp::wants(const Linear& linear) const {
  const auto it = active_.find(linear.name());
  return it != active_.end() && it->second->needs_data();
}

void CalibrationOp::apply_quantized(const QuantizedLinear& linear, const float* x,
                                    std::int64_t rows, float* y) {
  if (IntegerProduct::computes(linear)) {
    const auto product = integers_.try_emplace(linear.spec.name, linear).first;
    product->second.multiply(
        x,
        linear.static_input()
            ? std::vector<QuantParam>(static_cast<std::size_t>(rows), linear.input)
            : token_params(linear.type, x, rows, linear.spec.in),
        y);
  } else {
    multiply_dequantized(linear, x, rows, y);
  }
  if (linear.low_rank.rank > 0) add_low_rank(linear.low_rank, x, rows, compute_, y);
}

void CalibrationOp::multiply_dequantized(const QuantizedLinear& linear, const float* x,
                                         std::int64_t rows, float* y) {
  const float* input = x;
  if (!linear.weight_only()) {
    const std::int64_t in = linear.spec.in;
    input_.resize(static_cast<std::size_t>(rows * in));
    if (linear.static_input())
      fake_quantize_all(x, linear.input, input_.data(), rows * in);
    else
      fake_quantize_dynamic(linear.type, linear.dual_block, linear.input_rotation.clip_ratio, x,
                            rows, in, input_.data());
    input = input_.data();
  }
  auto weight = dequantized_.find(linear.spec.name);
  if (weight == dequantized_.end())
    weight = dequantized_.emplace(linear.spec.name, dequantized(linear, compute_)).first;
  weight->second.multiply(input, rows, data_or_null(linear.bias), y);
}

}  // namespace msmodelslim
