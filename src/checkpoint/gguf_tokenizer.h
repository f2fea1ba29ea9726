#pragma once
// tokenizer.json and tokenizer_config.json from the tokenizer.ggml.* metadata of a GGUF file.
//
// tokenizer.ggml.model "gpt2" is byte-level BPE: merges are stored, the pre-tokenizer is named by
// tokenizer.ggml.pre. "llama" is SentencePiece BPE: scores are stored, merges follow from them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/gguf_values.h"

namespace msmodelslim {

// tokenizer.ggml.token_type
enum class GgufTokenType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct GgufVocab {
  std::string where;  // file, for messages
  std::string model;  // "gpt2" or "llama"
  std::string pre;
  std::vector<std::string_view> tokens;  // without unused ones at the end
  std::vector<GgufTokenType> types;      // as long as `tokens`
  std::vector<float> scores;             // empty, or as long as `tokens`
  std::vector<std::string_view> merges;
  std::size_t model_size = 0;  // tokens from here on are added tokens, all of them
  std::optional<std::int64_t> bos, eos, unk, pad;
  std::vector<std::int64_t> end_ids;  // every token that ends a turn, `eos` first
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = true;  // SentencePiece only

  std::string token(std::optional<std::int64_t> id) const;  // "" for no id
};

// `arch` is general.architecture; `rows` the number of rows of the embedding.
GgufVocab read_gguf_vocab(const GgufMetadata& metadata, const std::string& arch, std::int64_t rows);

// Texts of added tokens that the family of `vocab` does not treat as special.
bool is_special_token(const GgufVocab& vocab, std::size_t id);
bool is_added_token(const GgufVocab& vocab, std::size_t id);

Json gguf_tokenizer_json(const GgufVocab& vocab);
Json gguf_tokenizer_config(const GgufVocab& vocab, const GgufMetadata& metadata,
                           std::int64_t context);

}  // namespace msmodelslim
