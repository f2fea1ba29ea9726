#include "suppress/awq.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/distance.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

// W' of one linear.
std::vector<float> rounded_weight(Linear& linear, const std::vector<float>& scales,
                                  const RoundWeight& round) {
  const float* from = linear.weight();
  const auto k = static_cast<std::int64_t>(scales.size());
  const std::int64_t n = linear.spec().out;
  std::vector<float> weight(static_cast<std::size_t>(n * k));
  parallel_for(n, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < k; ++j)
      weight[static_cast<std::size_t>(i * k + j)] =
          from[i * k + j] * scales[static_cast<std::size_t>(j)];
  });
  round(linear.spec(), weight.data());
  parallel_for(n, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < k; ++j)
      weight[static_cast<std::size_t>(i * k + j)] /= scales[static_cast<std::size_t>(j)];
  });
  return weight;
}

// The float linears of a block, some of them with other weights.
class CandidateOp : public LinearOp {
 public:
  void set(const std::string& name, ProductWeight weight) {
    candidates_.insert_or_assign(name, std::move(weight));
  }
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    const auto it = candidates_.find(linear.name());
    if (it == candidates_.end()) {
      float_op_.apply(linear, x, rows, sequences, y);
      return;
    }
    it->second.multiply(x, rows, linear.bias().empty() ? nullptr : linear.bias().data(), y);
  }

 private:
  FloatLinearOp float_op_{DType::kF32};
  std::map<std::string, ProductWeight> candidates_;
};

// Sum of squares of a - b, or of a.
double energy(const float* a, const float* b, std::int64_t count) {
  constexpr std::int64_t kGrain = 1 << 14;
  const std::vector<float> zeros(b == nullptr ? kGrain : 0);
  std::vector<double> parts(static_cast<std::size_t>((count + kGrain - 1) / kGrain));
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    parts[static_cast<std::size_t>(begin / kGrain)] =
        squared_distance(a + begin, b == nullptr ? zeros.data() : b + begin, end - begin);
  });
  double total = 0;
  for (double part : parts) total += part;
  return total;
}

RowChoice first_sample(const std::vector<Sequence>& samples) {
  std::size_t rows = 0;
  for (const Sequence& sample : samples) rows += static_cast<std::size_t>(sample.rows);
  RowChoice choice(rows);
  std::fill_n(choice.begin(), samples.empty() ? 0 : samples.front().rows, true);
  return choice;
}

// Mean |x| of every column of x [rows, width].
std::vector<float> mean_size(const std::vector<float>& x, std::int64_t width) {
  std::vector<double> sums(static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < x.size(); ++i)
    sums[i % sums.size()] += std::fabs(static_cast<double>(x[i]));
  const auto rows = static_cast<double>(x.size() / sums.size());
  std::vector<float> mean;
  for (const double sum : sums) mean.push_back(static_cast<float>(sum / rows));
  return mean;
}

}  // namespace

std::vector<float> awq_scales(const std::vector<float>& mean, double ratio) {
  std::vector<float> scales(mean.size());
  float low = std::numeric_limits<float>::infinity();
  float high = 0;
  for (std::size_t j = 0; j < mean.size(); ++j) {
    scales[j] = std::max(std::pow(mean[j], static_cast<float>(ratio)), 1e-4F);
    low = std::min(low, scales[j]);
    high = std::max(high, scales[j]);
  }
  const float middle = std::sqrt(high * low);
  for (float& scale : scales) {
    scale /= middle;
    if (!std::isfinite(scale)) scale = 1;
  }
  return scales;
}

std::vector<Tap*> Awq::prepare(Block& block, const std::vector<Sequence>& samples) {
  graphs_.clear();
  block_ = &block;
  std::vector<std::string> watched;
  for (Subgraph& graph : subgraphs_of(block)) {
    if (config_.kinds.count(graph.kind) == 0 || !config_.selects(graph.source)) continue;
    if (rotated_between(graph) || has_target(graph, config_.skip)) continue;
    watched.push_back(graph.targets.front()->name());
    graphs_.push_back(std::move(graph));
  }
  if (graphs_.empty()) return {};
  const RowChoice choice =
      config_.v0 ? first_sample(samples) : spread_samples(samples, config_.search_rows);
  samples_ = chosen_samples(samples, choice);
  if (!rope_) {
    std::int64_t longest = 1;
    for (const Sequence& sample : samples) longest = std::max(longest, sample.rows);
    rope_.emplace(model_.rope, longest);
  }
  means_ = std::make_unique<MeanTap>(watched);
  rows_ = std::make_unique<RowsTap>(watched, choice);
  return {means_.get(), rows_.get()};
}

