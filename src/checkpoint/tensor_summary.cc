#include "checkpoint/tensor_summary.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/threads.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kGrain = 1 << 18;

// Integers as numbers, floating-point formats as their values.
void to_numbers(const TensorView& tensor, std::int64_t begin, std::int64_t end, double* out) {
  const std::size_t size = dtype_size(tensor.dtype);
  const std::byte* from = tensor.bytes + static_cast<std::size_t>(begin) * size;
  const std::int64_t count = end - begin;
  const auto integers = [&]<typename T>(T) {
    for (std::int64_t i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, from + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
      out[i] = static_cast<double>(value);
    }
  };
  switch (tensor.dtype) {
    case DType::kI8:
      return integers(std::int8_t{});
    case DType::kU8:
    case DType::kBool:
      return integers(std::uint8_t{});
    case DType::kI16:
      return integers(std::int16_t{});
    case DType::kU16:
      return integers(std::uint16_t{});
    case DType::kU32:
      return integers(std::uint32_t{});
    case DType::kU64:
      return integers(std::uint64_t{});
    case DType::kI32:
      return integers(std::int32_t{});
    case DType::kI64:
      return integers(std::int64_t{});
    case DType::kF64:
      return integers(double{});
    default:
      break;
  }
  const auto bytes = [&](const auto& value_of) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = value_of(static_cast<std::uint8_t>(from[i]));
  };
  if (tensor.dtype == DType::kF8E4M3) return bytes(e4m3_to_f32);
  if (tensor.dtype == DType::kF8E5M2)  // the upper half of an IEEE half
    return bytes([](std::uint8_t b) { return f16_to_f32(static_cast<std::uint16_t>(b << 8)); });
  if (tensor.dtype == DType::kF8E8M0)
    return bytes([](std::uint8_t b) { return b == 255 ? NAN : std::ldexp(1.0, b - 127); });
  std::vector<float> values(static_cast<std::size_t>(count));
  to_f32(TensorView{tensor.dtype, {count}, from}, values.data());
  std::copy(values.begin(), values.end(), out);
}

struct Part {
  double min = INFINITY, max = -INFINITY, sum = 0, squares = 0;
  std::int64_t zeros = 0, finite = 0;
};

std::int64_t pieces(std::int64_t count) { return (count + kGrain - 1) / kGrain; }

}  // namespace

ValueSummary summarize(const TensorView& tensor) {
  const std::int64_t count = tensor.count();
  std::vector<Part> parts(static_cast<std::size_t>(pieces(count)));
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> values(static_cast<std::size_t>(end - begin));
    to_numbers(tensor, begin, end, values.data());
    Part& part = parts[static_cast<std::size_t>(begin / kGrain)];
    for (const double x : values) {
      if (!std::isfinite(x)) continue;
      ++part.finite;
      part.zeros += x == 0 ? 1 : 0;
      part.min = std::min(part.min, x);
      part.max = std::max(part.max, x);
      part.sum += x;
      part.squares += x * x;
    }
  });
  Part all;
  for (const Part& part : parts) {
    all.min = std::min(all.min, part.min);
    all.max = std::max(all.max, part.max);
    all.sum += part.sum;
    all.squares += part.squares;
    all.zeros += part.zeros;
    all.finite += part.finite;
  }
  ValueSummary summary;
  summary.not_finite = count - all.finite;
  summary.zeros = all.zeros;
  if (all.finite == 0) return summary;
  summary.min = all.min;
  summary.max = all.max;
  const auto n = static_cast<double>(all.finite);
  summary.mean = all.sum / n;
  summary.std = std::sqrt(std::max(0.0, all.squares / n - summary.mean * summary.mean));
  return summary;
}

ValueDifference difference(const TensorView& a, const TensorView& b) {
  const std::int64_t count = a.count();
  std::vector<ValueDifference> parts(static_cast<std::size_t>(pieces(count)));
  const bool same_type = a.dtype == b.dtype;
  const std::size_t size = dtype_size(a.dtype);
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t from = static_cast<std::size_t>(begin) * size;
    const std::size_t bytes = static_cast<std::size_t>(end - begin) * size;
    if (same_type && std::memcmp(a.bytes + from, b.bytes + from, bytes) == 0) return;
    std::vector<double> x(static_cast<std::size_t>(end - begin));
    std::vector<double> y(x.size());
    to_numbers(a, begin, end, x.data());
    to_numbers(b, begin, end, y.data());
    ValueDifference& part = parts[static_cast<std::size_t>(begin / kGrain)];
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double d = x[i] == y[i] ? 0 : std::fabs(x[i] - y[i]);
      part.different +=
          same_type ? std::memcmp(a.bytes + from + i * size, b.bytes + from + i * size, size) != 0
                    : x[i] != y[i];
      part.max = std::isnan(d) || std::isnan(part.max) ? NAN : std::max(part.max, d);
      part.mean += d;
    }
  });
  ValueDifference all;
  for (const ValueDifference& part : parts) {
    all.different += part.different;
    all.max = std::isnan(part.max) || std::isnan(all.max) ? NAN : std::max(all.max, part.max);
    all.mean += part.mean;
  }
  if (count > 0) all.mean /= static_cast<double>(count);
  return all;
}

TensorList::TensorList(const std::string& path) {
  std::error_code ec;
  if (!fs::exists(path, ec))
    throw UsageError(fmt::format("{}: there is no such file or folder", path), "check the path");
  if (fs::is_directory(path, ec)) {
    folder_ = std::make_unique<CheckpointReader>(path);
    for (const std::string& name : folder_->names())
      items_.push_back(
          {name, folder_->at(name), fs::path(folder_->file_of(name)).filename().string()});
  } else {
    file_ = std::make_unique<SafetensorsFile>(path);
    for (const SafetensorsEntry& entry : file_->entries())
      items_.push_back({entry.name, file_->view(entry), fs::path(path).filename().string()});
  }
  for (std::size_t i = 0; i < items_.size(); ++i) place_[items_[i].name] = i;
}

const TensorList::Item* TensorList::find(const std::string& name) const {
  const auto found = place_.find(name);
  return found == place_.end() ? nullptr : &items_[found->second];
}

std::uint64_t TensorList::bytes() const {
  std::uint64_t sum = 0;
  for (const Item& item : items_) sum += item.view.byte_size();
  return sum;
}

std::string without_numbers(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t end = std::min(name.find('.', i), name.size());
    const std::string part = name.substr(i, end - i);
    const bool number = !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) {
      return std::isdigit(c) != 0;
    });
    out += number ? "*" : part;
    if (end < name.size()) out += '.';
    i = end + 1;
  }
  return out;
}

}  // namespace msmodelslim
