#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/gguf_pre.h"
#include "checkpoint/gguf_tokenizer.h"

namespace msmodelslim {
namespace {

constexpr char kPrefix[] = "tokenizer.ggml.";

const GgufArray& numbers(const GgufMetadata& metadata, const std::string& key,
                         std::size_t expected) {
  const auto found = metadata.values().find(key);
  const auto* array =
      found == metadata.values().end() ? nullptr : std::get_if<GgufArray>(&found->second);
  if (array == nullptr || array->numbers == nullptr || array->count != expected)
    throw DataError(
        fmt::format("{}: {} is not an array of {} numbers", metadata.where(), key, expected),
        "the file is damaged or was made by a broken converter");
  return *array;
}

std::optional<std::int64_t> token_id(const GgufMetadata& metadata, const std::string& name,
                                     std::size_t count) {
  const std::string key = kPrefix + name + "_token_id";
  if (!metadata.has(key)) return std::nullopt;
  const std::int64_t id = metadata.need_integer(key);
  if (id == 0xffffffffLL || id == -1) return std::nullopt;  // some writers' "none"
  if (id < 0 || id >= static_cast<std::int64_t>(count))
    throw DataError(
        fmt::format("{}: {} is {}, the vocabulary has {} tokens", metadata.where(), key, id, count),
        "the file is damaged or was made by a broken converter");
  return id;
}

void read_types(const GgufMetadata& metadata, GgufVocab& vocab) {
  const std::string key = std::string(kPrefix) + "token_type";
  vocab.types.assign(vocab.tokens.size(), GgufTokenType::kNormal);
  if (!metadata.has(key)) {
    for (const auto& id : {vocab.bos, vocab.eos, vocab.unk})
      if (id) vocab.types[static_cast<std::size_t>(*id)] = GgufTokenType::kControl;
    return;
  }
  const GgufArray& types = numbers(metadata, key, vocab.tokens.size());
  for (std::size_t i = 0; i < vocab.types.size(); ++i) {
    const std::int64_t type = types.integer_at(i);
    if (type >= 1 && type <= 6) vocab.types[i] = static_cast<GgufTokenType>(type);
  }
}

void read_scores(const GgufMetadata& metadata, GgufVocab& vocab) {
  const GgufArray& scores = numbers(metadata, std::string(kPrefix) + "scores", vocab.tokens.size());
  vocab.scores.resize(vocab.tokens.size());
  for (std::size_t i = 0; i < vocab.scores.size(); ++i) {
    vocab.scores[i] = static_cast<float>(scores.number_at(i));
    if (!(vocab.scores[i] == vocab.scores[i]))
      throw DataError(fmt::format("{}: the score of token {} is not a number", vocab.where, i));
  }
}

// Rows of the embedding that no text produces are not part of a tokenizer.json.
void drop_unused_tail(GgufVocab& vocab) {
  std::size_t end = vocab.tokens.size();
  while (end > 0 && vocab.types[end - 1] == GgufTokenType::kUnused) --end;
  for (const auto& id : {vocab.bos, vocab.eos, vocab.unk, vocab.pad})
    if (id) end = std::max(end, static_cast<std::size_t>(*id) + 1);
  vocab.tokens.resize(end);
  vocab.types.resize(end);
  if (!vocab.scores.empty()) vocab.scores.resize(end);
  vocab.model_size = end;
  while (vocab.model_size > 0 && is_added_token(vocab, vocab.model_size - 1)) --vocab.model_size;
}

void check_unique(const GgufVocab& vocab) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i)
    if (!seen.insert(vocab.tokens[i]).second)
      throw DataError(
          fmt::format("{}: token {} \"{}\" appears twice", vocab.where, i, vocab.tokens[i]),
          "the file was made by a broken converter; get a newer GGUF");
}

void read_end_ids(const GgufMetadata& metadata, GgufVocab& vocab, std::size_t count) {
  const auto add = [&](std::optional<std::int64_t> id) {
    if (id && std::find(vocab.end_ids.begin(), vocab.end_ids.end(), *id) == vocab.end_ids.end())
      vocab.end_ids.push_back(*id);
  };
  add(vocab.eos);
  add(token_id(metadata, "eot", count));
  add(token_id(metadata, "eom", count));
  if (vocab.pre != "qwen2") return;  // Qwen's generation_config.json lists both ends
  const auto found = std::find(vocab.tokens.begin(), vocab.tokens.end(), "<|endoftext|>");
  if (found != vocab.tokens.end()) add(found - vocab.tokens.begin());
}

