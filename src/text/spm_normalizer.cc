#include "text/spm_normalizer.h"

#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr std::string_view kSpace = "\xe2\x96\x81";  // U+2581

}  // namespace

// What stands for the text at `pos`, which moves on: a user-defined piece, the replacement of a
// key of the map, or one character.
std::string_view SpmNormalizer::next_part(std::string_view text, std::size_t& pos) const {
  const std::size_t begin = pos;
  if (const AddedToken* piece = rules_->user_defined.longest_at(text, pos)) {
    pos += piece->form.size();
    return text.substr(begin, piece->form.size());
  }
  std::size_t used = 0;
  if (const auto replaced = rules_->charsmap.find(text, pos, used)) {
    pos += used;
    return *replaced;
  }
  pos += char_length(text[pos]);
  return text.substr(begin, pos - begin);
}

std::string SpmNormalizer::apply(std::string text) const {
  const bool trims = rules_->remove_extra_whitespaces;
  const std::string space(rules_->escape_whitespaces ? kSpace : " ");
  std::size_t pos = 0;
  for (std::size_t next = 0; trims && pos < text.size(); pos = next)
    if (next_part(text, next) != " ") break;
  std::string out;
  if (pos >= text.size()) return out;
  if (dummy_ && !rules_->whitespace_as_suffix) out += space;
  bool after_space = trims;
  while (pos < text.size()) {
    std::string_view part = next_part(text, pos);
    while (after_space && part.starts_with(' ')) part.remove_prefix(1);
    if (part.empty()) continue;
    for (const char c : part) {
      if (c == ' ') {
        out += space;
      } else {
        out.push_back(c);
      }
    }
    after_space = trims && part.back() == ' ';
  }
  while (trims && out.ends_with(space)) out.resize(out.size() - space.size());
  if (dummy_ && rules_->whitespace_as_suffix) out += space;
  return out;
}

}  // namespace msmodelslim
