#pragma once
// --quant_type: w<bits>a<bits>, then c8 | f4 | f8 (KV cache or attention), then s (sparse).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/yaml_value.h"

namespace msmodelslim {

struct QuantType {
  std::string name;  // lower case
  int w_bit = 0;
  int a_bit = 0;
  bool kv_cache = false;
  std::optional<int> fa_bit;
  bool is_sparse = false;
};

// The values that recipes are searched for, in the order of the help text: the Python tool's and
// w4a16.
const std::vector<std::string>& quant_type_names();

// Capitals are accepted. UsageError lists the values.
QuantType parse_quant_type(std::string_view text);

// Whether the label of a recipe describes this type; other keys of the label do not count.
bool label_matches(const YamlValue& label, const QuantType& type);

}  // namespace msmodelslim
