// Rotation matrices and their use (reference: outlier-suppression 9 to 11).
#include "suppress/rotation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "checkpoint/reader.h"
#include "forward/run.h"
#include "model/build.h"
#include "random_values.h"
#include "shared_data.h"
#include "suppress/hadamard.h"
#include "suppress/quarot.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

TEST(Hadamard, TablesAreThoseOfTheReference) {
  // K -> sum of entries, sum of (i + 1) (j + 1) h
  const std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> sums = {
      {12, {12, 650}},       {20, {-60, -8410}},      {28, {-140, -37786}},
      {36, {-108, -47034}},  {40, {-120, 7180}},      {52, {52, 46878}},
      {60, {180, 220470}},   {76, {532, 1024366}},    {108, {756, 2908350}},
      {136, {680, -518228}}, {140, {140, 924490}},    {156, {-1404, -11223186}},
      {160, {160, -164240}}, {172, {1204, 11666158}}, {200, {200, 2686700}}};
  for (const auto& [k, expected] : sums) {
    const std::vector<float> h = hadamard_table(k);
    std::int64_t sum = 0;
    std::int64_t weighted = 0;
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < k; ++j) {
        const auto value = static_cast<std::int64_t>(h[static_cast<std::size_t>(i * k + j)]);
        sum += value;
        weighted += (i + 1) * (j + 1) * value;
      }
    EXPECT_EQ(sum, expected.first) << k;
    EXPECT_EQ(weighted, expected.second) << k;
  }
}

TEST(Hadamard, FactorsOfUsualWidths) {
  for (std::int64_t n : {1536, 3072, 6144, 12288}) EXPECT_EQ(hadamard_factor(n), 12) << n;
  for (std::int64_t n : {3584, 7168, 14336, 28672}) EXPECT_EQ(hadamard_factor(n), 28) << n;
  for (std::int64_t n : {640, 1280, 2560, 5120}) EXPECT_EQ(hadamard_factor(n), 160) << n;
  EXPECT_EQ(hadamard_factor(8960), 140);
  EXPECT_EQ(hadamard_factor(25600), 200);
  EXPECT_EQ(hadamard_factor(4096), 1);
  for (std::int64_t n : {5632, 18944, 29568, 2880}) EXPECT_EQ(hadamard_factor(n), 0) << n;
}

TEST(Hadamard, SignsOfTheSeed) {
  std::string text;
  for (float sign : random_signs(32)) text += sign > 0 ? '+' : '-';
  EXPECT_EQ(text, "++-+---+++++--+---------+-++--+-");
}

TEST(Rotation, MatricesOfTheReference) {
  // n -> sum of signs, trace of signs, weighted sum
  const std::map<std::int64_t, std::array<double, 3>> sums = {
      {8, {8, 0, 132}},     {12, {12, 4, 14}},    {20, {-24, -2, -1534}},
      {24, {24, -2, -180}}, {64, {64, 8, 43040}}, {160, {160, 2, -511200}}};
  for (const auto& [n, expected] : sums) {
    const std::vector<float> q = Rotation::hadamard(n).matrix();
    std::array<double, 3> found = {0, 0, 0};
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const double sign = q[static_cast<std::size_t>(i * n + j)] > 0 ? 1 : -1;
        found[0] += sign;
        if (i == j) found[1] += sign;
        found[2] += static_cast<double>((i + 1) * (j + 1)) * sign;
      }
    EXPECT_EQ(found, expected) << n;
  }
  EXPECT_THAT(Rotation::hadamard(4).matrix(),
              Pointwise(FloatNear(1e-7F), {.5F, .5F, .5F, .5F, .5F, -.5F, .5F, -.5F, -.5F, -.5F,
                                           .5F, .5F, .5F, -.5F, -.5F, .5F}));
}

TEST(Rotation, ShiftedMatrixOfTheReference) {
  const std::vector<float> r = Rotation::shifted(32, 32).matrix();
  const std::vector<float> first(r.begin(), r.begin() + 8);
  EXPECT_THAT(first, Pointwise(FloatNear(1e-6F), {-.1875F, .0625F, -.1875F, .0625F, .4375F, -.0625F,
                                                  .1875F, .1875F}));
  const std::vector<float> large = Rotation::shifted(64, 32).matrix();
  EXPECT_NEAR(large[0], -.25F, 1e-6F);
  EXPECT_NEAR(large[32], .0625F, 1e-6F);
  EXPECT_NEAR(large[33], -.0625F, 1e-6F);
}

