#include "golden/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/glob.h"
#include "base/json.h"
#include "checkpoint/reader.h"

namespace msmodelslim {
namespace {

// Tensors that were cut out of the expected folder; they come from `source`, the float model.
void add_stripped(QuantizedFolder& folder, const std::string& expected,
                  const CheckpointReader& source) {
  const std::string path = expected + "/stripped.json";
  if (!std::filesystem::exists(path)) return;
  const Json stripped = read_json_file(path);
  for (const auto& [file, tensors] : stripped.items())
    for (const auto& [name, value] : tensors.items())
      folder.add(name, source.at(value.at("source").get<std::string>()));
}

double value_at(const TensorView& view, std::int64_t i) {
  switch (view.dtype) {
    case DType::kI8:
      return view.as<std::int8_t>()[i];
    case DType::kU8:
    case DType::kF8E4M3:  // its bit pattern
      return view.as<std::uint8_t>()[i];
    case DType::kI32:
      return view.as<std::int32_t>()[i];
    case DType::kI64:  // deq_scale: fp32 bits
      return std::bit_cast<float>(static_cast<std::int32_t>(view.as<std::int64_t>()[i]));
    default: {
      float value = 0;
      to_f32(TensorView{view.dtype, {1}, view.bytes + i * dtype_size(view.dtype)}, &value);
      return value;
    }
  }
}

std::string compare_tensor(const std::string& name, const TensorView& e, const TensorView& a,
                           const Tolerance& t) {
  if (name.ends_with("input_zero_point"))  // the tool's is a float, engines copy it into an integer
    return a.dtype == DType::kI8 && a.count() == 1 && e.count() == 1 &&
                   std::fabs(value_at(e, 0) - value_at(a, 0)) <= t.offset_steps
               ? ""
               : fmt::format("{}: {} {}, expected {}", name, dtype_name(a.dtype), value_at(a, 0),
                             value_at(e, 0));
  if (e.dtype != a.dtype || e.shape != a.shape)
    return fmt::format("{}: {} {}, expected {} {}", name, dtype_name(a.dtype), shape_text(a.shape),
                       dtype_name(e.dtype), shape_text(e.shape));
  if (!t.weight_offset && name.ends_with("weight_offset")) return "";
  if (!Glob(t.only).matches(name)) return "";
  if (!t.input_range)
    for (const char* suffix : {"input_scale", "input_offset", "deq_scale", "quant_bias"})
      if (name.ends_with(suffix)) return "";
  double largest = 0;
  for (std::int64_t i = 0; i < e.count(); ++i)
    largest = std::max(largest, std::fabs(value_at(e, i)));
  const double scale = name.ends_with("scale_bias")       ? t.scale_bias
                       : name.ends_with("kv_cache_scale") ? std::max(t.scale, t.kv_scale)
                                                          : t.scale;
  const double one = !t.one_too_many.empty() && Glob(t.one_too_many).matches(name) ? 1 : 0;
  double worst = 0;
  double step = 0;
  std::int64_t differ = 0;
  std::int64_t off_scale = 0;
  for (std::int64_t i = 0; i < e.count(); ++i) {
    const double x = value_at(e, i) - (e.dtype == DType::kI8 ? t.zero_code : 0) - one;
    const double y = value_at(a, i);
    if (std::isnan(x) != std::isnan(y)) return name + ": NaN on one side";
    const double d = std::fabs(x - y);
    if (d > 0) ++differ;
    step = std::max(step, d);
    const double relative = d / std::max({std::fabs(x), 1e-3 * largest, 1e-30});
    worst = std::max(worst, relative);
    if (relative > scale) ++off_scale;
  }
  const auto count = static_cast<double>(std::max<std::int64_t>(1, e.count()));
  const double share = static_cast<double>(differ) / count;
  if (dtype_size(e.dtype) == 1) {
    if (share > t.code_share || (differ > 0 && step > t.code_step))
      return fmt::format("{}: {}/{} codes differ, by up to {}", name, differ, e.count(), step);
  } else if (e.dtype == DType::kI32) {
    if (share > t.quant_bias_share || step > t.quant_bias_rel * std::max(largest, 1.0) + 1)
      return fmt::format("{}: {}/{} differ, by up to {} of {}", name, differ, e.count(), step,
                         largest);
    if (t.quant_bias_share == 0 && differ > 0) return name + ": differs";
  } else if (name.ends_with("input_offset") || name.ends_with("kv_cache_offset")) {
    if (step > t.offset_steps) return fmt::format("{}: differs by {}", name, step);
  } else if (static_cast<double>(off_scale) > t.scale_share * count) {
    return fmt::format("{}: {}/{} too far off, by up to {:.2e}", name, off_scale, e.count(), worst);
  }
  return "";
}

bool has_description(const std::string& folder) { return !find_description(folder).empty(); }

// compared as text: the order of the keys counts
std::vector<std::string> compare_configs(const std::string& expected, const std::string& actual) {
  const std::string want = read_json_file(expected + "/config.json").dump();
  const std::string got = read_json_file(actual + "/config.json").dump();
  if (want == got) return {};
  return {fmt::format("config.json: {}, expected {}", got, want)};
}

std::vector<std::string> compare_descriptions(const std::string& expected,
                                              const std::string& actual) {
  if (!has_description(expected)) return compare_configs(expected, actual);
  std::vector<std::string> problems;
  const Json want = read_description(expected);
  const Json got = read_description(actual);
  if (want.size() != got.size() || want != got)
    for (const auto& [key, value] : want.items())
      if (!got.contains(key) || got.at(key) != value)
        problems.push_back(fmt::format("description {}: expected {}, found {}", key, value.dump(),
                                       got.contains(key) ? got.at(key).dump() : "nothing"));
  for (const auto& [key, value] : got.items())
    if (!want.contains(key)) problems.push_back("description has the extra key " + key);
  if (problems.empty()) {
    auto w = want.begin();
    for (auto g = got.begin(); g != got.end(); ++g, ++w)
      if (g.key() != w.key()) {
        problems.push_back(
            fmt::format("description order: {} where {} was expected", g.key(), w.key()));
        break;
      }
  }
  return problems;
}

double sum_of(const TensorView& view) {
  double sum = 0;
  for (std::int64_t i = 0; i < view.count(); ++i) sum += value_at(view, i);
  return sum;
}

std::string compare_sum(const std::string& name, const Json& digest, const TensorView& a,
                        const Tolerance& t) {
  const bool codes = a.dtype == DType::kI8;
  const std::string dtype = codes ? "int8" : a.dtype == DType::kF32 ? "float32" : "";
  const auto shape = digest.at("shape").get<std::vector<std::int64_t>>();
  if (digest.at("dtype") != dtype ||
      !std::equal(shape.begin(), shape.end(), a.shape.begin(), a.shape.end()))
    return fmt::format("{}: {} {}, expected {}", name, dtype_name(a.dtype), shape_text(a.shape),
                       digest.dump());
  const double expected = digest.at("sum").get<double>();
  const double allowed = codes ? t.code_share * static_cast<double>(a.count())
                               : t.scale * digest.at("abs_sum").get<double>();
  const double found = sum_of(a);
  if (std::fabs(found - expected) > allowed)
    return fmt::format("{}: the sum is {}, expected {} +- {}", name, found, expected, allowed);
  return "";
}

bool is_packed(const Json& description, const std::string& name) {
  return name.ends_with(".weight") && description.is_object() &&
         description.value(name, Json()) == "W4A8_DYNAMIC";
}

}  // namespace

QuantizedFolder::QuantizedFolder(const std::string& path) {
  for (const auto& item : std::filesystem::recursive_directory_iterator(path)) {
    if (item.path().extension() != ".safetensors") continue;
    files_.push_back(std::make_unique<SafetensorsFile>(item.path().string()));
    for (const auto& entry : files_.back()->entries())
      tensors_[entry.name] = files_.back()->view(entry);
  }
}

Tensor unpack_rows(const TensorView& packed) {
  const std::int64_t k = packed.shape[1];
  Tensor codes(DType::kI8, {2 * packed.shape[0], k});
  for (std::int64_t i = 0; i < packed.count(); ++i) {
    const std::int8_t byte = packed.as<std::int8_t>()[i];
    const std::int64_t even = i / k * 2 * k + i % k;
    codes.as<std::int8_t>()[even] =
        static_cast<std::int8_t>(static_cast<std::int8_t>(byte << 4) >> 4);
    codes.as<std::int8_t>()[even + k] = static_cast<std::int8_t>(byte >> 4);
  }
  return codes;
}

std::vector<double> deq_scales(const TensorView& view) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < view.count(); ++i) values.push_back(value_at(view, i));
  return values;
}

