// The products of gemm.h by oneDNN; aarch64/gemm.cc has them by OpenBLAS.
#include "kernels/gemm.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/raw_vector.h"
#include "kernels/gemm_tiles.h"
#include "kernels/ops.h"
#include "kernels/packed_bf16.h"

namespace msmodelslim {
namespace {

// oneDNN starts its own OpenMP team unless it is called from inside one. A team that consists of
// the calling thread alone does not count as "inside", so outside callers get a limit of one
// thread.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (!omp_in_parallel()) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (!omp_in_parallel()) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

void sgemm(char trans_a, char trans_b, const float* a, std::int64_t lda, const float* b,
           std::int64_t ldb, float* y, std::int64_t ldy, std::int64_t m, std::int64_t n,
           std::int64_t k, float beta) {
  if (m == 0 || n == 0) return;
  const OneThread one_thread;
  const dnnl_status_t status =
      dnnl_sgemm(trans_a, trans_b, m, n, k, 1.0F, a, lda, b, ldb, beta, y, ldy);
  if (status != dnnl_success)
    throw ResourceError(fmt::format("oneDNN sgemm {}x{}x{} failed with status {}", m, n, k,
                                    static_cast<int>(status)));
}

using dnnl::memory;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// The left [rows,k] and right [k,cols] side of a product in memory, and what becomes of y.
struct Layout {
  memory::data_type dtype;
  memory::data_type sums;             // of y
  std::int64_t left_row, left_depth;  // steps to the next row and to the next k, in elements
  std::int64_t right_depth, right_col;
  bool accumulate;  // adds to y
};

// y[rows,cols] (+)= left * right on the calling thread.
class TileProduct {
 public:
  TileProduct(const Layout& layout, std::int64_t rows, std::int64_t cols, std::int64_t k,
              std::int64_t ldy) {
    const OneThread one_thread;
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (layout.accumulate) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    description_ = dnnl::matmul::primitive_desc(
        dnnl::matmul::desc(
            memory::desc({rows, k}, layout.dtype, memory::dims{layout.left_row, layout.left_depth}),
            memory::desc({k, cols}, layout.dtype,
                         memory::dims{layout.right_depth, layout.right_col}),
            memory::desc({rows, cols}, layout.sums, memory::dims{ldy, 1})),
        attributes, cpu());
    product_ = dnnl::matmul(description_);
  }

  std::string implementation() const { return description_.impl_info_str(); }

  // Any number of threads at once.
  void run(const void* x, const void* w, void* y) const {
    const OneThread one_thread;
    dnnl::stream stream(cpu());
    constexpr std::size_t kAlignment = 64;
    std::size_t space = description_.scratchpad_desc().get_size() + kAlignment;
    std::vector<char> scratch(space);
    void* aligned = scratch.data();
    std::align(kAlignment, space - kAlignment, aligned, space);
    const auto at = [](const memory::desc& desc, const void* data) {
      return memory(desc, cpu(), const_cast<void*>(data));
    };
    product_.execute(stream, {{DNNL_ARG_SRC, at(description_.src_desc(), x)},
                              {DNNL_ARG_WEIGHTS, at(description_.weights_desc(), w)},
                              {DNNL_ARG_DST, at(description_.dst_desc(), y)},
                              {DNNL_ARG_SCRATCHPAD, at(description_.scratchpad_desc(), aligned)}});
    stream.wait();
  }

