// A word becomes one symbol for each character, then pairs merge by rank (bpe_merge.h). Characters
// that are not in the vocabulary become byte tokens <0x..> or the unknown token.
//
// Models in SentencePiece's style have no pre-tokenizer: the whole text is one word. Such a word is
// first cut between characters a|b for which no merge has a left part that ends in a and a right
// part that begins with b. No merge can cross that place, so the ids stay the same, and the parts
// are short and repeat.
#include "text/bpe_model.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "text/bpe_merge.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kCutBytes = 32;  // shorter words are not cut

std::int32_t first_character(std::string_view text) {
  std::size_t pos = 0;
  return next_code_point(text, pos);
}

std::int32_t last_character(std::string_view text) {
  std::size_t pos = text.size() - 1;
  while (pos > 0 && U8_IS_TRAIL(static_cast<std::uint8_t>(text[pos]))) --pos;
  return next_code_point(text, pos);
}

}  // namespace

BpeModel::BpeModel(const Component& component, Vocabulary vocabulary, const MergeList& merges,
                   std::vector<bool> unused)
    : TokenModel(std::move(vocabulary)), where_(component.where()), unused_(std::move(unused)) {
  check_type(component);
  if (const auto repeated = vocabulary_.index())
    component.fail(fmt::format("the token \"{}\" appears twice in \"vocab\"", *repeated));
  prefix_ = component.optional_text("continuing_subword_prefix").value_or("");
  suffix_ = component.optional_text("end_of_word_suffix").value_or("");
  unknown_token_ = component.optional_text("unk_token");
  fuse_unknown_ = component.flag("fuse_unk", false);
  ignore_merges_ = component.flag("ignore_merges", false);
  if (component.flag("byte_fallback", false)) {
    for (int value = 0; value < 256; ++value)
      bytes_.push_back(vocabulary_.find(fmt::format("<0x{:02X}>", value)).value_or(-1));
  }
  read_characters();
  read_merges(component, merges);
}

void BpeModel::check_type(const Component& component) const {
  if (!component.type().empty() && component.type() != "BPE")
    component.unsupported(fmt::format("the model type \"{}\"", component.type()));
  const Json* dropout = component.find("dropout");
  if (dropout != nullptr && !(dropout->is_number() && dropout->get<double>() == 0.0))
    log_warning("text", "{}: \"dropout\" is not used: text gives the same ids every time", where_);
}

void BpeModel::read_characters() {
  for (std::int64_t id = 0; id < vocabulary_.id_end(); ++id) {
    if (!vocabulary_.has_id(id)) continue;
    const std::string_view token = vocabulary_.token(static_cast<std::int32_t>(id));
    if (token.empty() || token.size() != char_length(token[0])) continue;
    const auto code = static_cast<std::size_t>(first_character(token));
    if (code >= characters_.size()) characters_.resize(code + 1, -1);
    characters_[code] = static_cast<std::int32_t>(id);
  }
}

void BpeModel::read_merges(const Component& component, const MergeList& merges) {
  merges_.reserve(merges.size());
  junctions_.reserve(merges.size());
  std::string joined;
  const auto id_of = [&](std::string_view token, std::size_t rank) {
    const auto id = vocabulary_.find(token);
    if (!id)
      component.fail(
          fmt::format("merge {} needs the token \"{}\", which is not in \"vocab\"", rank, token));
    return *id;
  };
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view left = merges.text(2 * rank);
    const std::string_view right = merges.text(2 * rank + 1);
    const std::int32_t left_id = id_of(left, rank);
    const std::int32_t right_id = id_of(right, rank);
    if (left.empty() || right.empty() || right.size() < prefix_.size())
      component.fail(
          fmt::format("merge {} (\"{}\" and \"{}\") is not a pair of tokens", rank, left, right));
    joined.assign(left).append(right.substr(prefix_.size()));
    const auto order = merges.ranks.empty() ? static_cast<std::uint32_t>(rank) : merges.ranks[rank];
    merges_.set(left_id, right_id, {order, id_of(joined, rank)});
    junctions_.set(last_character(left), first_character(right), {0, 0});
  }
}

