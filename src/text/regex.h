#pragma once
// Regular expressions of tokenizer.json. They are written for Oniguruma (what the tokenizers
// library uses) and run on PCRE2 with its JIT; translate_oniguruma() rewrites what differs.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/component.h"

struct pcre2_real_code_8;

namespace msmodelslim {

// A part of a text that matched, or lies between two matches.
struct Span {
  std::size_t begin;
  std::size_t end;
  bool match;
};

class Regex {
 public:
  // `where` names the file and component in the DataError for a pattern that does not compile.
  static Regex compile(std::string_view pattern, const std::string& where);
  static Regex literal(std::string_view text, const std::string& where);

  // Leftmost match in text[from..]; the text is valid UTF-8. Thread-safe.
  bool find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) const;

  // Appends spans that cover `text` in order. A match that is empty makes an empty span.
  void find_spans(std::string_view text, std::vector<Span>& spans) const;

 private:
  Regex(std::string_view pattern, unsigned options, const std::string& where);

  std::shared_ptr<pcre2_real_code_8> code_;
  bool jit_ = false;
  std::string where_;
};

// The "pattern" field of a component: {"Regex": ...} or {"String": ...}.
Regex read_pattern(const Component& component);

// Rewrites an Oniguruma (Ruby syntax) pattern into one that means the same to PCRE2.
std::string translate_oniguruma(std::string_view pattern, const std::string& where);

}  // namespace msmodelslim
