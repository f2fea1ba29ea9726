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
      // HunYuan-A13B and the later ones; chat templates begin the text.
      {"HYTokenizer",
       {"hunyuan_v1_moe", "hunyuan_v1_dense"},
       kQwen,
       true,
       with_extras({"<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"}, 205),
       {}},
      // HunYuan-Large.
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
  const TiktokenFamily* of_class = nullptr;
  for (const TiktokenFamily& row : table()) {
    const bool of_type = std::find(row.model_types.begin(), row.model_types.end(),
                                   config.model_type) != row.model_types.end();
    const bool same_class = config.tokenizer_class == row.tokenizer_class;
    if (of_type && (same_class || config.tokenizer_class.empty())) return row;
    if (same_class && of_class == nullptr) of_class = &row;
    if (known.find(row.tokenizer_class) == std::string::npos)
      known += (known.empty() ? "" : ", ") + std::string(row.tokenizer_class);
  }
  if (of_class != nullptr) return *of_class;
  throw DataError(
      fmt::format("{}: how the tokenizer \"{}\" of \"{}\" cuts text into words is not known", where,
                  config.tokenizer_class, config.model_type),
      fmt::format("known are {}; give token ids instead of text, or a folder with tokenizer.json",
                  known));
}

}  // namespace msmodelslim
