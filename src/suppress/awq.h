#pragma once
// AWQ on one block (Lin et al., "AWQ: Activation-aware Weight Quantization", arXiv 2306.00978;
// reference: outlier-suppression 7).
//
//   s(r) = max(mean|x|^r, 1e-4), divided by sqrt(max s * min s);  r = 0, 1/n, .. (n-1)/n
//   W'   = Q(W s) / s                      for every target, Q: codes and back
//   loss(r) = mean((f(W') - f(W))^2);      the first r with the smallest loss wins
// f: the smallest module that holds all targets, on its own inputs - attention for q/k/v, the MLP
// for gate/up, the linear itself for o and down. Only weights are quantized.
//
// What we do differently: in an ov pair with fewer key/value heads than query heads, mean|x| is
// averaged over the query heads of one value head first, so that o and v get the same scale; the
// Python tool leaves the block wrong. f(W') - f(W) of a single linear is x (W' - W)^T. Losses are
// those of about `search_rows` rows, in whole samples; the means are those of all. All in fp32.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "forward/run.h"
#include "observe/rows.h"
#include "suppress/rounding.h"
#include "suppress/subgraph.h"

namespace msmodelslim {

struct AwqConfig {
  int n_grid = 20;
  std::int64_t search_rows = 4096;
  RoundWeight round_weight;
  std::set<SubgraphKind> kinds;
  std::function<bool(const std::string&)> selects;  // by the source module's name
  std::vector<std::string> skip;  // a pair with such a linear as target is left alone
  // As modelslim_v0: means and losses are those of the first sample alone, f is each target itself.
  bool v0 = false;
};

// s(ratio) for the means of |x|.
std::vector<float> awq_scales(const std::vector<float>& mean, double ratio);

class Awq {
 public:
  Awq(const AwqConfig& config, const ModelSpec& model) : config_(config), model_(model) {}
  // As Smoother's.
  std::vector<Tap*> prepare(Block& block, const std::vector<Sequence>& samples);
  std::vector<SmoothResult> finish();

 private:
  void run_module(const Subgraph& graph, LinearOp& op, float* out);
  double module_loss(const Subgraph& graph, const std::vector<float>& scales);
  // `watched`: the linear whose inputs were kept.
  double linear_loss(Linear& target, const std::vector<float>& scales, const Linear& watched);
  double linear_losses(const Subgraph& graph, const std::vector<float>& scales);
  SmoothResult search(const Subgraph& graph);
  AwqConfig config_;
  const ModelSpec& model_;
  Block* block_ = nullptr;
  std::vector<Subgraph> graphs_;
  std::unique_ptr<MeanTap> means_;
  std::unique_ptr<RowsTap> rows_;
  std::vector<Sequence> samples_;  // as they lie in rows_
  std::optional<RopeTable> rope_;
  std::vector<float> exact_;   // f(W) of the graph under search
  std::vector<float> output_;  // of a candidate
  Workspace workspace_;
};

}  // namespace msmodelslim