void BpeModel::encode(std::string_view word, WordCache& cache,
                      std::vector<std::int32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto id = vocabulary_.find(word)) {
      ids.push_back(*id);
      return;
    }
  }
  // How an unused token is cut may depend on any place of the text.
  if (!unused_.empty()) {
    std::vector<std::int32_t> symbols;
    initial_symbols(word, symbols);
    merge_word(symbols, merges_, unused_);
    ids.insert(ids.end(), symbols.begin(), symbols.end());
    return;
  }
  if (word.size() <= kCutBytes || !prefix_.empty() || !suffix_.empty())
    return encode_part(word, cache, ids);
  std::size_t begin = 0;
  std::size_t pos = 0;
  std::int32_t previous = next_code_point(word, pos);
  while (pos < word.size()) {
    const std::size_t border = pos;
    const std::int32_t code = next_code_point(word, pos);
    if (junctions_.find(previous, code) == nullptr && character_id(previous) >= 0 &&
        character_id(code) >= 0) {
      encode_part(word.substr(begin, border - begin), cache, ids);
      begin = border;
    }
    previous = code;
  }
  encode_part(word.substr(begin), cache, ids);
}

void BpeModel::encode_part(std::string_view part, WordCache& cache,
                           std::vector<std::int32_t>& ids) const {
  if (cache.find(part, ids)) return;
  thread_local std::vector<std::int32_t> symbols;
  symbols.clear();
  initial_symbols(part, symbols);
  merge_word(symbols, merges_);
  cache.store(part, symbols.data(), symbols.size());
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BpeModel::initial_symbols(std::string_view part, std::vector<std::int32_t>& ids) const {
  const bool affixed = !prefix_.empty() || !suffix_.empty();
  std::int32_t pending = -1;  // unknown token that the next unknown character may join
  for (std::size_t pos = 0; pos < part.size();) {
    const std::size_t begin = pos;
    std::int32_t id = -1;
    const std::int32_t code = next_code_point(part, pos);
    const std::string_view character = part.substr(begin, pos - begin);
    const bool first = begin == 0;
    const bool last = pos == part.size();
    id = affixed ? affixed_id(character, first, last).value_or(-1) : character_id(code);
    if (id >= 0) {
      if (pending >= 0) ids.push_back(pending);
      pending = -1;
      ids.push_back(id);
      continue;
    }
    if (!bytes_.empty()) {
      const std::string text =
          fmt::format("{}{}{}", first ? "" : prefix_, character, last ? suffix_ : "");
      if (append_bytes(text, ids)) continue;
    }
    if (!unknown_token_) continue;
    if (pending >= 0 && !fuse_unknown_) ids.push_back(pending);
    pending = unknown_id();
  }
  if (pending >= 0) ids.push_back(pending);
}

std::int32_t BpeModel::character_id(std::int32_t code) const {
  const auto index = static_cast<std::size_t>(code);
  return index < characters_.size() ? characters_[index] : -1;
}

std::optional<std::int32_t> BpeModel::affixed_id(std::string_view character, bool first,
                                                 bool last) const {
  std::string text;
  if (!first) text = prefix_;
  text += character;
  if (last) text += suffix_;
  return vocabulary_.find(text);
}

bool BpeModel::append_bytes(std::string_view text, std::vector<std::int32_t>& ids) const {
  const std::size_t start = ids.size();
  for (const char c : text) {
    const std::int32_t id = bytes_[static_cast<std::uint8_t>(c)];
    if (id < 0) {
      ids.resize(start);
      return false;
    }
    ids.push_back(id);
  }
  return true;
}

std::int32_t BpeModel::unknown_id() const {
  const auto id = vocabulary_.find(*unknown_token_);
  if (!id)
    throw DataError(fmt::format("{}: the text needs the unknown token \"{}\", which is not in "
                                "\"vocab\"",
                                where_, *unknown_token_),
                    "the file is damaged; download tokenizer.json again");
  return *id;
}

}  // namespace msmodelslim
