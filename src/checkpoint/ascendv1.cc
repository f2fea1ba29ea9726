#include "checkpoint/ascendv1.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"

namespace msmodelslim {
namespace {

struct Row {
  LinearType type;
  const char* name;
  std::vector<std::string> suffixes;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {LinearType::kFloat, "FLOAT", {"weight"}},
      {LinearType::kW8A16, "W8A16", {"weight", "weight_scale", "weight_offset"}},
      {LinearType::kW8A8Dynamic, "W8A8_DYNAMIC", {"weight", "weight_scale", "weight_offset"}},
      {LinearType::kW8A8Mix,
       "W8A8_MIX",
       {"weight", "quant_bias", "input_scale", "input_offset", "deq_scale", "weight_scale",
        "weight_offset"}},
      {LinearType::kW8A8,
       "W8A8",
       {"weight", "quant_bias", "input_scale", "input_offset", "deq_scale"}},
      {LinearType::kW4A8Dynamic,
       "W4A8_DYNAMIC",
       {"weight", "weight_scale", "weight_offset", "scale_bias"}},
      {LinearType::kW4A4Dynamic, "W4A4_DYNAMIC", {"weight", "weight_scale", "weight_offset"}},
      {LinearType::kFp8Dynamic, "WFP8AFP8_DYNAMIC", {"weight", "weight_scale", "weight_offset"}},
      {LinearType::kMxFp8, "W8A8_MXFP8", {"weight", "weight_scale"}},
      {LinearType::kW4A8MxFp, "W4A8_MXFP", {"weight", "weight_scale"}},
      {LinearType::kMxFp4, "W4A4_MXFP4", {"weight", "weight_scale"}},
      {LinearType::kMxFp4Dual,
       "W4A4_MXFP4_DUALSCALE",
       {"weight", "weight_scale", "weight_dual_scale"}},
      {LinearType::kW16A16S, "W16A16S", {"weight"}},
      {LinearType::kC8, kKvCacheType, {}},
      {LinearType::kW4A16, "W4A16", {"weight", "weight_scale", "weight_offset"}},
      {LinearType::kW8A8S,
       "W8A8S",
       {"weight", "quant_bias", "input_scale", "input_offset", "deq_scale"}},
      {LinearType::kFaQuant, "FAQuant", {}},
  };
  return table;
}

// Rising priority of model_quant_type; W4A4_MXFP4_SVD, the only one with _SVD, comes after these.
constexpr std::array<LinearType, 12> kPriority = {
    LinearType::kFloat,       LinearType::kW16A16S, LinearType::kW8A16,
    LinearType::kW8A8Dynamic, LinearType::kW8A8Mix, LinearType::kW8A8,
    LinearType::kFp8Dynamic,  LinearType::kMxFp8,   LinearType::kW4A8MxFp,
    LinearType::kW4A4Dynamic, LinearType::kMxFp4,   LinearType::kMxFp4Dual};
constexpr int kMxFp4SvdRank = kPriority.size();

constexpr std::string_view kSvd = "_SVD";
constexpr std::string_view kFlatQuant = "_FLATQUANT";
constexpr std::string_view kDynamic = "_DYNAMIC";

std::string with_mark(const std::string& name, std::string_view mark) {
  if (!name.ends_with(kDynamic)) return name + std::string(mark);
  return name.substr(0, name.size() - kDynamic.size()) + std::string(mark) + std::string(kDynamic);
}

std::string without_mark(const std::string& name, std::string_view mark) {
  const std::string stem = name.substr(0, name.rfind(mark));
  for (const std::string& base : {stem, stem + std::string(kDynamic)})
    if (with_mark(base, mark) == name) return base;
  return name;
}

}  // namespace

bool is_mx(LinearType type) {
  return type == LinearType::kMxFp8 || type == LinearType::kW4A8MxFp ||
         type == LinearType::kMxFp4 || type == LinearType::kMxFp4Dual;
}

bool is_float_format(LinearType type) { return type == LinearType::kFp8Dynamic || is_mx(type); }

const char* linear_type_name(LinearType type) {
  return rows()[static_cast<std::size_t>(type)].name;
}

std::optional<LinearType> linear_type_from_name(const std::string& name) {
  for (const Row& row : rows())
    if (name == row.name && row.type != LinearType::kC8 && row.type != LinearType::kFaQuant)
      return row.type;
  return std::nullopt;
}

const std::vector<std::string>& linear_type_suffixes(LinearType type) {
  return rows()[static_cast<std::size_t>(type)].suffixes;
}

std::string with_svd(const std::string& name) { return with_mark(name, kSvd); }
std::string without_svd(const std::string& name) { return without_mark(name, kSvd); }
std::string with_flatquant(const std::string& name) { return with_mark(name, kFlatQuant); }
std::string without_flatquant(const std::string& name) { return without_mark(name, kFlatQuant); }

void ModelQuantType::propose(LinearType type, bool svd) {
  if (svd) {
    if (type == LinearType::kMxFp4) rank_ = kMxFp4SvdRank;
    return;
  }
  const auto it = std::find(kPriority.begin(), kPriority.end(), type);
  if (it != kPriority.end()) rank_ = std::max(rank_, static_cast<int>(it - kPriority.begin()));
}

std::string ModelQuantType::name() const {
  if (rank_ < 0) return "Unknown";
  if (rank_ == kMxFp4SvdRank) return with_svd(linear_type_name(LinearType::kMxFp4));
  return linear_type_name(kPriority[static_cast<std::size_t>(rank_)]);
}

std::string find_description(const std::string& folder) {
  const fs::path plain = fs::path(folder) / kDescriptionFile;
  std::error_code ec;
  if (fs::exists(plain, ec)) return plain.string();
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("quant_model_description_") && name.ends_with(".json") &&
        (found.empty() || entry.path().string() < found))
      found = entry.path().string();
  }
  return found;
}

Json read_description(const std::string& folder) {
  std::string path = find_description(folder);
  if (path.empty()) path = (fs::path(folder) / kDescriptionFile).string();
  Json description = read_json_file(path);
  if (!description.is_object())
    throw DataError(path + ": is no JSON object", "the folder is not an AscendV1 folder");
  return description;
}

}  // namespace msmodelslim
