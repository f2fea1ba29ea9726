// Folders with FlatQuant transforms are computed from their own tensors, for every type that a
// linear can get after flatquant.
#include <gtest/gtest.h>

#include "base/error.h"
#include "quantized_folder.h"

namespace msmodelslim {
namespace {

class FlatQuantTypes : public QuantizedFolder {
 protected:
  FlatQuantTypes() : QuantizedFolder(40) {}

  void quantize(const std::string& process) {
    QuantizedFolder::quantize("    - {type: flatquant}\n" + process);
  }

  void set_clip_ratios(float ratio) {
    edit([ratio](const std::string& name, Tensor& tensor) {
      if (name.ends_with(".clip_ratio")) tensor.as<float>()[0] = ratio;
      return false;
    });
  }

  static std::string linear_quant(const std::string& act, const std::string& weight) {
    return "    - {type: linear_quant, qconfig: {act: {" + act + "}, weight: {" + weight +
           ", symmetric: true, method: minmax}}}\n";
  }
};

const char* const kInt4 =
    "    - type: autoround_quant\n"
    "      iters: 2\n"
    "      strategies:\n"
    "        - qconfig:\n"
    "            act: {dtype: int4, scope: per_token, symmetric: true, method: minmax}\n"
    "            weight: {dtype: int4, scope: per_channel, symmetric: true, method: autoround}\n";

// Without the transform the result would be far off; without it in calibration a static range too.
TEST_F(FlatQuantTypes, AreComputedWithTheirTransform) {
  const std::pair<const char*, const char*> pairs[] = {
      {"dtype: int8, scope: per_tensor, symmetric: false, method: minmax",
       "dtype: int8, scope: per_channel"},
      {"dtype: int8, scope: per_token, method: minmax, symmetric: true",
       "dtype: int8, scope: per_channel"},
      {"dtype: int8, scope: per_token, method: minmax, symmetric: true",
       "dtype: int4, scope: per_channel"},
      {"dtype: float, scope: per_tensor, method: none, symmetric: true",
       "dtype: int8, scope: per_channel"},
      {"dtype: mxfp4, scope: per_block, method: minmax, symmetric: true",
       "dtype: mxfp4, scope: per_block"}};
  for (const auto& [act, weight] : pairs) {
    quantize(linear_quant(act, weight));
    EXPECT_LT(kl(), 0.5) << act;
    const double whole = kl();
    set_clip_ratios(0.5F);  // not used by these
    EXPECT_EQ(kl(), whole) << act;
  }
}

TEST_F(FlatQuantTypes, Int4InputsAreClipped) {
  quantize(kInt4);
  const double learned = kl();
  set_clip_ratios(0.3F);
  EXPECT_GT(kl(), learned);
}

TEST_F(FlatQuantTypes, MissingMatricesAreAnError) {
  quantize("");
  EXPECT_LT(kl(), 0.5);
  edit([](const std::string& name, Tensor&) {
    return name.ends_with("layers.1.mlp.up_proj.left_trans");
  });
  EXPECT_THROW(kl(), DataError);
}

}  // namespace
}  // namespace msmodelslim
