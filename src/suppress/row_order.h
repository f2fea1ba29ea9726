#pragma once
// In which order a search looks at the calibration rows.

#include <cstdint>
#include <vector>

namespace msmodelslim {

// x cut into pieces of rows. Up to 512 rows are one piece. Of more, the first piece is a sample of
// 256 rows: the 32 with the largest sum of squares, which may decide the whole error, and an even
// spread of the others. The rest follows in order.
// Not `cut`: all rows are one piece.
std::vector<std::vector<std::int64_t>> row_pieces(const float* x, std::int64_t rows, std::int64_t k,
                                                  bool cut = true);

}  // namespace msmodelslim
