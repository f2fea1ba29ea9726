#pragma once
// The tokenizers of tiktoken files: what the family's own code adds to the file.

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer_config.h"

namespace msmodelslim {

struct TiktokenFamily {
  const char* tokenizer_class;           // of tokenizer_config.json
  std::vector<const char*> model_types;  // of config.json, where there is no class
  const char* pattern;                   // of words
  bool nfc = false;                      // text is normalized first
  std::vector<std::string> special;      // their ids follow those of the file
  std::vector<const char*> prefix;       // in front of every text
  std::int64_t reserved =
      0;  // ids behind the file's, <|reserved_token_ID|> unless config names them
};

// Of several tokenizers with one class, that of the model_type, else the first. Throws DataError
// that lists the known classes.
const TiktokenFamily& find_tiktoken_family(const TokenizerConfig& config, const std::string& where);

}  // namespace msmodelslim
