#include "text/tiktoken_families.h"

#include <algorithm>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr char kQwen[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kThreeDigits[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kKimi[] = R"([\p{Han}]+)"
                         R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
                         R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
                         R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
                         R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
                         R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<std::string> with_extras(std::vector<std::string> names, int count) {
  for (int i = 0; i < count; ++i) names.push_back(fmt::format("<|extra_{}|>", i));
  return names;
}

const std::vector<TiktokenFamily>& table() {
  static const std::vector<TiktokenFamily> rows = {
      {"QWenTokenizer",
       {"qwen"},
       kQwen,
       true,
       with_extras({"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, 205),
       {}},
      {"TikTokenTokenizer", {"kimi_k2", "kimi_k25", "kimi_vl"}, kKimi, false, {}, {}, 258},
      {"ChatGLM4Tokenizer",
       {"chatglm"},
       kThreeDigits,
       false,
       {"<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>",
        "<|assistant|>", "<|observation|>", "<|begin_of_image|>", "<|end_of_image|>",
        "<|begin_of_video|>", "<|end_of_video|>"},
       {"[gMASK]", "<sop>"}},
      {"HYTokenizer",
       {"hunyuan"},
       kQwen,
       true,
       with_extras({"<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"}, 204),
       {"<|startoftext|>"}},
  };
  return rows;
}

}  // namespace

const TiktokenFamily& find_tiktoken_family(const TokenizerConfig& config,
                                           const std::string& where) {
  std::string known;
  for (const TiktokenFamily& row : table()) {
    if (config.tokenizer_class == row.tokenizer_class) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.tokenizer_class);
  }
  for (const TiktokenFamily& row : table())
    for (const char* type : row.model_types)
      if (config.tokenizer_class.empty() && config.model_type == type) return row;
  throw DataError(
      fmt::format("{}: how the tokenizer \"{}\" of \"{}\" cuts text into words is not known", where,
                  config.tokenizer_class, config.model_type),
      fmt::format("known are {}; give token ids instead of text, or a folder with tokenizer.json",
                  known));
}

}  // namespace msmodelslim
