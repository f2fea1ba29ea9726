#include "text/jinja/globals.h"

#include <fmt/format.h>

#include "text/jinja/arguments.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

class NativeFunction : public Object {
 public:
  NativeFunction(std::string name, Function function)
      : name_(std::move(name)), function_(std::move(function)) {}
  std::string describe() const override { return fmt::format("<function {}>", name_); }
  bool callable() const override { return true; }
  Value call(const CallArguments& arguments, Budget& budget) override {
    return function_(arguments, budget);
  }

 private:
  std::string name_;
  Function function_;
};

Value raise_exception(const CallArguments& arguments, Budget& budget) {
  const Value message = Parameters("raise_exception()", arguments, {"message"}).at(0);
  budget.look(message.extent().weight);
  throw Raised(str(message));
}

Value formatted_time(std::time_t now, const std::string& format) {
  constexpr std::size_t kMaxFormat = 1000;
  if (format.size() > kMaxFormat) throw Failure("the format of strftime_now() is too long");
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::string text(kMaxFormat * 100, '\0');  // a directive of two characters gives less than 200
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &parts));
  return to_valid_utf8(text);
}

struct RangeBounds {
  std::int64_t start = 0, stop = 0, step = 1;
};

RangeBounds range_bounds(const CallArguments& arguments) {
  const Parameters given("range()", arguments, {"start", "stop", "step"});
  if (!given.has(1)) return {0, given.integer(0), 1};
  return {given.integer(0), given.integer(1), given.integer(2, 1)};
}

// As in Jinja's sandbox, at most 100000 numbers.
Value range(const CallArguments& arguments, Budget& budget) {
  constexpr std::size_t kMaxRange = 100'000;
  const auto [start, stop, step] = range_bounds(arguments);
  if (step == 0) throw Failure("the step of range() must not be 0");
  List numbers;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (numbers.size() == kMaxRange)
      throw Failure(fmt::format("range() is longer than {}", kMaxRange));
    numbers.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  budget.bytes(numbers.size() * sizeof(Value));
  return Value::sequence(
      {.kind = Sequence::Kind::kRange, .items = std::move(numbers), .extent = {}});
}

// The pairs of dict(pairs, name=value) and of namespace().
Dict dict_of(const char* function, const CallArguments& arguments, Budget& budget) {
  if (arguments.positional.size() > 1)
    throw Failure(fmt::format("{} takes at most one argument without a name", function));
  Dict dict;
  for (const Value& given : arguments.positional) {
    budget.bytes(static_cast<std::size_t>(given.width()));
    if (given.is_undefined()) throw Failure(given.why_undefined());
    if (given.is_dict()) {
      dict = given.dict();
      continue;
    }
    for (const Value& item : iterate(given, budget)) {
      const List pair = iterate(item, budget);
      if (pair.size() != 2) throw Failure(fmt::format("{} needs pairs", function));
      dict.set(pair[0], pair[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(name, value);
  return dict;
}

Value make_dict(const CallArguments& arguments, Budget& budget) {
  return dict_of("dict()", arguments, budget);
}

}  // namespace

Value make_function(std::string name, Function function) {
  return Value(std::make_shared<NativeFunction>(std::move(name), std::move(function)));
}

std::vector<std::pair<std::string, Value>> global_functions(std::time_t now) {
  const auto strftime_now = [now](const CallArguments& arguments, Budget& /*budget*/) {
    return formatted_time(now, Parameters("strftime_now()", arguments, {"format"}).text(0));
  };
  return {{"raise_exception", make_function("raise_exception", raise_exception)},
          {"strftime_now", make_function("strftime_now", strftime_now)},
          {"range", make_function("range", range)},
          {"dict", make_function("dict", make_dict)}};
}

Value namespace_function(std::vector<std::shared_ptr<Namespace>>& made) {
  return make_function("namespace", [&made](const CallArguments& arguments, Budget& budget) {
    budget.bytes(sizeof(Namespace) + sizeof(Dict));
    auto space = std::make_shared<Namespace>();
    made.push_back(space);
    const Dict start = dict_of("namespace()", arguments, budget);
    for (const auto& [name, value] : start.items()) space->set(str(name), value);
    return Value(space);
  });
}

Loop::Loop(List items, std::function<bool(const Value&)> keep)
    : items_(std::move(items)), keep_(std::move(keep)) {
  for (const Value& item : items_) {
    extent_.depth = std::max(extent_.depth, item.extent().depth + 1);
  }
}

const Value* Loop::advance() {
  ++index0_;
  const auto index = static_cast<std::size_t>(index0_);
  return fetch(index + 1) ? &kept_[index] : nullptr;
}

void Loop::finish() {
  keep_ = nullptr;
  items_.clear();
  next_ = 0;
}

bool Loop::fetch(std::size_t count) {
  while (kept_.size() < count && next_ < items_.size()) {
    const Value item = items_[next_++];
    if (!keep_ || keep_(item)) kept_.push_back(item);
  }
  return kept_.size() >= count;
}

std::int64_t Loop::length() {
  fetch(kept_.size() + items_.size());
  return std::ssize(kept_);
}

Value Loop::neighbour(std::int64_t index, const char* name) {
  const bool exists = index >= 0 && fetch(static_cast<std::size_t>(index) + 1);
  return exists ? kept_[static_cast<std::size_t>(index)]
                : Value::undefined(fmt::format("there is no loop.{} here", name));
}

// loop.cycle(a, b, ...): one of its arguments after the other.
Value Loop::cycle() const {
  return make_function("cycle", [index = index0_](const CallArguments& arguments, Budget&) {
    const List& values = arguments.positional;
    if (values.empty()) throw Failure("loop.cycle() needs a value");
    return values[static_cast<std::size_t>(index) % values.size()];
  });
}

std::optional<Value> Loop::attribute(const std::string& name) {
  if (name == "index") return index0_ + 1;
  if (name == "index0") return index0_;
  if (name == "first") return index0_ == 0;
  if (name == "last") return !fetch(static_cast<std::size_t>(index0_) + 2);
  if (name == "length") return length();
  if (name == "revindex") return length() - index0_;
  if (name == "revindex0") return length() - index0_ - 1;
  if (name == "previtem") return neighbour(index0_ - 1, "previtem");
  if (name == "nextitem") return neighbour(index0_ + 1, "nextitem");
  if (name == "depth") return 1;
  if (name == "depth0") return 0;
  if (name == "cycle") return cycle();
  return std::nullopt;
}

}  // namespace msmodelslim::jinja
