#include "checkpoint/gguf_pre.h"

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr char kQwen2[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kLlama3[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kTekken[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// llama.cpp's four expressions for files that name no family.
constexpr char kDefaultPunctuation[] = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr char kDefaultWords[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";

// Takes tokenizer.json as it is. transformers 5 rebuilds the tokenizers of GPT2Tokenizer and
// LlamaTokenizer in code and so loses what the class does not know: single digits, added blanks.
constexpr char kFast[] = "PreTrainedTokenizerFast";
constexpr char kGpt2[] = "GPT2Tokenizer";

const std::vector<GgufPreTokenizer>& table() {
  static const std::vector<GgufPreTokenizer> rows = {
      // name, class, digits, splits, byte_level_regex, nfc, ignore_merges, add_bos, has_bos, ...
      {"default",
       kFast,
       false,
       {kDefaultPunctuation, kDefaultWords, R"(\p{N}+)", "[0-9][0-9][0-9]"},
       false,
       false,
       false,
       false,
       true,
       {}},
      {"gpt-2", kGpt2, false, {}, true, false, false, false, true, {}},
      {"phi-2", kGpt2, false, {}, true, false, false, false, true, {}},
      {"smollm", kFast, true, {}, true, false, false, false, true, {}},
      {"starcoder", kFast, true, {}, true, false, false, false, true, {}},
      {"refact", kFast, true, {}, true, false, false, false, true, {}},
      {"llama-bpe", kFast, false, {kLlama3}, false, false, true, true, true, {}},
      {"llama3", kFast, false, {kLlama3}, false, false, true, true, true, {}},
      {"llama-v3", kFast, false, {kLlama3}, false, false, true, true, true, {}},
      {"tekken", kFast, false, {kTekken}, false, false, true, true, true, {}},
      {"deepseek-r1-qwen", kFast, false, {kQwen2}, false, true, false, false, true, {}},
      {"qwen2",
       "Qwen2Tokenizer",
       false,
       {kQwen2},
       false,
       true,
       false,
       false,
       false,
       {"<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
        "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>",
        "<think>", "</think>"}},
  };
  return rows;
}

}  // namespace

const GgufPreTokenizer& find_gguf_pre(const std::string& name, const std::string& where) {
  std::string known;
  for (const GgufPreTokenizer& row : table()) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw DataError(
      fmt::format("{}: tokenizer.ggml.pre is \"{}\", which is not known", where, name),
      fmt::format("known are {}; start from the Hugging Face folder of the model", known));
}

Json pre_tokenizer_json(const GgufPreTokenizer& pre) {
  Json steps = Json::array();
  if (pre.digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  for (const char* regex : pre.splits)
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", regex}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"trim_offsets", pre.byte_level_regex},
                   {"use_regex", pre.byte_level_regex}});
  if (steps.size() == 1) return steps[0];
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

}  // namespace msmodelslim
