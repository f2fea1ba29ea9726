#include "recipe/quant_type.h"

#include <algorithm>
#include <cctype>

#include "base/ascii.h"
#include "base/error.h"
#include "recipe/fields.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

// Takes the digits behind `letter`; the names are known to be well formed.
int take_bits(std::string_view* rest, char letter) {
  if (rest->empty() || rest->front() != letter) return 0;
  rest->remove_prefix(1);
  int bits = 0;
  for (; !rest->empty() && std::isdigit(static_cast<unsigned char>(rest->front())) != 0;
       rest->remove_prefix(1))
    bits = bits * 10 + (rest->front() - '0');
  return bits;
}

bool flag(const YamlValue& label, std::string_view key) {
  const YamlValue* value = label.find(key);
  return value != nullptr && to_bool(*value).value_or(false);
}

bool has_bits(const YamlValue& label, std::string_view key, int bits) {
  const YamlValue* value = label.find(key);
  return value != nullptr && to_int(*value) == bits;
}

std::optional<int> attention_bits(const YamlValue& label) {
  const YamlValue* bits = label.find("fa_bit");
  if (bits == nullptr) return flag(label, "fa_quant") ? std::optional<int>(8) : std::nullopt;
  const auto number = to_int(*bits);
  return number ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace

const std::vector<std::string>& quant_type_names() {
  static const std::vector<std::string> names = {"w4a4",   "w4a8",   "w4a4c8", "w4a4f8", "w4a8c8",
                                                 "w4a16",  "w8a16",  "w8a8",   "w8a8s",  "w8a8c8",
                                                 "w8a8f8", "w4a4f4", "w16a16s"};
  return names;
}

QuantType parse_quant_type(std::string_view text) {
  QuantType type;
  type.name = ascii_lower(std::string(text));
  const auto& names = quant_type_names();
  if (std::find(names.begin(), names.end(), type.name) == names.end())
    throw UsageError(
        fmt::format("'{}' is not a quantization type{}", text, did_you_mean(type.name, names)),
        fmt::format("use one of: {}", join_words(names, " ")));
  std::string_view rest = type.name;
  type.w_bit = take_bits(&rest, 'w');
  type.a_bit = take_bits(&rest, 'a');
  type.kv_cache = take_bits(&rest, 'c') == 8;
  if (const int bits = take_bits(&rest, 'f'); bits != 0) type.fa_bit = bits;
  type.is_sparse = rest == "s";
  return type;
}

bool label_matches(const YamlValue& label, const QuantType& type) {
  return has_bits(label, "w_bit", type.w_bit) && has_bits(label, "a_bit", type.a_bit) &&
         flag(label, "is_sparse") == type.is_sparse && flag(label, "kv_cache") == type.kv_cache &&
         attention_bits(label) == type.fa_bit;
}

}  // namespace msmodelslim
