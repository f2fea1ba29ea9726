#include "serve/choice.h"

#include <algorithm>

namespace msmodelslim {

namespace {

std::string text_of(const Tokenizer& tokenizer, std::int32_t token) {
  return tokenizer.decode({&token, 1}, false);
}

class CompletionLogprobs : public LogprobFormat {
 public:
  explicit CompletionLogprobs(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(const TokenLogprobs& token) override {
    const std::string text = text_of(tokenizer_, token.token);
    add_text(text);
    lists_["token_logprobs"].push_back(token.logprob);
    Json top = Json::object();
    for (const auto& [id, logprob] : token.top)
      if (const std::string name = text_of(tokenizer_, id); !top.contains(name))
        top[name] = logprob;
    if (!top.contains(text)) top[text] = token.logprob;
    lists_["top_logprobs"].push_back(std::move(top));
  }
  void add_first(std::int32_t token) override {
    add_text(text_of(tokenizer_, token));
    lists_["token_logprobs"].push_back(nullptr);
    lists_["top_logprobs"].push_back(nullptr);
  }
  Json take() override {
    Json taken = empty();
    taken.swap(lists_);
    return taken;
  }

 private:
  static Json empty() {
    return {{"text_offset", Json::array()},
            {"token_logprobs", Json::array()},
            {"tokens", Json::array()},
            {"top_logprobs", Json::array()}};
  }
  void add_text(const std::string& text) {
    lists_["text_offset"].push_back(offset_);
    lists_["tokens"].push_back(text);
    offset_ += static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));  // characters
  }

  const Tokenizer& tokenizer_;
  std::size_t offset_ = 0;
  Json lists_ = empty();
};

class ChatLogprobs : public LogprobFormat {
 public:
  explicit ChatLogprobs(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(const TokenLogprobs& token) override {
    Json entry = one(token.token, token.logprob);
    entry["top_logprobs"] = Json::array();
    for (const auto& [id, logprob] : token.top) entry["top_logprobs"].push_back(one(id, logprob));
    content_.push_back(std::move(entry));
  }
  void add_first(std::int32_t) override {}  // there is no echo
  Json take() override {
    Json taken = {{"content", std::move(content_)}};
    content_ = Json::array();
    return taken;
  }

 private:
  Json one(std::int32_t id, float logprob) const {
    const std::string text = text_of(tokenizer_, id);
    Json bytes = Json::array();
    for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
    return {{"token", text}, {"logprob", logprob}, {"bytes", std::move(bytes)}};
  }

  const Tokenizer& tokenizer_;
  Json content_ = Json::array();
};

}  // namespace

std::unique_ptr<LogprobFormat> completion_logprobs(const Tokenizer& tokenizer) {
  return std::make_unique<CompletionLogprobs>(tokenizer);
}

std::unique_ptr<LogprobFormat> chat_logprobs(const Tokenizer& tokenizer) {
  return std::make_unique<ChatLogprobs>(tokenizer);
}

Choice::Choice(const Tokenizer& tokenizer, std::int64_t index, std::vector<std::string> stop,
               const std::optional<ChatRules>& chat)
    : index_(index),
      stream_(tokenizer, std::move(stop),
              chat ? answer_markup(chat->answer.format) : std::vector<std::string>()),
      logprobs_(chat ? chat_logprobs(tokenizer) : completion_logprobs(tokenizer)) {
  if (chat) chat_.emplace(*chat);
}

Json Choice::finish_reason() const {
  if (!done()) return Json();
  if (finish_ == Finish::kStop && chat_ && chat_->has_calls()) return "tool_calls";
  return finish_name(finish_);
}

std::string Choice::push(const Sampled& sampled) {
  ++tokens_;
  std::string added;
  if (sampled.in_answer) {
    added = stream_.push(sampled.token);
    if (sampled.logprobs) logprobs_->add(*sampled.logprobs);
  }
  finish_ = sampled.finish;
  if (done()) added += stream_.finish();
  if (stream_.stopped()) finish_ = Finish::kStop;
  return added;
}

}  // namespace msmodelslim
