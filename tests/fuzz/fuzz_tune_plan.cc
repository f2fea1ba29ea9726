// Any bytes as a plan of tune: either a plan whose first recipes can be made or refused, or a
// UsageError; nothing else.

#include <cstddef>
#include <cstdint>
#include <string>

#include "advise/tune_plan.h"
#include "advise/tune_recipe.h"
#include "base/error.h"
#include "recipe/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace msmodelslim;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const TunePlan plan = parse_tune_plan(text, "input.yaml");
    if (const auto* high = std::get_if<StandingHigh>(&plan.strategy))
      make_plan(with_excludes(high->base, high->anti.front(), {"*model.layers.0.*"}));
    if (const auto* binary = std::get_if<BinaryFallback>(&plan.strategy))
      make_plan(with_list(binary->base, binary->path, {"*model.layers.0.*"}));
  } catch (const UsageError&) {
    return 0;
  }
  return 0;
}
