#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/json.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr const char* kRemedy = "the file is damaged or cut; download it again";

// Elements of `shape` times element size, refusing overflow and negative extents.
std::uint64_t checked_bytes(const Shape& shape, DType dtype, const std::string& where) {
  std::uint64_t total = dtype_size(dtype);
  for (std::int64_t extent : shape) {
    const auto factor = static_cast<std::uint64_t>(extent);
    if (extent < 0 || (factor != 0 && total > std::numeric_limits<std::uint64_t>::max() / factor))
      throw DataError(fmt::format("{}: impossible shape {}", where, shape_text(shape)), kRemedy);
    total *= factor;
  }
  return total;
}

SafetensorsEntry parse_entry(const std::string& name, const SortedJson& value,
                             std::uint64_t data_size, const std::string& file) {
  const std::string where = fmt::format("{}: tensor {}", file, name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets") || !value["dtype"].is_string() || !value["shape"].is_array())
    throw DataError(where + ": the header entry needs dtype, shape and data_offsets", kRemedy);
  SafetensorsEntry entry;
  entry.name = name;
  const auto dtype = dtype_from_name(value["dtype"].get_ref<const std::string&>());
  if (!dtype)
    throw DataError(
        fmt::format("{}: unknown dtype {}", where, value["dtype"].dump()),
        "known: BOOL U8 I8 U16 I16 U32 I32 U64 I64 F8_E4M3 F8_E5M2 F8_E8M0 F16 BF16 F32 "
        "F64; convert the checkpoint");
  entry.dtype = *dtype;
  for (const SortedJson& extent : value["shape"]) {
    if (!extent.is_number_unsigned())
      throw DataError(where + ": the shape holds something that is no size", kRemedy);
    entry.shape.push_back(extent.get<std::int64_t>());
  }
  const SortedJson& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    throw DataError(where + ": data_offsets must be two sizes", kRemedy);
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  const std::uint64_t expected = checked_bytes(entry.shape, entry.dtype, where);
  if (entry.begin > entry.end || entry.end - entry.begin != expected)
    throw DataError(fmt::format("{}: {} {} needs {} bytes, its offsets [{}, {}) give another size",
                                where, dtype_name(entry.dtype), shape_text(entry.shape), expected,
                                entry.begin, entry.end),
                    kRemedy);
  if (entry.end > data_size)
    throw DataError(fmt::format("{}: its data ends at byte {}, the file has {} data bytes", where,
                                entry.end, data_size),
                    kRemedy);
  return entry;
}

void check_layout(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_size,
                  const std::string& where) {
  std::uint64_t position = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != position)
      throw DataError(
          fmt::format("{}: tensor {} begins at {}, {} was expected: tensors {}", where, entry.name,
                      entry.begin, position, entry.begin < position ? "overlap" : "leave a hole"),
          kRemedy);
    position = entry.end;
  }
  if (position != data_size)
    throw DataError(fmt::format("{}: the header describes {} data bytes, the file has {}", where,
                                position, data_size),
                    kRemedy);
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view bytes, std::uint64_t file_size,
                                           const std::string& where) {
  if (file_size < 10 || bytes.size() < 8)
    throw DataError(
        fmt::format("{}: {} bytes are too few for a safetensors file", where, file_size), kRemedy);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length < 2 || length > kMaxHeader || length > file_size - 8 || length > bytes.size() - 8)
    throw DataError(fmt::format("{}: the header claims {} bytes, the file has {} (limit {})", where,
                                length, file_size, kMaxHeader),
                    "the file is no safetensors file, or it is damaged or cut; download it again");
  const SortedJson header = parse_sorted_json(bytes.substr(8, length), where + " (header)");
  if (!header.is_object()) throw DataError(where + ": the header is no JSON object", kRemedy);
  SafetensorsHeader result;
  result.data_start = 8 + length;
  const std::uint64_t data_size = file_size - result.data_start;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      if (!value.is_object()) throw DataError(where + ": __metadata__ is no object", kRemedy);
      for (const auto& [key, text] : value.items())
        if (text.is_string()) result.metadata[key] = text.get<std::string>();
      continue;
    }
    result.entries.push_back(parse_entry(name, value, data_size, where));
  }
  std::stable_sort(result.entries.begin(), result.entries.end(),
                   [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                     return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                   });
  check_layout(result.entries, data_size, where);
  return result;
}

SafetensorsFile::SafetensorsFile(const std::string& path)
    : map_(std::make_unique<MappedFile>(path)) {
  const std::string_view bytes(reinterpret_cast<const char*>(map_->data()), map_->size());
  header_ = parse_safetensors_header(bytes, map_->size(), path);
}

TensorView SafetensorsFile::view(const SafetensorsEntry& entry) const {
  return {entry.dtype, entry.shape, map_->data() + header_.data_start + entry.begin};
}

std::string safetensors_header_text(const std::vector<SafetensorsEntry>& entries) {
  Json::object_t header;
  for (const SafetensorsEntry& entry : entries)
    header.emplace_back(entry.name, Json{{"dtype", dtype_name(entry.dtype)},
                                         {"shape", entry.shape},
                                         {"data_offsets", {entry.begin, entry.end}}});
  std::string text = Json(std::move(header)).dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  std::string prefix(8, '\0');
  std::memcpy(prefix.data(), &length, 8);
  return prefix + text;
}

void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const std::size_t size_a = dtype_size(a.view.dtype);
    const std::size_t size_b = dtype_size(b.view.dtype);
    return size_a != size_b ? size_a > size_b : a.name < b.name;
  });
  std::vector<SafetensorsEntry> entries;
  std::set<std::string> names;
  std::uint64_t position = 0;
  for (const NamedTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw DataError(fmt::format("{}: tensor {} is given twice", path, tensor.name));
    const std::uint64_t end = position + tensor.view.byte_size();
    entries.push_back({tensor.name, tensor.view.dtype, tensor.view.shape, position, end});
    position = end;
  }
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  const std::string header = safetensors_header_text(entries);
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const NamedTensor& tensor : tensors)
    out.write(reinterpret_cast<const char*>(tensor.view.bytes),
              static_cast<std::streamsize>(tensor.view.byte_size()));
  out.close();
  if (!out)
    throw ResourceError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)),
                        "check the free space and the permissions of the folder");
}

}  // namespace msmodelslim
