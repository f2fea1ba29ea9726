#pragma once
// The experts of a block out of config.json and the family's row.

#include <optional>
#include <string>

#include "model/config.h"
#include "model/families/moe_rows.h"
#include "model/spec.h"

namespace msmodelslim {

MlpSpec mlp_spec(const std::string& name, const MlpNames& names, std::int64_t hidden,
                 std::int64_t inner, bool bias);

// Nothing when layer number `layer`, called `block`, has no experts. Throws DataError for numbers
// that do not fit together.
std::optional<MoeSpec> build_moe(const ModelConfig& config, const std::string& block,
                                 std::int64_t layer, std::int64_t hidden);

}  // namespace msmodelslim
