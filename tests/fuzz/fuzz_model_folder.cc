// A model folder: what its files say about each other. The input is files one behind the other,
// each opened by a byte 0x1e and a letter: a, b: shards; i: their index; c: config.json; d: the
// description of a quantized folder; g: generation_config.json; t, s, m: the tokenizer's settings.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/ascendv1_source.h"
#include "checkpoint/source.h"
#include "fuzz/scratch_folder.h"
#include "model/build.h"
#include "model/check_checkpoint.h"
#include "runtime/generation_config.h"
#include "text/tokenizer_config.h"

namespace {

using namespace msmodelslim;

struct File {
  char letter;
  const char* name;
};
constexpr std::array<File, 9> kFiles = {{{'a', "a.safetensors"},
                                         {'b', "b.safetensors"},
                                         {'i', "model.safetensors.index.json"},
                                         {'c', "config.json"},
                                         {'d', "quant_model_description.json"},
                                         {'g', "generation_config.json"},
                                         {'t', "tokenizer_config.json"},
                                         {'s', "special_tokens_map.json"},
                                         {'m', "added_tokens.json"}}};
constexpr char kOpens = 0x1e;

void write_files(const ScratchFolder& folder, std::string_view input) {
  for (const File& file : kFiles) folder.remove(file.name);
  for (std::size_t at = input.find(kOpens);
       at != std::string_view::npos && at + 1 < input.size();) {
    const std::size_t end = std::min(input.find(kOpens, at + 1), input.size());
    for (const File& file : kFiles)
      if (file.letter == input[at + 1]) folder.write(file.name, input.substr(at + 2, end - at - 2));
    at = end < input.size() ? end : std::string_view::npos;
  }
}

// Whatever a reader promises has to be there.
void read_all(const CheckpointReader& reader) {
  constexpr std::int64_t kMostValues = 1 << 18;
  for (const std::string& name : reader.names()) {
    const WeightSource source = reader.source(name);
    if (source.count() == 0 || source.count() > kMostValues || source.shape().empty()) continue;
    std::vector<float> values(static_cast<std::size_t>(source.count()));
    if (source.is_plain() && !is_float(source.dtype())) continue;
    source.read_rows(0, source.count() / source.shape().back(), values.data());
  }
}

void attempt(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error&) {  // refused, which is the point
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ScratchFolder folder;
  write_files(folder, {reinterpret_cast<const char*>(data), size});
  attempt([] {
    const CheckpointReader reader = open_source(folder.path());
    read_all(reader);
    const ModelSpec spec = build_any_spec(ModelConfig::read(folder.path()), reader);
    if (spec.has_forward()) check_checkpoint(spec, reader);
  });
  attempt([] { read_all(open_ascendv1_source(folder.path(), DType::kBF16)); });
  attempt([] { read_generation_config(folder.path()); });
  attempt([] { read_tokenizer_config(folder.path()); });
  return 0;
}
