#include "pipeline/make_saver.h"

#include "pipeline/v0_save.h"
#include "pipeline/v1_layout.h"
#include "save/ascendv1_saver.h"
#include "save/compressed_tensors_saver.h"

namespace msmodelslim {

std::unique_ptr<Saver> make_saver(const QuantJob& job, const ModelSpec& model,
                                  const std::string& folder) {
  constexpr std::uint64_t kGiB = 1ULL << 30;
  AscendV1Options options;
  options.model_dtype = model.dtype;
  if (job.plan.v0)
    set_v0_options(*job.plan.v0, &options);
  else if (!job.plan.saves.empty())
    options.part_bytes = kGiB * static_cast<std::uint64_t>(job.plan.saves[0].part_file_size);
  if (!job.plan.v0) set_v1_layout(job, model, &options);
  if (saves_compressed_tensors(job.plan))
    return std::make_unique<CompressedTensorsSaver>(folder, options.part_bytes, model.dtype);
  return std::make_unique<AscendV1Saver>(folder, options);
}

}  // namespace msmodelslim
