#pragma once
// A Jinja template as Hugging Face chat templates use it: trim_blocks and lstrip_blocks are on,
// undefined names print as nothing, and nothing outside of the variables can be reached.

#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "text/jinja/budget.h"

namespace msmodelslim::jinja {

struct RenderOptions {
  Limits limits;
  std::optional<std::time_t> now;  // for strftime_now(); the present when absent
};

class Template {
 public:
  // `where` names the template in messages. Throws DataError with the line.
  static Template parse(const std::string& source, std::string where);

  // `variables` is an object. Throws DataError; its text is the message alone when the template
  // called raise_exception(message).
  std::string render(const Json& variables, const RenderOptions& options = {}) const;

 private:
  struct Tree;

  std::shared_ptr<const Tree> tree_;
  std::string where_;
};

}  // namespace msmodelslim::jinja
