#include "serve/prompt_logprobs.h"

namespace msmodelslim {

Json prompt_logprobs(const Tokenizer& tokenizer, const std::vector<TokenLogprobs>& tokens,
                     int count) {
  Json list = Json::array({nullptr});
  for (const TokenLogprobs& token : tokens) {
    Json entry = Json::object();
    const auto add = [&](std::int32_t id, float logprob, std::int64_t rank) {
      entry[std::to_string(id)] = {{"logprob", logprob},
                                   {"rank", rank},
                                   {"decoded_token", tokenizer.decode({&id, 1}, false)}};
    };
    add(token.token, token.logprob, token.rank);
    for (std::size_t i = 0; i < token.top.size() && i < static_cast<std::size_t>(count); ++i)
      if (token.top[i].first != token.token)
        add(token.top[i].first, token.top[i].second, static_cast<std::int64_t>(i) + 1);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace msmodelslim
