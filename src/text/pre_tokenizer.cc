#include "text/pre_tokenizer.h"

#include <utility>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/regex.h"
#include "text/split.h"
#include "text/unicode_class.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Divides every word: `find` appends the spans of a word.
template <typename Find>
void split_words(WordList& list, SplitBehavior behavior, Find find) {
  std::vector<WordList::Word> words;
  words.reserve(list.words.size());
  std::vector<Span> spans;
  for (const WordList::Word& word : list.words) {
    spans.clear();
    find(list.view(word), spans);
    apply_behavior(behavior, spans);
    for (const Span& span : spans)
      if (span.end > span.begin) words.push_back({word.begin + span.begin, word.begin + span.end});
  }
  list.words = std::move(words);
}

// Rewrites every word: `write` appends its new text.
template <typename Write>
void rewrite_words(WordList& list, Write write) {
  std::string text;
  text.reserve(list.text.size() + list.text.size() / 4);
  for (WordList::Word& word : list.words) {
    const std::size_t begin = text.size();
    write(word, text);
    word = {begin, text.size()};
  }
  list.text = std::move(text);
}

// Runs of characters of the same class; a run counts as a match when `is_match(class)`.
template <typename Classify>
void find_characters(std::string_view text, std::vector<Span>& spans, Classify is_match) {
  std::size_t start = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t begin = pos;
    if (!is_match(next_code_point(text, pos))) continue;
    if (begin > start) spans.push_back({start, begin, false});
    spans.push_back({begin, pos, true});
    start = pos;
  }
  if (start < text.size()) spans.push_back({start, text.size(), false});
}

// Each character of a class is a match.
class CharacterSplit : public PreTokenizer {
 public:
  CharacterSplit(bool (*is_match)(std::int32_t), SplitBehavior behavior)
      : is_match_(is_match), behavior_(behavior) {}
  void apply(WordList& list) const override {
    split_words(list, behavior_, [this](std::string_view word, std::vector<Span>& spans) {
      find_characters(word, spans, is_match_);
    });
  }

 private:
  bool (*is_match_)(std::int32_t);
  SplitBehavior behavior_;
};

class Split : public PreTokenizer {
 public:
  Split(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(WordList& list) const override {
    split_words(list, behavior_, [this](std::string_view word, std::vector<Span>& spans) {
      pattern_.find_spans(word, spans);
      if (invert_)
        for (Span& span : spans) span.match = !span.match;
    });
  }

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, std::unique_ptr<const PreTokenizer> split)
      : add_prefix_space_(add_prefix_space), split_(std::move(split)) {}
  void apply(WordList& list) const override {
    if (add_prefix_space_)
      rewrite_words(list, [&](const WordList::Word& word, std::string& out) {
        const std::string_view view = list.view(word);
        if (view[0] != ' ') out += ' ';
        out += view;
      });
    if (split_) split_->apply(list);
    rewrite_words(list, [&](const WordList::Word& word, std::string& out) {
      append_byte_level(list.view(word), out);
    });
  }

 private:
  bool add_prefix_space_;
  std::unique_ptr<const PreTokenizer> split_;
};

// \w+|[^\w\s]+ of the regex crate.
class Whitespace : public PreTokenizer {
 public:
  void apply(WordList& list) const override {
    split_words(list, SplitBehavior::kIsolated,
                [](std::string_view word, std::vector<Span>& spans) {
                  int last = 0;  // 0: white space, 1: word, 2: other
                  for (std::size_t pos = 0; pos < word.size();) {
                    const std::size_t begin = pos;
                    const std::int32_t code = next_code_point(word, pos);
                    const int now = is_word(code) ? 1 : is_white_space(code) ? 0 : 2;
                    if (now != 0 && now == last) {
                      spans.back().end = pos;
                    } else if (now != 0) {
                      spans.push_back({begin, pos, false});
                    }
                    last = now;
                  }
                });
  }
};

enum class PrependScheme { kFirst, kNever, kAlways };

