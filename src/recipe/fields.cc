#include "recipe/fields.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "base/ascii.h"
#include "base/error.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

std::string trimmed_lower(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\n\r");
  if (begin == std::string::npos) return "";
  return ascii_lower(text.substr(begin, text.find_last_not_of(" \t\n\r") + 1 - begin));
}

std::optional<std::int64_t> whole(double value) {
  constexpr double kLargest = 9007199254740992.0;  // 2^53: every integer up to here is exact
  if (!(std::fabs(value) <= kLargest) || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::string found(const YamlValue& value) {
  if (value.is(Kind::kString)) return fmt::format("found the text '{}'", value.text.substr(0, 60));
  return fmt::format("found {}", kind_name(value.kind));
}

}  // namespace

void Problems::add(const std::string& path, int line, const std::string& reason) {
  ++count_;
  text_ += fmt::format("\n  {} (line {})\n    {}", path, line, reason);
}

void Problems::throw_if_any(const std::string& where) const {
  if (count_ == 0) return;
  throw UsageError(
      fmt::format("{}: {} problem{} found{}", where, count_, count_ == 1 ? "" : "s", text_),
      "correct the recipe and run again; nothing was written");
}

std::optional<bool> to_bool(const YamlValue& value) {
  if (value.is(Kind::kBool)) return value.boolean;
  if (value.is(Kind::kInt) || value.is(Kind::kFloat)) {
    const auto number = to_int(value);
    if (number == 0) return false;
    if (number == 1) return true;
    return std::nullopt;
  }
  if (!value.is(Kind::kString)) return std::nullopt;
  const std::string word = trimmed_lower(value.text);
  for (const char* yes : {"1", "on", "t", "true", "y", "yes"})
    if (word == yes) return true;
  for (const char* no : {"0", "off", "f", "false", "n", "no"})
    if (word == no) return false;
  return std::nullopt;
}

std::optional<std::int64_t> to_int(const YamlValue& value) {
  if (value.is(Kind::kInt)) return value.integer;
  if (value.is(Kind::kBool)) return value.boolean ? 1 : 0;
  const auto number = to_real(value);
  return number ? whole(*number) : std::nullopt;
}

std::optional<double> to_real(const YamlValue& value) {
  if (value.is(Kind::kFloat)) return value.real;
  if (value.is(Kind::kInt)) return static_cast<double>(value.integer);
  if (value.is(Kind::kBool)) return value.boolean ? 1.0 : 0.0;
  if (!value.is(Kind::kString)) return std::nullopt;
  const std::string text = trimmed_lower(value.text);
  if (text.empty() || text.find_first_not_of("+-.0123456789e") != std::string::npos)
    return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !std::isfinite(number)) return std::nullopt;
  return number;
}

Fields::Fields(const YamlValue& value, std::string path, Problems* problems)
    : path_(std::move(path)), line_(value.line), problems_(problems) {
  if (value.is(Kind::kMap))
    map_ = &value;
  else
    problems_->add(path_, line_, fmt::format("must be a mapping, {}", found(value)));
}

std::string Fields::path_of(std::string_view key) const { return fmt::format("{}.{}", path_, key); }

const YamlValue* Fields::get(std::string_view key) {
  known_.emplace(key);
  return map_ == nullptr ? nullptr : map_->find(key);
}

const YamlValue* Fields::require(std::string_view key) {
  const YamlValue* value = get(key);
  if (value == nullptr && map_ != nullptr) problem(key, "is required and missing");
  return value;
}

void Fields::problem(std::string_view key, const std::string& reason) {
  const YamlValue* value = map_ == nullptr ? nullptr : map_->find(key);
  problems_->add(path_of(key), value == nullptr ? line_ : value->line, reason);
}

bool Fields::boolean(std::string_view key, bool fallback) {
  const YamlValue* value = get(key);
  if (value == nullptr) return fallback;
  const auto result = to_bool(*value);
  if (!result) problem(key, fmt::format("must be true or false, {}", found(*value)));
  return result.value_or(fallback);
}

