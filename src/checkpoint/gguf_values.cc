#include "checkpoint/gguf_values.h"

#include <cstring>

#include "base/error.h"

namespace msmodelslim {
namespace {

template <typename T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

}  // namespace

std::size_t gguf_kind_size(GgufKind kind) {
  switch (kind) {
    case GgufKind::kU8:
    case GgufKind::kI8:
    case GgufKind::kBool:
      return 1;
    case GgufKind::kU16:
    case GgufKind::kI16:
      return 2;
    case GgufKind::kU32:
    case GgufKind::kI32:
    case GgufKind::kF32:
      return 4;
    case GgufKind::kU64:
    case GgufKind::kI64:
    case GgufKind::kF64:
      return 8;
    case GgufKind::kString:
    case GgufKind::kArray:
      return 0;
  }
  return 0;
}

std::int64_t GgufArray::integer_at(std::uint64_t i) const {
  const std::byte* p = numbers + i * gguf_kind_size(kind);
  switch (kind) {
    case GgufKind::kU8:
    case GgufKind::kBool:
      return load<std::uint8_t>(p);
    case GgufKind::kI8:
      return load<std::int8_t>(p);
    case GgufKind::kU16:
      return load<std::uint16_t>(p);
    case GgufKind::kI16:
      return load<std::int16_t>(p);
    case GgufKind::kU32:
      return load<std::uint32_t>(p);
    case GgufKind::kI32:
      return load<std::int32_t>(p);
    case GgufKind::kU64:
    case GgufKind::kI64:
      return load<std::int64_t>(p);
    default:
      throw DataError("a GGUF array of integers was expected, it holds something else");
  }
}

double GgufArray::number_at(std::uint64_t i) const {
  const std::byte* p = numbers + i * gguf_kind_size(kind);
  if (kind == GgufKind::kF32) return load<float>(p);
  if (kind == GgufKind::kF64) return load<double>(p);
  return static_cast<double>(integer_at(i));
}

void GgufMetadata::add(std::string key, GgufValue value) {
  const auto [place, added] = values_.emplace(std::move(key), std::move(value));
  if (!added)
    throw DataError(fmt::format("{}: metadata key \"{}\" appears twice", where_, place->first),
                    "the file is damaged; download it again");
}

const GgufValue& GgufMetadata::need(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end())
    throw DataError(fmt::format("{}: metadata key \"{}\" is missing", where_, key),
                    "the file was made by an old or broken converter; get a newer GGUF");
  return found->second;
}

void GgufMetadata::wrong_kind(std::string_view key, std::string_view expected) const {
  throw DataError(fmt::format("{}: metadata key \"{}\" does not hold {}", where_, key, expected),
                  "the file is damaged or was made by a broken converter");
}

std::int64_t GgufMetadata::need_integer(std::string_view key) const {
  const auto* value = std::get_if<std::int64_t>(&need(key));
  if (value == nullptr) wrong_kind(key, "an integer");
  return *value;
}

double GgufMetadata::need_number(std::string_view key) const {
  const GgufValue& value = need(key);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  wrong_kind(key, "a number");
}

std::string GgufMetadata::need_string(std::string_view key) const {
  const auto* value = std::get_if<std::string_view>(&need(key));
  if (value == nullptr) wrong_kind(key, "a string");
  return std::string(*value);
}

const GgufArray& GgufMetadata::need_array(std::string_view key, GgufKind kind) const {
  const auto* value = std::get_if<GgufArray>(&need(key));
  if (value == nullptr || value->kind != kind) wrong_kind(key, "an array of the expected kind");
  return *value;
}

std::int64_t GgufMetadata::integer_or(std::string_view key, std::int64_t fallback) const {
  return has(key) ? need_integer(key) : fallback;
}

double GgufMetadata::number_or(std::string_view key, double fallback) const {
  return has(key) ? need_number(key) : fallback;
}

bool GgufMetadata::bool_or(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const auto* value = std::get_if<bool>(&need(key));
  if (value == nullptr) wrong_kind(key, "true or false");
  return *value;
}

std::string GgufMetadata::string_or(std::string_view key, const std::string& fallback) const {
  return has(key) ? need_string(key) : fallback;
}

}  // namespace msmodelslim
