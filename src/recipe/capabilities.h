#pragma once
// What recipes may ask for, and how much of it this program carries out today. Every list of names
// and every "not built yet" comes from the tables in capabilities.cc; a newly built feature changes
// those tables only.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

struct QConfig;

enum class Side { kAct, kWeight };

struct ProcessorInfo {
  std::string_view type;
  bool built;
  bool quantizes;  // leaves quantized modules behind
  std::vector<std::string_view> fields;
  std::vector<std::string_view> required;
};

struct QuantizerInfo {
  Side side;
  std::string_view dtype;
  std::string_view scope;
  bool symmetric;
  std::string_view method;
  bool built;
  bool needs_data;
  std::vector<std::string_view> ext;  // keys of `ext` that have a meaning
};

struct NamedInfo {
  std::string_view name;
  bool built;
};

const std::vector<NamedInfo>& known_apiversions();
const std::vector<NamedInfo>& known_savers();
const std::vector<ProcessorInfo>& known_processors();
const std::vector<std::string_view>& known_dtypes();
const std::vector<std::string_view>& known_scopes();

const NamedInfo* find_named(const std::vector<NamedInfo>& list, std::string_view name);
const ProcessorInfo* find_processor(std::string_view type);
// The registered quantizer of this (dtype, scope, symmetric, method), or nullptr.
const QuantizerInfo* find_quantizer(Side side, const QConfig& config);
// The quantizers of one side that share `dtype`, as text for messages.
std::vector<std::string> describe_quantizers(Side side, std::string_view dtype);

// AscendV1 type of a linear with this pair: W8A8, W8A8_DYNAMIC, W8A16, ... Nothing when no format
// for the pair exists.
std::optional<std::string> exported_type(const QConfig& act, const QConfig& weight);
// The activations that some format holds with such weights, as text for messages; "none" if there
// are none.
std::vector<std::string> activations_for(const QConfig& weight);

}  // namespace msmodelslim
