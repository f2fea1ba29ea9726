// convert_model_folder(): a folder in another float dtype, quantized weights decoded.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "base/threads.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/ascendv1_source.h"
#include "checkpoint/gguf_cast.h"
#include "checkpoint/gguf_convert.h"
#include "checkpoint/shard_writer.h"
#include "checkpoint/source.h"

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

// What describes a quantized folder and would be wrong beside float weights.
bool describes_quantization(const std::string& name) {
  return name.starts_with("quant_model_description") || ends_with(name, "_best_practice.yaml") ||
         name.starts_with("quant_report.");
}

void remove_quantization(Json& config) {
  for (const char* key :
       {"quantization_config", "quantize", "moe_quantize", "mla_quantize", "mtp_quantize"})
    config.erase(key);
  for (auto& value : config)
    if (value.is_object()) value.erase("quantization_config");
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

// Decodes and casts a few rows at a time.
void cast_codes(const CheckpointReader& reader, const std::string& name, DType dtype,
                std::byte* out) {
  const WeightSource source = reader.source(name);
  const std::int64_t columns = source.shape().back();
  const std::size_t row_bytes = static_cast<std::size_t>(columns) * dtype_size(dtype);
  constexpr std::int64_t kRows = 16;
  parallel_ranges(source.count() / columns, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(columns));
    for (std::int64_t r = begin; r < end; ++r) {
      source.read_rows(r, r + 1, values.data());
      if (!cast_values(values.data(), columns, dtype,
                       out + static_cast<std::size_t>(r) * row_bytes))
        throw_not_finite(reader.file_of(name), name, dtype);
    }
  });
}

std::uint64_t output_bytes(const WeightSource& source, DType dtype) {
  const DType written = is_float(source.dtype()) ? dtype : source.dtype();
  return static_cast<std::uint64_t>(source.count()) * dtype_size(written);
}

void write_weights(const CheckpointReader& reader, DType dtype, OutputFolder& output) {
  std::uint64_t total = 0;
  std::uint64_t largest = 0;
  for (const std::string& name : reader.names()) {
    const std::uint64_t size = output_bytes(reader.source(name), dtype);
    total += size;
    largest = std::max(largest, size);
  }
  output.require_space(total + kSpaceMargin);
  TensorBuffer buffer(largest);
  ShardWriter writer(output.working(), "model", total < kShardLimit ? 0 : kShardLimit);
  for (const std::string& name : reader.names()) {
    check_interrupted();
    const WeightSource source = reader.source(name);
    if (!is_float(source.dtype())) {
      writer.add(name, source.plain());
    } else {
      if (source.is_plain())
        cast_tensor(source.plain(), dtype, reader.file_of(name), name, buffer.bytes());
      else
        cast_codes(reader, name, dtype, buffer.bytes());
      writer.add(name, {dtype, source.shape(), buffer.bytes()});
    }
    reader.dont_need(name);
  }
  writer.finish();
}

// Shifted smoothing leaves norms with a bias, which no model class of other programs reads.
void warn_of_norm_biases(const CheckpointReader& reader) {
  std::int64_t count = 0;
  for (const std::string& name : reader.names()) count += ends_with(name, "layernorm.bias") ? 1 : 0;
  if (count > 0)
    log_warning(
        "convert",
        "{} norms have a bias, left by smoothing with shift or by the model itself: programs "
        "whose model class has no such biases ignore them and give other answers",
        count);
}

// It stands for the weights of the final norm where an engine hands normed states to a next-token
// layer, which engines do beside quantized weights alone: for others it is an unknown tensor.
void leave_out_norm_rotation(CheckpointReader& reader) {
  if (!reader.has(kNormRotation)) return;
  reader.hide([](const std::string& name) { return name == kNormRotation; });
  log_warning("convert",
              "{} is left out, engines read it beside quantized weights alone; a next-token layer "
              "that is given states behind the final norm gets them without that norm's weights, "
              "which are in the head",
              kNormRotation);
}

void copy_other_files(const std::string& folder, const OutputFolder& output) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == "config.json" || name.front() == '.' || is_weight_file(name) ||
        describes_quantization(name))
      continue;
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
  // Decoded in fp32: rounded once, to the output's dtype.
  const bool ours = !find_description(folder).empty();
  CheckpointReader reader =
      ours ? open_ascendv1_source(folder, DType::kF32) : open_source(folder, DType::kF32);
  if (ours) warn_of_norm_biases(reader);
  if (ours) leave_out_norm_rotation(reader);
  remove_quantization(config);
  const std::string dtype = output_dtype_name(options.dtype);
  set_dtype(config, dtype, true);
  OutputFolder output(options.save_path, folder, options.overwrite);
  log_info("convert", "{}: {} tensors{} -> {} ({})", folder, reader.names().size(),
           reader.decodes() ? ", some of them decoded" : "", options.save_path, dtype);
  write_weights(reader, options.dtype, output);
  copy_other_files(folder, output);
  write_file_atomic(output.file("config.json"), config.dump(2) + "\n");
  output.publish();
}

}  // namespace msmodelslim
