#pragma once
// What one quantization run will do: the typed form of every recipe, whatever its apiversion.
// Plain data; made by make_plan() (recipe.h), carried out by pipeline.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "recipe/convert_plan.h"
#include "recipe/name_filter.h"
#include "recipe/v0_options.h"

namespace msmodelslim {

// How one side of a matrix product is quantized, in the recipe's own words. Validated: the
// combination (dtype, scope, symmetric, method) exists for the side it stands on.
struct QConfig {
  std::string dtype = "float";       // float, int8, ...
  std::string scope = "per_tensor";  // per_tensor, per_channel, per_token, ...
  bool symmetric = true;
  std::string method = "none";  // none, minmax, ...
  Json ext = Json::object();    // parameters of the method, scalars typed
  bool is_float() const { return dtype == "float"; }
  bool operator==(const QConfig&) const = default;
};

// ext.aggregation_type of ranges over samples; kLast for a KV cache only.
enum class Aggregation { kMax, kMean, kLast };
Aggregation aggregation_of(const QConfig& config);

// Columns that share a weight scale; 0: the whole row.
std::int64_t group_size_of(const QConfig& weight);

struct LinearQuantStep {
  QConfig act;
  QConfig weight;
  NameFilter filter;
  std::string type;  // AscendV1 type of the pair: W8A8, W8A8_DYNAMIC, W8A16, ...
  bool operator==(const LinearQuantStep&) const = default;
};

enum class SmoothKind {
  kSmoothQuant,
  kIterSmooth,
  kFlexSmoothQuant,
  kFlexAwqSsz,
  kOutlierSuppression,  // m2 of modelslim_v0
  kCbq                  // m5
};

// Calibration rows that a search looks at unless the recipe says otherwise. The field is ours.
inline constexpr std::int64_t kSearchRows = 4096;

struct SmoothStep {
  SmoothKind kind = SmoothKind::kIterSmooth;
  std::optional<double> alpha;             // absent only for the flex processors: searched
  std::optional<double> beta;              // flex_smooth_quant only; absent: searched
  std::int64_t search_rows = kSearchRows;  // the flex processors
  QConfig act;                             // flex_awq_ssz: what its search simulates
  QConfig weight;
  double scale_min = 1e-5;               // iter_smooth only
  bool symmetric = true;                 // smooth_quant, iter_smooth
  std::set<std::string> subgraph_types;  // of norm-linear, linear-linear, ov, up-down
  bool ignore_adapter = false;    // also pairs that the Python tool's adapter of the model lacks
  NameFilter filter;              // of the subgraph's source module
  std::vector<std::string> skip;  // names of linears: a pair with such a target is left alone
  bool operator==(const SmoothStep&) const = default;
};

// quarot: rotations of the residual stream, the heads and (online) the inputs of o and down.
struct QuaRotStep {
  std::int64_t block_size = -1;
  bool online = false;
  std::set<std::int64_t> down_proj_online_layers;
  std::int64_t max_tp_size = 4;
  bool export_extra_info = true;
  bool adapted = false;  // adapt_rotation stage 2: the residual rotation is the fitted one
  bool operator==(const QuaRotStep&) const = default;
};

// adapt_rotation stage 1: fits a rotation of the residual stream to the inputs of some linears.
struct AdaptRotationStep {
  std::int64_t steps = 20;
  int bits = 4;
  std::vector<std::string> layer_types = {"up_proj"};  // parts of the linears' names
  std::int64_t block_size = -1;
  std::int64_t max_samples = 2048;  // rows per linear
  bool operator==(const AdaptRotationStep&) const = default;
};

// What runs over the float model before the recipe itself.
struct PriorStage {
  std::vector<AdaptRotationStep> steps;
  std::string dataset;  // empty: the plan's
  bool operator==(const PriorStage&) const = default;
};

// A low-rank branch beside the selected linears that a later linear_quant quantizes; what it then
// quantizes is the rest.
struct SvdResidualStep {
  std::int64_t rank = 32;  // <= min(out, in) of every linear
  NameFilter filter;
  bool operator==(const SvdResidualStep&) const = default;
};

// Sets weights to zero and rounds the others to few bits; the linears stay float (W16A16S).
struct FloatSparseStep {
  double ratio = 0.3;  // share of zeros
  NameFilter filter;
  bool operator==(const FloatSparseStep&) const = default;
};

// int8 KV cache of the selected attention modules.
struct DynamicCacheStep {
  QConfig cache;
  NameFilter filter;  // of attention modules
  bool operator==(const DynamicCacheStep&) const = default;
};

// What the selected attention modules with latent vectors compare, in 8 bits: int8 or fp8_e4m3,
// per_head (measured) or per_token (nothing to measure). Nothing: stays float.
struct Fa3QuantStep {
  std::optional<QConfig> q, k, v;
  NameFilter filter;  // of attention modules
  bool measures() const;
  bool operator==(const Fa3QuantStep&) const = default;
};

// Smooths the keys of the selected attention modules.
struct KvSmoothStep {
  double factor = 1;  // exponent of the largest |key|
  NameFilter filter;  // of attention modules
  bool operator==(const KvSmoothStep&) const = default;
};

// Learned rounding: the first strategy that selects a linear says how it is quantized; type FLOAT
// leaves it as it is.
struct AutoroundStep {
  int iters = 10;
  std::optional<double> lr;  // of the first iteration; absent: see learning_rate()
  bool tune_minmax = true;
  bool tune_round = true;
  bool squared_loss = false;      // ours: the loss is the sum of squares, not of |error|
  bool quantized_inputs = false;  // ours: a block learns on the outputs of the quantized ones
  std::vector<LinearQuantStep> strategies;
  bool operator==(const AutoroundStep&) const = default;
};

// 5 / iters as in the Python tool. Weight-only int4, which it does not have, takes the published
// 1 / iters: few steps of 5 / iters end behind the start.
double learning_rate(const AutoroundStep& step, const LinearQuantStep& strategy);

// Learned transforms of the inputs of pairs all of whose linears are selected.
struct FlatQuantStep {
  NameFilter filter;
  bool operator==(const FlatQuantStep&) const = default;
};

struct AwqStep {
  QConfig weight;
  int n_grid = 20;
  std::int64_t search_rows = kSearchRows;
  std::set<std::string> subgraph_types;
  NameFilter filter;              // of the subgraph's source module
  std::vector<std::string> skip;  // as SmoothStep's
  bool operator==(const AwqStep&) const = default;
};

struct Step;

// Children share one forward pass over the calibration set per block.
struct GroupStep {
  std::vector<Step> steps;
  bool operator==(const GroupStep& other) const;
};

struct Step {
  std::variant<LinearQuantStep,   //
               SmoothStep,        //
               AwqStep,           //
               QuaRotStep,        //
               SvdResidualStep,   //
               FloatSparseStep,   //
               DynamicCacheStep,  //
               KvSmoothStep,      //
               Fa3QuantStep,      //
               AutoroundStep,     //
               FlatQuantStep,     //
               GroupStep>
      value;
  std::string path;  // where the recipe says so: spec.process.0.linear_quant
  int line = 0;      // 1-based line in the recipe file
  bool operator==(const Step& other) const { return value == other.value; }
};

struct SaveStep {
  std::string type = "ascendv1_saver";
  int part_file_size = 4;  // GiB per shard; 0: one file without an index
};

enum class Runner { kAuto, kModelWise, kLayerWise, kDpLayerWise };

struct Plan {
  std::string apiversion;
  std::string config_id;
  std::string dataset;  // name or path of the calibration set
  Runner runner = Runner::kAuto;
  std::vector<PriorStage> priors;
  std::vector<Step> steps;      // in recipe order
  std::vector<SaveStep> saves;  // V1; empty for V0, unless the user chose a format
  // Set for modelslim_v0: `steps` holds the translation, these are the options it was made of.
  std::optional<V0Options> v0;
  std::optional<ConvertPlan> convert;  // set for modelslim_convert, which has no steps
  std::vector<std::string> warnings;   // what the recipe says without effect
};

bool saves_compressed_tensors(const Plan& plan);

// True when the step reads calibration data: smoothing, static activation ranges, or a group with
// such a child.
bool needs_data(const Step& step);
bool needs_data(const Plan& plan);

}  // namespace msmodelslim