 private:
  dnnl::matmul::primitive_desc description_;
  dnnl::matmul product_;
};

// The right side of a product, and where it goes.
template <typename T, typename Sum>
struct RightSide {
  Layout layout;
  const T* right;
  Sum* y;
  std::int64_t ldy;
  std::int64_t n;
};

// All tiles of y (+)= left * right, of all right sides.
template <typename T, typename Sum>
void tiled_products(const T* left, const std::vector<RightSide<T, Sum>>& sides, std::int64_t m,
                    std::int64_t k) {
  if (m == 0) return;
  using Shape = std::tuple<std::size_t, std::int64_t, std::int64_t>;
  std::map<Shape, TileProduct> shapes;  // at most four of each side
  std::vector<std::int64_t> widths;
  const TileCut row_cut(m);
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const auto& side = sides[i];
    widths.push_back(side.n);
    if (side.n == 0) continue;
    const TileCut col_cut(side.n);
    for (const std::int64_t rows : {row_cut.size, row_cut.last})
      for (const std::int64_t cols : {col_cut.size, col_cut.last})
        shapes.try_emplace({i, rows, cols}, side.layout, rows, cols, k, side.ldy);
  }
  for_each_tile(
      m, widths,
      [&](std::size_t i, std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
        const auto& side = sides[i];
        shapes.at({i, rows, cols})
            .run(left + row * side.layout.left_row, side.right + col * side.layout.right_col,
                 side.y + row * side.ldy + col);
      });
}

template <typename T, typename Sum>
void tiled_product(const Layout& layout, const T* left, const T* right, Sum* y, std::int64_t ldy,
                   std::int64_t m, std::int64_t n, std::int64_t k) {
  tiled_products<T, Sum>(left, {{layout, right, y, ldy, n}}, m, k);
}

constexpr memory::data_type type_of(const float*) { return memory::data_type::f32; }
constexpr memory::data_type type_of(const std::uint16_t*) { return memory::data_type::bf16; }
constexpr memory::data_type kF32 = memory::data_type::f32;
constexpr std::int64_t kNarrowRows = 16;  // of a task

Layout layout_nt(memory::data_type dtype, std::int64_t ldx, std::int64_t ldw) {
  return {dtype, kF32, ldx, 1, 1, ldw, false};
}

template <typename T>
void product_nn(const T* a, std::int64_t lda, const T* b, std::int64_t ldb, float* y,
                std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  tiled_product(Layout{type_of(a), kF32, lda, 1, ldb, 1, accumulate}, a, b, y, ldy, m, n, k);
}

template <typename T>
void product_tn(const T* a, std::int64_t lda, const T* b, std::int64_t ldb, float* y,
                std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  tiled_product(Layout{type_of(a), kF32, 1, lda, ldb, 1, accumulate}, a, b, y, ldy, m, n, k);
}

bool has_isa(dnnl::cpu_isa isa) {
  const auto bits = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

bool probe_bf16() {
  if (!has_isa(dnnl::cpu_isa::avx512_core_bf16)) return false;
  constexpr std::int64_t kRows = 40;
  constexpr std::int64_t kDepth = 70;
  constexpr std::uint16_t kTwo = 0x4000;
  constexpr std::uint16_t kThree = 0x4040;
  const std::vector<std::uint16_t> x(kRows * kDepth, kTwo);
  const std::vector<std::uint16_t> w(kRows * kDepth, kThree);
  std::vector<float> y(kRows * kRows);
  try {
    const Layout layout = layout_nt(memory::data_type::bf16, kDepth, kDepth);
    const TileProduct product(layout, kRows, kRows, kDepth, kRows);
    if (product.implementation().find("ref") != std::string::npos) return false;
    product.run(x.data(), w.data(), y.data());
  } catch (const dnnl::error&) {
    return false;
  }
  return std::all_of(y.begin(), y.end(), [](float value) { return value == 6.0F * kDepth; });
}

// Weights that are not packed yet are, a part of them at a time.
void packed_products(const float* x, const std::vector<Bf16Product>& products, std::int64_t m,
                     std::int64_t k) {
  std::list<RawVector<std::byte>> panels;
  std::list<PackedBf16> parts;
  std::vector<PackedBf16::Product> waiting;
  std::int64_t values = 0;
  const auto multiply = [&] {
    if (!waiting.empty()) PackedBf16::multiply_each(waiting, x, m);
    waiting.clear();
    parts.clear();
    panels.clear();
    values = 0;
  };
  constexpr std::int64_t kLines = 64;  // columns of y, for parts that begin at a cache line
  const std::int64_t step = std::max(kLines, kPackedAtOnce / k / kLines * kLines);
  for (const auto& [w, y, n, packed] : products) {
    if (packed != nullptr) {
      waiting.push_back({packed, y, n});
      continue;
    }
    for (std::int64_t col = 0; col < n; col += step) {
      const std::int64_t cols = std::min(step, n - col);
      if (values > 0 && values + cols * k > kPackedAtOnce) multiply();
      values += cols * k;
      std::byte* place = panels.emplace_back(PackedBf16::bytes(cols, k)).data();
      waiting.push_back({&parts.emplace_back(w + col * k, cols, k, place), y + col, n});
    }
  }
  multiply();
}

Layout s8_layout(std::int64_t k) {
  return {memory::data_type::s8, memory::data_type::s32, k, 1, 1, k, false};
}

// Without VNNI the library adds pairs in 16 bits, which saturate: the codes of the probe are those
// for which it would.
bool probe_s8() {
  if (!has_isa(dnnl::cpu_isa::avx512_core_vnni) && !has_isa(dnnl::cpu_isa::avx2_vnni)) return false;
  constexpr std::int64_t kRows = 40;
  constexpr std::int64_t kDepth = 70;
  const std::vector<std::int8_t> x(kRows * kDepth, 127);
  const std::vector<std::int8_t> w(kRows * kDepth, -128);
  std::vector<std::int32_t> y(kRows * kRows);
  try {
    const TileProduct product(s8_layout(kDepth), kRows, kRows, kDepth, kRows);
    if (product.implementation().find("ref") != std::string::npos) return false;
    product.run(x.data(), w.data(), y.data());
  } catch (const dnnl::error&) {
    return false;
  }
  return std::all_of(y.begin(), y.end(),
                     [](std::int32_t value) { return value == -127 * 128 * kDepth; });
}

}  // namespace

bool has_s8_products() {
  static const bool has = probe_s8();
  return has;
}

void native_matmul_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
                      std::int64_t n, std::int64_t k) {
  tiled_product(s8_layout(k), x, w, y, n, m, n, k);
}

