#include "pipeline/v0_save.h"

namespace msmodelslim {

void set_v0_options(const V0Options& v0, AscendV1Options* options) {
  constexpr std::uint64_t kGiB = 1ULL << 30;
  options->layout = v0.mindie ? FolderLayout::kV0MindIE : FolderLayout::kV0;
  options->stem = v0.stem();
  options->model_quant_type = v0.mindie && v0.type == "W8A8_MIX" ? "W8A8" : v0.type;
  options->part_bytes = kGiB * static_cast<std::uint64_t>(v0.part_file_size.value_or(0));
}

}  // namespace msmodelslim