std::vector<std::string> compare_folders(const std::string& expected, const std::string& actual,
                                         const std::string& model, const Tolerance& tolerance) {
  const CheckpointReader source(model);
  QuantizedFolder e(expected);
  add_stripped(e, expected, source);
  const QuantizedFolder a(actual);
  std::vector<std::string> problems = compare_descriptions(expected, actual);
  const Json description = has_description(expected) ? read_description(expected) : Json();
  for (const auto& [name, view] : e.tensors()) {
    const auto it = a.tensors().find(name);
    if (it == a.tensors().end()) {
      problems.push_back("missing tensor " + name);
      continue;
    }
    const bool packed = is_packed(description, name) && view.shape == it->second.shape;
    std::string problem = packed ? compare_tensor(name, unpack_rows(view).view(),
                                                  unpack_rows(it->second).view(), tolerance)
                                 : compare_tensor(name, view, it->second, tolerance);
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  for (const auto& [name, view] : a.tensors())
    if (e.tensors().count(name) == 0) problems.push_back("extra tensor " + name);
  return problems;
}

std::vector<std::string> compare_with_digest(const std::string& expected, const std::string& actual,
                                             const Tolerance& tolerance) {
  std::vector<std::string> problems = compare_descriptions(expected, actual);
  const QuantizedFolder kept(expected);
  const QuantizedFolder a(actual);
  const Json digests = read_json_file(expected + "/tensors.json");
  for (const auto& [name, digest] : digests.items()) {
    const auto it = a.tensors().find(name);
    if (it == a.tensors().end()) {
      problems.push_back("missing tensor " + name);
      continue;
    }
    const auto whole = kept.tensors().find(name);
    if (whole == kept.tensors().end() && !digest.contains("sum")) continue;  // int64 bit patterns
    std::string problem = whole != kept.tensors().end()
                              ? compare_tensor(name, whole->second, it->second, tolerance)
                              : compare_sum(name, digest, it->second, tolerance);
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  for (const auto& [name, view] : a.tensors())
    if (!digests.contains(name)) problems.push_back("extra tensor " + name);
  return problems;
}

}  // namespace msmodelslim
