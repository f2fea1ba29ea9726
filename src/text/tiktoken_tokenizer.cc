// A tokenizer out of a tiktoken file: byte-level BPE like that of a tokenizer.json, whose merges
// are all the ways to cut a token in two.
#include "base/error.h"
#include "text/bpe_model.h"
#include "text/byte_level.h"
#include "text/score_merges.h"
#include "text/tiktoken_families.h"
#include "text/tiktoken_file.h"
#include "text/tokenizer_parts.h"

namespace msmodelslim {
namespace {

struct Table {
  Vocabulary vocabulary;
  MergeList merges;
};

Table table_of(const std::vector<TiktokenEntry>& entries) {
  std::vector<std::string> texts;
  for (const TiktokenEntry& entry : entries) append_byte_level(entry.bytes, texts.emplace_back());
  Table table;
  std::vector<MergePiece> pieces;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    table.vocabulary.add(texts[i], entries[i].rank);
    pieces.push_back({texts[i], static_cast<std::uint32_t>(entries[i].rank)});
  }
  for (const PieceMerge& merge : merges_from_ranks(pieces)) {
    table.merges.add(texts[merge.left]);
    table.merges.add(texts[merge.right]);
    table.merges.ranks.push_back(pieces[merge.piece].rank);
  }
  return table;
}

Json pre_tokenizer(const TiktokenFamily& family) {
  Json steps = Json::array();
  steps.push_back({{"type", "Split"},
                   {"pattern", {{"Regex", family.pattern}}},
                   {"behavior", "Isolated"},
                   {"invert", false}});
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

std::vector<AddedToken> tokens_of(const TiktokenFamily& family, const TokenizerConfig& config,
                                  const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  std::int64_t next_id = vocabulary.id_end();
  const auto add = [&](const std::string& content) {
    AddedToken token;
    token.id = static_cast<std::int32_t>(next_id++);
    token.content = token.form = content;
    token.special = true;
    tokens.push_back(std::move(token));
  };
  for (const std::string& name : family.special) add(name);
  for (std::int64_t i = 0; i < family.reserved; ++i)
    add(fmt::format("<|reserved_token_{}|>", next_id));
  add_config_tokens(config, vocabulary, next_id, tokens);
  return tokens;
}

}  // namespace

TokenizerParts parts_of_tiktoken(std::string_view text, const TokenizerConfig& config,
                                 const std::string& where) {
  const TiktokenFamily& family = find_tiktoken_family(config, where);
  Table table = table_of(read_tiktoken(text, where));
  TokenizerParts parts;
  const Json fields = bpe_json(nullptr, /*byte_fallback=*/false, /*ignore_merges=*/true);
  parts.model = std::make_unique<BpeModel>(Component(fields, where), std::move(table.vocabulary),
                                           table.merges);
  const Json nfc = {{"type", "NFC"}};
  if (family.nfc) parts.normalizer = make_normalizer(Component(nfc, where));
  const Json words = pre_tokenizer(family);
  parts.pre_tokenizer = make_pre_tokenizer(Component(words, where));
  const Json bytes = {{"type", "ByteLevel"}};
  parts.decoder = make_token_decoder(Component(bytes, where));
  parts.added = AddedTokens(tokens_of(family, config, parts.model->vocabulary()));
  if (!config.add_bos_token.value_or(true)) return parts;
  for (const char* name : family.prefix)
    if (const auto id = parts.added.find_content(name)) parts.post.prefix.push_back(*id);
  return parts;
}

}  // namespace msmodelslim
