#pragma once
// Pairs of modules between which a scale can move without changing the float output: the source is
// divided by it, the columns of the targets are multiplied with it.

#include <string>
#include <vector>

#include "observe/input_summary.h"
#include "suppress/smooth_math.h"

namespace msmodelslim {

struct Subgraph {
  SubgraphKind kind;
  std::string source;  // what include / exclude is matched against
  Norm* norm = nullptr;
  Linear* from = nullptr;        // v, up, or the first of two linears in a row
  std::vector<Linear*> targets;  // share one input
  // Latent attention's ov: of each head's rows of `from` so many in front are keys and stay.
  std::int64_t key_rows = 0;
  std::int64_t query_heads = 0;  // of the block
};

// In the order in which they are handled: up-down, ov, linear-linear, norm-linear. No block has two
// linears in a row. The norm in front of experts is no source: the router and every expert read it.
std::vector<Subgraph> subgraphs_of(Block& block);
const char* subgraph_kind_name(SubgraphKind kind);

// True, with a warning, when the engine rotates the targets' input: a scale per channel cannot pass
// that on its way from the source.
bool rotated_between(const Subgraph& graph);

// True when one of the targets is named.
bool has_target(const Subgraph& graph, const std::vector<std::string>& names);

HeadShape heads_of(const ModelSpec& model, const Subgraph& graph);

// One scale per channel of the source (ov: per value channel) as those of the targets' columns.
std::vector<float> column_scales(const Subgraph& graph, const std::vector<float>& scales,
                                 const HeadShape& heads);

// Moves the scales of the source's channels into the targets.
void move_scales(const Subgraph& graph, const std::vector<float>& scales, const HeadShape& heads);

// Throws DataError when a statistic of the graph's input is NaN or infinite.
void check_statistic(const Subgraph& graph, const std::vector<float>& values);

// What was done, for the report: one entry per subgraph.
struct SmoothResult {
  std::string target;
  SubgraphKind kind;
  double alpha = 0;  // awq: the ratio
  double beta = 0;
  std::vector<float> scales;  // of the source's channels
  InputChange input = {};     // of the targets
};

}  // namespace msmodelslim
