#include "pipeline/preview.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/source.h"
#include "model/build.h"
#include "unit/pipeline/recipes.h"

namespace msmodelslim {
namespace {

constexpr const char* kDynamic = R"(
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
)";

class Preview : public testing::Test {
 protected:
  Preview() : root_(temp_path("preview")), job_(small_job(kDynamic, {40})) {
    fs::remove_all(root_);
    fs::create_directories(root_ + "/model");
    job_.save_path = root_ + "/q";
  }
  ~Preview() override { fs::remove_all(root_); }

  // The same model without a head of its own.
  void tie() {
    const SafetensorsFile file(job_.model_path + "/model.safetensors");
    std::vector<NamedTensor> tensors;
    for (const auto& entry : file.entries())
      if (entry.name != "lm_head.weight") tensors.push_back({entry.name, file.view(entry)});
    write_safetensors(root_ + "/model/model.safetensors", tensors);
    Json config = read_json_file(job_.model_path + "/config.json");
    config["tie_word_embeddings"] = true;
    std::ofstream(root_ + "/model/config.json") << config.dump();
    job_.model_path = root_ + "/model";
  }

  std::vector<PlannedTensor> plan() {
    const CheckpointReader checkpoint = open_source(job_.model_path);
    return preview(job_, build_model_spec(ModelConfig::read(job_.model_path), checkpoint),
                   checkpoint);
  }

  std::string root_;
  QuantJob job_;
};

TEST_F(Preview, SaysTheSizeThatTheRunWrites) {
  EXPECT_EQ(planned_bytes(plan()), quantize_model(job_).bytes_after);
}

TEST_F(Preview, CountsTheHeadThatATiedModelGets) {
  tie();
  const std::vector<PlannedTensor> tensors = plan();
  EXPECT_EQ(tensors.back().name, "lm_head.weight");
  EXPECT_EQ(tensors.back().bytes_before, 0U);
  EXPECT_EQ(planned_bytes(tensors), quantize_model(job_).bytes_after);
}

}  // namespace
}  // namespace msmodelslim
