#include "runtime/text_stream.h"

#include <algorithm>

namespace msmodelslim {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD: a character is not whole yet

// Length of the longest end of `text` that begins `stop`.
std::size_t overlap(const std::string& text, const std::string& stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n)
    if (text.compare(text.size() - n, n, stop, 0, n) == 0) return n;
  return 0;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop,
                       const std::vector<std::string>& shown)
    : tokenizer_(tokenizer), stop_(std::move(stop)), hidden_(tokenizer.special_ids()) {
  std::erase(stop_, "");
  for (const std::string& text : shown)
    if (const auto id = tokenizer.token_to_id(text)) std::erase(hidden_, *id);
}

// Of so many ids behind the context.
std::string TextStream::decode(std::size_t count) const {
  return tokenizer_.decode(std::span<const std::int32_t>(ids_).subspan(context_, count), false);
}

std::string TextStream::push(std::int32_t token) {
  if (std::binary_search(hidden_.begin(), hidden_.end(), token)) return "";
  ids_.push_back(token);
  const std::string before = decode(shown_ - context_);
  const std::string after = decode(ids_.size() - context_);
  if (after.size() <= before.size() || after.ends_with(kReplacement)) return "";
  held_ += after.substr(before.size());
  context_ = shown_;
  shown_ = ids_.size();
  return release(false);
}

std::string TextStream::finish() {
  const std::string before = decode(shown_ - context_);
  const std::string after = decode(ids_.size() - context_);
  if (after.size() > before.size()) held_ += after.substr(before.size());
  context_ = shown_ = ids_.size();
  return release(true);
}

std::string TextStream::release(bool all) {
  if (stopped_) return "";
  std::size_t end = std::string::npos;
  for (const std::string& stop : stop_) end = std::min(end, held_.find(stop));
  if (end != std::string::npos) {
    stopped_ = true;
    return held_.substr(0, end);
  }
  std::size_t kept = 0;
  if (!all)
    for (const std::string& stop : stop_) kept = std::max(kept, overlap(held_, stop));
  const std::string text = held_.substr(0, held_.size() - kept);
  held_.erase(0, text.size());
  return text;
}

}  // namespace msmodelslim
