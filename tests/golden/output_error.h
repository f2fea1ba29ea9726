#pragma once
// What a quantized folder's weights cost, measured on the calibration set: for methods whose codes
// hang on rounding (GPTQ), where only this can be compared.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace msmodelslim {

// Per quantized linear tr((W - Q) X^T X (W - Q)^T): W the float model's weight, Q what the folder's
// codes stand for, X the linear's inputs in the float model over `samples`.
std::map<std::string, double> output_errors(const std::string& folder, const std::string& model,
                                            const std::vector<std::vector<std::int32_t>>& samples);

}  // namespace msmodelslim
