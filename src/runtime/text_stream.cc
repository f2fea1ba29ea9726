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

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop)
    : tokenizer_(tokenizer), stop_(std::move(stop)) {
  std::erase(stop_, "");
}

std::string TextStream::push(std::int32_t token) {
  ids_.push_back(token);
  const auto all = std::span<const std::int32_t>(ids_).subspan(context_);
  const std::string before = tokenizer_.decode(all.first(shown_ - context_), true);
  const std::string after = tokenizer_.decode(all, true);
  if (after.size() <= before.size() || after.ends_with(kReplacement)) return "";
  held_ += after.substr(before.size());
  context_ = shown_;
  shown_ = ids_.size();
  return release(false);
}

std::string TextStream::finish() {
  const auto all = std::span<const std::int32_t>(ids_).subspan(context_);
  const std::string before = tokenizer_.decode(all.first(shown_ - context_), true);
  const std::string after = tokenizer_.decode(all, true);
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