class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}
  void apply(WordList& list) const override {
    rewrite_words(list, [&](const WordList::Word& word, std::string& out) {
      const std::string_view view = list.view(word);
      const bool first = list.at_start && word.begin == 0;
      const bool wanted =
          scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && first);
      if (wanted && view[0] != ' ' && !view.starts_with(replacement_)) out += replacement_;
      for (const char c : view) {
        if (c == ' ') {
          out += replacement_;
        } else {
          out += c;
        }
      }
    });
    if (!split_) return;
    std::size_t start = 0;
    const std::int32_t mark = next_code_point(replacement_, start);
    split_words(list, SplitBehavior::kMergedWithNext,
                [mark](std::string_view word, std::vector<Span>& spans) {
                  find_characters(word, spans, [mark](std::int32_t code) { return code == mark; });
                });
  }

 private:
  std::string replacement_;
  PrependScheme scheme_;
  bool split_;
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<const PreTokenizer>> steps)
      : steps_(std::move(steps)) {}
  void apply(WordList& list) const override {
    for (const auto& step : steps_) step->apply(list);
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

std::unique_ptr<const PreTokenizer> make_byte_level(const Component& component) {
  std::unique_ptr<const PreTokenizer> split;
  if (component.flag("use_regex", true))
    split = std::make_unique<Split>(Regex::compile(kGpt2Pattern, component.where()),
                                    SplitBehavior::kIsolated, /*invert=*/false);
  return std::make_unique<ByteLevel>(component.flag("add_prefix_space", true), std::move(split));
}

std::unique_ptr<const PreTokenizer> make_metaspace(const Component& component) {
  const std::string replacement = component.text("replacement");
  if (replacement.empty() || replacement.size() != char_length(replacement[0]))
    component.fail("\"replacement\" must be one character");
  PrependScheme scheme = PrependScheme::kAlways;
  if (const auto name = component.optional_text("prepend_scheme")) {
    if (*name == "first") {
      scheme = PrependScheme::kFirst;
    } else if (*name == "never") {
      scheme = PrependScheme::kNever;
    } else if (*name != "always") {
      component.unsupported(fmt::format("the prepend_scheme \"{}\"", *name));
    }
  }
  if (!component.flag("add_prefix_space", true)) scheme = PrependScheme::kNever;
  return std::make_unique<Metaspace>(replacement, scheme, component.flag("split", true));
}

std::unique_ptr<const PreTokenizer> make_sequence(const Component& component) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (const Component& step : component.list("pretokenizers"))
    steps.push_back(make_pre_tokenizer(step));
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

std::unique_ptr<const PreTokenizer> make_bert() {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(std::make_unique<CharacterSplit>(is_white_space, SplitBehavior::kRemoved));
  steps.push_back(std::make_unique<CharacterSplit>(is_punctuation, SplitBehavior::kIsolated));
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

}  // namespace

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Component& component) {
  const std::string& type = component.type();
  if (type == "ByteLevel") return make_byte_level(component);
  if (type == "Split")
    return std::make_unique<Split>(read_pattern(component), read_behavior(component, "behavior"),
                                   component.flag("invert", false));
  if (type == "Digits")
    return std::make_unique<CharacterSplit>(is_numeric, component.flag("individual_digits", false)
                                                            ? SplitBehavior::kIsolated
                                                            : SplitBehavior::kContiguous);
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit")
    return std::make_unique<CharacterSplit>(is_white_space, SplitBehavior::kRemoved);
  if (type == "Punctuation")
    return std::make_unique<CharacterSplit>(is_punctuation,
                                            component.find("behavior") == nullptr
                                                ? SplitBehavior::kIsolated
                                                : read_behavior(component, "behavior"));
  if (type == "BertPreTokenizer") return make_bert();
  if (type == "Metaspace") return make_metaspace(component);
  if (type == "Sequence") return make_sequence(component);
  component.unsupported(fmt::format("the pre-tokenizer \"{}\"", type));
}

}  // namespace msmodelslim
