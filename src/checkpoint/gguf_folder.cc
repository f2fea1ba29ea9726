// convert_model_folder(): a Hugging Face folder in another float dtype.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "checkpoint/gguf_cast.h"
#include "checkpoint/gguf_convert.h"
#include "checkpoint/reader.h"
#include "checkpoint/shard_writer.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kShardLimit = 4ULL << 30;
constexpr std::uint64_t kSpaceMargin = 64ULL << 20;

bool ends_with(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

// Weights, in this or another format, are not copied.
bool is_weight_file(const std::string& name) {
  constexpr std::array<std::string_view, 10> kTails = {".safetensors", ".safetensors.index.json",
                                                       ".bin",         ".bin.index.json",
                                                       ".pt",          ".pth",
                                                       ".gguf",        ".h5",
                                                       ".msgpack",     ".onnx"};
  for (const std::string_view tail : kTails)
    if (ends_with(name, tail)) return true;
  return false;
}

void refuse_quantized(const std::string& folder, const Json& config) {
  bool quantized = config.is_object() && config.contains("quantization_config");
  for (const auto& entry : fs::directory_iterator(folder))
    quantized |= entry.path().filename().string().rfind("quant_model_description", 0) == 0;
  if (quantized)
    throw DataError(fmt::format("{}: the model is quantized; its dtype cannot be changed", folder),
                    "convert the float model it was made from");
}

// "torch_dtype" or "dtype", at the top and in nested configurations of multimodal models.
void set_dtype(Json& config, const std::string& name, bool top) {
  bool found = false;
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (!config.contains(key)) continue;
    config[key] = name;
    found = true;
  }
  if (top && !found) config["torch_dtype"] = name;
  for (auto& value : config)
    if (value.is_object()) set_dtype(value, name, false);
}

void write_weights(const CheckpointReader& reader, DType dtype, OutputFolder& output) {
  std::uint64_t total = 0;
  std::uint64_t largest = 0;
  for (const std::string& name : reader.names()) {
    const TensorView view = reader.at(name);
    if (view.dtype == DType::kF8E4M3 || view.dtype == DType::kF8E5M2)
      throw DataError(fmt::format("{}: tensor \"{}\" is {}; its scale is stored elsewhere",
                                  reader.file_of(name), name, dtype_name(view.dtype)),
                      "convert the float model it was made from");
    const std::uint64_t size = is_float(view.dtype)
                                   ? static_cast<std::uint64_t>(view.count()) * dtype_size(dtype)
                                   : view.byte_size();
    total += size;
    largest = std::max(largest, size);
  }
  output.require_space(total + kSpaceMargin);
  TensorBuffer buffer(largest);
  ShardWriter writer(output.working(), "model", total < kShardLimit ? 0 : kShardLimit);
  for (const std::string& name : reader.names()) {
    check_interrupted();
    const TensorView view = reader.at(name);
    if (is_float(view.dtype)) {
      cast_tensor(view, dtype, reader.file_of(name), name, buffer.bytes());
      writer.add(name, {dtype, view.shape, buffer.bytes()});
    } else {
      writer.add(name, view);
    }
    reader.dont_need(name);
  }
  writer.finish();
}

void copy_other_files(const std::string& folder, const OutputFolder& output) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == "config.json" || name.front() == '.' || is_weight_file(name)) continue;
    if (!entry.is_regular_file()) {  // links are followed
      log_info("convert", "{} is not copied: only plain files are", entry.path().string());
      continue;
    }
    try {
      fs::copy_file(entry.path(), output.file(name));
    } catch (const fs::filesystem_error& e) {
      throw ResourceError(
          fmt::format("{}: cannot be copied: {}", entry.path().string(), e.code().message()),
          "check that the file can be read and that the disk is not full");
    }
  }
}

}  // namespace

void convert_model_folder(const ConvertOptions& options) {
  const std::string& folder = options.model_path;
  Json config = read_json_file((fs::path(folder) / "config.json").string());
  if (!config.is_object())
    throw DataError(fmt::format("{}/config.json: an object was expected", folder),
                    "the file is damaged; download it again");
  refuse_quantized(folder, config);
  const CheckpointReader reader(folder);
  const std::string dtype = output_dtype_name(options.dtype);
  set_dtype(config, dtype, true);
  OutputFolder output(options.save_path, folder, options.overwrite);
  log_info("convert", "{}: {} tensors -> {} ({})", folder, reader.names().size(), options.save_path,
           dtype);
  write_weights(reader, options.dtype, output);
  copy_other_files(folder, output);
  write_file_atomic(output.file("config.json"), config.dump(2) + "\n");
  output.publish();
}

}  // namespace msmodelslim
