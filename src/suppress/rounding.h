#pragma once
// What searches are told about the quantizers to come, which they do not know themselves.

#include <cstdint>
#include <functional>

#include "model/spec.h"

namespace msmodelslim {

// weight [out, in] of a linear like `shape` -> what its codes stand for, in place.
using RoundWeight = std::function<void(const LinearSpec& shape, float* weight)>;

// x [rows, width] -> what its codes stand for, in place. Empty: activations stay float.
using RoundInput = std::function<void(float* x, std::int64_t rows, std::int64_t width)>;

}  // namespace msmodelslim
