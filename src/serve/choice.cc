#include "serve/choice.h"

#include <algorithm>

namespace msmodelslim {

Json LogprobLists::empty() {
  return {{"text_offset", Json::array()},
          {"token_logprobs", Json::array()},
          {"tokens", Json::array()},
          {"top_logprobs", Json::array()}};
}

std::string LogprobLists::text_of(std::int32_t token) const {
  return tokenizer_.decode({&token, 1}, false);
}

void LogprobLists::add_text(const std::string& text) {
  lists_["text_offset"].push_back(offset_);
  lists_["tokens"].push_back(text);
  offset_ += static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));  // characters
}

void LogprobLists::add_first(std::int32_t token) {
  add_text(text_of(token));
  lists_["token_logprobs"].push_back(nullptr);
  lists_["top_logprobs"].push_back(nullptr);
}

void LogprobLists::add(const TokenLogprobs& token) {
  const std::string text = text_of(token.token);
  add_text(text);
  lists_["token_logprobs"].push_back(token.logprob);
  Json top = Json::object();
  for (const auto& [id, logprob] : token.top)
    if (const std::string name = text_of(id); !top.contains(name)) top[name] = logprob;
  if (!top.contains(text)) top[text] = token.logprob;
  lists_["top_logprobs"].push_back(std::move(top));
}

Json LogprobLists::take() {
  Json taken = empty();
  taken.swap(lists_);
  return taken;
}

std::string Choice::push(const Sampled& sampled) {
  ++tokens_;
  std::string added;
  if (sampled.in_answer) {
    added = stream_.push(sampled.token);
    if (sampled.logprobs) logprobs_.add(*sampled.logprobs);
  }
  finish_ = sampled.finish;
  if (done()) added += stream_.finish();
  if (stream_.stopped()) finish_ = Finish::kStop;
  return added;
}

}  // namespace msmodelslim
