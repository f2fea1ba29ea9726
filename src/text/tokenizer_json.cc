#include "text/tokenizer_json.h"

#include <utility>
#include <vector>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kMaxDepth = 200;
constexpr const char* kRemedy = "the file is damaged or cut; download tokenizer.json again";

// Receiver of nlohmann's SAX events. `target_` says where they go.
class Reader {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  explicit Reader(const std::string& where) : where_(where) {}
  TokenizerJson take() { return std::move(result_); }

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_float(number_float_t value, const string_t&) { return scalar(value); }
  bool binary(binary_t&) { fail("binary data"); }

  bool number_integer(number_integer_t value) {
    if (target_ != Target::kVocab) return scalar(value);
    fail(fmt::format("the token \"{}\" has the id {}", key_, value));
  }

  bool number_unsigned(number_unsigned_t value) {
    if (target_ != Target::kVocab) return scalar(value);
    if (value > static_cast<number_unsigned_t>(Vocabulary::kMaxId))
      fail(fmt::format("the token \"{}\" has the id {}, more than {}", key_, value,
                       Vocabulary::kMaxId));
    result_.vocabulary.add(key_, static_cast<std::int32_t>(value));
    return true;
  }

  bool string(string_t& value) {
    if (target_ != Target::kMerges) return scalar(std::move(value));
    if (in_pair_) {
      add_merge_text(value);
    } else {
      add_legacy_merge(value);
    }
    return true;
  }

  bool key(string_t& name) {
    key_ = std::move(name);
    if (target_ == Target::kVocab) return true;
    if (open_.back()->contains(key_)) fail(fmt::format("the key \"{}\" appears twice", key_));
    return true;
  }

  bool start_object(std::size_t) {
    if (target_ != Target::kFields) fail("an object inside \"vocab\" or \"merges\"");
    if (is_model_field("vocab")) {
      claim(seen_vocab_);
      target_ = Target::kVocab;
      return true;
    }
    return open(Json::object());
  }

  bool end_object() {
    if (target_ == Target::kVocab) {
      target_ = Target::kFields;
    } else {
      open_.pop_back();
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (target_ == Target::kMerges && !in_pair_) {
      in_pair_ = true;
      return true;
    }
    if (target_ != Target::kFields) fail("a list inside \"vocab\" or a merge");
    if (is_model_field("merges")) {
      claim(seen_merges_);
      target_ = Target::kMerges;
      return true;
    }
    return open(Json::array());
  }

  bool end_array() {
    if (target_ == Target::kFields) {
      open_.pop_back();
    } else if (in_pair_) {
      in_pair_ = false;
      if (result_.merges.ends.size() % 2 != 0 || pair_size_ != 2)
        fail(fmt::format("merge {} is not a pair", result_.merges.size()));
      pair_size_ = 0;
    } else {
      target_ = Target::kFields;
    }
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    fail(error.what());
  }

 private:
  enum class Target { kFields, kVocab, kMerges };

  [[noreturn]] void fail(const std::string& problem) const {
    throw DataError(fmt::format("{}: not a valid tokenizer.json: {}", where_, problem), kRemedy);
  }

  // Inside {"model": {...}} with `name` as the last key.
  bool is_model_field(const char* name) const {
    return open_.size() == 2 && model_open_ && open_.back()->is_object() && key_ == name;
  }

  void claim(bool& seen) {
    if (seen) fail(fmt::format("the key \"{}\" appears twice", key_));
    seen = true;
  }

  Json* place(Json value) {
    if (open_.empty()) {
      result_.fields = std::move(value);
      return &result_.fields;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& slot = parent[key_];
    slot = std::move(value);
    return &slot;
  }

  bool open(Json value) {
    if (open_.size() >= kMaxDepth) fail(fmt::format("nested deeper than {} levels", kMaxDepth));
    if (open_.size() == 1) model_open_ = open_.back()->is_object() && key_ == "model";
    open_.push_back(place(std::move(value)));
    return true;
  }

  bool scalar(Json value) {
    if (target_ == Target::kVocab) fail(fmt::format("the id of \"{}\" is not an integer", key_));
    if (target_ == Target::kMerges) fail("a merge is neither a string nor a pair of strings");
    place(std::move(value));
    return true;
  }

  void add_merge_text(std::string_view text) {
    result_.merges.add(text);
    ++pair_size_;
  }

  // "left right"; files made from merges.txt may carry its first line, "#version: 0.2".
  void add_legacy_merge(std::string_view line) {
    if (line.starts_with("#version")) return;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      fail(fmt::format("merge {}, \"{}\", is not two tokens with a space between them",
                       result_.merges.size(), line));
    add_merge_text(line.substr(0, space));
    add_merge_text(line.substr(space + 1));
    pair_size_ = 0;
  }

  const std::string& where_;
  TokenizerJson result_;
  std::vector<Json*> open_;  // objects and lists of `fields` that are not closed yet
  std::string key_;
  Target target_ = Target::kFields;
  bool model_open_ = false;
  bool in_pair_ = false;
  bool seen_vocab_ = false;
  bool seen_merges_ = false;
  std::size_t pair_size_ = 0;
};

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& where) {
  Reader reader(where);
  Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

}  // namespace msmodelslim
