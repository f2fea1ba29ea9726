#pragma once
// The pre-tokenizers that tokenizer.ggml.pre names, as the original tokenizer.json of each family
// has them.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace msmodelslim {

struct GgufPreTokenizer {
  const char* name;                      // value of tokenizer.ggml.pre
  const char* tokenizer_class;           // of tokenizer_config.json
  bool digits;                           // every digit by itself, before the rest
  std::vector<const char*> splits;       // regular expressions, applied one after the other
  bool byte_level_regex;                 // ByteLevel splits by GPT-2's expression itself
  bool nfc;                              // normalizer
  bool ignore_merges;                    // a word that is a token is not split
  bool add_bos;                          // when tokenizer.ggml.add_bos_token is absent
  bool has_bos;                          // the family has a bos token in tokenizer_config.json
  std::vector<const char*> not_special;  // added tokens that decode() keeps
};

// Throws DataError listing the known names.
const GgufPreTokenizer& find_gguf_pre(const std::string& name, const std::string& where);

Json pre_tokenizer_json(const GgufPreTokenizer& pre);

}  // namespace msmodelslim
