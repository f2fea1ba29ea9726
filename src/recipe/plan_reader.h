#pragma once
// spec -> Plan, one function per kind of spec. Used by make_plan() only.

#include <string>
#include <string_view>
#include <vector>

#include "recipe/capabilities.h"
#include "recipe/fields.h"
#include "recipe/plan.h"

namespace msmodelslim {

// What the readers of one spec share.
struct ReadContext {
  Problems* problems;
  std::vector<std::string>* warnings;
};

// A mapping {dtype, scope, symmetric, method, ext}; nothing when it has problems.
std::optional<QConfig> read_qconfig(const YamlValue& value, const std::string& path, Side side,
                                    ReadContext context);

// The same without a look at the quantizers: the fields are there and have the right kind.
std::optional<QConfig> read_any_qconfig(const YamlValue& value, const std::string& path,
                                        ReadContext context);

AutoroundStep read_autoround(Fields* fields, ReadContext context);

// Checks the fields of a flatquant entry that have one allowed value.
void check_flatquant_constants(Fields* fields);

// The items of a `process` or `configs` list. Steps with problems are left out. `quantizes` becomes
// true when an entry leaves quantized modules behind.
std::vector<Step> read_steps(const YamlValue& list, const std::string& path, ReadContext context,
                             bool* quantizes);

// Fields of a quarot entry, of an adapt_rotation entry among the main steps (stage 2), and the
// list spec.prior (adapt_rotation stage 1).
QuaRotStep read_quarot(Fields* fields);
QuaRotStep read_adapted_rotation(Fields* fields);
std::vector<PriorStage> read_priors(Fields* spec, ReadContext context);

void read_v1_spec(const YamlValue& spec, ReadContext context, Plan* plan);
void read_v0_spec(const YamlValue& spec, ReadContext context, Plan* plan);
void read_convert_spec(const YamlValue& spec, ReadContext context, Plan* plan);

}  // namespace msmodelslim
