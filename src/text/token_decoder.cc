#include "text/token_decoder.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

class ByteLevelDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& parts) const override {
    std::string bytes;
    for (const std::string& part : parts) append_byte_level_decoded(part, bytes);
    parts.assign(1, to_valid_utf8(bytes));
  }
};

// Value of a byte token <0x41>, or -1.
int byte_token_value(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  int value = 0;
  const char* end = token.data() + 5;
  const auto [stop, error] = std::from_chars(token.data() + 3, end, value, 16);
  return error == std::errc() && stop == end && value >= 0 ? value : -1;
}

// A run of byte tokens becomes its text, or one U+FFFD for each byte when it is not UTF-8.
class ByteFallbackDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& parts) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_valid_utf8(bytes)) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), std::string(kReplacementCharacter));
      }
      bytes.clear();
    };
    for (std::string& part : parts) {
      const int value = byte_token_value(part);
      if (value >= 0) {
        bytes.push_back(static_cast<char>(value));
      } else {
        flush();
        out.push_back(std::move(part));
      }
    }
    flush();
    parts = std::move(out);
  }
};

class FuseDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& parts) const override {
    parts.assign(1, join_parts(parts, ""));
  }
};

// Removes up to `start` and `stop` copies of a character from the ends of every part.
class StripDecoder : public TokenDecoder {
 public:
  StripDecoder(std::string content, std::int64_t start, std::int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& parts) const override {
    for (std::string& part : parts) {
      std::string_view rest = part;
      for (std::int64_t i = 0; i < start_ && rest.starts_with(content_); ++i)
        rest.remove_prefix(content_.size());
      for (std::int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i)
        rest.remove_suffix(content_.size());
      part = std::string(rest);
    }
  }

 private:
  std::string content_;
  std::int64_t start_;
  std::int64_t stop_;
};

class ReplaceDecoder : public TokenDecoder {
 public:
  ReplaceDecoder(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::vector<std::string>& parts) const override {
    std::vector<Span> spans;
    for (std::string& part : parts) {
      spans.clear();
      pattern_.find_spans(part, spans);
      std::string out;
      for (const Span& span : spans)
        out += span.match ? content_ : part.substr(span.begin, span.end - span.begin);
      part = std::move(out);
    }
  }

 private:
  Regex pattern_;
  std::string content_;
};

std::string replace_all(const std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return text;
  std::string out;
  std::size_t pos = 0;
  for (std::size_t found; (found = text.find(from, pos)) != std::string::npos;) {
    out.append(text, pos, found - pos).append(to);
    pos = found + from.size();
  }
  return out.append(text, pos);
}

class MetaspaceDecoder : public TokenDecoder {
 public:
  MetaspaceDecoder(std::string replacement, bool drop_first)
      : replacement_(std::move(replacement)), drop_first_(drop_first) {}
  void apply(std::vector<std::string>& parts) const override {
    for (std::size_t i = 0; i < parts.size(); ++i)
      parts[i] = replace_all(parts[i], replacement_, i == 0 && drop_first_ ? "" : " ");
  }

 private:
  std::string replacement_;
  bool drop_first_;
};

// The suffix that ends a word becomes a space, except at the end of the text.
class BpeDecoder : public TokenDecoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void apply(std::vector<std::string>& parts) const override {
    for (std::size_t i = 0; i < parts.size(); ++i)
      parts[i] = replace_all(parts[i], suffix_, i + 1 == parts.size() ? "" : " ");
  }

 private:
  std::string suffix_;
};

class DecoderSequence : public TokenDecoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<const TokenDecoder>> steps)
      : steps_(std::move(steps)) {}
  void apply(std::vector<std::string>& parts) const override {
    for (const auto& step : steps_) step->apply(parts);
  }

 private:
  std::vector<std::unique_ptr<const TokenDecoder>> steps_;
};

std::string one_character(const Component& component, const char* key) {
  std::string text = component.text(key);
  if (text.empty() || text.size() != char_length(text[0]))
    component.fail(fmt::format("\"{}\" must be one character", key));
  return text;
}

}  // namespace

std::string join_parts(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::unique_ptr<const TokenDecoder> make_token_decoder(const Component& component) {
  const std::string& type = component.type();
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Strip")
    return std::make_unique<StripDecoder>(one_character(component, "content"),
                                          component.integer("start"), component.integer("stop"));
  if (type == "Replace")
    return std::make_unique<ReplaceDecoder>(read_pattern(component), component.text("content"));
  if (type == "Metaspace") {
    const bool never = component.optional_text("prepend_scheme").value_or("always") == "never" ||
                       !component.flag("add_prefix_space", true);
    return std::make_unique<MetaspaceDecoder>(one_character(component, "replacement"), !never);
  }
  if (type == "BPEDecoder") return std::make_unique<BpeDecoder>(component.text("suffix"));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const TokenDecoder>> steps;
    for (const Component& step : component.list("decoders"))
      steps.push_back(make_token_decoder(step));
    return std::make_unique<DecoderSequence>(std::move(steps));
  }
  component.unsupported(fmt::format("the decoder \"{}\"", type));
}

}  // namespace msmodelslim
