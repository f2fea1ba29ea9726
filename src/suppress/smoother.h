#pragma once
// smooth_quant, iter_smooth, flex_smooth_quant and flex_awq_ssz on one block.
//
// Activation statistics are those of the untouched block; weight statistics are read from the
// current weights.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "observe/ranges.h"
#include "observe/rows.h"
#include "observe/spread_tap.h"
#include "suppress/rounding.h"
#include "suppress/subgraph.h"

namespace msmodelslim {

enum class SmoothAlgorithm {
  kSmoothQuant,
  kIterSmooth,
  kFlexSmooth,
  kFlexAwqSsz,
  kOutlierSuppression,  // see outlier_channels.h
  kCbq
};

struct SmoothConfig {
  SmoothAlgorithm algorithm = SmoothAlgorithm::kIterSmooth;
  std::optional<double> alpha;  // absent: searched (flex algorithms)
  std::optional<double>
      beta;  // flex_smooth_quant only; with alpha or beta absent both are searched
  double scale_min = 1e-5;
  bool symmetric = true;            // false: norm-linear also shifts the activation to its middle
  std::int64_t search_rows = 4096;  // that a search looks at; 0: all, see flex_search.h
  RoundWeight round_weight;         // flex_awq_ssz: what its search simulates
  RoundInput round_input;
  std::set<SubgraphKind> kinds;                     // what the recipe and the adapter allow
  std::function<bool(const std::string&)> selects;  // by the source module's name
  std::vector<std::string> skip;  // a pair with such a linear as target is left alone
  // Pairs behind norms come first, so that their scales are made of the weights before the other
  // pairs divide them.
  bool norms_first = false;
  // As modelslim_v0: iter_smooth looks at |w| everywhere, and at the largest |x|
  // also when it shifts; searches see one scale for all tokens.
  bool v0 = false;
};

class Smoother {
 public:
  Smoother(const SmoothConfig& config, const ModelSpec& model) : config_(config), model_(model) {}
  // Chooses the subgraphs of the block and returns the taps that watch its forward pass over
  // `samples` (none when nothing is selected).
  std::vector<Tap*> prepare(Block& block, const std::vector<Sequence>& samples);
  // Rewrites the block. Throws DataError when the statistics hold NaN.
  std::vector<SmoothResult> finish();

 private:
  bool flex() const {
    return config_.algorithm == SmoothAlgorithm::kFlexSmooth ||
           config_.algorithm == SmoothAlgorithm::kFlexAwqSsz;
  }
  bool by_channel() const { return config_.algorithm >= SmoothAlgorithm::kOutlierSuppression; }
  bool searches() const;
  bool seen(const Subgraph& graph) const;
  std::vector<float> activation_of(const Subgraph& graph) const;
  void choose(const Subgraph& graph, SmoothResult& result);
  std::vector<float> scales_of(const Subgraph& graph, const SmoothResult& result) const;
  // The middle of every channel where the algorithm moves it to zero; empty where it does not.
  std::vector<float> shift_of(const Subgraph& graph) const;
  InputChange input_change_of(const Subgraph& graph, const std::vector<float>& scales,
                              const std::vector<float>& shift) const;
  SmoothConfig config_;
  const ModelSpec& model_;
  std::vector<Subgraph> graphs_;
  std::unique_ptr<ChannelTap> channels_;
  std::unique_ptr<SpreadTap> spread_;
  std::unique_ptr<MeanTap> means_;
  std::unique_ptr<RowsTap> rows_;
};

}  // namespace msmodelslim