TEST(Rotation, IsOrthogonalAndAppliesItsMatrix) {
  for (const Rotation& rotation :
       {Rotation::hadamard(60), Rotation::hadamard(96, 32), Rotation::shifted(64, 32),
        Rotation::hadamard(172), Rotation::hadamard(16, 1)}) {
    const std::int64_t n = rotation.size();
    const std::vector<float> r = rotation.matrix();
    const std::vector<float> x = random_values(3 * 2 * n, 7);
    std::vector<float> turned = x;
    rotation.rotate_rows(turned.data(), 3, 2 * n);
    for (std::int64_t row = 0; row < 6; ++row)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i)
          sum += static_cast<double>(x[static_cast<std::size_t>(row * n + i)]) *
                 static_cast<double>(r[static_cast<std::size_t>(i * n + j)]);
        EXPECT_NEAR(turned[static_cast<std::size_t>(row * n + j)], sum, 1e-5);
      }
    double error = 0;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < n; ++l)
          sum += static_cast<double>(r[static_cast<std::size_t>(i * n + l)]) *
                 static_cast<double>(r[static_cast<std::size_t>(j * n + l)]);
        error = std::max(error, std::fabs(sum - (i == j ? 1 : 0)));
      }
    EXPECT_LT(error, 1e-5);
  }
}

TEST(Rotation, ColumnsAreTurnedByTheTranspose) {
  std::vector<float> w = {1, 2, 3, 4, 0, 1, 0, -1};
  Rotation::hadamard(4).rotate_columns(w.data(), 4, 2);
  EXPECT_THAT(w, Pointwise(FloatNear(1e-6F), {2.F, 2.F, -1.F, -1.F, 2.F, 4.F, -1.F, -1.F}));
}

TEST(Rotation, RefusesWidthsWithoutAMatrix) {
  EXPECT_THROW(Rotation::hadamard(2880), UsageError);
  EXPECT_THROW(Rotation::hadamard(48, 32), UsageError);
}

TEST(InputRotation, WorkedExamples) {
  const std::vector<float> q = Rotation::hadamard(2).matrix();
  const std::vector<float> x = {1, 2, 3, 4};
  std::vector<float> out(4);
  InputRotation{2, 2, q, q}.apply(x.data(), 1, out.data());
  EXPECT_THAT(out, Pointwise(FloatNear(1e-5F), {5.F, -1.F, -2.F, 0.F}));
  InputRotation{2, 2, q, {}}.apply(x.data(), 1, out.data());
  EXPECT_THAT(out, Pointwise(FloatNear(1e-5F), {2.8284271F, 4.2426407F, -1.4142136F, -1.4142136F}));
}

TEST(KroneckerSides, DecompositionsOfTheReference) {
  const std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> sides = {
      {4096, {64, 64}},    {6144, {64, 96}},    {9728, {76, 128}},   {11008, {64, 172}},
      {12288, {96, 128}},  {14336, {112, 128}}, {17408, {128, 136}}, {25600, {160, 160}},
      {27648, {144, 192}}, {28672, {128, 224}}, {160, {8, 20}}};
  for (const auto& [size, expected] : sides) EXPECT_EQ(kronecker_sides(size), expected) << size;
  EXPECT_THROW(kronecker_sides(8191), UsageError);
}

// (model, block size, online)
class QuaRotInvariance
    : public testing::TestWithParam<std::tuple<const char*, std::int64_t, bool>> {};

TEST_P(QuaRotInvariance, RotatedBlockGivesTheRotatedOutput) {
  const auto [name, block_size, online] = GetParam();
  const std::string folder = golden_dir() + "/models/" + name;
  const CheckpointReader checkpoint(folder);
  const ModelSpec model = build_model_spec(ModelConfig::read(folder), checkpoint);
  QuaRotConfig config;
  config.block_size = block_size;
  config.shifted_heads = block_size > 0;
  config.online = online;
  config.max_tp_size = 2;
  config.down_proj_online_layers = {1};
  const QuaRot quarot(config, model);
  PackedStates before;
  before.sequences = {{0, 23, 0}, {23, 9, 0}};
  before.rows = 32;
  before.width = model.hidden;
  const std::vector<float> values = random_values(before.rows * before.width, 3);
  before.values.append(values.data(), values.size());
  PackedStates after = before;
  quarot.rotate_embedding(after.values.data(), after.rows);
  const RopeTable rope(model.rope, 32);
  FloatLinearOp op(DType::kF32);
  FloatLinearOp rotated_op(DType::kF32);
  Workspace workspace;
  for (std::size_t i = 0; i < 2; ++i) {
    Block block(model.blocks[i], checkpoint);
    run_block_on(model, block, before, true, rope, op, {}, workspace);
    quarot.rotate(block, static_cast<std::int64_t>(i));
    EXPECT_EQ(!block.down.input_rotation().is_identity(), online && i == 1);
    EXPECT_EQ(!block.o.input_rotation().is_identity(), online);
    run_block_on(model, block, after, true, rope, rotated_op, {}, workspace);
  }
  quarot.rotate_embedding(before.values.data(), before.rows);
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < after.values.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(before.values[i])));
    worst = std::max(worst, std::fabs(static_cast<double>(before.values[i] - after.values[i])));
  }
  EXPECT_LT(worst, 1e-4 * largest);
}

INSTANTIATE_TEST_SUITE_P(Models, QuaRotInvariance,
                         testing::Combine(testing::Values("qwen2", "qwen3", "llama"),
                                          testing::Values(-1, 32), testing::Bool()));

}  // namespace
}  // namespace msmodelslim
