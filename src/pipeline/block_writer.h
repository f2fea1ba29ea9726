#pragma once
// Hands what the entries of a recipe made of a block to the saver, in the order of the module tree.

#include "pipeline/processor.h"
#include "pipeline/quantize_model.h"
#include "pipeline/shared_weights.h"

namespace msmodelslim {

// Takes the quantized linears out of `state`, counts and notes them in `summary`. `measure`: with
// the error of their weights. `later`: of those that are quantized now.
void write_block(BlockState& state, LaterLinears& later, const CheckpointReader& checkpoint,
                 const ModelEnds& ends, DType model_dtype, Saver& saver, bool measure,
                 QuantSummary& summary);

// A table of rows after all rewrites, in its own dtype.
Tensor rewritten(const WeightSource& source, const std::vector<ModelEnds::Rewrite>& rewrites);

// Throws DataError when a float tensor that is only copied holds NaN or infinity: it must not
// travel silently.
// The tensors of hyper-connections, with the dtypes that the checkpoint has.
void write_hyper(const Hyper& hyper, const CheckpointReader& checkpoint, Saver& saver);

void check_finite(const std::string& name, const WeightSource& source);

}  // namespace msmodelslim
