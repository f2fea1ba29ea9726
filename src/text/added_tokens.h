#pragma once
// "added_tokens" of tokenizer.json: texts such as <|im_start|> that become one id before anything
// else looks at them. Tokens with normalized = false are found in the raw text, the others in the
// normalized text, by their own normalized form.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/component.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

namespace msmodelslim {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  std::string form;  // what is searched and decoded: content, normalized where asked
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;
};

// A part of a text: an added token, or text between two of them (id -1).
struct Segment {
  std::size_t begin;
  std::size_t end;
  std::int32_t id;
};

// Finds tokens in a text, leftmost first, then the longest.
class TokenFinder {
 public:
  void add(const AddedToken& token) { tokens_.push_back(token); }
  void index();
  std::vector<Segment> split(std::string_view text) const;
  // The longest token that stands at `pos`, or nullptr.
  const AddedToken* longest_at(std::string_view text, std::size_t pos) const;

 private:
  std::vector<AddedToken> tokens_;                                  // sorted by form after index()
  std::vector<std::pair<std::size_t, std::size_t>> by_first_byte_;  // range in tokens_
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // `list` is the JSON list. Ids follow the tokenizers library: a content that `vocabulary` has
  // keeps its id there, others count up from the vocabulary's size.
  AddedTokens(const std::vector<Component>& list, const Vocabulary& vocabulary,
              const Normalizer* normalizer);
  // Tokens that have all their fields.
  explicit AddedTokens(const std::vector<AddedToken>& tokens);

  const AddedToken* find_id(std::int64_t id) const;
  std::optional<std::int32_t> find_content(const std::string& content) const;
  std::vector<std::int32_t> special_ids() const;  // ascending
  std::int64_t id_end() const { return id_end_; }

  std::vector<Segment> split_raw(std::string_view text) const { return raw_.split(text); }
  std::vector<Segment> split_normalized(std::string_view text) const {
    return normalized_.split(text);
  }

 private:
  void add(AddedToken token);
  void index();

  std::unordered_map<std::string, std::int32_t> by_content_;
  std::unordered_map<std::int64_t, AddedToken> by_id_;
  std::int64_t id_end_ = 0;
  TokenFinder raw_;
  TokenFinder normalized_;
};

}  // namespace msmodelslim
