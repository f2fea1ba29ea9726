#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "base/error.h"
#include "checkpoint/gguf.h"

namespace msmodelslim {
namespace {

constexpr char kDamaged[] = "the file is damaged or cut; download it again";
constexpr std::uint64_t kMaxNameBytes = 65535;
constexpr std::uint32_t kMaxDims = 4;
constexpr std::uint64_t kMaxAlignment = 1U << 20;
constexpr std::uint64_t kMinEntryBytes = 8 + 4 + 1;           // key length, kind, value
constexpr std::uint64_t kMinTensorBytes = 8 + 4 + 8 + 4 + 8;  // name, dims, one dim, type, offset
constexpr int kMaxArrayDepth = 4;

// Reads forward through the file; every step is checked against what is left.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  std::uint64_t position() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }

  const std::byte* take(std::uint64_t size, std::string_view what) {
    if (size > left())
      throw DataError(fmt::format("{}: {} needs {} bytes at offset {}, the file has {} left",
                                  where_, what, size, at_, left()),
                      kDamaged);
    const std::byte* p = bytes_.data() + at_;
    at_ += size;
    return p;
  }

  template <typename T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  std::string_view string(std::string_view what) {
    const auto size = number<std::uint64_t>(what);
    return {reinterpret_cast<const char*>(take(size, what)), static_cast<std::size_t>(size)};
  }

  std::string name(std::string_view what) {
    const std::string_view text = string(what);
    if (text.empty() || text.size() > kMaxNameBytes)
      throw DataError(fmt::format("{}: {} has {} bytes, 1 to {} were expected", where_, what,
                                  text.size(), kMaxNameBytes),
                      kDamaged);
    return std::string(text);
  }

  // A count of things that take at least `min_bytes` each: more than fit is refused here, before
  // anything is allocated for them.
  std::uint64_t count(std::uint64_t value, std::uint64_t min_bytes, std::string_view what) const {
    if (value > left() / min_bytes)
      throw DataError(fmt::format("{}: {} {} cannot fit into the {} bytes that are left", where_,
                                  value, what, left()),
                      kDamaged);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::uint64_t at_ = 0;
};

GgufKind read_kind(Cursor& in, const std::string& where, std::string_view key) {
  const auto kind = in.number<std::uint32_t>("a metadata kind");
  if (kind > static_cast<std::uint32_t>(GgufKind::kF64))
    throw DataError(fmt::format("{}: metadata key \"{}\" has unknown kind {}", where, key, kind),
                    kDamaged);
  return static_cast<GgufKind>(kind);
}

GgufArray read_array(Cursor& in, const std::string& where, const std::string& key, int depth) {
  GgufArray array;
  array.kind = read_kind(in, where, key);
  const auto count = in.number<std::uint64_t>("an array length");
  const std::size_t size = gguf_kind_size(array.kind);
  const std::uint64_t min_bytes =
      size > 0 ? size : (array.kind == GgufKind::kString ? 8 : 12);  // length, or kind + count
  array.count = in.count(count, min_bytes, fmt::format("values of \"{}\"", key));
  if (size > 0) {
    array.numbers = in.take(array.count * size, key);
  } else if (array.kind == GgufKind::kString) {
    array.strings.reserve(array.count);
    for (std::uint64_t i = 0; i < array.count; ++i) array.strings.push_back(in.string(key));
  } else {
    if (depth >= kMaxArrayDepth)
      throw DataError(fmt::format("{}: metadata key \"{}\" nests arrays deeper than {}", where, key,
                                  kMaxArrayDepth),
                      kDamaged);
    for (std::uint64_t i = 0; i < array.count; ++i) read_array(in, where, key, depth + 1);
  }
  return array;
}

GgufValue read_value(Cursor& in, const std::string& where, const std::string& key) {
  const GgufKind kind = read_kind(in, where, key);
  switch (kind) {
    case GgufKind::kString:
      return in.string(key);
    case GgufKind::kArray:
      return read_array(in, where, key, 0);
    case GgufKind::kF32:
      return static_cast<double>(in.number<float>(key));
    case GgufKind::kF64:
      return in.number<double>(key);
    case GgufKind::kBool:
      return in.number<std::uint8_t>(key) != 0;
    case GgufKind::kU64: {
      const auto value = in.number<std::uint64_t>(key);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        throw DataError(fmt::format("{}: metadata key \"{}\" is {}, too large", where, key, value),
                        kDamaged);
      return static_cast<std::int64_t>(value);
    }
    default: {
      GgufArray one;
      one.kind = kind;
      one.count = 1;
      one.numbers = in.take(gguf_kind_size(kind), key);
      return one.integer_at(0);
    }
  }
}

GgufTensor read_tensor(Cursor& in, const std::string& where, std::uint64_t alignment) {
  GgufTensor tensor;
  tensor.name = in.name("a tensor name");
  const auto fail = [&](const std::string& what) {
    throw DataError(fmt::format("{}: tensor \"{}\": {}", where, tensor.name, what), kDamaged);
  };
  const auto dims = in.number<std::uint32_t>("a tensor's dimensions");
  if (dims < 1 || dims > kMaxDims) fail(fmt::format("{} dimensions, 1 to 4 were expected", dims));
  constexpr std::uint64_t kMaxCount = 1ULL << 48;
  std::uint64_t count = 1;
  for (std::uint32_t i = 0; i < dims; ++i) {
    const auto extent = in.number<std::uint64_t>("a tensor's shape");
    if (extent < 1 || extent > kMaxCount / count)
      fail(fmt::format("dimension {} is {}", i, extent));
    count *= extent;
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent));
  }
  const auto type = in.number<std::uint32_t>("a tensor's type");
  tensor.type = find_ggml_type(type);
  if (tensor.type == nullptr)
    throw DataError(fmt::format("{}: tensor \"{}\" has type {}, which cannot be decoded", where,
                                tensor.name, ggml_type_name(type)),
                    "use a GGUF file whose tensors are one of " + supported_ggml_types());
  if (static_cast<std::uint64_t>(tensor.shape.back()) % tensor.type->block_size != 0)
    fail(fmt::format("rows of {} values are not whole blocks of {} ({})", tensor.shape.back(),
                     tensor.type->block_size, tensor.type->name));
  tensor.size = count / tensor.type->block_size * tensor.type->block_bytes;
  tensor.offset = in.number<std::uint64_t>("a tensor's offset");
  if (tensor.offset % alignment != 0)
    fail(fmt::format("offset {} is not a multiple of the alignment {}", tensor.offset, alignment));
  return tensor;
}

