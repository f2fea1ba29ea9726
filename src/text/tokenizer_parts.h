#pragma once
// What a tokenizer is made of, whichever file it came from.

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/token_model.h"
#include "text/tokenizer_config.h"

namespace msmodelslim {

struct TokenizerParts {
  std::unique_ptr<const TokenModel> model;
  AddedTokens added;
  std::unique_ptr<const Normalizer> normalizer;  // may be null
  // Of text behind an added token, where that is another one.
  std::unique_ptr<const Normalizer> inner_normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<const TokenDecoder> decoder;        // may be null
  PostProcessor post;
};

// `where` names the source in errors; `config` is what else the folder says. All throw DataError
// for what is damaged or not supported.
TokenizerParts parts_of_json(std::string_view tokenizer_json, const std::string& where);
TokenizerParts parts_of_spm(std::string_view bytes, const TokenizerConfig& config,
                            const std::string& where);
TokenizerParts parts_of_tiktoken(std::string_view text, const TokenizerConfig& config,
                                 const std::string& where);

// The decoder of SentencePiece's pieces; so many blanks at the start are not part of the text.
Json spm_decoder_json(std::int64_t leading_blanks);
// "model" of tokenizer.json without its vocabulary and merges.
Json bpe_json(const Json& unknown_token, bool byte_fallback, bool ignore_merges);

// Adds the tokens that the folder's files list, and finds the ids of bos, eos and the like; ids
// that are not listed count up from `next_id`.
void add_config_tokens(const TokenizerConfig& config, const Vocabulary& vocabulary,
                       std::int64_t next_id, std::vector<AddedToken>& tokens);

}  // namespace msmodelslim
