#include "checkpoint/gguf_types.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "checkpoint/gguf_dequant.h"

namespace msmodelslim {
namespace {

constexpr std::array<GgmlType, 13> kSupported{{
    {"F32", 0, 1, 4, decode_f32},
    {"F16", 1, 1, 2, decode_f16},
    {"BF16", 30, 1, 2, decode_bf16},
    {"Q4_0", 2, 32, 18, decode_q4_0},
    {"Q4_1", 3, 32, 20, decode_q4_1},
    {"Q5_0", 6, 32, 22, decode_q5_0},
    {"Q5_1", 7, 32, 24, decode_q5_1},
    {"Q8_0", 8, 32, 34, decode_q8_0},
    {"Q2_K", 10, 256, 84, decode_q2_k},
    {"Q3_K", 11, 256, 110, decode_q3_k},
    {"Q4_K", 12, 256, 144, decode_q4_k},
    {"Q5_K", 13, 256, 176, decode_q5_k},
    {"Q6_K", 14, 256, 210, decode_q6_k},
}};

constexpr std::array<std::pair<std::uint32_t, const char*>, 21> kOthers{{
    {9, "Q8_1"},    {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"},
    {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},      {25, "I16"},
    {26, "I32"},    {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},  {34, "TQ1_0"},   {35, "TQ2_0"},
    {39, "MXFP4"},  {40, "NVFP4"}, {41, "Q1_0"},
}};

}  // namespace

const GgmlType* find_ggml_type(std::uint32_t id) {
  for (const GgmlType& type : kSupported)
    if (type.id == id) return &type;
  return nullptr;
}

std::string ggml_type_name(std::uint32_t id) {
  if (const GgmlType* type = find_ggml_type(id)) return type->name;
  for (const auto& [other, name] : kOthers)
    if (other == id) return name;
  return fmt::format("number {}", id);
}

std::string supported_ggml_types() {
  std::string list;
  for (const GgmlType& type : kSupported)
    list += (list.empty() ? "" : ", ") + std::string(type.name);
  return list;
}

}  // namespace msmodelslim
