#include "pipeline/preview.h"

#include <map>

#include "checkpoint/ascendv1.h"
#include "pipeline/planned_linears.h"
#include "recipe/plan.h"

namespace msmodelslim {
namespace {

const char* role_text(Role role) {
  switch (role) {
    case Role::kQuery:
      return "q";
    case Role::kKey:
      return "k";
    case Role::kValue:
      return "v";
    case Role::kAttentionOut:
      return "attention out";
    case Role::kGate:
      return "gate";
    case Role::kUp:
      return "up";
    case Role::kDown:
      return "down";
    case Role::kHead:
      return "head";
    case Role::kRouter:
      return "router";
    case Role::kSharedGate:
      return "shared gate";
    case Role::kHeadGate:
      return "head gate";
    case Role::kQueryDown:
    case Role::kQueryUp:
      return "q latent";
    case Role::kKeyValueDown:
    case Role::kKeyValueUp:
      return "kv latent";
    case Role::kNextToken:
      return "next token";
    case Role::kQueryKeyValue:
      return "qkv";
    case Role::kGateUp:
      return "gate and up";
    case Role::kDeltaIn:
      return "delta net";
    case Role::kIndexQuery:
    case Role::kIndexKey:
    case Role::kIndexWeight:
      return "indexer";
    case Role::kEntry:
      return "entries";
    case Role::kUnknown:
      break;
  }
  return "linear";
}

// Of a weight [n, k] with its scales, in the saver's layout (checkpoint/ascendv1.h).
std::uint64_t bytes_of(const PlannedLinear& linear, bool compressed, DType model_dtype,
                       std::uint64_t float_bytes) {
  const auto type = linear_type_from_name(without_flatquant(without_svd(linear.type)));
  if (!type || *type == LinearType::kFloat || *type == LinearType::kW16A16S) return float_bytes;
  const auto n = static_cast<std::uint64_t>(linear.spec->out);
  const auto k = static_cast<std::uint64_t>(linear.spec->in);
  const std::uint64_t groups =
      linear.group_size > 0 ? k / static_cast<std::uint64_t>(linear.group_size) : 1;
  const std::uint64_t dtype = dtype_size(model_dtype);
  const bool half = *type == LinearType::kW4A8Dynamic || *type == LinearType::kW4A16 ||
                    *type == LinearType::kW4A8MxFp || *type == LinearType::kMxFp4 ||
                    *type == LinearType::kMxFp4Dual;
  const std::uint64_t codes = half ? n * k / 2 : n * k;
  if (is_mx(*type)) return codes + n * ((k + 31) / 32);
  if (compressed) return codes + n * groups * dtype;
  if (*type == LinearType::kW8A8 || *type == LinearType::kW8A8S)
    return codes + n * (4 + (model_dtype == DType::kBF16 ? 4 : 8)) + 8;
  return codes + 2 * n * groups * 4 + (*type == LinearType::kW4A8Dynamic ? n * 4 : 0);
}

// Linears by the names of their weights.
using Linears = std::map<std::string, PlannedLinear>;

// What becomes of the weight `name`, which `source` holds.
PlannedTensor planned_tensor(const std::string& name, const WeightSource& source,
                             const Linears& linears, bool compressed, DType model_dtype) {
  PlannedTensor tensor;
  tensor.name = name;
  tensor.shape = source.shape();
  tensor.from = std::string(dtype_name(source.dtype()));
  if (!source.is_plain()) tensor.from += " (coded)";
  tensor.to = linear_type_name(LinearType::kFloat);
  tensor.bytes_before = static_cast<std::uint64_t>(source.count()) * dtype_size(source.dtype());
  tensor.bytes_after = tensor.bytes_before;
  if (const auto linear = linears.find(name); linear != linears.end()) {
    tensor.role = role_text(linear->second.spec->role);
    tensor.to = linear->second.type;
    tensor.bytes_after = bytes_of(linear->second, compressed, model_dtype, tensor.bytes_before);
  }
  return tensor;
}

}  // namespace

std::vector<PlannedTensor> preview(const QuantJob& job, const ModelSpec& model,
                                   const CheckpointReader& checkpoint) {
  Linears linears;
  for (const PlannedLinear& linear : planned_linears(job, model))
    linears[linear.spec->name + ".weight"] = linear;
  const bool compressed = saves_compressed_tensors(job.plan);
  const auto plan = [&](const std::string& name, const std::string& source) {
    return planned_tensor(name, checkpoint.source(source), linears, compressed, model.dtype);
  };
  std::vector<PlannedTensor> tensors;
  for (const std::string& name : checkpoint.names()) tensors.push_back(plan(name, name));
  if (model.tied) {
    tensors.push_back(plan(model.head.name + ".weight", model.embedding + ".weight"));
    tensors.back().bytes_before = 0;  // the embedding's; the output holds both
  }
  return tensors;
}

std::uint64_t planned_bytes(const std::vector<PlannedTensor>& tensors) {
  std::uint64_t sum = 0;
  for (const PlannedTensor& tensor : tensors) sum += tensor.bytes_after;
  return sum;
}

}  // namespace msmodelslim