std::string read_pre(const GgufMetadata& metadata, const std::string& arch) {
  const std::string key = std::string(kPrefix) + "pre";
  if (metadata.has(key)) return metadata.need_string(key);
  if (arch != "qwen2" && arch != "qwen3")
    throw DataError(fmt::format("{}: tokenizer.ggml.pre is missing, so nobody knows how this "
                                "model cuts text into words",
                                metadata.where()),
                    "the file was made by an old converter; get a newer GGUF");
  log_warning("convert",
              "{}: tokenizer.ggml.pre is missing; taking \"qwen2\" from the architecture",
              metadata.where());
  return "qwen2";
}

}  // namespace

std::string GgufVocab::token(std::optional<std::int64_t> id) const {
  return id ? std::string(tokens[static_cast<std::size_t>(*id)]) : std::string();
}

bool is_added_token(const GgufVocab& vocab, std::size_t id) {
  const GgufTokenType type = vocab.types[id];
  return type == GgufTokenType::kControl || type == GgufTokenType::kUserDefined ||
         type == GgufTokenType::kUnknown;
}

bool is_special_token(const GgufVocab& vocab, std::size_t id) {
  if (!is_added_token(vocab, id) || vocab.types[id] == GgufTokenType::kUserDefined) return false;
  if (vocab.model != "gpt2") return true;
  const auto& kept = find_gguf_pre(vocab.pre, vocab.where).not_special;
  return std::find(kept.begin(), kept.end(), vocab.tokens[id]) == kept.end();
}

GgufVocab read_gguf_vocab(const GgufMetadata& metadata, const std::string& arch,
                          std::int64_t rows) {
  GgufVocab vocab;
  vocab.where = metadata.where();
  vocab.model = metadata.need_string(std::string(kPrefix) + "model");
  if (vocab.model != "gpt2" && vocab.model != "llama")
    throw DataError(fmt::format("{}: tokenizer.ggml.model is \"{}\", which is not supported",
                                vocab.where, vocab.model),
                    "supported are gpt2 (byte-level BPE) and llama (SentencePiece BPE)");
  vocab.tokens = metadata.need_array(std::string(kPrefix) + "tokens", GgufKind::kString).strings;
  const std::size_t count = vocab.tokens.size();
  if (count == 0 || static_cast<std::int64_t>(count) > rows)
    throw DataError(
        fmt::format("{}: {} tokens for an embedding of {} rows", vocab.where, count, rows),
        "the file is damaged or was made by a broken converter");
  vocab.bos = token_id(metadata, "bos", count);
  vocab.eos = token_id(metadata, "eos", count);
  vocab.unk = token_id(metadata, "unknown", count);
  vocab.pad = token_id(metadata, "padding", count);
  read_types(metadata, vocab);
  bool bos_by_default = true;
  if (vocab.model == "gpt2") {
    vocab.pre = read_pre(metadata, arch);
    bos_by_default = find_gguf_pre(vocab.pre, vocab.where).add_bos;
    vocab.merges = metadata.need_array(std::string(kPrefix) + "merges", GgufKind::kString).strings;
  } else {
    read_scores(metadata, vocab);
  }
  vocab.add_bos = metadata.bool_or(std::string(kPrefix) + "add_bos_token", bos_by_default);
  vocab.add_eos = metadata.bool_or(std::string(kPrefix) + "add_eos_token", false);
  vocab.add_space_prefix = metadata.bool_or(std::string(kPrefix) + "add_space_prefix", true);
  if ((vocab.add_bos && !vocab.bos) || (vocab.add_eos && !vocab.eos))
    throw DataError(fmt::format("{}: tokens are to be added around the text, but the file does not "
                                "say which (bos_token_id, eos_token_id)",
                                vocab.where),
                    "the file was made by a broken converter; get a newer GGUF");
  read_end_ids(metadata, vocab, count);
  drop_unused_tail(vocab);
  check_unique(vocab);
  return vocab;
}

}  // namespace msmodelslim
