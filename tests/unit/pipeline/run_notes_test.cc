#include "pipeline/run_notes.h"

#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

InputChange change(float largest) {
  InputChange made;
  made.before.range = MinMax{-largest, largest / 2};
  made.before.channels.fill(largest);
  made.after.range = MinMax{-1, 1};
  made.after.channels.fill(1);
  return made;
}

QuantizedLinear linear(const std::string& name, float scale) {
  QuantizedLinear made;
  made.spec.name = name;
  made.type = LinearType::kW8A8;
  made.weight_scale = {scale, 2 * scale};
  made.input = {scale, -8};
  return made;
}

TEST(RunNotes, OnlyTheNumberOfAnExpertIsDropped) {
  EXPECT_EQ(without_expert("model.layers.3.mlp.experts.17.down_proj"),
            "model.layers.3.mlp.experts.*.down_proj");
  for (const char* name : {"model.layers.3.mlp.down_proj", "model.layers.3.mlp.experts.down_proj",
                           "model.layers.3.mlp.shared_experts.down_proj", "a.experts.1"})
    EXPECT_EQ(without_expert(name), name);
}

TEST(RunNotes, ExpertsOfALayerAreOneNote) {
  RunNotes notes;
  for (int expert = 0; expert < 2000; ++expert)
    notes.add_change("awq", "l.0.experts." + std::to_string(expert) + ".down",
                     change(expert == 7 ? 5 : 1));
  notes.add_change("awq", "l.1.experts.0.down", change(3));
  notes.add_change("flex", "l.1.experts.0.down", change(4));
  const Json inputs = notes.json().at("inputs");
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_EQ(inputs[0]["linear"], "l.0.experts.*.down");
  EXPECT_EQ(inputs[0]["linears"], 2000);
  EXPECT_EQ(inputs[0]["before"]["min"], -5);
  EXPECT_NEAR(inputs[0]["before"]["channels"][5], 1 + 4.0 / 2000, 1e-5);
  EXPECT_EQ(inputs[2]["by"], "flex");
}

TEST(RunNotes, StaticRangesAreWhatCodesExpress) {
  RunNotes notes;
  notes.add_quantized(linear("l.0.experts.0.up", 0.5F));
  notes.add_quantized(linear("l.0.experts.1.up", 1));
  const Json json = notes.json();
  ASSERT_EQ(json["static_inputs"].size(), 1U);
  EXPECT_EQ(json["static_inputs"][0]["min"], -120);  // (-128 + 8) * 1
  EXPECT_EQ(json["static_inputs"][0]["max"], 135);
  ASSERT_EQ(json["scales"].size(), 1U);
  EXPECT_EQ(json["scales"][0]["kind"], "experts.*.up");
  EXPECT_EQ(json["scales"][0]["first"], -2);
  EXPECT_EQ(json["scales"][0]["counts"], Json({1, 0, 2, 0, 1}));
}

TEST(RunNotes, AJournalKeepsThem) {
  RunNotes notes;
  notes.add_change("iter_smooth", "l.0.q", change(1.0F / 3));
  InputChange means;
  means.means = true;
  notes.add_change("awq", "l.0.o", means);
  notes.add_quantized(linear("l.0.q", 0.3F));
  QuantizedLinear zero = linear("l.0.v", 0);
  notes.add_quantized(zero);
  const Json json = notes.json();
  EXPECT_EQ(json["inputs"][0]["before"]["max"], 0.166667);
  EXPECT_TRUE(json["inputs"][1]["before"]["min"].is_null());
  EXPECT_EQ(RunNotes::from_json(parse_json(json.dump(), "journal")).json(), json);
}

}  // namespace
}  // namespace msmodelslim
