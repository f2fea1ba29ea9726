#pragma once
// The entrance of a next-token-prediction layer (DeepSeek-V3, arXiv 2412.19437, section 2.2):
//   x = projection [norm(embedding of the next token) | norm(hidden state)]
// or that of MtpSpec's second kind.

#include "forward/run.h"

namespace msmodelslim {

// embedded, hidden, out [rows, stride]: rows as embed_stream() gives them and as blocks read them.
void enter_next_token(Mtp& mtp, const float* embedded, const float* hidden, std::int64_t stride,
                      std::int64_t rows, Context& context, float* out, Workspace& workspace);

}  // namespace msmodelslim