std::int64_t Fields::integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                             std::int64_t most) {
  const YamlValue* value = get(key);
  if (value == nullptr) return fallback;
  const auto result = to_int(*value);
  if (!result) {
    problem(key, fmt::format("must be an integer, {}", found(*value)));
    return fallback;
  }
  if (*result < least || *result > most) {
    problem(key, fmt::format("must be between {} and {}, found {}", least, most, *result));
    return fallback;
  }
  return *result;
}

std::string Fields::text(std::string_view key, std::string fallback, std::size_t longest) {
  const YamlValue* value = get(key);
  if (value == nullptr) return fallback;
  if (!value->is(Kind::kString)) {
    problem(key, fmt::format("must be text, {}; put it in quotes", found(*value)));
    return fallback;
  }
  if (value->text.size() > longest) {
    problem(key, fmt::format("is longer than {} characters", longest));
    return fallback;
  }
  return value->text;
}

double Fields::real(std::string_view key, double fallback, double least, double most) {
  const YamlValue* value = get(key);
  if (value == nullptr) return fallback;
  const auto result = to_real(*value);
  if (!result) {
    problem(key, fmt::format("must be a number, {}", found(*value)));
    return fallback;
  }
  if (!(*result >= least && *result <= most)) {
    problem(key, fmt::format("must be between {} and {}, found {}", least, most, *result));
    return fallback;
  }
  return *result;
}

std::optional<double> Fields::fraction(std::string_view key) {
  const YamlValue* value = get(key);
  if (value == nullptr) return std::nullopt;
  const auto result = to_real(*value);
  if (!result) {
    problem(key, fmt::format("must be a number, {}", found(*value)));
    return std::nullopt;
  }
  if (!(*result > 0 && *result < 1)) {
    problem(key, fmt::format("must be greater than 0 and less than 1, found {}", *result));
    return std::nullopt;
  }
  return result;
}

std::optional<std::vector<std::string>> Fields::texts(std::string_view key, std::size_t longest,
                                                      bool null_is_empty) {
  const YamlValue* value = get(key);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> result;
  if (null_is_empty && value->is(Kind::kNull)) return result;
  if (!value->is(Kind::kList)) {
    problem(key, fmt::format("must be a list of text, {}", found(*value)));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    const YamlValue& item = value->items[i];
    const std::string path = fmt::format("{}.{}", path_of(key), i);
    if (!item.is(Kind::kString))
      problems_->add(path, item.line, fmt::format("must be text, {}", found(item)));
    else if (item.text.size() > longest)
      problems_->add(path, item.line, fmt::format("is longer than {} characters", longest));
    else
      result.push_back(item.text);
  }
  return result;
}

std::vector<std::int64_t> Fields::integers(std::string_view key, std::int64_t least,
                                           std::int64_t most) {
  std::vector<std::int64_t> result;
  const YamlValue* value = list(key);
  if (value == nullptr) return result;
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    const YamlValue& item = value->items[i];
    const auto number = to_int(item);
    if (number && *number >= least && *number <= most)
      result.push_back(*number);
    else
      problems_->add(
          fmt::format("{}.{}", path_of(key), i), item.line,
          fmt::format("must be an integer between {} and {}, {}", least, most, found(item)));
  }
  return result;
}

const YamlValue* Fields::list(std::string_view key) {
  const YamlValue* value = get(key);
  if (value == nullptr || value->is(Kind::kList)) return value;
  problem(key, fmt::format("must be a list, {}", found(*value)));
  return nullptr;
}

void Fields::finish() {
  if (map_ == nullptr) return;
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& [key, value] : map_->entries)
    if (!known_.contains(key))
      problems_->add(path_of(key), value.line,
                     fmt::format("unknown field{}", did_you_mean(key, known)));
}

}  // namespace msmodelslim
