#pragma once
// SentencePiece's own normalization: characters by the model's map, blanks to U+2581, one of them
// in front of the text.

#include <memory>
#include <string>

#include "text/added_tokens.h"
#include "text/charsmap.h"
#include "text/normalizer.h"

namespace msmodelslim {

struct SpmRules {
  Charsmap charsmap;
  TokenFinder user_defined;  // stay as they are
  bool dummy_prefix = true;
  bool remove_extra_whitespaces = true;  // at the ends, and all but one of several
  bool escape_whitespaces = true;
  bool whitespace_as_suffix = false;  // the added blank is at the end
};

class SpmNormalizer : public Normalizer {
 public:
  // `at_start` false: for text behind an added token, which gets no blank.
  SpmNormalizer(std::shared_ptr<const SpmRules> rules, bool at_start)
      : rules_(std::move(rules)), dummy_(rules_->dummy_prefix && at_start) {}
  std::string apply(std::string text) const override;

 private:
  std::string_view next_part(std::string_view text, std::size_t& pos) const;

  std::shared_ptr<const SpmRules> rules_;
  bool dummy_;
};

}  // namespace msmodelslim