bool has_bf16_products() {
  static const bool has = probe_bf16();
  return has;
}

void matmul_nt_tile(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm('N', 'T', x, ldx, w, ldw, y, ldy, m, n, k, beta);
}

void matmul_nn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm('N', 'N', a, lda, b, ldb, y, ldy, m, n, k, beta);
}

void matmul_tn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm('T', 'N', a, lda, b, ldb, y, ldy, m, n, k, beta);
}

void matmul_nt(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k) {
  matmul_nt_each(x, ldx, {{w, ldw, y, ldy, n}}, m, k);
}

void matmul_nt_each(const float* x, std::int64_t ldx, const std::vector<FloatProduct>& products,
                    std::int64_t m, std::int64_t k) {
  std::vector<RightSide<float, float>> sides;
  for (const auto& [w, ldw, y, ldy, n] : products)
    sides.push_back({layout_nt(kF32, ldx, ldw), w, y, ldy, n});
  tiled_products(x, sides, m, k);
}

// Our tiles are faster than the library's, except on AMX.
bool packs_bf16_products() {
  static const bool packs = PackedBf16::available() && !has_isa(dnnl::cpu_isa::avx512_core_amx);
  return packs;
}

void matmul_nt_each_bf16(const float* x, const std::vector<Bf16Product>& products, std::int64_t m,
                         std::int64_t k) {
  if (packs_bf16_products()) {
    packed_products(x, products, m, k);
    return;
  }
  RawVector<std::uint16_t> narrow(static_cast<std::size_t>(m * k));
  parallel_ranges(m, kNarrowRows, [&](std::int64_t begin, std::int64_t end) {
    f32_to_bf16(x + begin * k, narrow.data() + begin * k, (end - begin) * k);
  });
  std::vector<RightSide<std::uint16_t, float>> sides;
  for (const Bf16Product& p : products)
    sides.push_back({layout_nt(memory::data_type::bf16, k, k), p.w, p.y, p.n, p.n});
  tiled_products(narrow.data(), sides, m, k);
}

void matmul_nn(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  product_nn(a, lda, b, ldb, y, ldy, m, n, k, accumulate);
}

void matmul_nn_bf16(const std::uint16_t* a, std::int64_t lda, const std::uint16_t* b,
                    std::int64_t ldb, float* y, std::int64_t ldy, std::int64_t m, std::int64_t n,
                    std::int64_t k, bool accumulate) {
  product_nn(a, lda, b, ldb, y, ldy, m, n, k, accumulate);
}

void matmul_tn(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  product_tn(a, lda, b, ldb, y, ldy, m, n, k, accumulate);
}

void matmul_tn_bf16(const std::uint16_t* a, std::int64_t lda, const std::uint16_t* b,
                    std::int64_t ldb, float* y, std::int64_t ldy, std::int64_t m, std::int64_t n,
                    std::int64_t k, bool accumulate) {
  product_tn(a, lda, b, ldb, y, ldy, m, n, k, accumulate);
}

}  // namespace msmodelslim
