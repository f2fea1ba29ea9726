#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "text/unicode_class.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

std::uint8_t byte_at(const std::string& text, std::size_t pos) {
  return static_cast<std::uint8_t>(text[pos]);
}

// Start of the character that ends at `end` (> 0).
std::size_t character_before(std::string_view text, std::size_t end) {
  --end;
  while (end > 0 && U8_IS_TRAIL(static_cast<std::uint8_t>(text[end]))) --end;
  return end;
}

bool is_inside_word(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin > 0) {
    std::size_t pos = character_before(text, begin);
    if (is_word(next_code_point(text, pos))) return true;
  }
  if (end >= text.size()) return false;
  return is_word(next_code_point(text, end));
}

std::size_t skip_space_left(std::string_view text, std::size_t begin) {
  while (begin > 0) {
    const std::size_t before = character_before(text, begin);
    std::size_t pos = before;
    if (!is_white_space(next_code_point(text, pos))) break;
    begin = before;
  }
  return begin;
}

std::size_t skip_space_right(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    std::size_t pos = end;
    if (!is_white_space(next_code_point(text, pos))) break;
    end = pos;
  }
  return end;
}

}  // namespace

void TokenFinder::index() {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.form.empty(); });
  std::sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.form != b.form ? a.form < b.form : a.id < b.id;
  });
  by_first_byte_.assign(tokens_.empty() ? 0 : 256, {0, 0});
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    auto& [begin, end] = by_first_byte_[byte_at(tokens_[i].form, 0)];
    if (begin == end) begin = i;
    end = i + 1;
  }
}

// Narrows the sorted range of forms byte by byte; a form that ends on the way is a match, and the
// last one is the longest.
const AddedToken* TokenFinder::longest_at(std::string_view text, std::size_t pos) const {
  if (tokens_.empty()) return nullptr;
  auto [begin, end] = by_first_byte_[static_cast<std::uint8_t>(text[pos])];
  const AddedToken* best = nullptr;
  for (std::size_t depth = 1; begin < end; ++depth) {
    if (tokens_[begin].form.size() == depth) {
      best = &tokens_[begin];
      while (begin < end && tokens_[begin].form.size() == depth) ++begin;
    }
    if (begin == end || pos + depth >= text.size()) break;
    const auto wanted = static_cast<std::uint8_t>(text[pos + depth]);
    const auto first = tokens_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = tokens_.begin() + static_cast<std::ptrdiff_t>(end);
    const auto low = std::partition_point(
        first, last, [&](const AddedToken& t) { return byte_at(t.form, depth) < wanted; });
    const auto high = std::partition_point(
        low, last, [&](const AddedToken& t) { return byte_at(t.form, depth) <= wanted; });
    begin = static_cast<std::size_t>(low - tokens_.begin());
    end = static_cast<std::size_t>(high - tokens_.begin());
  }
  return best;
}

std::vector<Segment> TokenFinder::split(std::string_view text) const {
  std::vector<Segment> segments;
  std::size_t done = 0;  // everything before is in a segment
  for (std::size_t pos = 0; !tokens_.empty() && pos < text.size();) {
    const auto& range = by_first_byte_[static_cast<std::uint8_t>(text[pos])];
    const AddedToken* token = range.first == range.second ? nullptr : longest_at(text, pos);
    if (token == nullptr) {
      ++pos;
      continue;
    }
    std::size_t begin = pos;
    std::size_t end = pos + token->form.size();
    pos = end;
    if (token->single_word && is_inside_word(text, begin, end)) continue;
    if (token->lstrip) begin = std::max(skip_space_left(text, begin), done);
    if (token->rstrip) end = skip_space_right(text, end);
    if (done < begin) segments.push_back({done, begin, -1});
    segments.push_back({begin, end, token->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({done, text.size(), -1});
  return segments;
}

AddedTokens::AddedTokens(const std::vector<Component>& list, const Vocabulary& vocabulary,
                         const Normalizer* normalizer) {
  std::int64_t next_id = vocabulary.size();
  for (const Component& entry : list) {
    AddedToken token;
    token.content = entry.text("content");
    if (token.content.empty()) continue;
    token.single_word = entry.flag("single_word", false);
    token.lstrip = entry.flag("lstrip", false);
    token.rstrip = entry.flag("rstrip", false);
    token.normalized = entry.flag("normalized", true);
    token.special = entry.flag("special", false);
    auto id = find_content(token.content);
    if (!id) id = vocabulary.find(token.content);
    token.id = id ? *id : static_cast<std::int32_t>(next_id++);
    if (entry.find("id") != nullptr && entry.integer("id") != token.id)
      log_warning("text", "{}: the token \"{}\" has id {} in the file; {} is used", entry.where(),
                  token.content, entry.integer("id"), token.id);
    token.form = token.normalized && normalizer != nullptr ? normalizer->apply(token.content)
                                                           : token.content;
    add(std::move(token));
  }
  index();
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) add(token);
  index();
}

void AddedTokens::add(AddedToken token) {
  by_content_[token.content] = token.id;
  id_end_ = std::max<std::int64_t>(id_end_, token.id + 1);
  by_id_[token.id] = std::move(token);
}

void AddedTokens::index() {
  for (const auto& [id, token] : by_id_) (token.normalized ? normalized_ : raw_).add(token);
  raw_.index();
  normalized_.index();
}

const AddedToken* AddedTokens::find_id(std::int64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

std::optional<std::int32_t> AddedTokens::find_content(const std::string& content) const {
  const auto found = by_content_.find(content);
  if (found == by_content_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::int32_t> AddedTokens::special_ids() const {
  std::vector<std::int32_t> ids;
  for (const auto& [id, token] : by_id_)
    if (token.special) ids.push_back(token.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace msmodelslim
