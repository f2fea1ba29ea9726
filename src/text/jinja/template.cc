#include "text/jinja/template.h"

#include "base/error.h"
#include "text/jinja/from_json.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/jinja/syntax_error.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

void define_all(const Json& variables, Interpreter& interpreter) {
  for (const auto& [name, value] : variables.items()) interpreter.define(name, from_json(value));
}

}  // namespace

struct Template::Tree {
  Body body;
};

Template Template::parse(const std::string& source, std::string where) {
  if (!is_valid_utf8(source))
    throw DataError(fmt::format("{}: the template is not valid UTF-8", where),
                    "the file is damaged; download it again");
  Template result;
  result.where_ = std::move(where);
  try {
    result.tree_ = std::make_shared<const Tree>(Tree{jinja::parse(source)});
  } catch (const SyntaxError& error) {
    throw DataError(fmt::format("{}:{}: {}", result.where_, error.line(), error.what()),
                    "docs/chat-templates.md lists what templates can hold");
  }
  return result;
}

std::string Template::render(const Json& variables, const RenderOptions& options) const {
  Interpreter interpreter(options.limits, options.now.value_or(std::time(nullptr)));
  try {
    define_all(variables, interpreter);
    return interpreter.render(tree_->body);
  } catch (const Raised& error) {
    throw DataError(error.what(),
                    fmt::format("{}:{} refuses the conversation", where_, interpreter.line()));
  } catch (const Failure& error) {
    throw DataError(fmt::format("{}:{}: {}", where_, interpreter.line(), error.what()),
                    "docs/chat-templates.md lists what templates can hold");
  }
}

}  // namespace msmodelslim::jinja
