#pragma once
// The saver that a job asks for.

#include <memory>

#include "pipeline/quantize_model.h"
#include "save/saver.h"

namespace msmodelslim {

std::unique_ptr<Saver> make_saver(const QuantJob& job, const ModelSpec& model,
                                  const std::string& folder);

}  // namespace msmodelslim
