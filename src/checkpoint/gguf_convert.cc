#include "checkpoint/gguf_convert.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "base/threads.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_arch.h"
#include "checkpoint/gguf_cast.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/shard_writer.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kShardLimit = 4ULL << 30;
constexpr std::uint64_t kSpaceMargin = 64ULL << 20;  // tokenizer, headers
constexpr std::int64_t kPiece = 1 << 16;             // values decoded at a time

// ggml turns neighbouring values against each other, Hugging Face the two halves of a head. Row
// `row` of the half-split order is row `source_row(...)` of the interleaved one.
std::int64_t source_row(std::int64_t row, std::int64_t head_dim) {
  const std::int64_t head = row / head_dim;
  const std::int64_t half = head_dim / 2;
  const std::int64_t in_head = row % head_dim;
  return head * head_dim + 2 * (in_head % half) + in_head / half;
}

void decode_vector(const GgufFile& file, const GgufTensor& tensor, const GgufWeight& weight,
                   DType dtype, std::byte* out) {
  std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]));
  file.decode_row(tensor, 0, values.data());
  if (weight.rotary_heads > 0) {
    const std::vector<float> interleaved = values;
    const std::int64_t head_dim = tensor.shape[0] / weight.rotary_heads;
    for (std::int64_t i = 0; i < tensor.shape[0]; ++i)
      values[static_cast<std::size_t>(i)] =
          interleaved[static_cast<std::size_t>(source_row(i, head_dim))];
  }
  if (!cast_values(values.data(), tensor.shape[0], dtype, out))
    throw_not_finite(file.path(), tensor.name, dtype);
}

void decode_matrix(const GgufFile& file, const GgufTensor& tensor, const GgufWeight& weight,
                   DType dtype, std::byte* out) {
  const std::int64_t rows = GgufFile::rows(tensor);
  const std::int64_t columns = tensor.shape.back();
  const std::size_t row_bytes = static_cast<std::size_t>(columns) * dtype_size(dtype);
  const std::int64_t head_dim = weight.rotary_heads > 0 ? rows / weight.rotary_heads : 0;
  parallel_ranges(
      rows, std::max<std::int64_t>(1, kPiece / columns), [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> values(static_cast<std::size_t>(columns));
        for (std::int64_t row = begin; row < end; ++row) {
          file.decode_row(tensor, head_dim > 0 ? source_row(row, head_dim) : row, values.data());
          std::byte* to = out + static_cast<std::size_t>(row) * row_bytes;
          if (!cast_values(values.data(), columns, dtype, to))
            throw_not_finite(file.path(), tensor.name, dtype);
        }
      });
}

void write_weights(const GgufModel& model, const std::vector<GgufWeight>& weights, DType dtype,
                   OutputFolder& output) {
  std::uint64_t total = 0;
  std::uint64_t largest = 0;
  for (const GgufWeight& weight : weights) {
    const std::uint64_t size =
        static_cast<std::uint64_t>(element_count(model.at(weight.source).tensor->shape)) *
        dtype_size(dtype);
    total += size;
    largest = std::max(largest, size);
  }
  output.require_space(total + kSpaceMargin);
  TensorBuffer buffer(largest);
  ShardWriter writer(output.working(), "model", total < kShardLimit ? 0 : kShardLimit);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    check_interrupted();
    if (i + 1 < weights.size()) {
      const GgufModel::Place& next = model.at(weights[i + 1].source);
      next.file->will_need(*next.tensor);
    }
    const auto& [file, tensor] = model.at(weights[i].source);
    if (tensor->shape.size() == 1)
      decode_vector(*file, *tensor, weights[i], dtype, buffer.bytes());
    else
      decode_matrix(*file, *tensor, weights[i], dtype, buffer.bytes());
    writer.add(weights[i].target, {dtype, tensor->shape, buffer.bytes()});
    file->dont_need(*tensor);
  }
  writer.finish();
}

// Text of a GGUF file may be anything; JSON is UTF-8.
void write_json(const OutputFolder& output, const std::string& name, const Json& value,
                const std::string& where) {
  try {
    write_file_atomic(output.file(name), value.dump(2) + "\n");
  } catch (const nlohmann::json::exception&) {
    throw DataError(fmt::format("{}: a token or the chat template is not UTF-8 text", where),
                    "the file is damaged or was made by a broken converter");
  }
}

Json id_or_null(std::optional<std::int64_t> id) { return id ? Json(*id) : Json(); }

Json generation_config(const GgufVocab& vocab) {
  Json config = {{"_from_model_config", true}};
  if (vocab.bos) config["bos_token_id"] = *vocab.bos;
  if (vocab.end_ids.size() == 1) config["eos_token_id"] = vocab.end_ids[0];
  if (vocab.end_ids.size() > 1) config["eos_token_id"] = vocab.end_ids;
  if (vocab.pad) config["pad_token_id"] = *vocab.pad;
  return config;
}

void check_source(const std::string& path) {
  std::error_code ec;
  if (!fs::exists(path, ec))
    throw ResourceError(fmt::format("{}: no such file or folder", path),
                        "check --model_path; it is a GGUF file or a Hugging Face model folder");
}

}  // namespace

void convert_gguf(const ConvertOptions& options) {
  check_source(options.model_path);
  if (fs::is_directory(options.model_path)) {
    convert_model_folder(options);
    return;
  }
  const GgufModel model(options.model_path);
  const GgufArch arch = read_gguf_arch(model);
  const std::vector<GgufWeight> weights = gguf_weights(model, arch);
  const GgufVocab vocab = read_gguf_vocab(model.metadata(), arch.name, arch.vocab);
  Json config = gguf_config(model, arch);
  config["bos_token_id"] = id_or_null(vocab.bos);
  config["eos_token_id"] = id_or_null(vocab.eos);
  config["pad_token_id"] = id_or_null(vocab.pad);
  config["torch_dtype"] = output_dtype_name(options.dtype);
  const Json tokenizer = gguf_tokenizer_json(vocab);
  const Json tokenizer_config = gguf_tokenizer_config(vocab, model.metadata(), arch.context);

  OutputFolder output(options.save_path, options.model_path, options.overwrite);
  log_info("convert", "{}: {}, {} layers, {} tensors -> {} ({})", options.model_path,
           arch.model_class, arch.layers, weights.size(), options.save_path,
           output_dtype_name(options.dtype));
  write_weights(model, weights, options.dtype, output);
  const std::string& where = options.model_path;
  write_json(output, "tokenizer.json", tokenizer, where);
  write_json(output, "tokenizer_config.json", tokenizer_config, where);
  write_json(output, "generation_config.json", generation_config(vocab), where);
  write_json(output, "config.json", config, where);
  output.publish();
}

}  // namespace msmodelslim