// Makes the offsets count from the start of the file and checks that tensors lie inside it, apart.
void place_tensors(std::vector<GgufTensor>& tensors, std::uint64_t data_start,
                   std::uint64_t file_size, const std::string& where) {
  const std::uint64_t data_size = file_size > data_start ? file_size - data_start : 0;
  std::vector<const GgufTensor*> order;
  std::set<std::string_view> names;
  for (GgufTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw DataError(fmt::format("{}: tensor \"{}\" appears twice", where, tensor.name), kDamaged);
    if (tensor.offset > data_size || tensor.size > data_size - tensor.offset)
      throw DataError(
          fmt::format("{}: tensor \"{}\" ({} {}) needs bytes {} to {} of the data part, "
                      "which has {}",
                      where, tensor.name, tensor.type->name, shape_text(tensor.shape),
                      tensor.offset, tensor.offset + tensor.size, data_size),
          kDamaged);
    tensor.offset += data_start;
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(),
            [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->size)
      throw DataError(fmt::format("{}: tensors \"{}\" and \"{}\" overlap", where,
                                  order[i - 1]->name, order[i]->name),
                      kDamaged);
}

void check_start(Cursor& in, const std::string& where) {
  if (std::memcmp(in.take(4, "the magic number"), "GGUF", 4) != 0)
    throw DataError(fmt::format("{}: not a GGUF file: it does not begin with \"GGUF\"", where),
                    "give a GGUF file, or a Hugging Face model folder");
  const auto version = in.number<std::uint32_t>("the version");
  if (version == 2 || version == 3) return;
  const bool swapped = (version & 0xffffU) == 0;
  throw DataError(fmt::format("{}: {}, versions 2 and 3 can be read", where,
                              swapped ? std::string("a big-endian GGUF file")
                                      : fmt::format("GGUF version {}", version)),
                  "convert the model again with a current converter");
}

}  // namespace

GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& where) {
  Cursor in(bytes, where);
  check_start(in, where);
  const auto tensor_count = in.number<std::uint64_t>("the number of tensors");
  const auto entry_count = in.number<std::uint64_t>("the number of metadata entries");
  in.count(entry_count, kMinEntryBytes, "metadata entries");
  in.count(tensor_count, kMinTensorBytes, "tensors");

  GgufHeader header{GgufMetadata(where), {}};
  for (std::uint64_t i = 0; i < entry_count; ++i) {
    std::string key = in.name("a metadata key");
    GgufValue value = read_value(in, where, key);
    header.metadata.add(std::move(key), std::move(value));
  }
  const auto alignment =
      static_cast<std::uint64_t>(header.metadata.integer_or("general.alignment", 32));
  if (alignment < 1 || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0)
    throw DataError(fmt::format("{}: general.alignment is {}, a power of two up to {} was expected",
                                where, alignment, kMaxAlignment),
                    kDamaged);
  header.tensors.reserve(in.count(tensor_count, kMinTensorBytes, "tensors"));
  for (std::uint64_t i = 0; i < tensor_count; ++i)
    header.tensors.push_back(read_tensor(in, where, alignment));
  const std::uint64_t data_start = (in.position() + alignment - 1) / alignment * alignment;
  place_tensors(header.tensors, data_start, bytes.size(), where);
  return header;
}

}  // namespace msmodelslim
