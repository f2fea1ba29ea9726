// The KV cache behind per-token linears, computed as the Python tool simulates these: one scale per
// input channel. Then its scales and offsets are ours to the last digits.
#include "quantize/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "forward/run.h"
#include "golden/compare.h"
#include "model/build.h"
#include "observe/kv_tap.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// y = fq(x) fq(W)^T + b: int8 symmetric, W per row, x per column of a sample.
class InputChannelOp : public LinearOp {
 public:
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    const std::int64_t in = linear.spec().in;
    const std::int64_t out = linear.spec().out;
    std::vector<float> input(x, x + rows * in);
    for (const Sequence& s : sequences)
      fake_quantize_channels(
          channel_params(column_range(x + s.begin * in, s.rows, in), true, DType::kF32),
          input.data() + s.begin * in, s.rows);
    std::vector<float> weight(linear.weight(), linear.weight() + out * in);
    for (std::int64_t i = 0; i < out; ++i) {
      const MinMax range = min_max(weight.data() + i * in, in);
      const QuantParam param = integer_param(range.min, range.max, true, 8, DType::kF32);
      fake_quantize_s8(weight.data() + i * in, param.scale, 0, weight.data() + i * in, in);
    }
    ProductWeight(std::move(weight), out, in, DType::kF32)
        .multiply(input.data(), rows, linear.bias().empty() ? nullptr : linear.bias().data(), y);
  }
};

void expect_equal(const QuantizedFolder& folder, const std::string& projection,
                  const ChannelParams& params) {
  const float* scale = folder.at(projection + ".kv_cache_scale").as<float>();
  const float* offset = folder.at(projection + ".kv_cache_offset").as<float>();
  ASSERT_EQ(static_cast<std::int64_t>(params.scale.size()),
            folder.at(projection + ".kv_cache_scale").count());
  for (std::size_t j = 0; j < params.scale.size(); ++j) {
    EXPECT_NEAR(params.scale[j], scale[j], 1e-5 * static_cast<double>(scale[j])) << projection;
    EXPECT_NEAR(params.offset[j], offset[j], 1) << projection;  // a rounding tie may turn
  }
}

TEST(KvCacheGolden, BehindLinearsSimulatedPerInputChannel) {
  REQUIRE_SHARED("golden/cases/qwen2-c8-asym");
  const std::string root = golden_dir();
  const CheckpointReader checkpoint(root + "/models/qwen2");
  const ModelSpec model = build_model_spec(ModelConfig::read(root + "/models/qwen2"), checkpoint);
  const QuantizedFolder expected(root + "/cases/qwen2-c8-asym/expected");
  std::vector<std::vector<std::int32_t>> samples;
  const Json calibration = read_json_file(root + "/cases/qwen2-c8-asym/calib_tokens.json");
  for (const Json& ids : calibration.at(0).at("input_ids"))
    samples.push_back(ids.get<std::vector<std::int32_t>>());
  PackedStates states = embed_samples(model, checkpoint, samples);
  std::int64_t longest = 1;
  for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  const RopeTable rope(model.rope, longest);
  Workspace workspace;
  for (const BlockSpec& spec : model.blocks) {
    Block block(spec, checkpoint);
    KvTap tap(KvAggregation::kLast);
    InputChannelOp op;
    run_block_on(model, block, states, true, rope, op, {&tap}, workspace);
    expect_equal(expected, block.k.name(), channel_params(tap.keys(), false, DType::kF32));
    expect_equal(expected, block.v.name(), channel_params(tap.values(), false, DType::kF32));
  }
}

}  // namespace
}  // namespace msmodelslim
