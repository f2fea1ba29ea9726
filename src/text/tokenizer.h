#pragma once
// The tokenizer of a model: text in, token ids out, and back. It reads Hugging Face's
// tokenizer.json (BPE models) and gives the ids that the Python package `tokenizers` gives; where a
// folder has none, a SentencePiece model (spm_proto.h) or a tiktoken file (tiktoken_file.h).
//
// The way of a text: added tokens (added_tokens.h) -> normalizer -> pre_tokenizer -> model of each
// word (token_model.h) -> post_processor. The way back: texts of the ids -> token_decoder.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer_config.h"

namespace msmodelslim {

class Tokenizer {
 public:
  // Reads the file that find_tokenizer_file() names and those beside it. Throws DataError that
  // names the file and the component for what is damaged or not supported.
  static Tokenizer load(const std::string& model_folder);
  // `where` names the source in errors.
  static Tokenizer from_json(std::string_view tokenizer_json, const std::string& where);

  // Special tokens are those of the model's post-processor, e.g. <s> in front. Bytes that are not
  // UTF-8 count as U+FFFD. Thread-safe.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const;
  // Ids that no token has are passed over. The result is valid UTF-8. Thread-safe.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const;

  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  // As it is in the file, e.g. "Ġthe"; "" for an id that no token has.
  std::string id_to_token(std::int32_t id) const;
  // One more than the largest id; the embedding of a model has at least as many rows.
  std::int64_t vocab_size() const;
  std::vector<std::int32_t> special_ids() const;  // ascending

  std::optional<std::int32_t> bos_id() const;
  std::optional<std::int32_t> eos_id() const;
  const TokenizerConfig& config() const;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);

  std::shared_ptr<const State> state_;
};

}  // namespace msmodelslim
