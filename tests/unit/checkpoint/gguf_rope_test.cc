#include "checkpoint/gguf_rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "gguf_models.h"

namespace msmodelslim {
namespace {

using testing::GgufBuilder;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using ::testing::ThrowsMessage;
using testing::tiny_model;
using testing::write_model;

Json scaling_of(const GgufBuilder& builder) {
  const TemporaryFolder folder;
  const GgufModel model(write_model(folder, "m.gguf", builder));
  return gguf_rope_scaling(model, read_gguf_arch(model));
}

// A head of 64 values, so that short, long and middle wavelengths occur.
GgufBuilder wide_head() {
  GgufBuilder builder = tiny_model("llama", "smollm");
  builder.set("llama.attention.key_length", 64U).set("llama.attention.value_length", 64U);
  builder.set("llama.rope.freq_base", 500000.0F);
  return builder;
}

GgufBuilder with_divisors(const Llama3Rope& rope) {
  GgufBuilder builder = wide_head();
  std::vector<float> divisors;
  for (int i = 0; i < 32; ++i)
    divisors.push_back(static_cast<float>(llama3_divisor(rope, 500000.0, 64, i)));
  builder.tensor("rope_freqs.weight", {32}, divisors);
  return builder;
}

TEST(GgufRope, NoScaling) {
  EXPECT_TRUE(scaling_of(wide_head()).is_null());
  GgufBuilder ones = wide_head();
  ones.tensor("rope_freqs.weight", {32}, std::vector<float>(32, 1.0F));
  EXPECT_TRUE(scaling_of(ones).is_null());
}

TEST(GgufRope, FindsLlama3ParametersAgain) {
  for (const double factor : {8.0, 32.0})
    for (const double context : {8192.0, 4096.0}) {
      const Json scaling = scaling_of(with_divisors({factor, 1.0, 4.0, context}));
      EXPECT_EQ(scaling["rope_type"], "llama3");
      EXPECT_EQ(scaling["factor"], factor);
      EXPECT_EQ(scaling["original_max_position_embeddings"], context);
    }
}

TEST(GgufRope, RefusesOtherDivisors) {
  GgufBuilder builder = with_divisors({});
  builder.find("rope_freqs.weight").data[1] = std::byte{0x77};
  builder.find("rope_freqs.weight").data[2] = std::byte{0x77};
  EXPECT_THAT([&] { scaling_of(builder); },
              ThrowsMessage<DataError>(HasSubstr("does not follow the rule of Llama 3")));
}

TEST(GgufRope, MetadataScaling) {
  GgufBuilder linear = wide_head();
  linear.set("llama.rope.scaling.type", "linear").set("llama.rope.scaling.factor", 4.0F);
  EXPECT_EQ(scaling_of(linear)["rope_type"], "linear");
  EXPECT_EQ(scaling_of(linear)["factor"], 4.0);
  GgufBuilder yarn = wide_head();
  yarn.set("llama.rope.scaling.type", "yarn").set("llama.rope.scaling.factor", 4.0F);
  yarn.set("llama.rope.scaling.original_context_length", 32768U);
  EXPECT_EQ(scaling_of(yarn)["original_max_position_embeddings"], 32768);
  GgufBuilder other = wide_head();
  other.set("llama.rope.scaling.type", "longrope");
  EXPECT_THAT([&] { scaling_of(other); }, ThrowsMessage<DataError>(HasSubstr("longrope")));
}

}  // namespace
}  // namespace msmodelslim
