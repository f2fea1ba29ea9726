#pragma once
// The functions that every template can call, and `loop`.

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "text/jinja/value.h"

namespace msmodelslim::jinja {

using Function = std::function<Value(const CallArguments& arguments, Budget& budget)>;
Value make_function(std::string name, Function function);

// raise_exception, strftime_now, range, dict. `now` is what strftime_now shows, in local time.
std::vector<std::pair<std::string, Value>> global_functions(std::time_t now);

// namespace(): what it makes can hold itself, so the owner clears all of them in the end.
Value namespace_function(std::vector<std::shared_ptr<Namespace>>& made);

// The variable `loop` of a for loop, and the loop's own state.
class Loop : public Object {
 public:
  // `keep` is the test of "for ... if test"; empty when there is none. An item is tested when the
  // loop comes to it, or when `loop` is asked about it.
  Loop(List items, std::function<bool(const Value&)> keep);

  const Value* advance();  // the next item; nullptr at the end
  void finish();           // `loop` may outlive its loop, the test must not

  std::string describe() const override { return "<LoopContext>"; }
  const char* type_name() const override { return "LoopContext"; }
  std::optional<Value> attribute(const std::string& name) override;
  Extent extent() const override { return extent_; }

 private:
  bool fetch(std::size_t count);  // until so many are kept; false when there are not as many
  std::int64_t length();
  Value neighbour(std::int64_t index, const char* name);
  Value cycle() const;

  List items_;
  std::function<bool(const Value&)> keep_;
  std::size_t next_ = 0;  // of items_, to be tested
  List kept_;
  std::int64_t index0_ = -1;
  Extent extent_;
};

}  // namespace msmodelslim::jinja
