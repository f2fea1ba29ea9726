#pragma once
// The values of a template. They behave as Python's: strings count in code points, integers are
// int64 (overflow is an error). Everything is immutable but namespaces and half-read iterators.

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/budget.h"

namespace msmodelslim::jinja {

class Value;
class Dict;
class Object;
struct Sequence;
struct Iterator;
struct CallArguments;

using List = std::vector<Value>;

struct None {};

// How much is inside a value. A part that is inside twice counts twice, so this bounds the time
// that printing or comparing takes.
struct Extent {
  int depth = 0;             // of nested containers
  std::int64_t weight = 16;  // bytes
};

// A name, attribute or item that does not exist; `why` is the message when it is used.
struct Undefined {
  std::shared_ptr<const std::string> why;
};

// A string that went through `safe` or `escape`: what is added to it with + is escaped for HTML.
struct Markup {
  std::shared_ptr<const std::string> text;
};

class Value {
 public:
  Value() : data_(None{}) {}
  Value(bool flag) : data_(flag) {}  // NOLINT: implicit on purpose, as below
  template <std::integral T>
  Value(T number) : data_(static_cast<std::int64_t>(number)) {}        // NOLINT
  Value(double number) : data_(number) {}                              // NOLINT
  Value(std::string text);                                             // NOLINT
  Value(std::string_view text) : Value(std::string(text)) {}           // NOLINT
  Value(const char* text) : Value(std::string(text)) {}                // NOLINT
  Value(List items);                                                   // NOLINT: a list
  Value(Dict dict);                                                    // NOLINT
  Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}  // NOLINT

  static Value sequence(Sequence sequence);
  static Value tuple(List items);
  static Value iterator(List items);
  static Value undefined(std::string why);
  static Value markup(std::string text);

  bool is_undefined() const { return holds<Undefined>(); }
  bool is_none() const { return holds<None>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_integer() const { return holds<std::int64_t>(); }
  bool is_float() const { return holds<double>(); }
  bool is_number() const { return is_bool() || is_integer() || is_float(); }
  bool is_markup() const { return holds<Markup>(); }
  bool is_string() const { return holds<std::shared_ptr<const std::string>>() || is_markup(); }
  bool is_dict() const { return holds<std::shared_ptr<const Dict>>(); }

  // The content, when it is of that kind.
  const std::string& text() const {
    return is_markup() ? *std::get<Markup>(data_).text
                       : *std::get<std::shared_ptr<const std::string>>(data_);
  }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  const std::string& why_undefined() const { return *std::get<Undefined>(data_).why; }
  double float_number() const { return std::get<double>(data_); }
  // Of an integer or a bool, which counts as 0 or 1; nothing for other kinds.
  std::optional<std::int64_t> integer() const;
  const Sequence* sequence() const { return get<const Sequence>(); }  // nullptr when it is none
  Iterator* iterator() const { return get<Iterator>(); }              // likewise
  Object* object() const { return get<Object>(); }                    // likewise

  bool truth() const;
  const char* type_name() const;  // as Python calls it
  Extent extent() const;
  std::int64_t width() const;  // bytes of a string, or of a container without what is inside

 private:
  template <typename T>
  bool holds() const {
    return std::holds_alternative<T>(data_);
  }
  template <typename T>
  T* get() const {
    const auto* found = std::get_if<std::shared_ptr<T>>(&data_);
    return found ? found->get() : nullptr;
  }

  std::variant<None, Undefined, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               Markup, std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
               std::shared_ptr<Iterator>, std::shared_ptr<Object>>
      data_;
};

struct Sequence {
  enum class Kind { kList, kTuple, kRange, kKeys, kValues, kItems };
  Kind kind = Kind::kList;
  List items;
  Extent extent;

  // Python's dict views have no elements by number.
  bool has_index() const {
    return kind == Kind::kList || kind == Kind::kTuple || kind == Kind::kRange;
  }
};

// What map, select, reverse, ... give: it can be read once, is always true and has no length.
struct Iterator {
  List items;
  std::size_t next = 0;
  Extent extent;
};

// Keeps the order of insertion. A later value of the same key replaces the earlier.
class Dict {
 public:
  using Item = std::pair<Value, Value>;

  void set(const Value& key, Value value);  // throws Failure for a key that Python cannot hash
  const Value* find(const Value& key) const;
  const std::vector<Item>& items() const { return items_; }
  Extent extent() const { return extent_; }

 private:
  std::vector<Item> items_;
  std::unordered_map<std::string, std::size_t> places_;  // by hash_key()
  Extent extent_{1, 16};
};

// `result`, as markup when it is text that was made from markup.
Value keep_markup(const Value& source, Value result);

// Equal texts for keys that Python holds equal (1, 1.0 and True are).
std::string hash_key(const Value& value);

struct CallArguments {
  List positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Functions, macros, namespaces and `loop`.
class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  virtual std::string describe() const = 0;  // what is printed, such as <Macro 'm'>
  virtual const char* type_name() const { return "function"; }
  virtual std::optional<Value> attribute(const std::string& name);
  virtual bool callable() const { return false; }
  virtual Value call(const CallArguments& arguments, Budget& budget);
  virtual Extent extent() const { return {1, 64}; }
};

class Namespace : public Object {
 public:
  std::string describe() const override { return "<Namespace>"; }
  const char* type_name() const override { return "Namespace"; }
  std::optional<Value> attribute(const std::string& name) override;
  void set(const std::string& name, Value value);
  void clear() { attributes_ = Dict(); }

 private:
  Dict attributes_;
};

}  // namespace msmodelslim::jinja