void Awq::run_module(const Subgraph& graph, LinearOp& op, float* out) {
  const std::vector<float>& x = rows_->rows(graph.targets.front()->name());
  for_each_chunk(samples_, kChunkRows,
                 [&](std::int64_t begin, std::int64_t rows, Context& context) {
                   context.rope = &*rope_;
                   context.linear_op = &op;
                   const float* in = x.data() + begin * model_.hidden;
                   float* to = out + begin * model_.hidden;
                   if (graph.norm == &block_->input_norm)
                     run_attention(model_, *block_, in, to, rows, context, workspace_);
                   else
                     run_mlp(model_, *block_, in, to, rows, context, workspace_);
                 });
}

// f is the module that holds all targets.
double Awq::module_loss(const Subgraph& graph, const std::vector<float>& scales) {
  CandidateOp op;
  for (Linear* target : graph.targets)
    op.set(target->name(), ProductWeight(rounded_weight(*target, scales, config_.round_weight),
                                         target->spec().out, target->spec().in, DType::kF32));
  output_.resize(exact_.size());
  run_module(graph, op, output_.data());
  return energy(output_.data(), exact_.data(), static_cast<std::int64_t>(exact_.size()));
}

// f is the target itself.
double Awq::linear_loss(Linear& target, const std::vector<float>& scales, const Linear& watched) {
  const std::vector<float>& x = rows_->rows(watched.name());
  const std::int64_t k = target.spec().in;
  const std::int64_t n = target.spec().out;
  std::vector<float> change = rounded_weight(target, scales, config_.round_weight);
  const float* before = target.weight();
  parallel_for(n, [&](std::int64_t i) {
    for (std::int64_t j = i * k; j < (i + 1) * k; ++j)
      change[static_cast<std::size_t>(j)] -= before[j];
  });
  constexpr std::int64_t kRows = 1024;
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / k;
  output_.resize(static_cast<std::size_t>(std::min(rows, kRows) * n));
  double loss = 0;
  for (std::int64_t r = 0; r < rows; r += kRows) {
    const std::int64_t part = std::min(kRows, rows - r);
    matmul_nt(x.data() + r * k, k, change.data(), k, output_.data(), n, part, n, k);
    loss += energy(output_.data(), nullptr, part * n);
  }
  return loss;
}

// Mean over each target's outputs, then their sum.
double Awq::linear_losses(const Subgraph& graph, const std::vector<float>& scales) {
  if (graph.targets.size() == 1)
    return linear_loss(*graph.targets.front(), scales, *graph.targets.front());
  double loss = 0;
  for (Linear* target : graph.targets)
    loss += linear_loss(*target, scales, *graph.targets.front()) /
            static_cast<double>(target->spec().out);
  return loss;
}

SmoothResult Awq::search(const Subgraph& graph) {
  Linear& first = *graph.targets.front();
  const bool is_ov = graph.kind == SubgraphKind::kOv;
  std::vector<float> mean = config_.v0 ? mean_size(rows_->rows(first.name()), first.spec().in)
                                       : means_->mean(first.name());
  check_statistic(graph, mean);
  if (is_ov) mean = mean_over_query_heads(mean, heads_of(model_, graph));
  const bool alone = graph.targets.size() == 1 || config_.v0;
  if (!alone) {
    FloatLinearOp op(DType::kF32);
    exact_.resize(rows_->rows(first.name()).size());
    run_module(graph, op, exact_.data());
  }
  SmoothResult result{first.name(), graph.kind, 0, 0, {}};
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < config_.n_grid; ++i) {
    const double ratio = static_cast<double>(i) / config_.n_grid;
    std::vector<float> scales = awq_scales(mean, ratio);
    const std::vector<float> columns =
        is_ov ? repeat_for_query_heads(scales, heads_of(model_, graph)) : scales;
    const double loss = alone ? linear_losses(graph, columns) : module_loss(graph, columns);
    if (!(loss < least)) continue;
    least = loss;
    result.alpha = ratio;
    result.scales = std::move(scales);
  }
  if (result.scales.empty())
    throw DataError(fmt::format("{}: no ratio of awq gives a finite loss", first.name()),
                    "exclude it from awq, or check the checkpoint for very large weights");
  return result;
}

std::vector<SmoothResult> Awq::finish() {
  std::vector<SmoothResult> results;
  for (const Subgraph& graph : graphs_) {
    if (!means_->seen(graph.targets.front()->name())) {
      log_warning("suppress", "{}: not smoothed, no calibration token reached it",
                  graph.targets.front()->name());
      continue;
    }
    results.push_back(search(graph));
    SmoothResult& result = results.back();
    rows_->drop(result.target);
    const HeadShape heads = heads_of(model_, graph);
    result.input =
        input_change(means_->mean(result.target), column_scales(graph, result.scales, heads));
    move_scales(graph, result.scales, heads);
  }
  means_.reset();
  rows_.reset();
  exact_ = {};
  output_ = {};
  return results;
}

}  // namespace msmodelslim
