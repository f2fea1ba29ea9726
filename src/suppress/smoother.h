#pragma once
// smooth_quant, iter_smooth and flex_smooth_quant on one block.
//
// Subgraphs are handled in the order up-down, ov, linear-linear, norm-linear. Activation statistics
// are those of the untouched block; weight statistics are read from the current weights.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "observe/ranges.h"
#include "suppress/smooth_math.h"

namespace msmodelslim {

enum class SmoothAlgorithm { kSmoothQuant, kIterSmooth, kFlexSmooth };

struct SmoothConfig {
  SmoothAlgorithm algorithm = SmoothAlgorithm::kIterSmooth;
  std::optional<double> alpha;
  std::optional<double> beta;  // flex only; with alpha or beta absent both are searched
  double scale_min = 1e-5;
  bool symmetric = true;         // false: norm-linear also shifts the activation to its middle
  std::set<SubgraphKind> kinds;  // what the recipe and the adapter allow
  std::function<bool(const std::string&)> selects;  // by the source module's name
};

struct Subgraph {
  SubgraphKind kind;
  std::string source;  // what include / exclude is matched against
  Norm* norm = nullptr;
  Linear* from = nullptr;        // v or up
  std::vector<Linear*> targets;  // share one input
};

std::vector<Subgraph> subgraphs_of(Block& block);
const char* subgraph_kind_name(SubgraphKind kind);

// What was done, for the report: one entry per subgraph.
struct SmoothResult {
  std::string target;
  SubgraphKind kind;
  double alpha = 0;
  double beta = 0;
  std::vector<float> scales;  // of the source's channels
};

class Smoother {
 public:
  Smoother(const SmoothConfig& config, const ModelSpec& model) : config_(config), model_(model) {}
  // Chooses the subgraphs of the block and returns the taps that watch its forward pass (none when
  // nothing is selected).
  std::vector<Tap*> prepare(Block& block);
  // Rewrites the block. Throws DataError when the statistics hold NaN.
  std::vector<SmoothResult> finish();

 private:
  std::vector<float> scales_of(const Subgraph& graph, SmoothResult& result);
  SmoothConfig config_;
  const ModelSpec& model_;
  std::vector<Subgraph> graphs_;
  std::unique_ptr<ChannelTap> channels_;
  std::unique_ptr<RowsTap> rows_;
};

}  // namespace msmodelslim
