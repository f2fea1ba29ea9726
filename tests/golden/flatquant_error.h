#pragma once
// What a folder with FlatQuant transforms is worth: their training starts from random numbers, so
// that only this can be compared.

#include <cstdint>
#include <string>
#include <vector>

namespace msmodelslim {

// A copy of a golden folder with the tensors that its stripped.json lists, from the float model.
std::string whole_copy(const std::string& expected, const std::string& model);

// How far the folder's matrices are from orthogonal ones: the mean over all of them of the largest
// entry of M^T M - I.
double transform_skew(const std::string& folder);

// Mean squared error of every block's output on the float model's inputs: linears as an engine
// computes them, those that are still float (FLOAT_FLATQUANT) as W4A4, which they were learned for.
std::vector<double> block_errors(const std::string& folder, const std::string& model,
                                 const std::vector<std::vector<std::int32_t>>& samples);

}  // namespace msmodelslim
