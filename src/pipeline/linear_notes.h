#pragma once
// Notes on linears in the journal of a run: [[name, type] or [name, type, snr_db, cosine], ...].

#include <vector>

#include "base/json.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

Json notes_json(const std::vector<LinearNote>& notes);
std::vector<LinearNote> notes_from_json(const Json& json);

}  // namespace msmodelslim
