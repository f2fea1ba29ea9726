#pragma once
// A quantized linear as a message to other ranks.

#include "base/bytes.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {

// Everything but `spec`, which every rank has.
void write_linear(const QuantizedLinear& linear, ByteWriter& writer);
QuantizedLinear read_linear(ByteReader& reader, const LinearSpec& spec);

}  // namespace msmodelslim
