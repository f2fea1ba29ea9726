// Products and attention: GFLOP/s, to hold against the product of the same size that oneDNN runs on
// all threads by itself (roof). What reads weights or rows once: bytes per second, to hold against
// read_memory.
#include <benchmark/benchmark.h>
#include <dnnl.h>

#include <algorithm>
#include <atomic>
#include <dnnl.hpp>
#include <numeric>
#include <vector>

#include "base/huge_buffer.h"
#include "base/raw_vector.h"
#include "base/threads.h"
#include "kernels/attention.h"
#include "kernels/code_sums.h"
#include "kernels/decode_attention.h"
#include "kernels/gemm.h"
#include "kernels/gemv.h"
#include "kernels/ops.h"
#include "kernels/packed_bf16.h"
#include "kernels/packed_codes.h"
#include "kernels/rope.h"
#include "kernels/rounding_sums.h"
#include "quantize/dynamic_product.h"

namespace {

using benchmark::Counter;

void report(benchmark::State& state, double flop) {
  state.counters["GFLOP/s"] =
      Counter(flop * static_cast<double>(state.iterations()) / 1e9, Counter::kIsRate);
}

template <typename Multiply>
void run_product(benchmark::State& state, const Multiply& multiply) {
  const std::int64_t m = 2048;
  const std::int64_t n = state.range(0);
  const std::int64_t k = state.range(1);
  const std::vector<float> x(static_cast<std::size_t>(m * k), 0.5F);
  const std::vector<float> w(static_cast<std::size_t>(n * k), 0.25F);
  std::vector<float> y(static_cast<std::size_t>(m * n));
  for (auto _ : state) multiply(x.data(), w.data(), y.data(), m, n, k);
  report(state, 2.0 * m * n * k);
}

void roof(benchmark::State& state) {
  run_product(state, [](const float* x, const float* w, float* y, std::int64_t m, std::int64_t n,
                        std::int64_t k) { dnnl_sgemm('N', 'T', m, n, k, 1, x, k, w, k, 0, y, n); });
}

void product(benchmark::State& state) {
  run_product(state, [](const float* x, const float* w, float* y, std::int64_t m, std::int64_t n,
                        std::int64_t k) { msmodelslim::matmul_nt(x, k, w, k, y, n, m, n, k); });
}

// Of a weight that the library has laid out as it likes.
void roof_bf16(benchmark::State& state) {
  using dnnl::memory;
  if (!msmodelslim::has_bf16_products()) {
    state.SkipWithError("no bfloat16 products on this processor");
    return;
  }
  const std::int64_t m = 2048;
  const std::int64_t n = state.range(0);
  const std::int64_t k = state.range(1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto desc = [](const memory::dims& dims, memory::data_type dtype, memory::format_tag tag) {
    return memory::desc(dims, dtype, tag);
  };
  const dnnl::matmul::primitive_desc description(
      dnnl::matmul::desc(desc({m, k}, memory::data_type::bf16, memory::format_tag::ab),
                         desc({k, n}, memory::data_type::bf16, memory::format_tag::any),
                         desc({m, n}, memory::data_type::f32, memory::format_tag::ab)),
      engine);
  const memory x(description.src_desc(), engine);
  const memory w(description.weights_desc(), engine);
  const memory y(description.dst_desc(), engine);
  std::fill_n(static_cast<std::uint16_t*>(x.get_data_handle()), m * k, 0x3F00);
  std::fill_n(static_cast<char*>(w.get_data_handle()), description.weights_desc().get_size(), 0x3E);
  const dnnl::matmul product(description);
  dnnl::stream stream(engine);
  for (auto _ : state) {
    product.execute(stream, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
    stream.wait();
  }
  report(state, 2.0 * m * n * k);
}

void product_bf16(benchmark::State& state) {
  if (!msmodelslim::has_bf16_products()) {
    state.SkipWithError("no bfloat16 products on this processor");
    return;
  }
  const std::int64_t m = 2048;
  const std::int64_t n = state.range(0);
  const std::int64_t k = state.range(1);
  const std::vector<float> x(static_cast<std::size_t>(m * k), 0.5F);
  const std::vector<std::uint16_t> w(static_cast<std::size_t>(n * k), 0x3E80);
  msmodelslim::RawVector<float> y(static_cast<std::size_t>(m * n));
  for (auto _ : state) msmodelslim::matmul_nt_each_bf16(x.data(), {{w.data(), y.data(), n}}, m, k);
  report(state, 2.0 * m * n * k);
}

void product_s8(benchmark::State& state) {
  const std::int64_t m = 2048;
  const std::int64_t n = state.range(0);
  const std::int64_t k = state.range(1);
  const std::vector<std::int8_t> x(static_cast<std::size_t>(m * k), 3);
  const std::vector<std::int8_t> w(static_cast<std::size_t>(n * k), -5);
  std::vector<std::int32_t> y(static_cast<std::size_t>(m * n));
  for (auto _ : state) msmodelslim::matmul_s8(x.data(), w.data(), y.data(), m, n, k);
  report(state, 2.0 * m * n * k);
}

// Rows, bits of the weight: of 8960 x 1536, which is read from memory again for every product (32
// copies in turn).
void packed_codes(benchmark::State& state) {
  using msmodelslim::PackedCodes;
  if (!PackedCodes::available()) {
    state.SkipWithError("no code_tile() for this processor");
    return;
  }
  const std::int64_t rows = state.range(0);
  const auto bits = static_cast<int>(state.range(1));
  const std::int64_t n = 8960;
  const std::int64_t k = 1536;
  const std::vector<std::int8_t> x(static_cast<std::size_t>(rows * k), 3);
  const std::vector<std::int8_t> w(static_cast<std::size_t>(n * k), -5);
  msmodelslim::HugeBuffer memory;
  std::vector<PackedCodes> copies;
  for (int i = 0; i < 32; ++i)
    copies.emplace_back(w.data(), n, k, bits, memory.take(PackedCodes::bytes(n, k, bits)));
  std::atomic<std::int64_t> sum = 0;
  std::size_t turn = 0;
  for (auto _ : state)
    PackedCodes::multiply({{&copies[turn++ % copies.size()],
                            [&](std::int64_t, std::int64_t, const msmodelslim::SumTile& tile) {
                              sum.fetch_add(tile.sums[0], std::memory_order_relaxed);
                            }}},
                          x.data(), rows);
  benchmark::DoNotOptimize(sum.load());
  report(state, 2.0 * static_cast<double>(rows) * n * k);
  state.SetBytesProcessed(state.iterations() * n * k * bits / 8);
}

void few_rows_bf16(benchmark::State& state) {
  const std::int64_t rows = state.range(0);
  const std::int64_t n = 151936;
  const std::int64_t k = 1536;
  const std::vector<float> x(static_cast<std::size_t>(rows * k), 0.5F);
  const std::vector<std::uint16_t> w(static_cast<std::size_t>(n * k), 0x3E80);
  std::vector<float> y(static_cast<std::size_t>(rows * n));
  for (auto _ : state) msmodelslim::few_rows_bf16(x.data(), w.data(), y.data(), rows, n, k);
  report(state, 2.0 * static_cast<double>(rows) * n * k);
  state.SetBytesProcessed(state.iterations() * n * k * 2);
}

// A head of 49152 x 576 (57 MB) as answers use it.
void packed_bf16(benchmark::State& state) {
  using msmodelslim::PackedBf16;
  if (!PackedBf16::available()) {
    state.SkipWithError("no bfloat16 products on this processor");
    return;
  }
  const std::int64_t rows = state.range(0);
  const std::int64_t n = 49152;
  const std::int64_t k = 576;
  const std::vector<float> x(static_cast<std::size_t>(rows * k), 0.5F);
  const std::vector<std::uint16_t> w(static_cast<std::size_t>(n * k), 0x3E80);
  std::vector<float> y(static_cast<std::size_t>(rows * n));
  msmodelslim::HugeBuffer memory;
  const PackedBf16 packed(w.data(), n, k, memory.take(PackedBf16::bytes(n, k)));
  for (auto _ : state) packed.multiply(x.data(), rows, y.data());
  report(state, 2.0 * static_cast<double>(rows) * n * k);
  state.SetBytesProcessed(state.iterations() * n * k * 2);
}

// One new token of eight sequences over 1024 cached ones each, 9 heads that share 3 of keys.
void decode_attention(benchmark::State& state) {
  const std::int64_t count = 1024;
  const std::int64_t width = 3 * 64;
  msmodelslim::AttentionShape shape{1, count, 9, 3, 64, 0.125F, 0};
  const std::vector<float> q(9 * 64, 0.1F);
  const std::vector<std::uint16_t> cached(static_cast<std::size_t>(count * width), 0x3DCC);
  std::vector<float> out(8 * q.size());
  std::vector<msmodelslim::DecodeItem> items;
  for (std::size_t i = 0; i < 8; ++i)
    items.push_back({q.data(),
                     {count, msmodelslim::DType::kBF16, cached.data(), cached.data(), {}, {}},
                     out.data() + i * q.size()});
  for (auto _ : state) msmodelslim::decode_attention(shape, items);
  report(state, 2.0 * 8 * 9 * 64 * 2 * static_cast<double>(count));
}

// What surrounds the products of a prompt of 336 tokens, all in the cache: one thread.
void rms_norm(benchmark::State& state) {
  const std::int64_t width = 1536;
  const std::vector<float> x(static_cast<std::size_t>(336 * width), 0.5F);
  const std::vector<float> weight(static_cast<std::size_t>(width), 1.0F);
  std::vector<float> out(x.size());
  for (auto _ : state)
    msmodelslim::rms_norm(x.data(), weight.data(), nullptr, 1e-6F, out.data(), 336, width);
  state.SetBytesProcessed(state.iterations() * 336 * width * 8);
}

void quantize_per_token(benchmark::State& state) {
  const std::int64_t width = 1536;
  const std::vector<float> x(static_cast<std::size_t>(336 * width), 0.5F);
  msmodelslim::DynamicInput out;
  for (auto _ : state) msmodelslim::quantize_per_token(x.data(), 336, width, out);
  state.SetBytesProcessed(state.iterations() * 336 * width * 5);
}

void rotate_half(benchmark::State& state) {
  const std::vector<float> angles(336 * 64, 0.6F);
  std::vector<float> x(336 * 12 * 128, 0.5F);
  for (auto _ : state)
    msmodelslim::rotate_half(x.data(), 336, 12, 128, 64, angles.data(), angles.data(), 0);
  state.SetBytesProcessed(state.iterations() * 336 * 12 * 128 * 8);
}

void silu_mul(benchmark::State& state) {
  const std::int64_t count = 336 * 1536;
  const std::vector<float> gate(static_cast<std::size_t>(count), 0.5F);
  std::vector<float> out(gate.size());
  for (auto _ : state) msmodelslim::silu_mul(gate.data(), gate.data(), out.data(), count);
  state.SetBytesProcessed(state.iterations() * count * 12);
}

void scale_sums(benchmark::State& state) {
  const std::int64_t width = 1536;
  const std::vector<std::int32_t> sums(14 * 32, 7);
  const std::vector<float> scales(static_cast<std::size_t>(width), 0.5F);
  std::vector<float> y(static_cast<std::size_t>(336 * width));
  for (auto _ : state)
    for (std::int64_t col = 0; col < width; col += 32)
      for (std::int64_t row = 0; row < 336; row += 14)
        msmodelslim::scale_sums({sums.data(), 14, 32, 32}, scales.data(), scales.data(), nullptr,
                                y.data() + row * width + col, width);
  state.SetBytesProcessed(state.iterations() * 336 * width * 4);
}

// The roof of products with few rows: 1 GB is read by all threads.
void read_memory(benchmark::State& state) {
  const std::int64_t count = 1 << 27;
  const std::vector<std::int64_t> values(static_cast<std::size_t>(count), 1);
  std::atomic<std::int64_t> sum = 0;
  for (auto _ : state)
    msmodelslim::parallel_ranges(count, count / 64, [&](std::int64_t begin, std::int64_t end) {
      sum += std::accumulate(values.begin() + begin, values.begin() + end, std::int64_t{0});
    });
  benchmark::DoNotOptimize(sum.load());
  state.SetBytesProcessed(state.iterations() * count * 8);
}

void causal_attention(benchmark::State& state) {
  const std::int64_t rows = state.range(0);
  msmodelslim::AttentionShape shape{rows, rows, 9, 3, 64, 0.125F, 0};
  shape.bf16 = state.range(1) != 0;
  const std::vector<float> q(static_cast<std::size_t>(rows * 9 * 64), 0.1F);
  const std::vector<float> k(static_cast<std::size_t>(rows * 3 * 64), 0.1F);
  std::vector<float> out(q.size());
  for (auto _ : state) msmodelslim::attention(shape, q.data(), k.data(), k.data(), out.data());
  report(state, 2.0 * 9 * 64 * static_cast<double>(rows) * static_cast<double>(rows));
}

void weight_codes(benchmark::State& state) {
  const std::int64_t count = 1 << 20;
  const std::vector<float> x(static_cast<std::size_t>(count), 0.5F);
  std::vector<std::int8_t> codes(x.size());
  for (auto _ : state)
    msmodelslim::quantize_s8(x.data(), 0.01F, 0.0F, -128.0F, codes.data(), count);
  state.SetBytesProcessed(state.iterations() * count * 5);
}

// A row of 7168 weights with one scale: what each step of ssz costs, in weights per second.
void rounding_sums(benchmark::State& state) {
  std::vector<float> w(7168);
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = 0.001F * static_cast<float>(static_cast<int>(i * 37 % 201) - 100);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        msmodelslim::rounding_sums(w.data(), static_cast<std::int64_t>(w.size()), 0.0123F, -8, 7));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(w.size()));
}

BENCHMARK(roof)->Args({1536, 576})->Args({8960, 1536})->UseRealTime();
BENCHMARK(product)->Args({1536, 576})->Args({8960, 1536})->UseRealTime();
BENCHMARK(roof_bf16)->Args({1536, 576})->Args({8960, 1536})->UseRealTime();
BENCHMARK(product_bf16)->Args({1536, 576})->Args({576, 1536})->Args({8960, 1536})->UseRealTime();
BENCHMARK(product_s8)->Args({1536, 576})->Args({8960, 1536})->UseRealTime();
BENCHMARK(read_memory)->UseRealTime();
BENCHMARK(packed_codes)->ArgsProduct({{1, 8, 336}, {8, 4}})->UseRealTime();
BENCHMARK(few_rows_bf16)->Arg(1)->Arg(8)->UseRealTime();
BENCHMARK(packed_bf16)->Arg(1)->Arg(8)->UseRealTime();
BENCHMARK(decode_attention)->UseRealTime();
BENCHMARK(rms_norm);
BENCHMARK(quantize_per_token)->UseRealTime();
BENCHMARK(rotate_half);
BENCHMARK(silu_mul);
BENCHMARK(scale_sums);
BENCHMARK(causal_attention)->ArgsProduct({{700, 2048}, {0, 1}})->UseRealTime();
BENCHMARK(weight_codes);
BENCHMARK(rounding_sums);

}  // namespace

BENCHMARK_MAIN();
