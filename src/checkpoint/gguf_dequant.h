#pragma once
// Decoders of the block formats that GGUF tensors use, all to fp32. `in` may have any alignment.
// gguf_dequant.cc: plain floats and the 32-value blocks; gguf_dequant_k.cc: the 256-value blocks.

#include <cstddef>

namespace msmodelslim {

void decode_f32(const std::byte* in, std::size_t blocks, float* out);
void decode_f16(const std::byte* in, std::size_t blocks, float* out);
void decode_bf16(const std::byte* in, std::size_t blocks, float* out);
void decode_q4_0(const std::byte* in, std::size_t blocks, float* out);
void decode_q4_1(const std::byte* in, std::size_t blocks, float* out);
void decode_q5_0(const std::byte* in, std::size_t blocks, float* out);
void decode_q5_1(const std::byte* in, std::size_t blocks, float* out);
void decode_q8_0(const std::byte* in, std::size_t blocks, float* out);
void decode_q2_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q3_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q4_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q5_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q6_k(const std::byte* in, std::size_t blocks, float* out);

}  // namespace msmodelslim
