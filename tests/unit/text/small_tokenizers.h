#pragma once
// Two small tokenizers, one of each style. The ids that tests expect come from the Python package
// tokenizers 0.23.3.

#include <map>
#include <string>

#include "base/json.h"
#include "text/byte_level.h"

namespace msmodelslim {

// SentencePiece's style: no pre-tokenizer, byte fallback for the two bytes of U+00E9 only.
inline Json small_sentencepiece() {
  return Json::parse(R"json({
  "version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [
    {"id": 0, "content": "<unk>", "special": true, "normalized": false},
    {"id": 1, "content": "<s>", "special": true, "normalized": false},
    {"id": 2, "content": "</s>", "special": true, "normalized": false}],
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "pre_tokenizer": null,
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
    "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
    "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<0xC3>": 3, "<0xA9>": 4, "▁": 5, "a": 6, "b": 7,
              "c": 8, "▁a": 9, "ab": 10, "▁ab": 11, "bc": 12},
    "merges": ["b c", "▁ a", "a b", "▁a b"]}})json");
}

// GPT-2's style: the 256 byte characters in the order of their code points, then seven merges.
inline Json small_byte_level() {
  Json json = Json::parse(R"json({
  "version": "1.0",
  "added_tokens": [
    {"id": 263, "content": "<|end|>", "special": true, "normalized": false},
    {"id": 264, "content": "<b>", "lstrip": true, "rstrip": true, "normalized": false}],
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "unk_token": null, "fuse_unk": false, "byte_fallback": false,
    "vocab": {},
    "merges": [["h", "e"], ["Ġ", "t"], ["Ġt", "he"], ["Ġ", "a"], ["a", "n"], ["l", "l"],
               ["Ã", "©"]]}})json");
  std::map<std::string, int> characters;  // byte order of UTF-8 is the order of code points
  for (int byte = 0; byte < 256; ++byte) {
    std::string character;
    append_byte_level(std::string(1, static_cast<char>(byte)), character);
    characters[character] = 0;
  }
  Json& vocab = json["model"]["vocab"];
  for (const auto& entry : characters) vocab[entry.first] = vocab.size();
  for (const Json& merge : json["model"]["merges"]) {
    const std::string token = merge[0].get<std::string>() + merge[1].get<std::string>();
    vocab[token] = vocab.size();
  }
  return json;
}

}  // namespace msmodelslim
