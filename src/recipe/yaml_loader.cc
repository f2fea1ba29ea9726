// YAML bytes -> YamlValue. yaml-cpp scans; the tree is built here from its events, so that depth,
// size and alias expansion are checked while it grows.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "recipe/yaml_value.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMaxKeyLength = 512;
constexpr std::size_t kMaxValues = 1'000'000;

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& where) : where_(where) {}
  YamlValue take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, {}, 1); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark.line + 1, "an alias refers to a value that contains it");
    add(mark, YAML::NullAnchor, found->second.value, found->second.count);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag, "tag:yaml.org,2002:str");
    const bool plain = tag == "?";
    plain_merge_ = plain && text == "<<";
    add(mark, anchor, plain ? resolve_plain_scalar(text) : YamlValue::of_text(text), 1, &text);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:seq");
    open(mark, anchor, YamlValue::list());
  }

  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:map");
    open(mark, anchor, YamlValue::map());
  }

  void OnMapEnd() override {
    Frame& frame = stack_.back();
    // Merged keys come first, as PyYAML orders them.
    frame.merged.insert(frame.merged.end(), std::make_move_iterator(frame.value.entries.begin()),
                        std::make_move_iterator(frame.value.entries.end()));
    frame.value.entries = std::move(frame.merged);
    close();
  }

 private:
  struct Frame {
    YamlValue value;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::size_t count = 1;  // values in it, itself included
    bool has_key = false;
    bool is_merge = false;  // the key is an unquoted <<
    std::string key;
    int key_line = 0;
    std::set<std::string> keys;
    std::vector<YamlValue::Entry> merged;
  };
  struct Anchored {
    YamlValue value;
    std::size_t count;
  };

  [[noreturn]] void fail(int line, const std::string& what) const {
    throw UsageError(fmt::format("{}: line {}: {}", where_, line, what));
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag, const char* allowed) const {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != allowed)
      fail(mark.line + 1, fmt::format("the tag {} is not used in recipes", tag));
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlValue value) {
    if (stack_.size() >= kMaxDepth)
      fail(mark.line + 1, fmt::format("values are nested deeper than {} levels", kMaxDepth));
    if (expects_key()) fail(mark.line + 1, "a key of a mapping must be text");
    value.line = mark.line + 1;
    stack_.emplace_back();
    stack_.back().value = std::move(value);
    stack_.back().anchor = anchor;
    count_value(mark.line + 1, 1);
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    remember(frame.anchor, frame.value, frame.count);
    place(std::move(frame.value), frame.count);
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, YamlValue value, std::size_t count,
           const std::string* scalar = nullptr) {
    value.line = mark.line + 1;
    count_value(value.line, count);
    remember(anchor, value, count);
    if (expects_key()) {
      begin_key(value, scalar);
    } else {
      place(std::move(value), count);
    }
  }

  bool expects_key() const {
    return !stack_.empty() && stack_.back().value.is(YamlValue::Kind::kMap) &&
           !stack_.back().has_key;
  }

  void begin_key(const YamlValue& value, const std::string* scalar) {
    Frame& frame = stack_.back();
    if (!value.is(YamlValue::Kind::kString))
      fail(value.line, fmt::format("the key {} is {}, a key must be text: put it in quotes",
                                   scalar != nullptr ? *scalar : "null", kind_name(value.kind)));
    if (value.text.size() > kMaxKeyLength)
      fail(value.line, fmt::format("a key is longer than {} characters", kMaxKeyLength));
    frame.has_key = true;
    frame.is_merge = plain_merge_ && scalar != nullptr;
    frame.key = value.text;
    frame.key_line = value.line;
  }

  void place(YamlValue value, std::size_t count) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = stack_.back();
    frame.count += count;
    if (frame.value.is(YamlValue::Kind::kList)) {
      frame.value.items.push_back(std::move(value));
      return;
    }
    frame.has_key = false;
    if (frame.is_merge) {
      merge(&frame, std::move(value));
    } else {
      claim(&frame, frame.key, frame.key_line);
      frame.value.add(frame.key, std::move(value));
    }
  }

  void claim(Frame* frame, const std::string& key, int line) const {
    if (!frame->keys.insert(key).second)
      fail(line, fmt::format("the key \"{}\" appears twice in one mapping", key));
  }

  void merge(Frame* frame, YamlValue value) const {
    const int line = frame->key_line;
    if (value.is(YamlValue::Kind::kList)) {
      for (auto item = value.items.rbegin(); item != value.items.rend(); ++item)
        merge(frame, std::move(*item));
      return;
    }
    if (!value.is(YamlValue::Kind::kMap)) fail(line, "<< needs a mapping or a list of mappings");
    for (YamlValue::Entry& entry : value.entries) {
      claim(frame, entry.key, line);
      frame->merged.push_back(std::move(entry));
    }
  }

  void remember(YAML::anchor_t anchor, const YamlValue& value, std::size_t count) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {value, count};
  }

  void count_value(int line, std::size_t count) {
    total_ += count;
    if (total_ > kMaxValues)
      fail(line, fmt::format("the document expands to more than {} values", kMaxValues));
  }

  const std::string& where_;
  YamlValue root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t total_ = 0;
  bool plain_merge_ = false;  // the scalar being added is an unquoted <<
};

}  // namespace

YamlValue parse_yaml(const std::string& text, const std::string& where) {
  TreeBuilder builder(where);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlValue value = builder.take();
    TreeBuilder rest(where);
    if (parser.HandleNextDocument(rest))
      throw UsageError(fmt::format("{}: holds more than one YAML document", where),
                       "keep one recipe per file");
    return value;
  } catch (const YAML::Exception& e) {
    throw UsageError(
        fmt::format("{}: line {}, column {}: {}", where, e.mark.line + 1, e.mark.column + 1, e.msg),
        "correct the YAML syntax; check the indentation of that line and of the one before it");
  }
}

YamlValue read_yaml_file(const std::string& path) {
  return parse_yaml(read_file(path, kMaxFileBytes), path);
}

}  // namespace msmodelslim
