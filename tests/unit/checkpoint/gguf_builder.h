#pragma once
// Writes small GGUF files in memory, right or wrong ones.

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/gguf_values.h"

namespace msmodelslim::testing {

class ByteSink {
 public:
  template <typename T>
  ByteSink& number(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof(T));
    return *this;
  }
  ByteSink& text(const std::string& value) {
    number<std::uint64_t>(value.size());
    const auto* p = reinterpret_cast<const std::byte*>(value.data());
    bytes.insert(bytes.end(), p, p + value.size());
    return *this;
  }
  std::vector<std::byte> bytes;
};

class GgufBuilder {
 public:
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dims;  // fastest first
    std::uint32_t type = 0;
    std::vector<std::byte> data;
    std::int64_t offset = -1;  // -1: behind the tensor before
  };

  std::uint32_t version = 3;
  std::uint64_t extra_entries = 0;  // claimed in the header, not there
  std::uint64_t extra_tensors = 0;
  std::vector<Tensor> tensors;

  GgufBuilder& set(const std::string& key, const std::string& value) {
    return entry(key, GgufKind::kString, [&](ByteSink& out) { out.text(value); });
  }
  GgufBuilder& set(const std::string& key, const char* value) {
    return set(key, std::string(value));
  }
  GgufBuilder& set(const std::string& key, std::uint32_t value) {
    return entry(key, GgufKind::kU32, [&](ByteSink& out) { out.number(value); });
  }
  GgufBuilder& set(const std::string& key, float value) {
    return entry(key, GgufKind::kF32, [&](ByteSink& out) { out.number(value); });
  }
  GgufBuilder& set(const std::string& key, bool value) {
    return entry(key, GgufKind::kBool,
                 [&](ByteSink& out) { out.number<std::uint8_t>(value ? 1 : 0); });
  }
  GgufBuilder& set(const std::string& key, const std::vector<std::string>& values) {
    return array(key, GgufKind::kString, values.size(), [&](ByteSink& out) {
      for (const auto& value : values) out.text(value);
    });
  }
  GgufBuilder& set(const std::string& key, const std::vector<std::int32_t>& values) {
    return array(key, GgufKind::kI32, values.size(), [&](ByteSink& out) {
      for (const auto value : values) out.number(value);
    });
  }
  GgufBuilder& set(const std::string& key, const std::vector<float>& values) {
    return array(key, GgufKind::kF32, values.size(), [&](ByteSink& out) {
      for (const auto value : values) out.number(value);
    });
  }
  // `claimed` values are announced, `fill` writes them.
  GgufBuilder& array(const std::string& key, GgufKind kind, std::uint64_t claimed,
                     const std::function<void(ByteSink&)>& fill) {
    return entry(key, GgufKind::kArray, [&](ByteSink& out) {
      out.number(static_cast<std::uint32_t>(kind)).number(claimed);
      fill(out);
    });
  }
  GgufBuilder& entry(const std::string& key, GgufKind kind,
                     const std::function<void(ByteSink&)>& fill) {
    ByteSink sink;
    sink.text(key).number(static_cast<std::uint32_t>(kind));
    fill(sink);
    for (auto& [name, bytes] : entries_)
      if (name == key && replace_) return bytes = sink.bytes, *this;
    entries_.emplace_back(key, sink.bytes);
    return *this;
  }
  GgufBuilder& allow_duplicate_keys() {
    replace_ = false;
    return *this;
  }
  GgufBuilder& drop(const std::string& key) {
    std::erase_if(entries_, [&](const auto& item) { return item.first == key; });
    return *this;
  }
  GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& dims,
                      const std::vector<float>& values) {
    ByteSink sink;
    for (const float value : values) sink.number(value);
    tensors.push_back({name, dims, 0, sink.bytes});
    return *this;
  }
  Tensor& find(const std::string& name) {
    for (Tensor& tensor : tensors)
      if (tensor.name == name) return tensor;
    return tensors.front();
  }

  std::vector<std::byte> build() const {
    constexpr std::size_t kAlign = 32;
    ByteSink head;
    for (const char c : {'G', 'G', 'U', 'F'}) head.number(c);
    head.number(version);
    head.number<std::uint64_t>(tensors.size() + extra_tensors);
    head.number<std::uint64_t>(entries_.size() + extra_entries);
    for (const auto& [key, bytes] : entries_)
      head.bytes.insert(head.bytes.end(), bytes.begin(), bytes.end());
    std::vector<std::byte> data;
    for (const Tensor& tensor : tensors) {
      head.text(tensor.name).number(static_cast<std::uint32_t>(tensor.dims.size()));
      for (const auto dim : tensor.dims) head.number(dim);
      head.number(tensor.type);
      head.number<std::uint64_t>(tensor.offset >= 0 ? static_cast<std::uint64_t>(tensor.offset)
                                                    : data.size());
      data.insert(data.end(), tensor.data.begin(), tensor.data.end());
      data.resize((data.size() + kAlign - 1) / kAlign * kAlign);
    }
    head.bytes.resize((head.bytes.size() + kAlign - 1) / kAlign * kAlign);
    head.bytes.insert(head.bytes.end(), data.begin(), data.end());
    return head.bytes;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::byte>>> entries_;
  bool replace_ = true;
};

}  // namespace msmodelslim::testing
