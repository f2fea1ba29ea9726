#include "checkpoint/torch_file.h"

#include <map>

#include "base/error.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "the file is damaged or cut; download it again";

}  // namespace

std::vector<NamedTensor> read_torch_tensors(std::string_view bytes, const std::string& where) {
  if (!bytes.starts_with("PK"))
    throw DataError(where + ": is no file of PyTorch 1.6 or later",
                    "load it with PyTorch and save it again, best as safetensors");
  const std::map<std::string, ZipEntry> entries = read_zip(bytes, where);
  const auto text_of = [&](const ZipEntry& entry) { return bytes.substr(entry.begin, entry.size); };
  constexpr std::string_view kPickle = "data.pkl";
  std::string root;
  const ZipEntry* pickle = nullptr;
  for (const auto& [name, entry] : entries) {
    if (name != kPickle && !name.ends_with("/data.pkl")) continue;
    if (pickle != nullptr) throw DataError(where + ": holds data.pkl more than once", kRemedy);
    pickle = &entry;
    root = name.substr(0, name.size() - kPickle.size());
  }
  if (pickle == nullptr)
    throw DataError(where + ": is a ZIP file, but none of torch.save", kRemedy);
  const auto order = entries.find(root + "byteorder");
  if (order != entries.end() && text_of(order->second) != "little")
    throw DataError(where + ": was written on a big-endian machine",
                    "convert it to safetensors there");
  std::vector<NamedTensor> tensors;
  for (const PickledTensor& tensor :
       read_pickled_tensors(text_of(*pickle), where + ": " + root + std::string(kPickle))) {
    const auto storage = entries.find(root + "data/" + tensor.storage);
    const auto size = static_cast<std::uint64_t>(dtype_size(tensor.dtype));
    const std::uint64_t begin = static_cast<std::uint64_t>(tensor.offset) * size;
    const std::uint64_t length = static_cast<std::uint64_t>(element_count(tensor.shape)) * size;
    if (storage == entries.end() || begin > storage->second.size ||
        length > storage->second.size - begin)
      throw DataError(fmt::format("{}: the values of {} are not in it", where, tensor.name),
                      kRemedy);
    const char* data = bytes.data() + storage->second.begin + begin;
    if (reinterpret_cast<std::uintptr_t>(data) % size != 0)
      throw DataError(fmt::format("{}: the values of {} are not aligned", where, tensor.name),
                      "load it with PyTorch and save it again, best as safetensors");
    tensors.push_back({tensor.name, TensorView{tensor.dtype, tensor.shape,
                                               reinterpret_cast<const std::byte*>(data)}});
  }
  return tensors;
}

}  // namespace msmodelslim
