#include "text/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uniset.h>

#include <utility>
#include <vector>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/regex.h"
#include "text/unicode_class.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

// The tokenizers library normalizes with the tables of Unicode 9: characters that came later stay
// as they are and do not move.
const icu::UnicodeSet& normalized_characters() {
  static const icu::UnicodeSet* set = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto* made = new icu::UnicodeSet(icu::UnicodeString("[:age=9.0:]"), status);
    if (U_FAILURE(status))
      throw ResourceError(fmt::format("ICU's character data is missing: {}", u_errorName(status)),
                          "install the ICU data package of your system");
    made->freeze();
    return made;
  }();
  return *set;
}

class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(const icu::Normalizer2* form) : form_(*form, normalized_characters()) {}
  std::string apply(std::string text) const override {
    UErrorCode status = U_ZERO_ERROR;
    if (form_.isNormalizedUTF8(text, status) && U_SUCCESS(status)) return text;
    std::string out;
    icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(text.size()));
    status = U_ZERO_ERROR;
    form_.normalizeUTF8(0, text, sink, nullptr, status);
    if (U_FAILURE(status))
      throw ResourceError(fmt::format("Unicode normalization failed: {}", u_errorName(status)));
    return out;
  }

 private:
  icu::FilteredNormalizer2 form_;
};

// Writes what `map` appends for each code point.
template <typename Map>
class PerCharacter : public Normalizer {
 public:
  explicit PerCharacter(Map map) : map_(std::move(map)) {}
  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size());
    for (std::size_t pos = 0; pos < text.size();) map_(next_code_point(text, pos), out);
    return out;
  }

 private:
  Map map_;
};

template <typename Map>
std::unique_ptr<const Normalizer> per_character(Map map) {
  return std::make_unique<PerCharacter<Map>>(std::move(map));
}

// Character by character, as Rust's char::to_lowercase: no final sigma rule.
void append_lowercase(std::int32_t code, std::string& out) {
  if (code == 0x130) {
    out += "i\xCC\x87";
  } else {
    append_code_point(out, u_tolower(code));
  }
}

void append_without_marks(std::int32_t code, std::string& out) {
  if (!is_combining_mark(code)) append_code_point(out, code);
}

// SentencePiece's rules for machine translation: drops control characters, widens spaces.
void append_nmt(std::int32_t code, std::string& out) {
  const bool control = (code >= 0x01 && code <= 0x08) || code == 0x0B ||
                       (code >= 0x0E && code <= 0x1F) || code == 0x7F || code == 0x8F ||
                       code == 0x9F;
  if (control) return;
  const bool space = code == 0x09 || code == 0x0A || code == 0x0C || code == 0x0D ||
                     code == 0x1680 || (code >= 0x200B && code <= 0x200F) || code == 0x2028 ||
                     code == 0x2029 || code == 0x2581 || code == 0xFEFF || code == 0xFFFD;
  append_code_point(out, space ? ' ' : code);
}

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  std::string apply(std::string text) const override {
    std::size_t begin = 0;  // of the first character that stays
    std::size_t end = 0;    // behind the last character that stays
    bool seen = false;
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t start = pos;
      if (is_white_space(next_code_point(text, pos))) continue;
      if (!seen) begin = start;
      seen = true;
      end = pos;
    }
    if (!seen) return left_ || right_ ? std::string() : text;
    if (!left_) begin = 0;
    if (!right_) end = text.size();
    return text.substr(begin, end - begin);
  }

 private:
  bool left_;
  bool right_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}
  std::string apply(std::string text) const override { return text.empty() ? text : text_ + text; }

 private:
  std::string text_;
};

class Replace : public Normalizer {
 public:
  Replace(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  std::string apply(std::string text) const override {
    std::vector<Span> spans;
    pattern_.find_spans(text, spans);
    std::string out;
    out.reserve(text.size());
    for (const Span& span : spans) {
      if (span.match) {
        out += content_;
      } else {
        out.append(text, span.begin, span.end - span.begin);
      }
    }
    return out;
  }

 private:
  Regex pattern_;
  std::string content_;
};

class ByteLevelForm : public Normalizer {
 public:
  std::string apply(std::string text) const override {
    std::string out;
    append_byte_level(text, out);
    return out;
  }
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<const Normalizer>> steps)
      : steps_(std::move(steps)) {}
  std::string apply(std::string text) const override {
    for (const auto& step : steps_) text = step->apply(std::move(text));
    return text;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

std::unique_ptr<const Normalizer> unicode_form(const icu::Normalizer2* form, UErrorCode status) {
  if (U_FAILURE(status))
    throw ResourceError(fmt::format("ICU's normalization data is missing: {}", u_errorName(status)),
                        "install the ICU data package of your system");
  return std::make_unique<UnicodeForm>(form);
}

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const Component& component) {
  const std::string& type = component.type();
  UErrorCode status = U_ZERO_ERROR;
  if (type == "NFC") return unicode_form(icu::Normalizer2::getNFCInstance(status), status);
  if (type == "NFD") return unicode_form(icu::Normalizer2::getNFDInstance(status), status);
  if (type == "NFKC") return unicode_form(icu::Normalizer2::getNFKCInstance(status), status);
  if (type == "NFKD") return unicode_form(icu::Normalizer2::getNFKDInstance(status), status);
  if (type == "Lowercase") return per_character(append_lowercase);
  if (type == "StripAccents") return per_character(append_without_marks);
  if (type == "Nmt") return per_character(append_nmt);
  if (type == "ByteLevel") return std::make_unique<ByteLevelForm>();
  if (type == "Strip")
    return std::make_unique<Strip>(component.flag("strip_left", true),
                                   component.flag("strip_right", true));
  if (type == "Prepend") return std::make_unique<Prepend>(component.text("prepend"));
  if (type == "Replace")
    return std::make_unique<Replace>(read_pattern(component), component.text("content"));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const Normalizer>> steps;
    for (const Component& step : component.list("normalizers"))
      steps.push_back(make_normalizer(step));
    return std::make_unique<NormalizerSequence>(std::move(steps));
  }
  component.unsupported(fmt::format("the normalizer \"{}\"", type));
}

}  // namespace msmodelslim
